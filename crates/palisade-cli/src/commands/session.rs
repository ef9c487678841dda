//! [`Session`]: a connected cloud, the clock of its waits, and the engine's work on them.

use std::{
    cell::OnceCell,
    collections::hash_map::RandomState,
    hash::BuildHasher,
    time::{Duration, UNIX_EPOCH},
};

use palisade_core::{Address, Graph, closest};
use palisade_engine::{
    ApplyOptions, Event, LocalStore, Lock, Plan, PlanError, PlanOptions, Remaining, RemoteStore, Report, SavedPlan,
    SavedPlanError, State, StateError, Store,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep_until},
};

use super::Context;
use crate::{
    ConnectError, Connection,
    error::CommandError,
    signals::{ANSWERED, Interrupted, Interrupts, RELEASED, SAVED},
};

/// How long an interrupted command waits for the answer to an attempt to take the lock. A lock that was taken can be given back; one
/// whose answer was never heard makes the next run wait until it ends by itself.
const LOCKED: Duration = Duration::from_secs(1);

/// A cloud that is connected, with the runtime that its calls need.
pub(super) struct Session {
    connection: Connection,
    runtime: DetachedRuntime,
    paused_clock: bool,
    interrupts: Interrupts,
    /// When the first interrupt was seen, on the clock of the runtime.
    interrupted: OnceCell<Instant>,
}

impl Session {
    /// Connects.
    ///
    /// # Errors
    /// [`Interrupted`] if an interrupt came meanwhile.
    pub(super) fn open(context: &Context<'_>) -> Result<Result<Self, ConnectError>, Interrupted> {
        let (paused_clock, interrupts) = (context.cloud.paused_clock(), context.interrupts.clone());
        let runtime = match runtime(paused_clock) {
            Ok(runtime) => DetachedRuntime(Some(runtime)),
            Err(error) => return Ok(Err(error)),
        };
        let connected = runtime.block_on(async {
            tokio::select! {
                biased;
                () = interrupts.stopped() => Err(Interrupted),
                connected = context.cloud.connect(&context.settings) => Ok(connected),
            }
        })?;
        Ok(connected.map(|connection| Self {
            connection,
            runtime,
            paused_clock,
            interrupts,
            interrupted: OnceCell::new(),
        }))
    }

