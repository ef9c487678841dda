//! The protocol by which several runs share one state, without I/O, clock and runtime: from what a run knows and the answer
//! that came, each function makes the next request. The lease says who may write and send calls; the log is what is written.
//!
//! [`RemoteStore`](super::RemoteStore) carries the requests out. `protocol/tests.rs` explores the same functions exhaustively: two runs, in
//! every order of requests and answers, with crashes, lost answers, late requests and sleep. The decision 0022 holds the
//! argument.
//!
//! An operation may be dropped while it waits for an answer. So what must be remembered of a request is in [`LeaseState`] or
//! [`LogEnd`] before the request is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Put;
use crate::{StateError, format::Lease};

#[cfg(test)]
mod tests;

/// Why a holder has not renewed its lease, where no renewal has failed.
const BUSY: &str = "the process was stopped meanwhile, or busy";

/// Who is waited for where there is no lease.
const REMOVED: &str = "a run whose lease somebody has removed";

/// The rules that the tests take out one by one, to see that each is needed. A store has them all.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Rules {
    /// A run sends one text to each position.
    one_text: bool,
    /// Whoever takes over a lease that was not given back writes a fence first.
    fence: bool,
    /// The holder stops earlier than the next one may begin.
    margin: bool,
    /// The holder counts the time in which its machine sleeps.
    sleep_counts: bool,
    /// A run that has taken the lease looks at the end of the log: it is no later run's, and a fence of its own is the last.
    read_again: bool,
    /// A run that gave up a call without an answer does not give the lease back.
    answered: bool,
    /// A run that finds no lease beside a log waits as long as for one that is not given back: its holder may not know yet.
    removal_waits: bool,
}

impl Rules {
    pub(super) const ALL: Self = Self {
        one_text: true,
        fence: true,
        margin: true,
        sleep_counts: true,
        read_again: true,
        answered: true,
        removal_waits: true,
    };
}

/// The time since some moment, read from two clocks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Now {
    /// It may stand still while the machine sleeps, and so is never too fast: a waiting run counts on it.
    pub(super) awake: Duration,
    /// It runs while the machine sleeps, and so is never too slow: the holder counts on it.
    pub(super) total: Duration,
}

/// What an operation does next.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Step<R, D> {
    /// It asks for this, and goes on with the answer.
    Ask(R),
    /// It has ended.
    Done(D),
}

/// What an operation on the lease asks for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum LeaseRequest {
    /// Tell the user who is waited for.
    Tell(String),
    Pause(Duration),
    Read,
    /// The fencing number of the last entry of the log.
    ReadFencing,
    Write(Attempt),
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum LeaseAnswer {
    /// The operation begins, or what was asked for has no answer.
    Nothing,
    Lease(Option<KeptLease>),
    Fencing(u64),
    Written(Attempt, Put),
}

/// The lease as it is kept.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct KeptLease {
    pub(super) lease: Lease,
    pub(super) etag: String,
}

/// A write of the lease.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Attempt {
    pub(super) lease: Lease,
    /// The etag of the lease that it replaces; `None` if there must be none.
    pub(super) replaces: Option<String>,
    /// When it was sent first.
    at: Duration,
}

/// How a lease was taken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Taken {
    /// Counts the holders.
    pub(super) fencing: u64,
    /// Whether the holder before may still write, as it has not given the lease back.
    pub(super) needs_fence: bool,
}

/// The lease of one stack, as this run holds it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct LeaseState {
    stack: String,
    /// What tells this run from all others.
    run: String,
    /// How long the lease lasts without being renewed.
    ttl: Duration,
    rules: Rules,
    held: Option<Held>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Held {
    lease: Lease,
    etag: String,
    /// When the last renewal was sent.
    renewed: Duration,
    /// Why it is not held any more.
    lost: Option<String>,
    /// Whether a call was given up that may still take effect.
    is_unanswered: bool,
}

/// What the holder of a lease does to keep it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Keep {
    Pause(Duration),
    /// Renew it within this time.
    Renew(Duration),
}

impl LeaseState {
    pub(super) fn new(stack: &str, run: String, ttl: Duration, rules: Rules) -> Self {
        Self { stack: stack.to_owned(), run, ttl, rules, held: None }
    }

