//! [`obstacles`]: what the account has in the way of the deletions of a plan.

use std::{collections::BTreeMap, sync::Arc};

use palisade_core::{
    Finding, Graph, Span,
    provider::{Obstacle, Provider, Turn, Unlimited},
};

use crate::{
    Plan, PlanError, State, Step,
    deletion::{Deletion, deletions},
};

/// Looks for what would stop the deletions of `plan`, which is made of `graph` and `state`, before any step is taken. A plan without a
/// deletion of a kind that is deleted by some value, such as a name of a final snapshot, takes no call.
pub(crate) async fn obstacles(
    provider: &dyn Provider,
    graph: &Graph,
    state: &State,
    plan: &Plan,
) -> Result<Vec<Finding>, PlanError> {
    let has_values =
        |kind: &str| provider.schema(kind).is_some_and(|it| it.fields.iter().any(|field| field.at_deletion));
    let mut kinds: BTreeMap<&str, Vec<(&Step, Deletion<'_>)>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.deletes() && has_values(step.address.kind())) {
        let deletions = deletions(graph, state, step).into_iter().map(|deletion| (step, deletion));
        kinds.entry(step.address.kind()).or_default().extend(deletions);
    }
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    let mut findings = Vec::new();
    for (kind, deletions) in kinds {
        let objects: Vec<_> = deletions.iter().map(|(_, deletion)| deletion.object()).collect();
        let found = provider.obstacles(&turn, kind, &objects).await;
        let found = found.map_err(|error| PlanError::Read { kind: kind.to_owned(), error: Box::new(error) })?;
        let found = deletions.iter().zip(found).filter_map(|(deletion, obstacle)| Some((deletion, obstacle?)));
        findings.extend(found.map(|((step, deletion), obstacle)| finding(graph, step, deletion, &obstacle)));
    }
    Ok(findings)
}

fn finding(graph: &Graph, step: &Step, deletion: &Deletion<'_>, obstacle: &Obstacle) -> Finding {
    let Obstacle { message, instead, by_hand } = obstacle;
    let (address, id) = (&step.address, deletion.known.id);
    let node = graph.node(address);
    let (what, help) = match node {
        _ if !deletion.is_current => (
            format!("the earlier object {id} of {address} cannot be deleted"),
            format!("delete it by hand, and run the same command again: `{by_hand}`"),
        ),
        Some(_) => (format!("{address} cannot be replaced"), format!("write `{instead}`")),
        None => (
            format!("{address} cannot be deleted"),
            format!(
                "declare it with `{instead}`, and apply that before you delete it; or delete it by hand, and run the same command \
                 again: `{by_hand}`"
            ),
        ),
    };
    let label = if deletion.is_current { "is replaced" } else { "was replaced by an earlier run" };
    Finding {
        message: format!("{what}: {message}"),
        spans: node.map(|node| Span::new(node.location, label)).into_iter().collect(),
        help,
    }
}