    /// Awaits `work`, for `limit` at most after an interrupt.
    fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        let late = async {
            self.interrupts.stopped().await;
            let end = *self.interrupted.get_or_init(Instant::now) + limit;
            if Instant::now() < end {
                sleep_until(end).await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = late => Err(Interrupted),
                done = work => Ok(done),
            }
        })
    }

    /// Awaits what an interrupt may break off at any moment.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        self.within(Duration::ZERO, work)
    }

    /// The line that each command begins with.
    pub(super) fn first_line(&self) -> String {
        format!("Cloud: {}", self.connection.description)
    }

    /// What is said of the time that something took on the cloud's clock.
    pub(super) fn clock(&self) -> &'static str {
        if self.paused_clock { " of emulated AWS time" } else { "" }
    }

    /// The state that is kept; `None` if the stack was never applied.
    pub(super) fn load(&self, store: &dyn Store) -> Result<Option<State>, CommandError> {
        Ok(self.wait(store.load())??)
    }

    /// The state to work on: the one that was loaded, if it is of this account, or a new one.
    pub(super) fn state(&self, context: &Context<'_>, loaded: Option<State>) -> Result<State, CommandError> {
        let account = Some(self.connection.account.clone());
        let state = loaded.unwrap_or_else(|| State::new(context.stack.name(), unique()));
        match &state.account {
            Some(found) if Some(found) != account.as_ref() => {
                let message =
                    format!("the state is of the account `{found}`, and this is `{}`", self.connection.account);
                let another = match context.settings.state {
                    None => "folder for the state of this one with `--state-dir`",
                    Some(_) => "prefix for the state of this one with `--state`",
                };
                let help = format!(
                    "choose that account, with its credentials, `--region` or `--emulated`; or name another {another}"
                );
                Err(CommandError::new(message, help))
            }
            _ => Ok(State { account, ..state }),
        }
    }

    /// The region, where the cloud has regions.
    pub(super) fn region(&self) -> Option<String> {
        self.connection.provider.region().map(str::to_owned)
    }

    /// Compares `graph` with `state` and with the cloud.
    pub(super) fn plan(&self, graph: &Graph, state: &State, replace: &[Address]) -> Result<Plan, CommandError> {
        let options = PlanOptions { replace: replace.iter().cloned().collect() };
        let plan = self.wait(palisade_engine::plan_with(&*self.connection.provider, graph, state, &options))?;
        plan.map_err(|error| match &error {
            PlanError::NothingToReplace { address, is_declared: false } => {
                let known: Vec<_> = graph.nodes().map(|node| node.address.to_string()).collect();
                let help = match closest(&address.to_string(), known.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `--replace {meant}`?"),
                    None => "`state list` shows the resources that have objects".to_owned(),
                };
                CommandError::new(error.to_string(), help)
            }
            _ => error.into(),
        })
    }

    /// Finds out what is left to do of a plan that was saved.
    pub(super) fn rest(
        &self,
        saved: &SavedPlan,
        graph: &Graph,
        state: &State,
    ) -> Result<Result<Remaining, SavedPlanError>, Interrupted> {
        self.wait(saved.rest(&*self.connection.provider, graph, state))
    }

    /// Carries out `plan`, which was made of `graph` and `state`, and tells `listener` what happens.
    ///
    /// # Errors
    /// [`Interrupted`] if an interrupt came, and the state could not be saved in time after it.
    pub(super) fn apply(
        &self,
        lock: &mut Lock<'_>,
        state: State,
        graph: &Graph,
        plan: &Plan,
        options: ApplyOptions,
        listener: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Result<Report, StateError>, Interrupted> {
        let provider = &*self.connection.provider;
        let options = &ApplyOptions { stop: self.interrupts.receiver(), patience: ANSWERED, run: unique(), ..options };
        let applied = self.within(SAVED, palisade_engine::apply(provider, lock, state, graph, plan, options, listener));
        if applied.is_err() {
            // It was broken off wherever it was.
            lock.hold().leave_unanswered();
        }
        applied
    }

    /// Opens the place of the stack's state.
    pub(super) fn store(&self, context: &Context<'_>) -> Result<Box<dyn Store>, CommandError> {
        self.wait(store(context))?
    }

    /// Locks the stack against other runs of `command`; `wait` is told who may have it, if that takes a while to find out.
    pub(super) fn lock<'a>(
        &self,
        store: &'a dyn Store,
        command: &str,
        now: u64,
        wait: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Lock<'a>, CommandError> {
        Ok(self.within(LOCKED, store.lock(&holder(command, now), wait))??)
    }

    /// Gives a lock back.
    ///
    /// # Errors
    /// [`Interrupted`] if an interrupt came, and there was no answer in time after it.
    pub(super) fn release(&self, lock: Lock<'_>) -> Result<Result<(), StateError>, Interrupted> {
        self.within(RELEASED, lock.release())
    }

    /// Removes what is superfluous in the place of the state, unless there is an interrupt.
    pub(super) fn tidy(&self, store: &dyn Store) {
        // What is not removed now is removed by a later run.
        _ = self.wait(store.tidy());
    }
}

/// A runtime whose end waits for nothing. By itself, it waits until the name of a host is resolved, however long that takes.
struct DetachedRuntime(Option<Runtime>);

impl DetachedRuntime {
    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("it is taken only when it is dropped").block_on(work)
    }
}

impl Drop for DetachedRuntime {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// The place of the stack's state.
async fn store(context: &Context<'_>) -> Result<Box<dyn Store>, CommandError> {
    let (settings, stack) = (&context.settings, context.stack.name());
    Ok(match &settings.state {
        None => Box::new(LocalStore::new(&settings.folder, stack)),
        Some(place) => Box::new(RemoteStore::new(context.cloud.objects(place, settings).await?, stack, unique())),
    })
}

/// Who holds the lock, as another run is told: `now` is in seconds since 1970.
fn holder(command: &str, now: u64) -> String {
    let (process, host) = (std::process::id(), gethostname::gethostname());
    let since = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now));
    format!("`{command}`, process {process} on {}, since {since}", host.display())
}

/// The state, for a command that needs no cloud; `None` if the stack was never applied.
pub(super) fn read_state(context: &Context<'_>) -> Result<Option<State>, CommandError> {
    runtime(context.cloud.paused_clock())?.block_on(async { Ok(store(context).await?.load().await?) })
}

/// What awaits calls. One thread is enough: the work is waiting for answers. The connections that are made belong to it.
fn runtime(paused_clock: bool) -> Result<Runtime, ConnectError> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(paused_clock).build();
    runtime.map_err(|error| ConnectError {
        message: format!("cannot set up the calls of the cloud: {error}"),
        help: "raise the limit of open files".to_owned(),
    })
}

/// What tells a stack's objects from those of an earlier stack of the same name, or a run from all others: 32 hexadecimal digits.
///
/// It must differ from all others, and need not be secret. The keys of the standard library's hash maps come from the
/// operating system's generator, so their hashes serve without another dependency.
fn unique() -> String {
    let keys = RandomState::new();
    format!("{:016x}{:016x}", keys.hash_one(0), keys.hash_one(1))
}