    /// Whether this run may send calls.
    pub(super) fn check(&self, now: Now) -> Result<(), StateError> {
        Err(self.lost_error(match &self.held {
            None => "it has not taken it".to_owned(),
            Some(Held { lost: Some(detail), .. }) => detail.clone(),
            Some(held) if !self.left(held, now).is_zero() => return Ok(()),
            Some(_) => self.expired(BUSY),
        }))
    }

    /// What is to be done now so that the lease is kept. `failure` is why the last renewal has failed.
    pub(super) fn keep(&mut self, failure: Option<&str>, now: Now) -> Result<Keep, StateError> {
        if let Some(held @ Held { lost: None, .. }) = &self.held {
            let left = self.left(held, now);
            let due = (held.renewed + self.ttl / 3).saturating_sub(self.count(now));
            if !left.is_zero() {
                // The pause is short, as the timers of the runtime come too late by how long the machine sleeps meanwhile.
                return Ok(if due.is_zero() { Keep::Renew(left) } else { Keep::Pause(due.min(self.ttl / 60)) });
            }
            self.lose(self.expired(failure.unwrap_or(BUSY)));
        }
        self.check(now).map(|()| Keep::Pause(Duration::ZERO))
    }

    /// How long to wait after a renewal that has failed.
    pub(super) fn retry_pause(&self, now: Now) -> Duration {
        self.held.as_ref().map_or(Duration::ZERO, |held| self.left(held, now)).min(self.ttl / 12)
    }

    /// How long the holder may go on. The rest of the lease is for a call that is on its way by then.
    fn left(&self, held: &Held, now: Now) -> Duration {
        (held.renewed + self.holds_for()).saturating_sub(self.count(now))
    }

    fn holds_for(&self) -> Duration {
        if self.rules.margin { self.ttl * 5 / 6 } else { self.ttl }
    }

    /// The time as the holder counts it.
    fn count(&self, now: Now) -> Duration {
        if self.rules.sleep_counts { now.total } else { now.awake }
    }

    fn expired(&self, cause: &str) -> String {
        format!("it was not renewed for {} s: {cause}", self.holds_for().as_secs())
    }

    /// This run sends no call any more, as it is about to give the lease back.
    pub(super) fn stop(&mut self) {
        self.lose("it has given it back".to_owned());
    }

    /// This run gave up a call without an answer, and it may still take effect. So the lease is to run out.
    pub(super) fn leave_unanswered(&mut self) {
        if let Some(held) = &mut self.held {
            held.is_unanswered = self.rules.answered;
        }
    }

    fn lose(&mut self, detail: String) {
        if let Some(held) = &mut self.held {
            held.lost.get_or_insert(detail);
        }
    }

    fn lost_error(&self, detail: String) -> StateError {
        StateError::LeaseLost { stack: self.stack.clone(), detail }
    }

    fn locked_error(&self, lease: Lease) -> StateError {
        StateError::Locked { stack: self.stack.clone(), holder: lease.holder }
    }
}

/// Takes the lease, once it is known whether a holder that has not given it back is still there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Acquire {
    holder: String,
    /// What stands in the way, and since when it is unchanged.
    watched: Option<(Obstacle, Duration)>,
    /// The attempts so far, by fencing number: one whose answer was lost may be the one that succeeded.
    attempts: BTreeMap<u64, (Taken, Duration)>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Obstacle {
    /// The lease of another run, by its etag.
    Lease(String),
    /// There is none, as somebody has removed it, and the last entry of the log has this number: its holder may not know yet.
    Removed(u64),
}

impl Acquire {
    pub(super) fn new(holder: &str) -> Self {
        Self { holder: holder.to_owned(), watched: None, attempts: BTreeMap::new() }
    }

