//! [`Rest`]: a saved plan against a fresh one.

use std::collections::{HashMap, HashSet};

use palisade_core::{Address, Graph, Json, Reference, Value};
use petgraph::visit::EdgeRef;

use crate::{
    Action, FieldChange, ObjectState, OutputChange, Phase, Plan, ReplaceOrder, SavedPlan, StaleItem, State, Step,
    steps::{Task, Wait, steps},
};

/// The comparison of a saved plan with the one that would be made now.
pub(crate) struct Rest<'a> {
    saved: &'a SavedPlan,
    graph: &'a Graph,
    fresh: &'a Plan,
    fresh_steps: HashMap<&'a Address, &'a Step>,
    /// The state as the fresh plan saw it.
    now: &'a State,
    /// The ids of the objects that the saved plan deletes.
    deleted: HashSet<&'a str>,
}

/// What the comparison came to.
pub(crate) struct Found<'a> {
    /// The resources whose fresh step is carried out, those that do nothing included.
    pub(crate) steps: HashSet<&'a Address>,
    /// The outputs whose change is carried out.
    pub(crate) outputs: HashSet<&'a str>,
    /// The resources whose saved step is done.
    pub(crate) done: Vec<&'a Address>,
}

impl<'a> Rest<'a> {
    pub(crate) fn new(saved: &'a SavedPlan, graph: &'a Graph, fresh: &'a Plan, now: &'a State) -> Self {
        let fresh_steps = fresh.steps.iter().map(|step| (&step.address, step)).collect();
        let deletes = |step: &&Step| matches!(step.action, Action::Delete | Action::Replace(_));
        let steps = &saved.plan.steps;
        let current = steps.iter().filter(deletes).filter_map(|step| step.id.as_deref());
        let deposed = steps.iter().flat_map(|step| &step.deposed).map(String::as_str);
        Self { saved, graph, fresh, fresh_steps, now, deleted: current.chain(deposed).collect() }
    }

