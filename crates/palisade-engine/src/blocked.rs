//! [`Blocked`]: what a plan leaves as it is, as others have changed the account and data would be lost by it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use palisade_core::{Address, Graph, provider::Provider};
use serde::{Deserialize, Serialize};

use crate::{Action, Phase, Plan, State, Step, refresh::Observations};

/// Why nothing is done to a resource that is not what the program says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Blocked {
    /// Its object holds data, and what others have changed since the last apply would replace it. The changes of its step say what that is.
    ByDrift,
    /// Its step belongs to that of this resource, which is blocked: the one refers to the other.
    With(Address),
}

/// What the objects would be if nobody else had changed them since the last apply. What an interrupted step of this program may have
/// changed is as it is.
pub(crate) fn as_left(state: &State, observations: &Observations) -> Observations {
    let each = observations.iter().map(|(address, now)| {
        let object = state.current(address).filter(|object| object.phase == Phase::Ready && !object.is_being_deleted);
        let Some((object, last)) = object.and_then(|object| Some((object, object.observed.as_ref()?))) else {
            return (address.clone(), now.clone());
        };
        let mut left = Arc::clone(last);
        for (field, value) in now.iter().flat_map(|now| &now.fields) {
            if object.is_being_changed(field) {
                Arc::make_mut(&mut left).fields.insert(field.clone(), value.clone());
            }
        }
        (address.clone(), Some(left))
    });
    each.collect()
}

/// The resources whose objects hold data, exist, and are replaced by `plan`.
pub(crate) fn replaced_with_data<'p>(
    provider: &dyn Provider,
    state: &State,
    observations: &Observations,
    plan: &'p Plan,
) -> Vec<&'p Address> {
    let replaced = plan.steps.iter().filter(|step| matches!(step.action, Action::Replace(_)));
    let holds_data = |address: &&Address| {
        let has_data = provider.schema(address.kind()).is_some_and(|schema| schema.data.is_some());
        let is_finished = state.current(address).is_some_and(|object| object.phase == Phase::Ready);
        has_data && is_finished && observations.get(address).is_some_and(Option::is_some)
    };
    replaced.map(|step| &step.address).filter(holds_data).collect()
}

/// What keeps a plan from losing data for what others have done.
pub(crate) struct Guard<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) state: &'a State,
    /// What would be done if the account were as the last apply left it.
    pub(crate) as_left: HashMap<&'a Address, Action>,
}

/// What each step of a plan does.
pub(crate) fn actions(plan: &Plan) -> HashMap<&Address, Action> {
    plan.steps.iter().map(|step| (&step.address, step.action)).collect()
}

impl Guard<'_> {
    /// Whether the program itself asks for the replacement of an object.
    pub(crate) fn is_asked_for(&self, address: &Address) -> bool {
        matches!(self.as_left.get(address), Some(Action::Replace(_)))
    }

    /// The resources whose steps in `plan` cannot be taken, or had better not be, while those that it blocks stay as they are:
    ///
    /// - what a blocked one refers to, and that would be replaced or deleted;
    /// - what it would refer to, and is made anew because of what others did: to make that would only leave the blocked one behind.
    ///
    /// What refers to a blocked one, the plan blocks by itself.
    pub(crate) fn drawn_in(&self, plan: &Plan) -> BTreeMap<Address, Blocked> {
        let actions = actions(plan);
        let mut open: Vec<_> =
            plan.steps.iter().filter(|step| step.blocked.is_some()).map(|step| &step.address).collect();
        let mut drawn_in = BTreeMap::new();
        while let Some(address) = open.pop() {
            let recorded = self.state.resources.get(address).into_iter().flat_map(|entry| entry.objects());
            let targets: BTreeSet<_> = recorded
                .flat_map(|object| &object.depends_on)
                .chain(self.graph.dependencies(address))
                .filter(|target| !drawn_in.contains_key(*target))
                .collect();
            for target in targets {
                let is_drawn_in = match actions.get(target) {
                    Some(Action::Replace(_) | Action::Delete) => true,
                    Some(Action::Create) => self.as_left.get(target) != Some(&Action::Create),
                    Some(Action::Update | Action::Nothing) | None => false,
                };
                if is_drawn_in {
                    drawn_in.insert(target.clone(), Blocked::With(address.clone()));
                    open.push(target);
                }
            }
        }
        drawn_in
    }
}

impl Step {
    /// The same step, in which nothing is done.
    pub(crate) fn block(self, blocked: Blocked) -> Self {
        let (action, deposed, reason) = (Action::Nothing, Vec::new(), None);
        Self { action, deposed, reason, blocked: Some(blocked), ..self }
    }
}
