//! Whether a replaced object or its successor comes first.

use std::collections::HashMap;

use palisade_core::{FieldSchema, Graph, Schema, Value};
use petgraph::{
    algo::{has_path_connecting, tarjan_scc},
    graph::NodeIndex,
    visit::EdgeRef,
};

use crate::{
    Action, FieldChange, Plan, ReplaceOrder, State,
    steps::{Steps, Task, Wait, Work, changes_identity, steps},
};

/// Two objects whose identities clash cannot exist at a time, so such a successor has to wait.
pub(crate) fn replace_order(schema: &Schema, changes: &[FieldChange]) -> ReplaceOrder {
    let mut identity = schema.fields.iter().filter(|field| field.identity).peekable();
    let has_none = identity.peek().is_none();
    let is_left = |field: &FieldSchema| {
        let Some(change) = changes.iter().find(|change| change.field == field.name) else { return false };
        let values = change.before.as_ref().zip(change.after.as_ref().and_then(Value::as_json));
        !field.clashes.zip(values).is_some_and(|(clashes, (before, after))| clashes(before, after))
    };
    if has_none || identity.any(is_left) { ReplaceOrder::CreateFirst } else { ReplaceOrder::DeleteFirst }
}

/// Lets those successors come second that cannot come first, as they wait for something that waits for the deletion of
/// their predecessor: an object that is replaced and refers to another one that is deleted first, or one whose identity
/// goes over to another resource. Of objects that would exchange their identities in place, one is replaced.
pub(crate) fn delete_first(graph: &Graph, state: &State, plan: &mut Plan) {
    // Each round leaves fewer successors that come first.
    loop {
        let steps = steps(graph, state, plan);
        let mut turned = forced(&steps);
        if turned.is_empty() {
            // What is left exchanges identities. One of the objects has to go first, and any will do.
            turned.extend(in_a_circle(&steps).first());
        }
        if turned.is_empty() {
            turned.extend(exchanged(graph, plan, &steps).map(|update| (update, update)));
        }
        if turned.is_empty() {
            return;
        }
        let mut reasons: HashMap<_, _> = turned
            .into_iter()
            .map(|(create, delete)| (&steps[create].address, reason(&steps, create, delete)))
            .collect();
        for step in &mut plan.steps {
            if let Some(reason) = reasons.remove(&step.address) {
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
        let needed = steps.filter_map(|_, _| Some(()), |_, wait| (*wait == Wait::Needed).then_some(()));
        candidates.retain(|&(create, delete)| has_path_connecting(&needed, delete, create, None));
    }
    candidates
}

/// An update that is to take over an identity from one that waits for it.
fn exchanged(graph: &Graph, plan: &Plan, steps: &Steps) -> Option<NodeIndex> {
    let mut circles = tarjan_scc(steps).into_iter().filter(|circle| circle.len() > 1).flatten();
    circles.find(|&step| {
        let Work { address, task } = &steps[step];
        let known = graph.node(address).zip(plan.step(address)).filter(|_| *task == Task::Update);
        known.is_some_and(|(node, step)| changes_identity(node.schema, step))
    })
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
    let next = steps.neighbors(delete).find(|&next| has_path_connecting(steps, next, create, None));
    match next.map(|next| &steps[next]) {
        Some(next) if matches!(next.task, Task::Delete { .. }) => {
            format!("it is deleted first, as {}, which it refers to, is", next.address)
        }
        Some(next) => format!("it is deleted first, as {} takes over its identity", next.address),
        None => "it is deleted first".to_owned(),
    }
}