    pub(super) fn next(
        &mut self,
        state: &mut LeaseState,
        answer: LeaseAnswer,
        now: Now,
    ) -> Result<Step<LeaseRequest, Taken>, StateError> {
        Ok(match answer {
            LeaseAnswer::Nothing => Step::Ask(LeaseRequest::Read),
            LeaseAnswer::Lease(Some(kept)) => return self.decide(state, kept, now),
            // The numbers go on even if somebody has deleted the lease.
            LeaseAnswer::Lease(None) => Step::Ask(LeaseRequest::ReadFencing),
            LeaseAnswer::Fencing(last) => self.without_lease(state, last, now),
            // Whoever was faster shows at the next look, be it this run. The pause is for a bucket whose reads lag behind.
            LeaseAnswer::Written(_, Put::Refused) => Step::Ask(LeaseRequest::Pause(state.ttl / 600)),
            LeaseAnswer::Written(Attempt { lease, at, .. }, Put::Done(etag)) => {
                self.succeeded(state, KeptLease { lease, etag }, Some(at))?
            }
        })
    }

    /// Takes the lease where there is none, under the number after that of the last entry of the log.
    fn without_lease(&mut self, state: &LeaseState, last: u64, now: Now) -> Step<LeaseRequest, Taken> {
        let is_new = last == 0;
        if !is_new && state.rules.removal_waits {
            match &self.watched {
                Some((Obstacle::Removed(seen), since)) if *seen == last => {
                    if now.awake.saturating_sub(*since) < state.ttl {
                        return Step::Ask(LeaseRequest::Pause(state.ttl / 12));
                    }
                }
                _ => {
                    self.watched = Some((Obstacle::Removed(last), now.awake));
                    return Step::Ask(LeaseRequest::Tell(REMOVED.to_owned()));
                }
            }
        }
        self.attempt(state, Taken { fencing: last + 1, needs_fence: true }, None, 0, now)
    }

    fn decide(
        &mut self,
        state: &mut LeaseState,
        kept: KeptLease,
        now: Now,
    ) -> Result<Step<LeaseRequest, Taken>, StateError> {
        let KeptLease { lease, etag } = &kept;
        let is_own = lease.run == state.run && !lease.is_free;
        if is_own {
            return self.succeeded(state, kept, None);
        }
        let needs_fence = !lease.is_free;
        if needs_fence {
            match &self.watched {
                None => {
                    self.watched = Some((Obstacle::Lease(etag.clone()), now.awake));
                    return Ok(Step::Ask(LeaseRequest::Tell(kept.lease.holder)));
                }
                // It was renewed meanwhile, so its holder is at work.
                Some((first, _)) if *first != Obstacle::Lease(etag.clone()) => {
                    return Err(state.locked_error(kept.lease));
                }
                Some((_, since)) if now.awake.saturating_sub(*since) < Duration::from_millis(lease.ttl) => {
                    return Ok(Step::Ask(LeaseRequest::Pause(state.ttl / 12)));
                }
                Some(_) => {}
            }
        }
        let taken = Taken { fencing: lease.fencing + 1, needs_fence };
        Ok(self.attempt(state, taken, Some(kept.etag), kept.lease.serial, now))
    }

    fn attempt(
        &mut self,
        state: &LeaseState,
        taken: Taken,
        replaces: Option<String>,
        serial: u64,
        now: Now,
    ) -> Step<LeaseRequest, Taken> {
        let at = state.count(now);
        self.attempts.entry(taken.fencing).or_insert((taken, at)).0.needs_fence |= taken.needs_fence;
        let lease = Lease {
            stack: state.stack.clone(),
            fencing: taken.fencing,
            holder: self.holder.clone(),
            run: state.run.clone(),
            ttl: u64::try_from(state.ttl.as_millis()).unwrap_or(u64::MAX),
            renewals: 0,
            is_free: false,
            serial,
        };
        Step::Ask(LeaseRequest::Write(Attempt { lease, replaces, at }))
    }

    /// An attempt of this run has succeeded. Where it is not known which one, the first one counts.
    fn succeeded(
        &self,
        state: &mut LeaseState,
        KeptLease { lease, etag }: KeptLease,
        at: Option<Duration>,
    ) -> Result<Step<LeaseRequest, Taken>, StateError> {
        let Some((taken, first)) = self.attempts.get(&lease.fencing) else { return Err(state.locked_error(lease)) };
        state.held = Some(Held { lease, etag, renewed: at.unwrap_or(*first), lost: None, is_unanswered: false });
        Ok(Step::Done(*taken))
    }
}

