//! [`Forecast`]: which calls a plan takes.

use std::collections::BTreeMap;

use palisade_core::{
    Address, Json,
    calls::{CallCount, Count, Work},
};
use palisade_engine::{Action, Entry, ObjectState, Plan, State, Step, StepKind};
use serde::Serialize;

use crate::Cloud;

/// The calls of a plan.
#[derive(Debug, Serialize)]
pub(crate) struct Forecast {
    /// Those that read the account: a plan makes them, and so does an apply before anything else.
    pub(crate) refresh: Vec<Row>,
    /// Those of the steps.
    pub(crate) apply: Vec<Row>,
}

/// One call, how often it is made, and for what.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) call: CallCount,
    /// The resources that it is made for; none of the calls that are about the whole account.
    pub(crate) resources: Vec<Address>,
}

impl Forecast {
    /// The calls that `cloud` takes to compare `state` with the account, and to carry out the `plan` that was made of it.
    pub(crate) fn new(cloud: &dyn Cloud, state: &State, plan: &Plan) -> Self {
        let (mut refresh, mut apply) = (Rows::default(), Rows::default());
        refresh.add(cloud.calls(Work::Connect), &[]);
        let mut kinds: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for (address, entry) in &state.resources {
            let unsettled = entry.current.iter().chain(&entry.deposed);
            for _ in unsettled.filter(|object| object.id.is_none()) {
                refresh.add(cloud.calls(Work::Find { kind: address.kind() }), &[address]);
            }
            if entry.current.as_ref().is_some_and(|object| object.id.is_some()) {
                kinds.entry(address.kind()).or_default().push(address);
            }
        }
        for (kind, addresses) in kinds {
            refresh.add(cloud.calls(Work::Read { kind, objects: addresses.len() }), &addresses);
        }
        let mut deletions: BTreeMap<&str, (Vec<&Address>, Fields<'_>)> = BTreeMap::new();
        for step in &plan.steps {
            let entry = state.resources.get(step.moved_from.as_ref().unwrap_or(&step.address));
            let set = entry.map(|entry| deleted(step, entry)).unwrap_or_default();
            if !set.is_empty() {
                let (addresses, fields) = deletions.entry(step.address.kind()).or_default();
                addresses.push(&step.address);
                fields.extend(set);
            }
        }
        for (kind, (addresses, fields)) in deletions {
            refresh.add(cloud.calls(Work::Obstacles { kind, fields: &fields }), &addresses);
        }
        let (created, deleted) = plan.searched(state);
        apply.add(cloud.calls(Work::Search { created: &created, deleted: &deleted }), &[]);
        for step in &plan.steps {
            let earlier = state.resources.get(step.moved_from.as_ref().unwrap_or(&step.address));
            let object = earlier.and_then(|entry| entry.current.as_ref());
            let is_going = step.action == Action::Create && object.is_some_and(ObjectState::is_going);
            let finished = is_going.then(|| (StepKind::Delete, Vec::new()));
            for (kind, fields) in finished.into_iter().chain(works(step)) {
                let work = Work::Step { kind: step.address.kind(), step: kind, fields: &fields };
                apply.add(cloud.calls(work), &[&step.address]);
            }
        }
        Self { refresh: refresh.0, apply: apply.0 }
    }
}

/// Fields with their values.
type Fields<'a> = Vec<(&'a str, &'a Json)>;

/// What is done in a step of the plan, each with the fields that it is about, as far as they are known.
fn works(step: &Step) -> Vec<(StepKind, Fields<'_>)> {
    const UNKNOWN: &Json = &Json::Null;
    let after = || {
        let value = |change: &'_ palisade_engine::FieldChange| change.after.is_some();
        let changes = step.changes.iter().filter(|change| value(change));
        let fields = changes.map(|change| {
            let known = change.after.as_ref().and_then(palisade_core::Value::as_json);
            (change.field.as_str(), known.unwrap_or(UNKNOWN))
        });
        fields.collect::<Vec<_>>()
    };
    let before = || {
        let fields =
            step.changes.iter().map(|change| (change.field.as_str(), change.before.as_ref().unwrap_or(UNKNOWN)));
        fields.collect::<Vec<_>>()
    };
    let mut works = match step.action {
        Action::Create => vec![(StepKind::Create, after())],
        Action::Update => vec![(StepKind::Update, after())],
        // The step names only the fields that differ.
        Action::Replace(_) => vec![(StepKind::Create, Vec::new()), (StepKind::Delete, Vec::new())],
        Action::Delete => vec![(StepKind::Delete, before())],
        Action::Nothing => Vec::new(),
    };
    works.extend(step.deposed.iter().map(|_| (StepKind::Delete, Vec::new())));
    works
}

/// The fields that are set in the objects that a step deletes. In a replacement, the program has the last word.
fn deleted<'a>(step: &'a Step, entry: &'a Entry) -> Fields<'a> {
    let deposed = entry.deposed.iter().flat_map(|object| &object.inputs);
    let mut values: Fields<'_> = deposed.map(|(field, value)| (field.as_str(), value)).collect();
    match step.action {
        Action::Delete => {
            let changes = step.changes.iter();
            values.extend(changes.filter_map(|change| Some((change.field.as_str(), change.before.as_ref()?))));
        }
        Action::Replace(_) => {
            let inputs = entry.current.iter().flat_map(|object| &object.inputs);
            let mut current: BTreeMap<_, _> = inputs.map(|(field, value)| (field.as_str(), value)).collect();
            current.extend(step.changes.iter().filter_map(|change| {
                Some((change.field.as_str(), change.after.as_ref()?.as_json().unwrap_or(&Json::Null)))
            }));
            values.extend(current);
        }
        Action::Create | Action::Update | Action::Nothing => {}
    }
    values.retain(|(_, value)| !value.is_null());
    values
}

/// Rows, one for each call, in the order in which the calls come up.
#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    fn add(&mut self, calls: Vec<CallCount>, resources: &[&Address]) {
        for call in calls.into_iter().filter(|call| call.count != Count::Exactly(0)) {
            let row = self.0.iter_mut().find(|row| (row.call.service, row.call.action) == (call.service, call.action));
            let row = match row {
                Some(row) => {
                    row.call.count += call.count;
                    row
                }
                None => {
                    self.0.push(Row { call, resources: Vec::new() });
                    self.0.last_mut().expect("one was just added")
                }
            };
            for &resource in resources {
                // The calls of one resource come one after the other.
                if row.resources.last() != Some(resource) {
                    row.resources.push(resource.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use palisade_core::{JsonMap, Value, provider::Token};
    use palisade_engine::{FieldChange, Phase, ReplaceOrder};
    use serde_json::json;

    use super::*;

    fn object(last: Json) -> ObjectState {
        ObjectState {
            id: Some("it".to_owned()),
            phase: Phase::Ready,
            token: Token { stack: "test".to_owned(), resource: "Cache.it".to_owned(), digest: String::new() },
            inputs: JsonMap::from_iter([("last".to_owned(), last), ("port".to_owned(), 1.into())]),
            attempted: None,
            is_being_deleted: false,
            observed: None,
            depends_on: [].into(),
            released: [].into(),
            missed: None,
        }
    }

    /// What the forecast takes for the values of `last` by which a step deletes.
    fn last(action: Action, change: Option<(Json, Option<Json>)>, deposed: Option<Json>) -> Vec<Json> {
        let change = change.map(|(before, after)| FieldChange {
            field: "last".to_owned(),
            before: Some(before),
            after: after.map(Value::Json),
            forces_replacement: false,
        });
        let step = Step {
            address: Address::new("Cache", "it"),
            moved_from: None,
            action,
            id: Some("it".to_owned()),
            deposed: Vec::new(),
            changes: change.into_iter().collect(),
            unchanged: 0,
            reason: None,
            notes: Vec::new(),
            loss: None,
            blocked: None,
        };
        let entry = Entry { current: Some(object("early".into())), deposed: deposed.into_iter().map(object).collect() };
        let set = deleted(&step, &entry).into_iter();
        set.filter(|(field, _)| *field == "last").map(|(_, value)| value.clone()).collect()
    }

    #[test]
    fn what_counts_at_a_deletion_is_what_the_step_says() {
        let replace = Action::Replace(ReplaceOrder::CreateFirst);
        for (action, change, deposed, expected) in [
            (Action::Delete, Some((json!("early"), None)), None, vec!["early"]),
            (Action::Delete, None, None, vec![]),
            (replace, None, None, vec!["early"]),
            (replace, Some((json!("early"), Some(json!("late")))), None, vec!["late"]),
            (replace, Some((json!("early"), Some(Json::Null))), None, vec![]),
            (Action::Update, Some((json!("early"), Some(json!("late")))), None, vec![]),
            (Action::Update, None, Some(json!("before")), vec!["before"]),
            (Action::Nothing, None, Some(Json::Null), vec![]),
        ] {
            assert_eq!(last(action, change.clone(), deposed.clone()), expected, "{action:?} {change:?} {deposed:?}");
        }
    }
}
