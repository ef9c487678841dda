//! [`LeaseHold`]: the lease of a stack, as this run holds it: [`LeaseState`] with a clock and the objects.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::{
    Condition, Hold,
    clock::Clock,
    log::{Place, patiently},
    protocol::{Acquire, Change, Keep, KeptLease, LeaseAnswer, LeaseRequest, LeaseState, Now, Rules, Step, Taken},
};
use crate::{StateError, format};

pub(super) struct LeaseHold {
    clock: Clock,
    state: Mutex<LeaseState>,
}

impl LeaseHold {
    pub(super) fn new(stack: &str, run: String, ttl: Duration, clock: Clock) -> Self {
        Self { clock, state: Mutex::new(LeaseState::new(stack, run, ttl, Rules::ALL)) }
    }

    /// Takes the lease. Waits until it is known whether a holder that has not given it back is still there.
    pub(super) async fn acquire(
        &self,
        place: &Place<'_>,
        holder: &str,
        wait: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Taken, StateError> {
        let mut acquire = Acquire::new(holder);
        self.carry_out(place, wait, |state, answer, now| acquire.next(state, answer, now)).await
    }

    /// Renews the lease, or gives it back.
    pub(super) async fn change(&self, place: &Place<'_>, change: Change) -> Result<(), StateError> {
        self.carry_out(place, &mut |_| {}, |state, answer, now| change.next(state, answer, now)).await
    }

    /// Has no call sent any more.
    pub(super) fn stop(&self) {
        self.state().stop();
    }

    /// Renews the lease in time, until it cannot be, and returns why.
    pub(super) async fn keep(&self, place: &Place<'_>) -> StateError {
        let mut failure: Option<String> = None;
        loop {
            let next = self.state().keep(failure.as_deref(), self.clock.now());
            match next {
                Err(lost) => return lost,
                Ok(Keep::Pause(duration)) => sleep(duration).await,
                Ok(Keep::Renew(within)) => {
                    failure = match timeout(within, self.change(place, Change::Renew)).await {
                        Ok(renewed) => renewed.err().map(|error| error.to_string()),
                        Err(_) => Some("there was no answer".to_owned()),
                    };
                    if failure.is_some() {
                        let pause = self.state().retry_pause(self.clock.now());
                        sleep(pause).await;
                    }
                }
            }
        }
    }

    /// Does what an operation asks for, until it has ended.
    async fn carry_out<D>(
        &self,
        place: &Place<'_>,
        wait: &mut (dyn FnMut(&str) + Send),
        mut next: impl FnMut(&mut LeaseState, LeaseAnswer, Now) -> Result<Step<LeaseRequest, D>, StateError>,
    ) -> Result<D, StateError> {
        let mut answer = LeaseAnswer::Nothing;
        loop {
            let step = next(&mut self.state(), answer, self.clock.now())?;
            let request = match step {
                Step::Done(done) => return Ok(done),
                Step::Ask(request) => request,
            };
            answer = match request {
                LeaseRequest::Tell(holder) => {
                    wait(&holder);
                    LeaseAnswer::Nothing
                }
                LeaseRequest::Pause(duration) => {
                    sleep(duration).await;
                    LeaseAnswer::Nothing
                }
                LeaseRequest::Read => LeaseAnswer::Lease(read(place).await?),
                LeaseRequest::ReadFencing => LeaseAnswer::Fencing(place.read_log().await?.fencing),
                LeaseRequest::Write(attempt) => {
                    let (key, text) = (key(place), format::lease(&attempt.lease));
                    let condition = attempt.replaces.as_deref().map_or(Condition::Absent, Condition::Matches);
                    let put = patiently(|| place.objects.put(&key, text.as_bytes(), condition)).await;
                    LeaseAnswer::Written(attempt, put.map_err(|error| place.cannot("write", &key, error))?)
                }
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, LeaseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold for LeaseHold {
    fn check(&self) -> Result<(), StateError> {
        self.state().check(self.clock.now())
    }

    fn leave_unanswered(&self) {
        self.state().leave_unanswered();
    }
}

/// The lowest serial that the state can have, as the lease says.
pub(super) async fn least_serial(place: &Place<'_>) -> Result<u64, StateError> {
    Ok(read(place).await?.map_or(0, |kept| kept.lease.serial))
}

pub(super) fn key(place: &Place<'_>) -> String {
    place.key("lease.json")
}

async fn read(place: &Place<'_>) -> Result<Option<KeptLease>, StateError> {
    let key = key(place);
    let Some(object) = place.get(&key).await? else { return Ok(None) };
    let lease = format::read_lease(&object.bytes, place.stack, &place.path(&key))?;
    Ok(Some(KeptLease { lease, etag: object.etag }))
}
