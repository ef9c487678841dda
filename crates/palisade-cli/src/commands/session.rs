//! [`Session`]: a connected cloud, the clock of its waits, and the engine's work on them.

use std::{collections::hash_map::RandomState, hash::BuildHasher};

use palisade_core::Graph;
use palisade_engine::{ApplyOptions, Event, LocalStore, Plan, Report, State, StateError, Store};
use tokio::runtime::{Builder, Runtime};

use super::Context;
use crate::{Connection, error::CommandError};

/// A cloud that is connected, with the runtime that its calls need.
pub(super) struct Session {
    connection: Connection,
    runtime: Runtime,
}

impl Session {
    /// Connects.
    pub(super) fn open(context: &Context<'_, '_>) -> Result<Self, CommandError> {
        let connection = context.cloud.connect(&context.settings)?;
        // One thread is enough: the work is waiting for answers.
        let runtime = Builder::new_current_thread().enable_all().start_paused(connection.paused_clock).build();
        let runtime = runtime.map_err(|error| {
            CommandError::new(format!("cannot set up the calls of the cloud: {error}"), "raise the limit of open files")
        })?;
        Ok(Self { connection, runtime })
    }

    /// The line that each command begins with.
    pub(super) fn first_line(&self) -> String {
        format!("Cloud: {}", self.connection.description)
    }

    /// What is said of the time that something took on the cloud's clock.
    pub(super) fn clock(&self) -> &'static str {
        if self.connection.paused_clock { " of emulated AWS time" } else { "" }
    }

    /// Compares `graph` with `state` and with the cloud.
    pub(super) fn plan(&self, graph: &Graph, state: &State) -> Result<Plan, CommandError> {
        Ok(self.runtime.block_on(palisade_engine::plan(&*self.connection.provider, graph, state))?)
    }

    /// Carries out `plan`, which was made of `graph` and `state`, and tells `listener` what happens.
    pub(super) fn apply(
        &self,
        store: &LocalStore,
        state: State,
        graph: &Graph,
        plan: &Plan,
        options: &ApplyOptions,
        listener: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Report, StateError> {
        let provider = &*self.connection.provider;
        self.runtime.block_on(palisade_engine::apply(provider, store, state, graph, plan, options, listener))
    }
}

/// The folder of the stack's state.
pub(super) fn store(context: &Context<'_, '_>) -> LocalStore {
    LocalStore::new(&context.settings.folder, context.stack.name())
}

/// The state; `None` if the stack was never applied.
pub(super) fn read_state(context: &Context<'_, '_>) -> Result<Option<State>, StateError> {
    store(context).load()
}

/// The state of a stack that was never applied.
pub(super) fn new_state(context: &Context<'_, '_>) -> State {
    State::new(context.stack.name(), lineage())
}

/// What tells this stack's objects from those of an earlier stack of the same name: 32 hexadecimal digits.
///
/// It must differ from all others, and need not be secret. The keys of the standard library's hash maps come from the
/// operating system's generator, so their hashes serve without another dependency.
fn lineage() -> String {
    let keys = RandomState::new();
    format!("{:016x}{:016x}", keys.hash_one(0), keys.hash_one(1))
}
