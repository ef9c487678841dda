//! [`Forecast`]: which calls a plan takes.

use std::collections::BTreeMap;

use palisade_core::{
    Address, Json,
    calls::{CallCount, Count, Work},
};
use palisade_engine::{Action, ObjectState, Plan, State, Step, StepKind};
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

/// What is done in a step of the plan, each with the fields that it is about, as far as they are known.
fn works(step: &Step) -> Vec<(StepKind, Vec<(&str, &Json)>)> {
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
