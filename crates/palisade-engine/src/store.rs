//! [`Store`]: where the state is kept.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use palisade_core::provider::BoxFuture;

use crate::{
    Record, State, StateError,
    format::{self, Identity},
};

mod clock;
mod lease;
mod local;
mod log;
mod objects;
mod protocol;
mod remote;

pub use local::LocalStore;
pub use objects::{Condition, MemoryObjects, Object, Objects, ObjectsError, Put};
pub use remote::RemoteStore;

/// A journal may be as long as twice the snapshot before it becomes a part of a new one, and in any case this long, in bytes.
/// So the snapshots of a long run cost no more for each change than its entry does, up to a factor.
const SHORT: u64 = 1 << 20;

/// Whether a journal should become a part of a new snapshot, from their lengths in bytes.
fn is_long(journal: u64, snapshot: u64) -> bool {
    journal > SHORT.max(2 * snapshot)
}

/// Keeps the state of one stack: a snapshot, and the changes since. How a store keeps the two is its own affair; a change costs
/// what the change is long, however long the state is.
///
/// Any number of runs may read at any time, and each gets a state that there was. Only a [`Writer`] changes it, and an apply takes none
/// but that of a [`Lock`].
pub trait Store: Send + Sync {
    /// The state with all changes that are recorded, or `None` if there has never been one.
    ///
    /// # Errors
    /// [`StateError`] if there is something that is not a state of this stack, or if there are traces of an earlier state;
    /// that is never taken for a new stack.
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>>;

    /// Locks the stack against every other run. `holder` is what the others are told: command, process, host, time.
    ///
    /// Where it takes a while to find out whether another holder is still there, `wait` is told who that is.
    ///
    /// # Errors
    /// [`StateError::Locked`] if another run holds it. [`StateError`] if that cannot be found out.
    fn lock<'a: 'w, 'w>(
        &'a self,
        holder: &'w str,
        wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Lock<'a>, StateError>> {
        Box::pin(async move { Ok(Lock(self.acquire(holder, wait).await?)) })
    }

    /// What [`Store::lock`] does: each kind of store says how.
    ///
    /// # Errors
    /// Those of [`Store::lock`].
    fn acquire<'a: 'w, 'w>(
        &'a self,
        holder: &'w str,
        wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>>;

    /// Removes what the states that this run has written have made superfluous. It takes no lock, and nothing depends on it: it may be
    /// dropped at any moment, and what it has not removed is left to a later run.
    fn tidy(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The lock of a stack, with its writer. Nothing but [`Store::lock`] makes one, and an apply takes it for itself alone:
///
/// ```no_run
/// # use palisade_engine::{ApplyOptions, MemoryStore, Plan, State, Store, StateError, apply};
/// # async fn example(provider: &dyn palisade_core::provider::Provider, graph: &palisade_core::Graph, plan: &Plan) -> Result<(), StateError> {
/// let (store, state) = (MemoryStore::default(), State::new("shop", "00"));
/// let mut lock = store.lock("me", &mut |_| {}).await?;
/// apply(provider, &mut lock, state, graph, plan, &ApplyOptions::default(), &mut |_| {}).await?;
/// # Ok(())
/// # }
/// ```
///
/// So an apply without a lock does not compile:
///
/// ```compile_fail
/// # use palisade_engine::{ApplyOptions, MemoryStore, Plan, State, Store, StateError, apply};
/// # async fn example(provider: &dyn palisade_core::provider::Provider, graph: &palisade_core::Graph, plan: &Plan) -> Result<(), StateError> {
/// let (store, state) = (MemoryStore::default(), State::new("shop", "00"));
/// let mut writer = store.acquire("me", &mut |_| {}).await?;
/// apply(provider, &mut writer, state, graph, plan, &ApplyOptions::default(), &mut |_| {}).await?;
/// # Ok(())
/// # }
/// ```
///
/// Nor do two with one lock:
///
/// ```compile_fail
/// # use palisade_engine::{ApplyOptions, MemoryStore, Plan, State, Store, StateError, apply};
/// # async fn example(provider: &dyn palisade_core::provider::Provider, graph: &palisade_core::Graph, plan: &Plan) -> Result<(), StateError> {
/// let (store, state) = (MemoryStore::default(), State::new("shop", "00"));
/// let mut lock = store.lock("me", &mut |_| {}).await?;
/// let (options, mut one, mut other) = (ApplyOptions::default(), |_| {}, |_| {});
/// let first = apply(provider, &mut lock, state.clone(), graph, plan, &options, &mut one);
/// let second = apply(provider, &mut lock, state, graph, plan, &options, &mut other);
/// first.await?;
/// second.await?;
/// # Ok(())
/// # }
/// ```
///
/// One that is dropped gives the stack back as [`Writer::release`] says.
#[must_use = "the stack is locked for as long as this is kept"]
pub struct Lock<'a>(Box<dyn Writer + 'a>);

