//! Whether a replaced object or its successor comes first.

use std::collections::{HashMap, HashSet};

use palisade_core::{Address, FieldSchema, Graph, Schema, Value};
use petgraph::{
    Direction,
    algo::{has_path_connecting, tarjan_scc},
    graph::NodeIndex,
    visit::EdgeRef,
};

use crate::{
    Action, FieldChange, Plan, ReplaceOrder, State,
    steps::{Steps, Task, Wait, steps},
};

/// Two objects whose identities clash cannot exist at a time, so such a successor has to wait.
pub(crate) fn replace_order(schema: &Schema, changes: &[FieldChange]) -> ReplaceOrder {
    let mut identity = schema.fields.iter().filter(|field| field.identity).peekable();
    let has_none = identity.peek().is_none();
    let is_left = |field: &FieldSchema| {
        let Some(change) = changes.iter().find(|change| change.field == field.name) else { return false };
        let values = change.before.as_ref().zip(change.after.as_ref().and_then(Value::as_json));
        !values.is_some_and(|(before, after)| {
            field.fold(before.clone()) == field.fold(after.clone())
                || field.clashes.is_some_and(|clashes| clashes(before, after))
        })
    };
    if has_none || identity.any(is_left) { ReplaceOrder::CreateFirst } else { ReplaceOrder::DeleteFirst }
}

/// Lets those successors come second that cannot come first, as they wait for something that waits for the deletion of
/// their predecessor: an object that is replaced and refers to another one that is deleted first, or one whose identity
/// goes over to another resource. Of objects that would exchange their identities in place, one is replaced, and returned.
pub(crate) fn delete_first(graph: &Graph, state: &State, plan: &mut Plan) -> Vec<Address> {
    let mut replaced = Vec::new();
    // Each round leaves fewer successors that come first.
    loop {
        let steps = steps(graph, state, plan);
        let mut turned = forced(&steps);
        if turned.is_empty() {
            // What is left exchanges identities. One of the objects has to go first, and any will do.
            turned.extend(in_a_circle(&steps).first());
        }
        if turned.is_empty() {
            turned.extend(exchanged(&steps).into_iter().map(|update| (update, update)));
        }
        if turned.is_empty() {
            return replaced;
        }
        let mut reasons: HashMap<_, _> = turned
            .into_iter()
            .map(|(create, delete)| (&steps[create].address, reason(&steps, create, delete)))
            .collect();
        for step in &mut plan.steps {
            if let Some(reason) = reasons.remove(&step.address) {
                replaced.extend((step.action == Action::Update).then(|| step.address.clone()));
                step.action = Action::Replace(ReplaceOrder::DeleteFirst);
                step.reason = Some(reason);
            }
        }
    }
}

/// The replacements whose creation waits for the deletion in any case, whatever becomes of the others.
fn forced(steps: &Steps) -> Vec<(NodeIndex, NodeIndex)> {
    let mut candidates = in_a_circle(steps);
    if !candidates.is_empty() {
        let needed = steps.filter_map(|_, _| Some(()), |_, wait| wait.is_needed().then_some(()));
        candidates.retain(|&(create, delete)| has_path_connecting(&needed, delete, create, None));
    }
    candidates
}

/// Of the steps of each circle an update that is to take over an identity from one that waits for it, if there is one.
fn exchanged(steps: &Steps) -> Vec<NodeIndex> {
    let circles = tarjan_scc(steps).into_iter().filter(|circle| circle.len() > 1);
    let taken = circles.filter_map(|circle| {
        let circle: HashSet<_> = circle.into_iter().collect();
        let takes = |step: NodeIndex| {
            let mut before = steps.edges_directed(step, Direction::Incoming);
            before.any(|edge| *edge.weight() == Wait::Identity && circle.contains(&edge.source()))
        };
        circle.iter().copied().filter(|&step| steps[step].task == Task::Update && takes(step)).min()
    });
    taken.collect()
}

/// The replacements whose two steps wait for each other, as creation and deletion.
fn in_a_circle(steps: &Steps) -> Vec<(NodeIndex, NodeIndex)> {
    let mut circle_of = vec![0; steps.node_count()];
    for (number, circle) in tarjan_scc(steps).into_iter().enumerate() {
        for step in circle {
            circle_of[step.index()] = number;
        }
    }
    let preferred = steps.edge_references().filter(|edge| *edge.weight() == Wait::Preferred);
    let pairs = preferred.map(|edge| (edge.source(), edge.target()));
    pairs.filter(|(create, delete)| circle_of[create.index()] == circle_of[delete.index()]).collect()
}

/// Why the predecessor has to go first: because of the first step on the way from its deletion to the creation.
fn reason(steps: &Steps, create: NodeIndex, delete: NodeIndex) -> String {
    let next = steps.edges(delete).find(|edge| has_path_connecting(steps, edge.target(), create, None));
    match next.map(|edge| (edge.weight(), &steps[edge.target()])) {
        Some((Wait::Room, _)) => "it is deleted first, as there is no room for another one beside it".to_owned(),
        Some((_, next)) if matches!(next.task, Task::Delete { .. }) => {
            format!("it is deleted first, as {}, which it refers to, is", next.address)
        }
        Some((_, next)) => format!("it is deleted first, as {} takes over its identity", next.address),
        None => "it is deleted first".to_owned(),
    }
}
