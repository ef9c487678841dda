//! [`LeaseHold`]: who may write, for how long, and how the next one knows that it may.
//!
//! No two clocks are compared. Whoever waits takes a lease over once it has seen it unchanged for as long as it lasts, on its
//! own clock. The holder counts from before it sent its last renewal, also on its own clock, so it stops earlier.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{
    Condition, Hold, Put,
    log::{Place, patiently},
};
use crate::{
    StateError,
    format::{self, Lease},
};

/// The lease of one stack, as this run holds it.
pub(super) struct LeaseHold {
    stack: String,
    /// What tells this run from all others.
    run: String,
    /// How long the lease lasts without being renewed.
    ttl: Duration,
    held: Mutex<Option<Held>>,
}

#[derive(Clone, Debug)]
struct Held {
    lease: Lease,
    etag: String,
    /// When the last renewal was sent.
    renewed: Instant,
    /// Why it is not held any more.
    lost: Option<String>,
}

/// How a lease was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Taken {
    /// Counts the holders.
    pub(super) fencing: u64,
    /// Whether the holder before may still write, as it has not given the lease back.
    pub(super) needs_fence: bool,
}

/// The lease as it is kept.
struct Seen {
    lease: Lease,
    etag: String,
}

impl LeaseHold {
    pub(super) fn new(stack: &str, run: String, ttl: Duration) -> Self {
        Self { stack: stack.to_owned(), run, ttl, held: Mutex::new(None) }
    }