impl<'a> Lock<'a> {
    /// Gives the stack back.
    ///
    /// # Errors
    /// Those of [`Writer::release`].
    pub async fn release(self) -> Result<(), StateError> {
        self.0.release().await
    }
}

impl<'a> Deref for Lock<'a> {
    type Target = dyn Writer + 'a;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// The one run that may change a state, for as long as it holds the stack.
pub trait Writer: Send + Sync {
    /// Makes sure, before a run begins to change the stack, that it is still held, and that what is kept is still this state:
    /// a question may have been open for long. A state that was never kept has the serial zero.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`] if the stack is no longer held. [`StateError::Overtaken`], [`StateError::TakenBack`],
    /// [`StateError::Replaced`] or [`StateError::Gone`] if another state is kept, or none.
    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>>;

    /// Adds changes to the state that is kept. When it has returned, they survive a crash of the machine, all of them; when
    /// it fails, what was kept before is still there, and the changes may be too.
    ///
    /// The serial of the first is at most one more than that of the state. Those that this writer has written already are left
    /// out, so the call may be repeated.
    ///
    /// # Errors
    /// Those of [`Writer::begin`], if the state that is kept is not the one that this writer has read or written last, or the stack is
    /// no longer held. [`StateError`] if the state cannot be written.
    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>>;

    /// Replaces all that is kept by `state`, or keeps the first state of a stack. When it has returned, the state survives a
    /// crash of the machine; when it fails, what was kept before is still there, or `state` is.
    ///
    /// # Errors
    /// As [`Writer::append`].
    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>>;

    /// Where the state is kept, as errors name it.
    fn path(&self) -> PathBuf;

    /// What tells, before each call, whether the stack is still held.
    fn hold(&self) -> Arc<dyn Hold>;

    /// Keeps the hold for as long as it is polled, and returns once it is lost, with the reason. A hold that needs nothing to
    /// be kept never ends.
    fn keep(&self) -> BoxFuture<'_, StateError> {
        Box::pin(std::future::pending())
    }

    /// Gives the stack back. A writer that is only dropped, or whose process ends, gives it back by itself, if not at once.
    ///
    /// # Errors
    /// [`StateError::Unanswered`] after [`Hold::leave_unanswered`], and [`StateError`] if it cannot be given back, or if it cannot be found
    /// out whether the last write is kept. Then the hold ends by itself.
    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a;
}

/// Whether a stack is still held.
pub trait Hold: Send + Sync {
    /// Whether this run may send a call now. It is asked before each, and takes no time.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`] if others may change the stack by now.
    fn check(&self) -> Result<(), StateError>;

    /// Tells that this run gave up a call without an answer. A hold that can outlive the process is then left to run out.
    fn leave_unanswered(&self) {}
}

/// Keeps the state in memory, for tests and rehearsals.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Option<State>>,
    /// Who holds the lock.
    holder: Mutex<Option<String>>,
}

