//! [`Ledger`]: the one place where an apply changes the state. Each change is on disk before the next call is sent.

use palisade_core::{
    Address, Graph, JsonMap,
    provider::{Observation, Token},
};

use crate::{
    Action, Event, ObjectState, Phase, Plan, State, StateError, Store, dependencies::Dependencies, digest::sha256,
    steps::Target,
};

/// The state of a running apply, and who is told of it.
pub(crate) struct Ledger<'a> {
    state: State,
    store: &'a dyn Store,
    listener: &'a mut (dyn FnMut(Event) + Send),
    /// Whether the state differs from what is saved.
    is_ahead: bool,
    /// The first error of the store.
    error: Option<StateError>,
}

/// The state could not be saved; the ledger keeps the reason. Whoever gets it sends no further call.
#[derive(Debug)]
pub(crate) struct Unsaved;

impl<'a> Ledger<'a> {
    /// The ledger of `state`, which was made of the state that is `saved`.
    pub(crate) fn new(
        state: State,
        saved: &State,
        store: &'a dyn Store,
        listener: &'a mut (dyn FnMut(Event) + Send),
    ) -> Self {
        let is_ahead = state != *saved;
        Self { state, store, listener, is_ahead, error: None }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Whether a save has failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.error.is_some()
    }

    pub(crate) fn tell(&mut self, event: Event) {
        (self.listener)(event);
    }

    /// Records that a creation begins, and returns the token that it is found by. With `keep_old`, the object that exists
    /// is deposed by the same write.
    ///
    /// A creation that was interrupted goes on under its token if it asks for the same: a call that is still on its way
    /// then has its effect once.
    pub(crate) fn begin_creation(
        &mut self,
        address: &Address,
        inputs: &JsonMap,
        dependencies: Dependencies,
        keep_old: bool,
    ) -> Result<Token, Unsaved> {
        let fresh = self.fresh_token(address);
        let entry = self.state.resources.entry(address.clone()).or_default();
        let old = entry.current.take();
        let token = match old {
            Some(old) if old.is_unsettled() && old.inputs == *inputs => old.token,
            Some(old) if keep_old && !old.is_unsettled() => {
                entry.deposed.push(old);
                fresh
            }
            _ => fresh,
        };
        entry.current = Some(ObjectState {
            id: None,
            phase: Phase::Creating,
            token: token.clone(),
            inputs: inputs.clone(),
            observed: None,
            depends_on: dependencies.all,
            released: dependencies.released,
        });
        self.save()?;
        Ok(token)
    }

    /// Records the id of an object whose creation had begun.
    pub(crate) fn created(&mut self, address: &Address, id: &str) -> Result<(), Unsaved> {
        if let Some(object) = self.current_mut(address) {
            object.id = Some(id.to_owned());
            object.phase = Phase::Created;
        }
        self.save()
    }

    /// Records that a creation has had no effect. The object that it was to replace is the current one again.
    pub(crate) fn abandon_creation(&mut self, address: &Address) -> Result<(), Unsaved> {
        if let Some(entry) = self.state.resources.get_mut(address) {
            entry.current = entry.deposed.pop();
        }
        self.forget_if_empty(address);
        self.save()
    }

    /// Records what an object may refer to while it is updated: until then what it refers to, and soon what it will.
    pub(crate) fn begin_update(&mut self, address: &Address, dependencies: &Dependencies) -> Result<(), Unsaved> {
        let Some(object) = self.current_mut(address) else { return Ok(()) };
        let recorded = Dependencies::recorded(object);
        let union = recorded.union(dependencies);
        if union == recorded {
            return Ok(());
        }
        (object.depends_on, object.released) = (union.all, union.released);
        self.save()
    }

    /// Records that an object has been brought to `inputs`, and what it is then.
    pub(crate) fn ready(
        &mut self,
        address: &Address,
        inputs: JsonMap,
        dependencies: Dependencies,
        observation: Observation,
    ) -> Result<(), Unsaved> {
        if let Some(object) = self.current_mut(address) {
            object.phase = Phase::Ready;
            object.inputs = inputs;
            object.observed = Some(observation);
            (object.depends_on, object.released) = (dependencies.all, dependencies.released);
        }
        self.save()
    }

    /// Records that an object does not exist any more.
    pub(crate) fn deleted(&mut self, address: &Address, target: &Target) -> Result<(), Unsaved> {
        if let Some(entry) = self.state.resources.get_mut(address) {
            match target {
                Target::Current => entry.current = None,
                Target::Deposed(token) => entry.deposed.retain(|object| object.token.digest != *token),
            }
        }
        self.forget_if_empty(address);
        self.save()
    }

    /// Brings what follows from the objects up to date, and returns the state, once nothing runs any more.
    ///
    /// After a failed save it tries once more, so that a disk that was full for a moment costs no record. The error is
    /// returned all the same.
    pub(crate) fn finish(mut self, graph: &Graph, plan: &Plan) -> Result<State, StateError> {
        let outputs = self.outputs(plan);
        self.is_ahead |= self.update_dependencies(graph, plan) || outputs != self.state.outputs;
        self.state.outputs = outputs;
        if self.is_ahead {
            // The error, if there is one, is kept.
            let _ = self.save();
        }
        self.error.map_or(Ok(self.state), Err)
    }

    /// The outputs after `plan`: those that are known now, and the earlier values of those that are not. An output that the
    /// plan does not have, as where it was saved before the program had it, stays as it is.
    fn outputs(&self, plan: &Plan) -> JsonMap {
        let mut outputs = self.state.outputs.clone();
        for change in &plan.outputs {
            let Some(value) = &change.after else {
                outputs.remove(&change.name);
                continue;
            };
            let value = value.substitute(&|r| self.state.attribute(&r.address, &r.attribute));
            outputs.extend(value.into_json().map(|value| (change.name.clone(), value)));
        }
        outputs
    }

    /// An object that needs no step may refer to others than it did, by the same values.
    fn update_dependencies(&mut self, graph: &Graph, plan: &Plan) -> bool {
        let mut is_changed = false;
        for step in plan.steps.iter().filter(|step| step.action == Action::Nothing) {
            let Some((node, object)) = graph.node(&step.address).zip(self.current_mut(&step.address)) else { continue };
            let dependencies = Dependencies::of(node);
            if Dependencies::recorded(object) != dependencies {
                (object.depends_on, object.released) = (dependencies.all, dependencies.released);
                is_changed = true;
            }
        }
        is_changed
    }

    fn save(&mut self) -> Result<(), Unsaved> {
        self.state.serial += 1;
        self.is_ahead = true;
        match self.store.save(&self.state) {
            Ok(()) => {
                self.is_ahead = false;
                Ok(())
            }
            Err(error) => {
                self.error.get_or_insert(error);
                Err(Unsaved)
            }
        }
    }

    fn current_mut(&mut self, address: &Address) -> Option<&mut ObjectState> {
        self.state.resources.get_mut(address)?.current.as_mut()
    }

    fn forget_if_empty(&mut self, address: &Address) {
        if self.state.resources.get(address).is_some_and(|entry| entry.objects().next().is_none()) {
            self.state.resources.remove(address);
        }
    }

    /// A token that no other creation has: the write that begins it is counted once in the life of the stack.
    fn fresh_token(&self, address: &Address) -> Token {
        let State { stack, lineage, serial, .. } = &self.state;
        let text = serde_json::json!([stack, lineage, address, serial + 1]).to_string();
        Token { stack: stack.clone(), resource: address.to_string(), digest: sha256(&text) }
    }
}