    /// Takes the lease. Waits until it is known whether a holder that has not given it back is still there.
    pub(super) async fn acquire(
        &self,
        place: &Place<'_>,
        holder: &str,
        wait: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Taken, StateError> {
        let mut watched: Option<(String, Instant)> = None;
        // The attempts so far, by fencing number: one whose answer was lost may be the one that succeeded.
        let mut sent: BTreeMap<u64, (Taken, Instant)> = BTreeMap::new();
        loop {
            let seen = read(place).await?;
            let (fencing, needs_fence, serial) = match &seen {
                Some(Seen { lease, etag }) if lease.run == self.run && !lease.is_free => {
                    // An attempt of this run has succeeded.
                    let Some((taken, at)) = sent.get(&lease.fencing) else {
                        return Err(StateError::Locked { stack: place.stack.to_owned(), holder: lease.holder.clone() });
                    };
                    self.hold(lease.clone(), etag.clone(), *at);
                    return Ok(*taken);
                }
                Some(Seen { lease, .. }) if lease.is_free => (lease.fencing + 1, false, lease.serial),
                Some(Seen { lease, etag }) => match &watched {
                    Some((first, since)) if first == etag => {
                        if since.elapsed() < Duration::from_millis(lease.ttl) {
                            sleep(self.ttl / 12).await;
                            continue;
                        }
                        (lease.fencing + 1, true, lease.serial)
                    }
                    // It was renewed meanwhile, so its holder is at work.
                    Some(_) => {
                        return Err(StateError::Locked { stack: place.stack.to_owned(), holder: lease.holder.clone() });
                    }
                    None => {
                        wait(&lease.holder);
                        watched = Some((etag.clone(), Instant::now()));
                        continue;
                    }
                },
                // The numbers go on even if somebody has deleted the lease.
                None => (place.read_log().await?.fencing + 1, true, 0),
            };
            let lease = Lease {
                stack: place.stack.to_owned(),
                fencing,
                holder: holder.to_owned(),
                run: self.run.clone(),
                ttl: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
                renewals: 0,
                is_free: false,
                serial,
            };
            let at = Instant::now();
            let (taken, _) = sent.entry(fencing).or_insert((Taken { fencing, needs_fence }, at));
            taken.needs_fence |= needs_fence;
            let taken = *taken;
            let condition = seen.as_ref().map_or(Condition::Absent, |seen| Condition::Matches(&seen.etag));
            if let Put::Done(etag) = write(place, &lease, condition).await? {
                self.hold(lease, etag, at);
                return Ok(taken);
            }
            // Whoever was faster shows at the next look, be it this run. The pause is for a bucket whose reads lag behind.
            sleep(self.ttl / 600).await;
        }
    }

    /// Renews the lease, even if it has run out: that it is as this run has left it shows that nobody has had it since.
    pub(super) async fn renew(&self, place: &Place<'_>) -> Result<(), StateError> {
        self.change(place, |lease| lease.renewals += 1).await
    }

    /// Gives the lease back, with the serial of the state that is kept, where that is not the one that the lease has. No
    /// write may be on its way.
    pub(super) async fn release(&self, place: &Place<'_>, serial: Option<u64>) -> Result<(), StateError> {
        self.change(place, |lease| {
            lease.is_free = true;
            lease.serial = serial.unwrap_or(lease.serial);
        })
        .await?;
        *self.held() = None;
        Ok(())
    }

    /// Renews the lease in time, until it cannot be, and returns why.
    pub(super) async fn keep(&self, place: &Place<'_>) -> StateError {
        loop {
            let held = match self.held().clone() {
                Some(held) if held.lost.is_none() => held,
                held => return self.lost(held.and_then(|held| held.lost)),
            };
            sleep_until(held.renewed + self.ttl / 3).await;
            let end = self.end(&held);
            while let Err(error) = match timeout_at(end, self.renew(place)).await {
                Ok(renewed) => renewed.map_err(|error| error.to_string()),
                Err(_) => Err("there was no answer".to_owned()),
            } {
                if self.held().as_ref().is_none_or(|held| held.lost.is_some()) {
                    break;
                }
                if Instant::now() >= end {
                    let detail = self.expired(&error);
                    self.lose(detail);
                    break;
                }
                sleep_until((Instant::now() + self.ttl / 12).min(end)).await;
            }
        }
    }

    /// Changes the lease that this run holds, or finds out that it does not.
    async fn change(&self, place: &Place<'_>, change: impl Fn(&mut Lease)) -> Result<(), StateError> {
        loop {
            let Some(Held { mut lease, etag, .. }) = self.held().clone() else {
                return self.check();
            };
            change(&mut lease);
            let at = Instant::now();
            if let Put::Done(etag) = write(place, &lease, Condition::Matches(&etag)).await? {
                self.hold(lease, etag, at);
                return Ok(());
            }
            match read(place).await? {
                // An earlier change whose answer was lost.
                Some(Seen { lease: found, etag: now }) if found.run == self.run && now != etag => {
                    let is_released = found.is_free;
                    if let Some(held) = &mut *self.held() {
                        (held.lease, held.etag) = (found, now);
                    }
                    if is_released {
                        return Ok(());
                    }
                    // When it was sent is not known, so it does not count: the next attempt does.
                }
                // What refused it shows at the next attempt.
                Some(Seen { etag: now, .. }) if now == etag => {}
                Some(Seen { lease, .. }) => {
                    self.lose(format!("it ran out, and {} has taken it over", lease.holder));
                    return self.check();
                }
                None => {
                    self.lose("somebody has deleted it".to_owned());
                    return self.check();
                }
            }
        }
    }

    /// When the holder stops, on its own clock. The rest of the time is for a call that is on its way by then.
    fn end(&self, held: &Held) -> Instant {
        held.renewed + self.ttl * 5 / 6
    }

    /// The error of a run that does not hold the lease, for that reason; with none, it has not taken it.
    fn lost(&self, reason: Option<String>) -> StateError {
        let detail = reason.unwrap_or_else(|| "it has not taken it".to_owned());
        StateError::LeaseLost { stack: self.stack.clone(), detail }
    }

    fn expired(&self, cause: &str) -> String {
        format!("it was not renewed for {} s: {cause}", (self.ttl * 5 / 6).as_secs())
    }

    fn hold(&self, lease: Lease, etag: String, renewed: Instant) {
        *self.held() = Some(Held { lease, etag, renewed, lost: None });
    }

    fn lose(&self, detail: String) {
        if let Some(held) = &mut *self.held() {
            held.lost.get_or_insert(detail);
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold for LeaseHold {
    fn check(&self) -> Result<(), StateError> {
        let held = self.held();
        Err(match &*held {
            Some(held) if held.lost.is_none() && Instant::now() < self.end(held) => return Ok(()),
            Some(Held { lost: None, .. }) => {
                self.lost(Some(self.expired("the process was stopped meanwhile, or busy")))
            }
            held => self.lost(held.as_ref().and_then(|held| held.lost.clone())),
        })
    }
}

/// The lowest serial that the state can have, as the lease says.
pub(super) async fn least_serial(place: &Place<'_>) -> Result<u64, StateError> {
    Ok(read(place).await?.map_or(0, |seen| seen.lease.serial))
}

pub(super) fn key(place: &Place<'_>) -> String {
    place.key("lease.json")
}

async fn read(place: &Place<'_>) -> Result<Option<Seen>, StateError> {
    let key = key(place);
    let Some(object) = place.get(&key).await? else { return Ok(None) };
    let lease = format::read_lease(&object.bytes, place.stack, &place.path(&key))?;
    Ok(Some(Seen { lease, etag: object.etag }))
}

async fn write(place: &Place<'_>, lease: &Lease, condition: Condition<'_>) -> Result<Put, StateError> {
    let (key, text) = (key(place), format::lease(lease));
    let put = patiently(|| place.objects.put(&key, text.as_bytes(), condition)).await;
    put.map_err(|error| place.cannot("write", &key, error))
}