/// Changes the lease that this run holds, or finds out that it does not.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Change {
    /// Renews it, even if it has run out: that it is as this run has left it shows that nobody has had it since.
    Renew,
    /// Gives it back, with the serial of the state that is kept, where that is known.
    Release(Option<u64>),
    /// Leaves it to run out, under this number at least: it is older than the log, as somebody has put an earlier one in its place.
    /// The run that had it may still be at work.
    Raise(u64),
}

impl Change {
    pub(super) fn next(
        self,
        state: &mut LeaseState,
        answer: LeaseAnswer,
        now: Now,
    ) -> Result<Step<LeaseRequest, ()>, StateError> {
        match answer {
            LeaseAnswer::Written(_, Put::Refused) => return Ok(Step::Ask(LeaseRequest::Read)),
            LeaseAnswer::Written(Attempt { lease, at, .. }, Put::Done(etag)) => {
                if lease.is_free {
                    state.held = None;
                } else if let Some(held) = &mut state.held {
                    (held.lease, held.etag, held.renewed) = (lease, etag, at);
                }
                return Ok(Step::Done(()));
            }
            LeaseAnswer::Lease(Some(KeptLease { lease, etag })) if lease.run == state.run => {
                // An earlier change whose answer was lost. When it was sent is not known, so it does not count: the next
                // attempt does.
                if lease.is_free && matches!(self, Self::Release(_)) {
                    state.held = None;
                    return Ok(Step::Done(()));
                }
                if let Some(held) = &mut state.held {
                    // If it is an earlier one that somebody has put back, no later one is to be the same as one that others saw.
                    let renewals = lease.renewals.max(held.lease.renewals);
                    (held.lease, held.etag) = (Lease { renewals, ..lease }, etag);
                }
            }
            LeaseAnswer::Lease(kept) => {
                let detail = match kept {
                    Some(kept) => format!("it ran out, and {} has taken it over", kept.lease.holder),
                    None => "somebody has deleted it".to_owned(),
                };
                state.lose(detail.clone());
                return Err(state.lost_error(detail));
            }
            LeaseAnswer::Nothing | LeaseAnswer::Fencing(_) => {}
        }
        self.attempt(state, now)
    }

    fn attempt(self, state: &mut LeaseState, now: Now) -> Result<Step<LeaseRequest, ()>, StateError> {
        let at = state.count(now);
        if !matches!(self, Self::Renew) {
            // From now on another run may have it.
            state.stop();
        }
        let Some(held) = &mut state.held else { return state.check(now).map(|()| Step::Done(())) };
        let mut lease = held.lease.clone();
        match (self, &held.lost) {
            (Self::Renew, Some(detail)) => {
                let detail = detail.clone();
                return Err(state.lost_error(detail));
            }
            (Self::Renew, None) => lease.renewals += 1,
            (Self::Raise(fencing), _) => lease.fencing = lease.fencing.max(fencing),
            (Self::Release(_), _) if held.is_unanswered => {
                return Err(StateError::Unanswered { stack: state.stack.clone() });
            }
            (Self::Release(serial), _) => {
                lease.is_free = true;
                // A log that was found to end earlier has lost something, and the next run is to find that, too.
                lease.serial = lease.serial.max(serial.unwrap_or_default());
            }
        }
        Ok(Step::Ask(LeaseRequest::Write(Attempt { lease, replaces: Some(held.etag.clone()), at })))
    }
}

/// The end of the log, as the run knows it that may write. `T` is an entry.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct LogEnd<T> {
    rules: Rules,
    /// The number of the lease under which this run writes.
    fencing: u64,
    /// The last position that is known to be taken.
    position: u64,
    /// What was sent to the next position, and may be there or yet arrive there.
    sent: Option<T>,
}

