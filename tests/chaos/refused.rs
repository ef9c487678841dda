//! What may be refused: changes that AWS has no way for, and whose reason is told.

use palisade_aws::{resources::ReplicationGroup, types::Name};
use palisade_core::{Finding, Graph, Id, Json, Node};
use palisade_engine::{ObjectState, State};

/// The caches of which a plan says that the name of the final snapshot is used up, each with the name that it advises.
pub(crate) fn used_up(state: &State, findings: &[Finding]) -> Vec<(Id<ReplicationGroup>, Name)> {
    let between = |text: &str, begin: &str, end: &str| {
        text.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(text, _)| text.to_owned())
    };
    let of_snapshots = findings.iter().filter(|finding| finding.message.contains("its final snapshot would be named"));
    let caches = of_snapshots.filter_map(|Finding { message, help, .. }| {
        let name = between(help, "--final-snapshot-identifier ", "`").or_else(|| between(help, "name!(\"", "\""))?;
        let id = between(help, "--replication-group-id ", " ").or_else(|| {
            let address = message.split_once(" cannot be replaced")?.0.parse().ok()?;
            state.resources.get(&address)?.current.as_ref()?.id.clone()
        })?;
        Some((Id::reported(id).ok()?, Name::reported(name)))
    });
    caches.collect()
}

/// Asserts that a plan was refused for a reason, and with a way out.
pub(crate) fn check(state: &State, graph: &Graph, findings: &[Finding]) -> Result<(), String> {
    if findings.iter().any(|finding| finding.spans.is_empty() || finding.help.is_empty()) {
        return Err(format!("a finding has no place or no help: {findings:#?}"));
    }
    if has_conflict(state, graph) {
        Ok(())
    } else {
        Err(format!("the plan is refused without a reason: {findings:#?}"))
    }
}

/// Whether an object has to go before one with its identity can come.
fn has_conflict(state: &State, graph: &Graph) -> bool {
    graph.nodes().any(|node| {
        let of_kind = state.resources.iter().filter(|(address, _)| address.kind() == node.address.kind());
        let mut objects = of_kind.flat_map(|(address, entry)| {
            entry
                .current
                .iter()
                .map(move |object| (address, object))
                .chain(entry.deposed.iter().map(move |object| (address, object)))
        });
        objects.any(|(address, object)| {
            is_namesake(state, node, object) && (*address != node.address || is_replaced(state, node, object))
        })
    })
}

fn is_namesake(state: &State, node: &Node, object: &ObjectState) -> bool {
    let mut identity = node.schema.fields.iter().filter(|field| field.identity).peekable();
    identity.peek().is_some()
        && identity.all(|field| {
            wanted(state, node, field.name).is_none_or(|value| {
                let old = &object.inputs[field.name];
                field.fold(value.clone()) == field.fold(old.clone())
                    || field.clashes.is_some_and(|clashes| clashes(old, &value))
            })
        })
}

fn is_replaced(state: &State, node: &Node, object: &ObjectState) -> bool {
    node.schema.fields.iter().any(|field| {
        let after = wanted(state, node, field.name);
        // A reference counts as changed: it may be to what is replaced.
        let refers = node.fields.get(field.name).is_some_and(|value| !value.references().is_empty());
        let old = &object.inputs[field.name];
        refers || after.as_ref() != Some(old) && field.on_change.replaces(old, after.as_ref())
    })
}

/// The value of a field, where it is known.
fn wanted(state: &State, node: &Node, field: &str) -> Option<Json> {
    let Some(value) = node.fields.get(field) else { return Some(Json::Null) };
    value.substitute(&|reference| state.attribute(&reference.address, &reference.attribute)).into_json()
}
