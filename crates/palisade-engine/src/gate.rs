//! [`Gate`]: whether a run may send a further call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_core::provider::{BoxFuture, ProviderError, Slot, Turn, interrupted};
use tokio::sync::watch;

use crate::{Hold, StateError};

/// The one gate of a run. It is asked before each call, and closes for good once the run is to stop, the state cannot be
/// saved, or the stack is no longer held. So no call starts after any of the three.
pub(crate) struct Gate {
    hold: Arc<dyn Hold>,
    /// Becomes true once the run is to stop.
    stop: watch::Receiver<bool>,
    /// Becomes true once the state could not be saved, or the hold is lost.
    failed: watch::Sender<bool>,
    /// The first reason why.
    error: Mutex<Option<StateError>>,
}

impl Gate {
    pub(crate) fn new(hold: Arc<dyn Hold>, stop: watch::Receiver<bool>) -> Self {
        Self { hold, stop, failed: watch::Sender::new(false), error: Mutex::new(None) }
    }

    /// Whether a call may be sent now.
    pub(crate) fn is_open(&self) -> bool {
        if self.is_stopped() || self.has_failed() {
            return false;
        }
        // A timer may be late, as after a sleep of the machine, so the hold itself is asked.
        self.hold.check().map_err(|error| self.fail(error)).is_ok()
    }

    /// Whether the run was asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Whether the state could not be saved, or the hold is lost.
    pub(crate) fn has_failed(&self) -> bool {
        *self.failed.borrow()
    }

    /// Closes the gate, as the state could not be saved, or the hold is lost.
    pub(crate) fn fail(&self, error: StateError) {
        self.error().get_or_insert(error);
        self.failed.send_replace(true);
    }

    /// Tells that the run gave up a call without an answer.
    pub(crate) fn leave_unanswered(&self) {
        self.hold.leave_unanswered();
    }

    /// Ends once the gate is closed. A hold that ends without a word is noticed by whoever asks [`Gate::is_open`].
    pub(crate) async fn closed(&self) {
        tokio::select! {
            () = is_true(self.stop.clone()) => {}
            () = is_true(self.failed.subscribe()) => {}
        }
    }

    /// Takes the reason why the run cannot go on.
    pub(crate) fn take_error(&self) -> Option<StateError> {
        self.error().take()
    }

    fn error(&self) -> MutexGuard<'_, Option<StateError>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of a run that has not begun its steps, so that nobody else waits for a slot.
impl Turn for Gate {
    fn slot(&self) -> BoxFuture<'_, Result<Slot, ProviderError>> {
        Box::pin(async { self.may_send().map(|()| Slot::new(())) })
    }

    fn may_send(&self) -> Result<(), ProviderError> {
        if self.is_open() { Ok(()) } else { Err(interrupted()) }
    }

    fn stopped(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.closed())
    }
}

/// Ends once the value is true.
async fn is_true(mut value: watch::Receiver<bool>) {
    if value.wait_for(|is_true| *is_true).await.is_err() {
        // Nobody is left who could set it.
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hold that is lost.
    struct Lost;

    impl Hold for Lost {
        fn check(&self) -> Result<(), StateError> {
            Err(lost())
        }
    }

    fn lost() -> StateError {
        StateError::LeaseLost { stack: "shop".to_owned(), detail: "it ran out".to_owned() }
    }

    #[test]
    fn each_reason_closes_the_gate_for_good_and_the_first_is_told() {
        let (stop, stopped) = watch::channel(false);
        let gate = Gate::new(Arc::new(()), stopped.clone());
        assert!(gate.is_open() && gate.may_send().is_ok());
        gate.fail(StateError::Empty { path: "state".into() });
        assert!(!gate.is_open() && gate.may_send().is_err(), "the state could not be saved");
        gate.fail(lost());
        assert!(matches!(gate.take_error(), Some(StateError::Empty { .. })));
        assert!(!gate.is_open(), "it stays closed");

        let gate = Gate::new(Arc::new(Lost), stopped.clone());
        assert!(!gate.is_open() && gate.has_failed(), "the hold is lost");
        assert!(matches!(gate.take_error(), Some(StateError::LeaseLost { .. })));

        let gate = Gate::new(Arc::new(()), stopped);
        stop.send_replace(true);
        assert!(!gate.is_open() && !gate.has_failed(), "the run is to stop");
    }
}
