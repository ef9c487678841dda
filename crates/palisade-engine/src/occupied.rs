//! [`occupied`]: objects that cannot be changed in place, as others stand in what would leave them.

use std::collections::{BTreeMap, HashMap, HashSet};

use palisade_core::{Address, FieldSchema, Graph, JsonMap};

use crate::{
    Action, FieldChange, ObjectState, Plan, ReplaceOrder, State,
    identity::{identity, identity_of},
    refresh::Observations,
};

/// The resources that `plan` changes in place, although something that stays stands in an item that they would lose: a cache with nodes
/// in a subnet that leaves its group. Each with why; only a successor can do without the item. So it is where
/// nobody uses the object, and what it is to have instead cannot exist beside the item.
pub(crate) fn occupied(
    graph: &Graph,
    state: &State,
    observations: &Observations,
    plan: &Plan,
) -> BTreeMap<Address, String> {
    let mut losing = HashMap::new();
    for step in &plan.steps {
        let Some(node) = graph.node(&step.address) else { continue };
        let fields = step.changes.iter().filter(|change| !change.forces_replacement).filter_map(|change| {
            let field = node.schema.field(&change.field).filter(|field| field.occupied.is_some())?;
            let before = match step.action {
                Action::Update => change.before.clone(),
                // An unsettled creation may have left an object with other items.
                Action::Create => {
                    let object = state.current(&step.address).filter(|object| object.is_unsettled())?;
                    Some(object.input(field.name).clone())
                }
                Action::Replace(_) | Action::Delete | Action::Nothing => None,
            };
            Some((field, FieldChange { before, ..change.clone() }))
        });
        let fields: Vec<_> = fields.filter(|(_, change)| change.dropped().next().is_some()).collect();
        if !fields.is_empty() {
            losing.insert(&step.address, fields);
        }
    }
    if losing.is_empty() {
        return BTreeMap::new();
    }
    // What is left may be one that an earlier replacement has deposed.
    let by_id = state.objects().filter_map(|(address, object)| Some((object.id.as_deref()?, (address, object))));
    let by_id: HashMap<_, _> = by_id.collect();
    let actions: HashMap<_, _> = plan.steps.iter().map(|step| (&step.address, step.action)).collect();
    let mut occupied = BTreeMap::new();
    let mut used = HashSet::new();
    for (address, entry) in &state.resources {
        // One whose creation is unsettled may be there, wherever it is.
        let leaves_first = actions.get(address).is_none_or(|action| leaves_first(*action));
        let stays = |object: &&ObjectState| !leaves_first || object.is_unsettled();
        let Some(object) = entry.current.as_ref().filter(stays) else { continue };
        let now = observations.get(address).and_then(Option::as_ref).or(object.observed.as_ref());
        let attributes = now.map(|now| &now.attributes);
        for (target, fields) in object.depends_on.iter().filter_map(|target| losing.get_key_value(target)) {
            used.insert(*target);
            let item = fields.iter().find_map(|(field, change)| stands_in(state, &by_id, field, change, attributes));
            if let Some(item) = item {
                occupied.entry((*target).clone()).or_insert_with(|| {
                    format!("it cannot let go of {item} in place, as {address} stands there, and cannot be moved")
                });
            }
        }
    }
    // What nobody uses can be replaced as well, where one that it is to have cannot exist beside one that it has.
    let steps: HashMap<_, _> = plan.steps.iter().map(|step| (&step.address, step)).collect();
    for (target, fields) in losing.iter().filter(|(target, _)| !used.contains(*target)) {
        let items = fields.iter().flat_map(|(_, change)| change.dropped());
        let items: Vec<_> = items.filter_map(|item| by_id.get(item.as_str()?)).collect();
        let clash = graph.dependencies(target).into_iter().find_map(|dependency| {
            let (node, step) = (graph.node(dependency)?, steps.get(dependency).filter(|step| step.creates())?);
            let old = |field: &str| Some(state.current(dependency)?.input(field).clone());
            let change = |field: &str| step.changes.iter().find(|change| change.field == field);
            let value = |field: &str| match change(field) {
                Some(change) => change.after.as_ref()?.as_json().cloned(),
                None => old(field),
            };
            let new = identity(node.schema, value)?;
            let clashes = |(address, object): &&&(&Address, &ObjectState)| {
                address.kind() == dependency.kind()
                    && identity_of(node.schema, object).is_some_and(|old| old.clashes_with(&new, node.schema))
            };
            let (address, object) = items.iter().find(clashes)?;
            Some((named(state, address, object), dependency))
        });
        if let Some((item, new)) = clash {
            let why =
                format!("it cannot let go of {item} in place, as {new} cannot be created before {item} is deleted");
            occupied.insert((*target).clone(), why);
        }
    }
    occupied
}

/// Whether the object of a resource is gone before others that refer to the same are changed.
fn leaves_first(action: Action) -> bool {
    matches!(action, Action::Create | Action::Delete | Action::Replace(ReplaceOrder::DeleteFirst))
}

/// What a reader knows the object by.
fn named(state: &State, address: &Address, object: &ObjectState) -> String {
    let is_current = state.current(address).is_some_and(|current| current.token.digest == object.token.digest);
    if is_current { address.to_string() } else { format!("an earlier object of {address}") }
}

/// What the change takes out of the field, and the one with these attributes stands in.
fn stands_in(
    state: &State,
    by_id: &HashMap<&str, (&Address, &ObjectState)>,
    field: &FieldSchema,
    change: &FieldChange,
    attributes: Option<&JsonMap>,
) -> Option<String> {
    let nothing = JsonMap::new();
    change.dropped().find_map(|item| {
        let found = item.as_str().and_then(|id| by_id.get(id));
        let inputs = found.map_or(&nothing, |(_, object)| &object.inputs);
        let name = found.map_or_else(
            || item.as_str().map_or_else(|| item.to_string(), str::to_owned),
            |(address, object)| named(state, address, object),
        );
        field.occupied?(inputs, attributes.unwrap_or(&nothing)).then_some(name)
    })
}