    /// What is left to do, or all that is not as the saved plan saw it.
    pub(crate) fn find(&self) -> Result<Found<'a>, Vec<StaleItem>> {
        let mut found = Found { steps: HashSet::new(), outputs: HashSet::new(), done: Vec::new() };
        let mut stale = Vec::new();
        for saved in &self.saved.plan.steps {
            let fresh = self.fresh_steps.get(&saved.address).copied();
            if saved.is_idle() || saved.blocked.is_some() {
                let is_left = |fresh: &&Step| fresh.is_idle() || saved.blocked.is_some() && fresh.blocked.is_some();
                found.steps.extend(fresh.filter(is_left).map(|fresh| &fresh.address));
                continue;
            }
            match self.left_of(saved, fresh) {
                Ok(Some(step)) if !step.is_idle() => _ = found.steps.insert(&step.address),
                Ok(step) => {
                    found.steps.extend(step.map(|step| &step.address));
                    found.done.push(&saved.address);
                }
                Err(item) => stale.push(item),
            }
        }
        for saved in &self.saved.plan.outputs {
            match self.left_of_output(saved) {
                Ok(output) => found.outputs.extend(output.map(|output| output.name.as_str())),
                Err(item) => stale.push(item),
            }
        }
        if stale.is_empty() {
            stale = self.waiting_for_others(&found.steps);
        }
        if stale.is_empty() { Ok(found) } else { Err(stale) }
    }

    /// The fresh step that does what is left to do of `saved`; `None` where the resource has no step any more, as all is
    /// done.
    fn left_of(&self, saved: &Step, fresh: Option<&'a Step>) -> Result<Option<&'a Step>, StaleItem> {
        if let Some(item) = self.declared_otherwise(saved) {
            return Err(item);
        }
        let Some(fresh) = fresh else {
            let moved = self.fresh.steps.iter().find(|step| step.moved_from.as_ref() == Some(&saved.address));
            return match moved {
                Some(step) => Err(item(saved, None, seen(saved), format!("the same object as {}", step.address))),
                None => Ok(None),
            };
        };
        if !self.is_left_of(saved, fresh) {
            return Err(self.difference(saved, fresh));
        }
        lost_otherwise(saved, fresh).map_or(Ok(Some(fresh)), Err)
    }

    /// What the program says otherwise of a resource than when the plan was made.
    fn declared_otherwise(&self, saved: &Step) -> Option<StaleItem> {
        let node = self.graph.node(&saved.address);
        let Some(before) = self.saved.declared(&saved.address) else {
            let is_gone = saved.action == Action::Delete;
            return node.filter(|_| is_gone).map(|_| item(saved, None, "no declaration of it in the program", "one"));
        };
        let Some(node) = node else {
            return Some(item(saved, None, "a declaration of it in the program", "none"));
        };
        let null = Value::Json(Json::Null);
        let mut names: Vec<&str> = before.keys().map(String::as_str).chain(node.fields.keys().copied()).collect();
        // The order of the schema is the one in which people know the fields.
        names.sort_by_key(|name| node.schema.fields.iter().position(|field| field.name == *name));
        let values = names.into_iter().map(|name| {
            let now = node.fields.get(name).unwrap_or(&null);
            (name, before.get(name).unwrap_or(&null), now)
        });
        let (name, before, now) = { values }.find(|(_, before, now)| before != now)?;
        let (saw, now) = (format!("{} in the program", text(Some(before))), text(Some(now)));
        Some(item(saved, Some(name), saw, now))
    }

    /// What to say of a saved step of which the fresh one is not what is left.
    fn difference(&self, saved: &Step, fresh: &Step) -> StaleItem {
        let changed = if saved.id == fresh.id { self.changed_otherwise(saved, fresh) } else { None };
        changed.unwrap_or_else(|| item(saved, None, seen(saved), seen(fresh)))
    }

    /// The first field of one object that two steps change otherwise, apart from references that have become known.
    fn changed_otherwise(&self, saved: &Step, fresh: &Step) -> Option<StaleItem> {
        for before in &saved.changes {
            let field = Some(before.field.as_str());
            let Some(now) = fresh.changes.iter().find(|now| now.field == before.field) else {
                // No change is left, so the field has the value that it was to have.
                return Some(item(saved, field, value_seen(before), text(before.after.as_ref())));
            };
            if !self.is_same_before(saved, before, now) {
                return Some(item(saved, field, json_text(before.before.as_ref()), json_text(now.before.as_ref())));
            }
            if !self.is_same(before.after.as_ref(), now.after.as_ref()) {
                return Some(item(saved, field, text(before.after.as_ref()), text(now.after.as_ref())));
            }
        }
        let is_new = |now: &&FieldChange| saved.changes.iter().all(|before| before.field != now.field);
        let now = fresh.changes.iter().find(is_new)?;
        // The plan saw what the program says, or it would have changed it.
        let saw = now.after.as_ref().map_or_else(|| "nothing".to_owned(), |after| text(Some(after)));
        Some(item(saved, Some(&now.field), saw, json_text(now.before.as_ref())))
    }

    /// Whether the fresh step is the saved one, or what is left of it after a part of it, or all of it, was done. The
    /// program's declaration is the one that the plan was made of.
    fn is_left_of(&self, saved: &Step, fresh: &Step) -> bool {
        let current = self.now.current(&saved.address);
        // What the plan had not seen of an unsettled creation may be seen by now, and is not finished.
        let is_unfinished = |object: &ObjectState| object.phase != Phase::Ready;
        let has_unsettled = saved.deposed.iter().any(String::is_empty);
        let was_deposed = |id: &String| {
            let is_predecessor = matches!(saved.action, Action::Replace(_)) && saved.id.as_ref() == Some(id);
            let mut others = self.now.resources.get(&saved.address).into_iter().flat_map(|entry| &entry.deposed);
            let was_unsettled =
                has_unsettled && others.any(|object| object.id.as_ref() == Some(id) && is_unfinished(object));
            is_predecessor || saved.deposed.contains(id) || was_unsettled
        };
        let is_known = fresh.deposed.iter().all(was_deposed)
            && (fresh.moved_from.is_none() || fresh.moved_from == saved.moved_from);
        // Where the values to be are no longer those of the plan, as those of others have changed, it is another step.
        if !is_known || fresh.blocked.is_some() || !self.leads_to_the_same(saved, fresh) {
            return false;
        }
        match (saved.action, fresh.action) {
            (Action::Create | Action::Update | Action::Replace(_) | Action::Delete, Action::Nothing) => true,
            // The object came into being by a run that did not finish it.
            (Action::Create | Action::Replace(_), Action::Update) => current.is_some_and(is_unfinished),
            // That the predecessor is gone may be the work of a run that could not record it any more.
            (Action::Replace(ReplaceOrder::DeleteFirst), Action::Create) => true,
            // It is gone from the state, so a run has set it aside.
            (Action::Replace(_), Action::Create) => current.is_none_or(|object| object.is_unsettled()),
            (Action::Create, Action::Replace(_)) => has_unsettled && current.is_some_and(is_unfinished),
            (Action::Delete, Action::Delete) if saved.id.is_none() => current.is_some_and(is_unfinished),
            _ => saved.action == fresh.action && saved.id == fresh.id && self.is_part(fresh, saved),
        }
    }

    /// Whether all that `fresh` changes is changed by `saved`, in the same way.
    fn is_part(&self, fresh: &Step, saved: &Step) -> bool {
        fresh.changes.iter().all(|now| {
            let mut changes = saved.changes.iter();
            changes.any(|before| {
                before.field == now.field
                    && self.is_same_before(saved, before, now)
                    && self.is_same(before.after.as_ref(), now.after.as_ref())
            })
        })
    }

    /// Whether a field has the value that the plan saw. Where the cloud drops references by itself, those to objects that
    /// the plan deletes do not count.
    fn is_same_before(&self, saved: &Step, before: &FieldChange, now: &FieldChange) -> bool {
        let node = self.graph.node(&saved.address);
        let is_released = node.is_none_or(|node| node.schema.field(&before.field).is_some_and(|field| field.released));
        match (&before.before, &now.before) {
            (Some(Json::Array(before)), Some(Json::Array(now))) if is_released => {
                let stays = |item: &&Json| !item.as_str().is_some_and(|id| self.deleted.contains(id));
                before.iter().filter(stays).eq(now.iter().filter(stays))
            }
            (before, now) => before == now,
        }
    }

    /// Whether each field that `saved` changes has, or gets by `fresh`, the value that `saved` gives it.
    fn leads_to_the_same(&self, saved: &Step, fresh: &Step) -> bool {
        let Some(node) = self.graph.node(&saved.address) else { return true };
        let undeclared = Value::Json(Json::Null);
        saved.changes.iter().all(|change| {
            let left = fresh.changes.iter().find(|left| left.field == change.field);
            let declared = node.fields.get(change.field.as_str()).unwrap_or(&undeclared);
            let is_left_to_cloud =
                *declared == undeclared && node.schema.field(&change.field).is_some_and(|field| field.chosen.is_some());
            if left.is_none() && is_left_to_cloud {
                return true;
            }
            self.is_same(change.after.as_ref(), left.map_or(Some(declared), |left| left.after.as_ref()))
        })
    }

    /// The fresh change of an output that is left to do of `saved`.
    fn left_of_output(&self, saved: &OutputChange) -> Result<Option<&'a OutputChange>, StaleItem> {
        let fresh = self.fresh.outputs.iter().find(|output| output.name == saved.name);
        let after = fresh.and_then(|fresh| fresh.after.as_ref());
        if self.is_same(saved.after.as_ref(), after) {
            return Ok(fresh);
        }
        if !saved.is_change() {
            return Ok(None);
        }
        Err(StaleItem {
            what: format!("the output `{}`", saved.name),
            field: None,
            saw: text(saved.after.as_ref()),
            now: text(after),
        })
    }

    /// The steps of the plan that cannot be carried out before steps that it does not have.
    fn waiting_for_others(&self, kept: &HashSet<&Address>) -> Vec<StaleItem> {
        let steps = steps(self.graph, self.now, self.fresh);
        let needed = steps.edge_references().filter(|edge| edge.weight().is_needed());
        let mut items = Vec::new();
        for edge in needed {
            let (first, then) = (&steps[edge.source()], &steps[edge.target()]);
            // What refers to an object gets the values that the plan saw, whatever else is changed of that object.
            let is_no_matter = *edge.weight() != Wait::Identity
                && matches!(first.task, Task::Prepare { .. } | Task::Update)
                && !matches!(then.task, Task::Delete(_));
            if is_no_matter || kept.contains(&first.address) {
                continue;
            }
            if let Some(step) = self.fresh_steps.get(&then.address).filter(|_| kept.contains(&then.address)) {
                let now = match self.fresh_steps.get(&first.address) {
                    Some(other) => format!("{}, for which it has to wait: {}", first.address, seen(other)),
                    None => format!("{}, for which it has to wait", first.address),
                };
                items.push(item(step, None, "nothing that it has to wait for", now));
            }
        }
        items.sort_by(|a, b| (&a.what, &a.now).cmp(&(&b.what, &b.now)));
        items.dedup();
        items
    }

    /// Whether two values are the same, once what is known now has been put in place of the references.
    fn is_same(&self, one: Option<&Value>, other: Option<&Value>) -> bool {
        one.map(|value| self.known(value)) == other.map(|value| self.known(value))
    }

    fn known(&self, value: &Value) -> Value {
        value.substitute(&|reference| self.attribute(reference))
    }

    /// An attribute of an object that exists.
    fn attribute(&self, reference: &Reference) -> Option<Json> {
        let step = self.fresh_steps.get(&reference.address)?;
        let exists = step.action != Action::Create;
        exists.then(|| self.now.attribute(&reference.address, &reference.attribute))?
    }
}

