//! [`check`]: no object is created in the place of one that its plan has missed.

use std::sync::Arc;

use palisade_core::{
    Address,
    provider::{Object, Provider, Turn},
};

use crate::{Action, Plan, State, StateError, gate::Gate};

/// The objects of `state` that were not seen when the plan was made, and in whose place it creates others. What an interrupted update may
/// have hidden is looked for by its step.
pub(crate) fn suspects(plan: &Plan, state: &State) -> Vec<(Address, Object)> {
    let created = plan.steps.iter().filter(|step| step.action == Action::Create);
    let recorded = created.filter_map(|step| Some((step.address.clone(), state.current(&step.address)?)));
    let settled = recorded.filter(|(_, object)| object.attempted.is_none());
    settled.filter_map(|(address, object)| Some((address, object.object()?))).collect()
}

/// Refuses a plan if one of its suspects is seen now: some parts of a cloud may not have heard of an object that is young.
///
/// # Errors
/// [`StateError::Missed`] if there is such an object.
pub(crate) async fn check(
    provider: &dyn Provider,
    gate: &Arc<Gate>,
    suspects: Vec<(Address, Object)>,
) -> Result<(), StateError> {
    let turn: Arc<dyn Turn> = Arc::<Gate>::clone(gate);
    for (address, object) in suspects {
        // If it cannot be read, its creation tells why.
        let seen = provider.read(&turn, address.kind(), &[object]).await.unwrap_or_default();
        if seen.iter().any(Option::is_some) {
            return Err(StateError::Missed { address });
        }
    }
    Ok(())
}