/// What a write asks for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum LogRequest<T> {
    /// What is to be written, given the log as it is known by now.
    Content,
    Put(u64, T),
    Get(u64),
    /// Add this to the log that is known.
    Add(T),
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum LogAnswer<T> {
    /// The write begins.
    Nothing,
    /// `None` if there is nothing to be written.
    Content(Option<T>),
    Put(Put),
    /// The entry, if there is one, and the number of the lease under which it was written.
    Got(Option<(T, u64)>),
    Added(T),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Outcome {
    Written,
    /// Another run has written to this position.
    Overtaken,
}

impl<T: Clone + PartialEq> LogEnd<T> {
    /// Goes on from a log whose last entry is at `position` and was written under the lease `fencing`. Returns the end of the
    /// log, and the fence that is to be written first, after which the log is read again: only a fence that is the last entry
    /// stops the earlier run. One that was put where that run had deleted an entry meanwhile does not.
    ///
    /// `None` if another run has written under this number or a later one: it has taken the lease over already, and the fence that
    /// is to stop this run is behind it; or the lease that this run has taken was older than the log.
    pub(super) fn new(
        taken: Taken,
        position: u64,
        fencing: u64,
        has_fenced: bool,
        rules: Rules,
    ) -> Option<(Self, Option<Write>)> {
        let is_own = has_fenced && fencing == taken.fencing;
        let is_fenced = !taken.needs_fence || !rules.fence || is_own;
        let fence = (!is_fenced).then_some(Write { is_fence: true, is_repeated: false });
        let end = Self { rules, fencing: taken.fencing, position, sent: None };
        (is_own || fencing < taken.fencing || !rules.read_again).then_some((end, fence))
    }

    pub(super) fn fencing(&self) -> u64 {
        self.fencing
    }

    /// The first position that is free, as far as this run knows.
    pub(super) fn next(&self) -> u64 {
        self.position + 1
    }
}

/// Writes an entry.
///
/// A run sends one text only to each position, and goes on to the next once it is known to be there. So the first new text of
/// a run that another one has overtaken is sent to where the fence is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Write {
    is_fence: bool,
    /// Whether what is being sent is the entry of an earlier write.
    is_repeated: bool,
}

impl Write {
    pub(super) fn next<T: Clone + PartialEq>(
        &mut self,
        end: &mut LogEnd<T>,
        answer: LogAnswer<T>,
    ) -> Step<LogRequest<T>, Outcome> {
        let next = end.next();
        match (answer, end.sent.clone()) {
            // What became of the last text is found out by sending it again.
            (LogAnswer::Nothing, Some(sent)) if end.rules.one_text => {
                self.is_repeated = true;
                Step::Ask(LogRequest::Put(next, sent))
            }
            (LogAnswer::Content(None), _) => Step::Done(Outcome::Written),
            (LogAnswer::Content(Some(entry)), _) => {
                // From now on it may be there, even if this write is dropped.
                end.sent = Some(entry.clone());
                self.is_repeated = false;
                Step::Ask(LogRequest::Put(next, entry))
            }
            (LogAnswer::Put(Put::Done(_)), Some(sent)) => Step::Ask(LogRequest::Add(sent)),
            (LogAnswer::Put(Put::Refused), _) => Step::Ask(LogRequest::Get(next)),
            (LogAnswer::Got(Some((found, fencing))), sent) => {
                // What the holder before has written in the meantime: only a run that puts its fence accepts that.
                let is_earlier = self.is_fence && !self.is_repeated && fencing < end.fencing;
                if is_earlier || sent.as_ref() == Some(&found) {
                    Step::Ask(LogRequest::Add(found))
                } else {
                    Step::Done(Outcome::Overtaken)
                }
            }
            // It was removed, as what other runs have written since holds it.
            (LogAnswer::Got(None), _) => Step::Done(Outcome::Overtaken),
            (LogAnswer::Added(entry), sent) => {
                (end.position, end.sent) = (next, None);
                let is_done = !self.is_repeated && sent == Some(entry);
                if is_done { Step::Done(Outcome::Written) } else { Step::Ask(LogRequest::Content) }
            }
            (LogAnswer::Nothing, _) | (LogAnswer::Put(Put::Done(_)), None) => Step::Ask(LogRequest::Content),
        }
    }
}

/// Those of `positions` that may be deleted once there is a whole state at `position`: all before it that are no fence.
pub(super) fn superfluous(positions: &BTreeSet<u64>, position: u64, fences: &BTreeSet<u64>) -> Vec<u64> {
    positions.range(..position).filter(|old| !fences.contains(old)).copied().collect()
}
