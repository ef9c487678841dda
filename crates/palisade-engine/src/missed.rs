//! [`check`]: no object is created in the place of one that its plan has missed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use palisade_core::{
    Address,
    provider::{ErrorKind, Object, Provider, Turn},
};
use tokio::time::sleep;

use crate::{Action, Plan, State, StateError, gate::Gate};

/// How long after the plan a suspect is looked for, in case the whole program takes less than the cloud needs to hear of it.
const LOOK: Duration = Duration::from_secs(2);

/// Objects that were not seen when a plan was made, and in whose place it creates others, by their kinds.
pub(crate) type Suspects = BTreeMap<String, (Vec<Address>, Vec<Object>)>;

/// Those of `plan`. What an interrupted update may have hidden is looked for by its step, which is in time unless others refer to the
/// object: what becomes of them is decided by the plan.
pub(crate) fn suspects(plan: &Plan, state: &State) -> Suspects {
    let named: BTreeSet<_> = state.objects().flat_map(|(_, object)| &object.depends_on).collect();
    let mut suspects = Suspects::new();
    for step in plan.steps.iter().filter(|step| step.action == Action::Create) {
        let Some(recorded) = state.current(&step.address) else { continue };
        let is_looked_for = recorded.attempted.is_some() && !named.contains(&step.address);
        let Some(object) = recorded.object().filter(|_| !is_looked_for) else { continue };
        let (addresses, objects) = suspects.entry(step.address.kind().to_owned()).or_default();
        addresses.push(step.address.clone());
        objects.push(object);
    }
    suspects
}

/// Refuses a plan if one of its suspects is seen now: some parts of a cloud may not have heard of an object that is young.
///
/// # Errors
/// - [`StateError::Missed`] if there is such an object;
/// - [`StateError::Unseen`] if they could not be looked for.
pub(crate) async fn check(provider: &dyn Provider, gate: &Arc<Gate>, suspects: &Suspects) -> Result<(), StateError> {
    if suspects.is_empty() {
        return Ok(());
    }
    tokio::select! {
        biased;
        // No step will begin, so there is nothing to refuse.
        () = gate.closed() => Ok(()),
        result = look(provider, gate, suspects) => result,
    }
}

async fn look(provider: &dyn Provider, gate: &Arc<Gate>, suspects: &Suspects) -> Result<(), StateError> {
    sleep(LOOK).await;
    let turn: Arc<dyn Turn> = Arc::<Gate>::clone(gate);
    for (kind, (addresses, objects)) in suspects {
        let seen = match provider.read(&turn, kind, objects).await {
            Ok(seen) => seen,
            Err(error) if error.kind == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(StateError::Unseen { kind: kind.clone(), error: Box::new(error) }),
        };
        if let Some((address, _)) = addresses.iter().zip(seen).find(|(_, seen)| seen.is_some()) {
            return Err(StateError::Missed { address: address.clone() });
        }
    }
    Ok(())
}
