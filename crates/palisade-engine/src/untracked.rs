//! [`check`]: whether the state has all that earlier runs have created.
//!
//! A state that was restored from before the last run looks like any other. The account knows better: its objects carry the
//! lineage of the state. To create what that run has created would leave those objects in no state.

use std::{iter::once, path::PathBuf, sync::Arc, time::Duration};

use palisade_core::{
    Graph,
    provider::{Creation, ErrorKind, Provider, Search, Turn},
};

use tokio::time::timeout;

use crate::{Event, Plan, State, StateError, gate::Gate, ledger::Ledger};

/// After how long the user hears of a search.
const SILENT: Duration = Duration::from_secs(3);

/// What to look for before the first step of `plan`; `None` if the plan neither creates nor deletes anything, or no run has used `state`
/// before.
pub(crate) fn search(graph: &Graph, state: &State, plan: &Plan) -> Option<Search> {
    let (created, deleted) = plan.searched(state);
    if created.is_empty() && deleted.is_empty() {
        return None;
    }
    let creations = plan.steps.iter().filter(|step| step.creates());
    let creations = creations
        .filter_map(|step| {
            let fields = graph.node(&step.address)?.fields.iter();
            let known = fields.filter_map(|(name, value)| Some(((*name).to_owned(), value.as_json()?.clone())));
            Some(Creation { kind: step.address.kind().to_owned(), inputs: known.collect() })
        })
        .collect();
    let recorded = || state.objects().flat_map(|(_, object)| once(object).chain(object.missed.as_deref()));
    Some(Search {
        stack: state.stack.clone(),
        lineage: state.lineage_digits(),
        ids: recorded().filter_map(|object| object.id.clone()).collect(),
        digests: recorded().map(|object| object.token.digest.clone()).collect(),
        creations,
        deleted: deleted.into_iter().map(str::to_owned).collect(),
    })
}

/// Refuses a state that is older than the account: the state at this path, with this serial. The user hears of a long search.
///
/// # Errors
/// - [`StateError::Behind`] if the account has objects that the state does not know;
/// - [`StateError::Unchecked`] if the account could not be asked.
pub(crate) async fn check(
    provider: &dyn Provider,
    gate: &Arc<Gate>,
    search: &Search,
    (path, serial): (PathBuf, u64),
    ledger: &Ledger<'_>,
) -> Result<(), StateError> {
    let turn: Arc<dyn Turn> = Arc::<Gate>::clone(gate);
    let mut search = provider.untracked(&turn, search);
    let search = async {
        match timeout(SILENT, &mut search).await {
            Ok(found) => found,
            Err(_) => {
                ledger.tell(Event::Searching);
                search.await
            }
        }
    };
    let found = tokio::select! {
        biased;
        // No step will begin, so there is nothing to refuse.
        () = gate.closed() => return Ok(()),
        found = search => found,
    };
    match found {
        Ok(found) if found.objects.is_empty() => Ok(()),
        Ok(found) => Err(StateError::Behind { path, serial, found: Box::new(found) }),
        Err(error) if error.kind == ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(StateError::Unchecked { path, error: Box::new(error) }),
    }
}