fn item(step: &Step, field: Option<&str>, saw: impl Into<String>, now: impl Into<String>) -> StaleItem {
    StaleItem { what: step.address.to_string(), field: field.map(str::to_owned), saw: saw.into(), now: now.into() }
}

/// What to say of a step that loses other data than the saved plan has shown.
fn lost_otherwise(saved: &Step, fresh: &Step) -> Option<StaleItem> {
    let (saw, now) = (saved.loss.as_ref().map(|loss| &loss.fate), &fresh.loss.as_ref()?.fate);
    let text =
        |fate: Option<&String>| fate.map_or_else(|| "no data to be lost".to_owned(), |fate| format!("\"{fate}\""));
    (saw != Some(now)).then(|| item(saved, None, text(saw), text(Some(now))))
}

/// What a plan saw of a resource, and what it was to do about it.
fn seen(step: &Step) -> String {
    let earlier = step.moved_from.as_ref().map(|earlier| format!(" of {earlier}")).unwrap_or_default();
    let object = step.id.as_ref().map_or_else(|| "no object".to_owned(), |id| format!("the object `{id}`{earlier}"));
    let aim = match step.action {
        Action::Create => "to be created",
        Action::Update => "to be updated in place",
        Action::Replace(ReplaceOrder::CreateFirst) => "to be replaced, its successor first",
        Action::Replace(ReplaceOrder::DeleteFirst) => "to be replaced, its deletion first",
        Action::Delete => "to be deleted",
        Action::Nothing if step.blocked.is_some() => "to be left as it is, as its data would be lost",
        Action::Nothing => "to be left as it is",
    };
    let reason = step.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let others: Vec<_> =
        step.deposed.iter().map(|id| if id.is_empty() { "one that is not seen" } else { id }).collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!(", and others to be deleted: {}", others.join(", ")),
    };
    format!("{object}, {aim}{reason}{others}")
}

/// The value that a field had, or that it was to have where there was no object.
fn value_seen(change: &FieldChange) -> String {
    match &change.before {
        Some(_) => json_text(change.before.as_ref()),
        None => text(change.after.as_ref()),
    }
}

fn json_text(value: Option<&Json>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Json::to_string)
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Json(json)) => json.to_string(),
        Some(value) => {
            let references = value.references();
            let names: Vec<_> = references.iter().map(|r| format!("{}'s {}", r.address, r.attribute)).collect();
            format!("(known after apply: {})", names.join(", "))
        }
    }
}
