//! [`Loss`]: what becomes of data when an object is deleted, and [`Consent`] to it.

use std::collections::{BTreeMap, BTreeSet};

use palisade_core::{Address, Data, Graph, Schema, provider::Provider};
use serde::{Deserialize, Serialize};

use crate::{
    Action, ObjectState, Phase, Plan, State, StateError, Step, deletion, refresh::Observations, steps::Target,
};

/// What becomes of the data of an object that is deleted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Loss {
    /// What is lost and what is kept, as a clause: "all events in `/app` will be lost".
    pub fate: String,
    /// Whether somebody has to consent to it.
    pub consent: ConsentStatus,
}

/// Whether a [`Loss`] needs consent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ConsentStatus {
    /// It does not: the data can be recovered.
    NotNeeded,
    /// An apply without it is refused.
    Needed,
    /// It does, and an earlier run that did not complete has recorded it.
    Recorded,
}

/// To which losses somebody has consented, for one apply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Consent {
    /// To all losses of the plan.
    All,
    /// To those of these resources.
    Of(BTreeSet<Address>),
}

impl Default for Consent {
    /// To none.
    fn default() -> Self {
        Self::Of(BTreeSet::new())
    }
}

impl Consent {
    fn covers(&self, address: &Address) -> bool {
        match self {
            Self::All => true,
            Self::Of(addresses) => addresses.contains(address),
        }
    }
}

/// Says of each step that deletes an object what becomes of its data, and whether the plan leaves the stack without any object. `state` is
/// the one that the plan was made of.
pub(crate) fn mark_losses(
    provider: &dyn Provider,
    graph: &Graph,
    state: &State,
    observations: &Observations,
    plan: &mut Plan,
) {
    let exists = |address: &Address| observations.get(address).is_some_and(Option::is_some);
    for step in plan.steps.iter_mut().filter(|step| exists(&step.address)) {
        step.loss = provider.schema(step.address.kind()).and_then(|schema| loss(schema, graph, state, step));
    }
    let is_deleted = |step: &Step| {
        step.action == Action::Delete && exists(&step.address) || step.deposed.iter().any(|id| !id.is_empty())
    };
    plan.deletes_everything = plan.steps.iter().any(is_deleted) && !plan.steps.iter().any(Step::keeps_object);
}

/// What becomes of the data of the object that `step` deletes, if it is finished and of a kind that holds data.
fn loss(schema: &Schema, graph: &Graph, state: &State, step: &Step) -> Option<Loss> {
    if !matches!(step.action, Action::Delete | Action::Replace(_)) {
        return None;
    }
    let Data { fate, needs_consent } = data(schema, graph, state, &step.address, state.current(&step.address)?)?;
    let consent = match (needs_consent, state.has_consent(&step.address)) {
        (false, _) => ConsentStatus::NotNeeded,
        (true, false) => ConsentStatus::Needed,
        (true, true) => ConsentStatus::Recorded,
    };
    Some(Loss { fate, consent })
}

/// Whether `object`, the current one of `address`, holds data that nobody has consented to lose. If it is deleted, the plan took it for
/// gone.
pub(crate) fn lacks_consent(
    provider: &dyn Provider,
    graph: &Graph,
    state: &State,
    address: &Address,
    object: &ObjectState,
) -> bool {
    let data = provider.schema(address.kind()).and_then(|schema| data(schema, graph, state, address, object));
    data.is_some_and(|data| data.needs_consent) && !state.has_consent(address)
}

/// What becomes of the data of the current object of `address` when it is deleted, if it holds any. One that was never finished does not.
fn data(schema: &Schema, graph: &Graph, state: &State, address: &Address, object: &ObjectState) -> Option<Data> {
    let tell = schema.data.filter(|_| object.phase == Phase::Ready)?;
    Some(tell(&deletion::inputs(graph, state, address, &Target::Current, object)))
}

/// The consent to record before `plan` is carried out: what it needs, by resource and token of the object.
///
/// What an earlier run has recorded stays on record if its object is no longer the current one: the same command, typed again, may name
/// it. Any other consent that the plan does not need is left out, so that it cannot serve a later plan.
///
/// # Errors
/// [`StateError::NoConsent`] if neither `given` nor the state has what the plan needs.
pub(crate) fn consents(plan: &Plan, state: &State, given: &Consent) -> Result<BTreeMap<Address, String>, StateError> {
    let mut consents = state.consents.clone();
    consents.retain(|address, _| !state.has_consent(address));
    let mut missing = Vec::new();
    for (address, loss) in plan.losses().filter(|(_, loss)| loss.consent != ConsentStatus::NotNeeded) {
        if given.covers(address) || state.has_consent(address) {
            consents.extend(state.current(address).map(|object| (address.clone(), object.token.digest.clone())));
        } else {
            missing.push((address.clone(), loss.fate.clone()));
        }
    }
    if missing.is_empty() { Ok(consents) } else { Err(StateError::NoConsent { losses: missing }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_consented_to_by_default() {
        let address = Address::new("Net", "main");
        let covers = |consent: Consent| consent.covers(&address);
        assert!(!covers(Consent::default()));
        assert!(covers(Consent::All) && covers(Consent::Of([address.clone()].into())));
        assert!(!covers(Consent::Of([Address::new("Net", "other")].into())));
    }
}
