//! [`check`]: no object is created in the place of one that its plan has missed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use palisade_core::{
    Address,
    provider::{ErrorKind, Provider, Turn},
};
use tokio::time::sleep;

use crate::{Action, Event, ObjectState, Plan, State, StateError, gate::Gate, ledger::Ledger};

/// How long after the plan the suspects are looked for, as a plan takes less time than a cloud may need to hear of an object.
const LOOK: Duration = Duration::from_secs(2);

/// The objects that were not seen when a plan was made, and in whose place it creates others.
#[derive(Default)]
pub(crate) struct Suspects {
    kinds: BTreeMap<String, Vec<(Address, ObjectState)>>,
    /// One that an interrupted update may have hidden.
    hidden: Option<Address>,
}

/// Those of `plan`, and those that an earlier plan has missed, as long as the creation in their place is unsettled. An object that an
/// interrupted update may have hidden is looked for by its own step. But if others refer to it, they may be replaced before that, so
/// it is looked for here.
pub(crate) fn suspects(plan: &Plan, state: &State) -> Suspects {
    let named: BTreeSet<_> = state.objects().flat_map(|(_, object)| &object.depends_on).collect();
    let mut suspects = Suspects::default();
    for step in plan.steps.iter().filter(|step| step.action == Action::Create) {
        let Some(recorded) = state.missed_apart(&step.address).or_else(|| state.current(&step.address)) else {
            continue;
        };
        let is_hidden = recorded.attempted.is_some();
        if recorded.is_unsettled() || is_hidden && !named.contains(&step.address) {
            continue;
        }
        if is_hidden {
            suspects.hidden = Some(step.address.clone());
        }
        let suspects = suspects.kinds.entry(step.address.kind().to_owned()).or_default();
        suspects.push((step.address.clone(), recorded.clone()));
    }
    suspects
}

/// Refuses a plan if one of its suspects is seen now: some parts of a cloud may not have heard of an object that is young.
///
/// # Errors
/// - [`StateError::Missed`] if there is such an object;
/// - [`StateError::Unseen`] if they could not be looked for.
pub(crate) async fn check(
    provider: &dyn Provider,
    gate: &Arc<Gate>,
    suspects: &Suspects,
    ledger: &Ledger<'_>,
) -> Result<(), StateError> {
    if suspects.kinds.is_empty() {
        return Ok(());
    }
    tokio::select! {
        biased;
        // No step will begin, so there is nothing to refuse.
        () = gate.closed() => Ok(()),
        result = look(provider, gate, suspects, ledger) => result,
    }
}

async fn look(
    provider: &dyn Provider,
    gate: &Arc<Gate>,
    suspects: &Suspects,
    ledger: &Ledger<'_>,
) -> Result<(), StateError> {
    let turn: Arc<dyn Turn> = Arc::<Gate>::clone(gate);
    match &suspects.hidden {
        None => sleep(LOOK).await,
        Some(address) => {
            ledger.tell(Event::CatchingUp { address: address.clone() });
            if provider.catch_up(&turn).await.is_err() {
                // The run is to stop.
                return Ok(());
            }
        }
    }
    for (kind, suspects) in &suspects.kinds {
        let objects: Vec<_> = suspects.iter().filter_map(|(_, object)| object.object()).collect();
        let seen = match provider.read(&turn, kind, &objects).await {
            Ok(seen) => seen,
            Err(error) if error.kind == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(StateError::Unseen { kind: kind.clone(), error: Box::new(error) }),
        };
        if let Some(((address, _), _)) = suspects.iter().zip(seen).find(|(_, seen)| seen.is_some()) {
            return Err(StateError::Missed { address: address.clone() });
        }
    }
    Ok(())
}