/// The lock of a [`MemoryStore`], which ends when this is dropped.
struct MemoryWriter<'a>(&'a MemoryStore);

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Option<State>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holder(&self) -> MutexGuard<'_, Option<String>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        Box::pin(async { Ok(self.kept().clone()) })
    }

    fn acquire<'a: 'w, 'w>(
        &'a self,
        holder: &'w str,
        _wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        Box::pin(async move {
            match &mut *self.holder() {
                Some(holder) => {
                    let stack = self.kept().as_ref().map(|state| state.stack.clone()).unwrap_or_default();
                    Err(StateError::Locked { stack, holder: holder.clone() })
                }
                free @ None => {
                    *free = Some(holder.to_owned());
                    Ok(Box::new(MemoryWriter(self)) as Box<dyn Writer>)
                }
            }
        })
    }
}

impl Writer for MemoryWriter<'_> {
    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { format::is_kept(self.0.kept().as_ref(), continued, "memory".as_ref()) })
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let mut kept = self.0.kept();
            let known = kept.as_ref().map_or(0, |state| state.serial);
            let records = format::fresh(records, known, "memory".as_ref())?;
            let Some(state) = &mut *kept else { return Err(StateError::Empty { path: "memory".into() }) };
            records.iter().for_each(|record| state.apply(&record.change));
            Ok(())
        })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let mut kept = self.0.kept();
            format::replaces(kept.as_ref().map(Identity::of), &Identity::of(state), "memory".as_ref())?;
            *kept = Some(state.clone());
            Ok(())
        })
    }

    fn path(&self) -> PathBuf {
        "memory".into()
    }

    fn hold(&self) -> Arc<dyn Hold> {
        Arc::new(())
    }

    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a,
    {
        Box::pin(async { Ok(()) })
    }
}

impl Drop for MemoryWriter<'_> {
    fn drop(&mut self) {
        *self.0.holder() = None;
    }
}

/// A hold that nobody can take away, for a state that only one process can reach.
impl Hold for () {
    fn check(&self) -> Result<(), StateError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;

    #[test]
    fn a_journal_is_long_once_it_is_more_than_twice_its_snapshot_and_more_than_a_short_one() {
        assert!(!is_long(SHORT, 1) && is_long(SHORT + 1, 1));
        assert!(!is_long(2 * SHORT, SHORT) && is_long(2 * SHORT + 1, SHORT));
    }

    #[test]
    fn a_state_in_memory_is_not_taken_back_either() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = MemoryStore::default();
            let writer = store.lock("a test", &mut |_| {}).await.unwrap();
            let record = |serial| Record { serial, change: Change::Outputs { outputs: palisade_core::JsonMap::new() } };
            assert!(matches!(writer.append(&[record(1)]).await, Err(StateError::Empty { .. })));
            let state = |serial, lineage| State { serial, ..State::new("shop", lineage) };
            writer.replace(&state(2, "00")).await.unwrap();
            writer.append(&[record(2), record(3)]).await.unwrap();
            let earlier = writer.replace(&state(2, "00")).await;
            assert!(matches!(earlier, Err(StateError::Overtaken { found: 3, expected: 2, .. })));
            assert!(matches!(writer.replace(&state(9, "ff")).await, Err(StateError::Replaced { .. })));
            let kept = store.load().await.unwrap().unwrap();
            assert_eq!(kept.serial, 3);
            writer.begin(&kept).await.unwrap();
            // A state gets its account from the run that continues it.
            writer.begin(&State { account: Some("1".to_owned()), ..kept.clone() }).await.unwrap();
            let mut other = kept.clone();
            other.outputs.insert("a".to_owned(), 1.into());
            let of_account = |account: &str| State { account: Some(account.to_owned()), ..kept.clone() };
            // It has one by now.
            *store.kept() = Some(of_account("1"));
            for other in [state(3, "ff"), other, of_account("2")] {
                assert!(matches!(writer.begin(&other).await, Err(StateError::Replaced { .. })));
            }
            assert!(matches!(writer.begin(&State { serial: 2, ..kept }).await, Err(StateError::Overtaken { .. })));
        });
    }
}
