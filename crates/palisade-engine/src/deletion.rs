//! [`inputs`]: by which values an object is deleted.
//!
//! Some fields count only then (`at_deletion` in the schema), as the name of a final snapshot or a recovery window. No update sends
//! them, so there is a choice of values, and it is made here alone: for the text of a plan, for its checks, and for the apply.

use palisade_core::{Address, Graph, Json, JsonMap, Schema, provider::Object};

use crate::{Action, ObjectState, State, Step, steps::Target};

/// The inputs by which `object` is deleted, which is the `target` of the resource at `address`:
///
/// - If the program replaces it, what the program says now.
/// - If the program does not have the resource any more, what it said last, though the update to that may not have ended.
/// - If it was replaced earlier, what the program said then. [`crate::Change::Begun`] has recorded it.
pub(crate) fn inputs(
    graph: &Graph,
    state: &State,
    address: &Address,
    target: &Target,
    object: &ObjectState,
) -> JsonMap {
    let mut inputs = object.inputs.clone();
    if *target == Target::Current && graph.node(address).is_none() {
        inputs.extend(object.attempted.clone().unwrap_or_default());
    }
    inputs.extend(said_now(graph, state, address, target));
    inputs
}

/// What the program says now of the deletion of the object that it replaces; nothing of any other object.
pub(crate) fn said_now(graph: &Graph, state: &State, address: &Address, target: &Target) -> JsonMap {
    let Some(node) = graph.node(address).filter(|_| *target == Target::Current) else { return JsonMap::new() };
    at_deletion(node.schema, |field| {
        let Some(value) = node.fields.get(field) else { return Some(Json::Null) };
        value.substitute(&|reference| state.attribute(&reference.address, &reference.attribute)).into_json()
    })
}

/// The values of the fields that count only at a deletion, as far as they are known.
pub(crate) fn at_deletion(schema: &Schema, value: impl Fn(&'static str) -> Option<Json>) -> JsonMap {
    let fields = schema.fields.iter().filter(|field| field.at_deletion);
    fields.filter_map(|field| Some((field.name.to_owned(), value(field.name)?))).collect()
}

/// An object that a step deletes.
pub(crate) struct Deletion<'s> {
    /// Whether it is the current object of its resource.
    pub(crate) is_current: bool,
    /// The object as the state has it.
    pub(crate) known: Object<'s>,
    inputs: JsonMap,
}

impl Deletion<'_> {
    /// The object, with the inputs by which it is deleted.
    pub(crate) fn object(&self) -> Object<'_> {
        Object { inputs: &self.inputs, ..self.known }
    }
}

/// The objects that `step` deletes, as far as their ids are known. `state` is the one that the plan was made of.
pub(crate) fn deletions<'s>(graph: &Graph, state: &'s State, step: &Step) -> Vec<Deletion<'s>> {
    let Some(entry) = state.resources.get(&step.address) else { return Vec::new() };
    let is_deleted = matches!(step.action, Action::Delete | Action::Replace(_));
    let current = entry.current.iter().filter(|_| is_deleted).map(|object| (Target::Current, object));
    let deposed = entry.deposed.iter().map(|object| (Target::Deposed(object.token.digest.clone()), object));
    // No declaration is about a deposed one any more. So where two are in the way of each other, the second is the one to change.
    let deletions = deposed.chain(current).filter_map(|(target, object)| {
        let inputs = inputs(graph, state, &step.address, &target, object);
        Some(Deletion { is_current: target == Target::Current, known: object.object()?, inputs })
    });
    deletions.collect()
}
