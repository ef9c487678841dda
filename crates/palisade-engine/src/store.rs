//! [`Store`]: where the state is kept.

use std::sync::{Mutex, PoisonError};

use palisade_core::provider::BoxFuture;

use crate::{Record, State, StateError, format};

mod lease;
mod local;
mod log;
mod objects;
mod remote;

pub use local::{LocalStore, StoreLock};
pub use objects::{Condition, MemoryObjects, Object, Objects, ObjectsError, Put};
pub use remote::RemoteStore;

/// A journal may be as long as twice the snapshot before it becomes a part of a new one, and in any case this long, in bytes.
/// So the snapshots of a long run cost no more for each change than its entry does, up to a factor.
const SHORT: u64 = 1 << 20;

/// Keeps the state of one stack: a snapshot, and the changes since. Which of the two a store keeps as what is its own
/// affair; a change costs what the change is long, however long the state is.
///
/// One run writes at a time. Any number may read at any time, and each gets a state that there was.
pub trait Store: Send + Sync {
    /// The state with all changes that are recorded, or `None` if there has never been one.
    ///
    /// # Errors
    /// [`StateError`] if there is something that is not a state of this stack, or if there are traces of an earlier state;
    /// that is never taken for a new stack.
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>>;

    /// Adds changes to the state that is kept. When it has returned, they survive a crash of the machine, all of them; when
    /// it fails, what was kept before is still there, and the changes may be too.
    ///
    /// The serial of the first is at most one more than that of the state. Those that the store has already are left out, so
    /// the call may be repeated.
    ///
    /// # Errors
    /// [`StateError::Overtaken`] if the state is not the one that the changes are of: there is none, or another run has
    /// changed it. [`StateError`] if the state cannot be written.
    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>>;

    /// Replaces all that is kept by `state`, or keeps the first state of a stack. When it has returned, the state survives a
    /// crash of the machine; when it fails, what was kept before is still there, or `state` is.
    ///
    /// # Errors
    /// [`StateError`] if the state cannot be written.
    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>>;

    /// Whether this run may still send calls. It is asked before each step, and once what a call depends on is kept.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`] if others may change the stack by now.
    fn check_lease(&self) -> Result<(), StateError> {
        Ok(())
    }
}

/// A store that several people have, of whom one writes at a time.
pub trait Lockable: Store {
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
    ) -> BoxFuture<'w, Result<Box<dyn Lock + 'a>, StateError>>;
}

/// The hold on a stack.
#[must_use = "the stack is locked for as long as this is kept"]
pub trait Lock: Send + Sync {
    /// Makes sure that the stack is still held, and was all the time, before a run begins to change it.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`] if another run has taken it over.
    fn confirm(&self) -> BoxFuture<'_, Result<(), StateError>> {
        Box::pin(async { Ok(()) })
    }

    /// Keeps the hold, for as long as it is polled; it does not end. Where the hold cannot be kept,
    /// [`Store::check_lease`] says so.
    fn keep(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Gives the stack back. A hold that is only dropped, or whose process ends, ends by itself, if not at once.
    ///
    /// # Errors
    /// [`StateError`] if it cannot be given back; then it ends by itself.
    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a;
}

/// Keeps the state in memory, for tests and rehearsals.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Option<State>>,
}

impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        Box::pin(async { Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()) })
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let known = kept.as_ref().map_or(0, |state| state.serial);
            for Record { change, .. } in format::fresh(records, known, "memory".as_ref())? {
                kept.iter_mut().for_each(|state| state.apply(change));
            }
            Ok(())
        })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
            Ok(())
        })
    }
}
