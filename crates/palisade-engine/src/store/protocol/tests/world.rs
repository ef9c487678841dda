//! What is around the runs: the objects in S3, which are written on a condition, the account in AWS, and the time; and what a run
//! does with an answer, by the functions of [`protocol`](super::super).
//!
//! A read of the log is one step. In S3 it is a list and several reads, and gives what there was at the time of the list: an
//! entry does not change, and if one is missing the read begins anew.

use std::collections::BTreeSet;

use super::{super::*, model::Bounds};

/// Of these, the lease lasts six, and its holder stops after five: the unit of time.
const TICK: Duration = Duration::from_secs(10);
pub(super) const TTL: u32 = 6;
/// How long a call to AWS takes at most until it has its effect: what the margin is for.
pub(super) const CALL: u32 = 1;

/// What may yet go wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Faults {
    /// A run ends without a word.
    pub(super) crashes: u8,
    /// A request arrives only once its sender has no hope for it any more, and has sent it again or given up.
    pub(super) delays: u8,
    /// An answer is lost, and the request is sent again, or the operation given up.
    pub(super) losses: u8,
    /// For how many steps of the time a machine sleeps.
    pub(super) sleep: u8,
    /// Somebody removes the lease.
    pub(super) removals: u8,
}

/// A set of changes to the state, by number.
pub(super) type Changes = u8;

/// An entry of the log.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Entry {
    pub(super) fencing: u64,
    content: Content,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Content {
    /// The whole state, and the positions of the fences before it as bits.
    State {
        state: Changes,
        fences: u16,
    },
    /// Changes to this state.
    Records {
        before: Changes,
        changes: Changes,
    },
    Fence,
}

/// The log as a run knows it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Log {
    pub(super) position: u64,
    pub(super) fencing: u64,
    pub(super) state: Option<Changes>,
    pub(super) fences: u16,
}

/// A request to S3.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Request {
    Lease(LeaseRequest),
    Log(LogRequest<Entry>),
    ReadLog,
    Prune { position: u64, fences: u16 },
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Answer {
    Lease(LeaseAnswer),
    Log(LogAnswer<Entry>),
    ReadLog(Option<Log>),
    Pruned,
}

/// What a run is at, with what it waits for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    pub(super) request: Request,
    /// The answer, if it is on its way.
    pub(super) answer: Option<Answer>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Kind {
    Acquire(Acquire),
    /// Whether it has put its fence.
    ReadLog(Taken, bool),
    Change(Change),
    /// A write, and whether it is of the whole state.
    Write(Write, Purpose),
    Prune,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Purpose {
    Fence(Taken),
    Append,
    Replace,
    /// It finds out what became of the last write, before it gives the lease back.
    Settle,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Phase {
    New,
    Locking,
    /// It has the lock.
    Begun,
    /// It has given the lease back after all that it had to do.
    Finished,
    /// It has given the lease back earlier, or could not get it, or not give it back.
    Ended,
    Crashed,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Run {
    pub(super) phase: Phase,
    pub(super) lease: LeaseState,
    pub(super) end: Option<LogEnd<Entry>>,
    pub(super) log: Log,
    /// The state as this run has it in memory.
    pub(super) state: Changes,
    /// The operation, and the renewal beside it. They are large, and each step copies all that is not behind a pointer.
    pub(super) operations: [Option<Box<Operation>>; 2],
    /// Which of all beginnings was its own.
    pub(super) begun: u8,
    /// When the call that is on its way has its effect at the latest, and after which beginning it was sent.
    pub(super) call: Option<(u32, u8)>,
    pub(super) slept: u32,
    /// How many of each it may yet do.
    pub(super) writes: u8,
    pub(super) calls: u8,
    pub(super) renewals: u8,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct World {
    /// The time, as an index into those of the bounds, and in ticks.
    pub(super) time: usize,
    pub(super) ticks: u32,
    pub(super) lease: Option<Lease>,
    /// What was ever written to each position, and whether it is still there.
    pub(super) log: Vec<(Entry, bool)>,
    /// Whether two texts were written to one position, or one where none may be.
    pub(super) is_rewritten: bool,
    /// A write that arrives late.
    pub(super) late: Option<Request>,
    pub(super) runs: [Run; 2],
    /// How many runs have begun.
    pub(super) begun: u8,
    /// Whether a run with an earlier lease has sent a call since then, or one of its calls has had its effect.
    pub(super) has_late_start: bool,
    pub(super) has_late_effect: bool,
    /// The changes that were acknowledged to the run that made them.
    pub(super) acknowledged: Changes,
    pub(super) faults: Faults,
}

pub(super) const MAIN: usize = 0;
pub(super) const KEEP: usize = 1;

fn positions(bits: u16) -> BTreeSet<u64> {
    (0..16).filter(|position| bits >> position & 1 == 1).collect()
}

/// No two leases have the same text, so it serves as the etag, as in S3.
fn etag(lease: &Lease) -> String {
    format!("{}/{}/{}/{}/{}", lease.fencing, lease.run, lease.renewals, lease.is_free, lease.serial)
}

impl Log {
    /// Adds an entry at the next position. False if it does not fit.
    fn add(&mut self, position: u64, entry: Entry) -> bool {
        match entry.content {
            Content::State { state, fences } => {
                self.state = Some(state);
                self.fences |= fences;
            }
            Content::Records { before, changes } if self.state == Some(before) && before & changes == 0 => {
                self.state = Some(before | changes);
            }
            Content::Records { .. } => return false,
            Content::Fence => self.fences |= 1 << position,
        }
        (self.position, self.fencing) = (position, entry.fencing);
        true
    }
}

impl Run {
    fn new(name: &str, rules: Rules) -> Self {
        Self {
            phase: Phase::New,
            lease: LeaseState::new("", name.to_owned(), TICK * TTL, rules),
            end: None,
            log: Log::default(),
            state: 0,
            operations: [None, None],
            begun: 0,
            call: None,
            slept: 0,
            writes: 0,
            calls: 0,
            renewals: 0,
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        matches!(self.phase, Phase::Locking | Phase::Begun)
    }

    /// Forgets since when it has the lease, if it never looks at that.
    pub(super) fn forget_time(&mut self) {
        let has_no_use = self.calls == 0 && self.renewals == 0 && self.operations[KEEP].is_none();
        if let Some(held) = &mut self.lease.held
            && has_no_use
        {
            held.renewed = Duration::ZERO;
            self.slept = 0;
        }
    }

    /// Nothing happens to this run any more, so nothing that it knows matters.
    pub(super) fn end(&mut self, phase: Phase) {
        // A call that is on its way is not called back.
        *self = Self { phase, call: self.call, ..Self::new("", self.lease.rules) };
    }
}

impl World {
    pub(super) fn new(bounds: &Bounds, is_used: bool) -> Self {
        let run = |index: usize, name| Run {
            writes: bounds.writes[index],
            calls: bounds.calls[index],
            renewals: bounds.renewals[index],
            ..Run::new(name, bounds.rules)
        };
        let first = Entry { fencing: 1, content: Content::State { state: 0, fences: 0 } };
        let free = Lease {
            stack: String::new(),
            fencing: 1,
            holder: String::new(),
            run: String::new(),
            ttl: u64::try_from((TICK * TTL).as_millis()).unwrap(),
            renewals: 0,
            is_free: true,
            serial: 0,
        };
        Self {
            time: 0,
            ticks: 0,
            lease: is_used.then_some(free),
            log: if is_used { vec![(first, true)] } else { Vec::new() },
            is_rewritten: false,
            late: None,
            runs: [run(0, "a"), run(1, "b")],
            begun: 0,
            has_late_start: false,
            has_late_effect: false,
            acknowledged: 0,
            faults: bounds.faults,
        }
    }

    pub(super) fn now(&self, run: usize) -> Now {
        // The clocks of two machines have nothing to do with each other.
        let total = TICK * (self.ticks + 100 * u32::try_from(run).unwrap());
        Now { awake: total.saturating_sub(TICK * self.runs[run].slept), total }
    }

    /// The entries from the last whole state on, with their positions, and whether they are there.
    pub(super) fn read_entries(&self) -> impl Iterator<Item = (u64, Entry, bool)> {
        let is_state = |(entry, is_there): &(Entry, bool)| *is_there && matches!(entry.content, Content::State { .. });
        let first = self.log.iter().rposition(is_state).unwrap_or(0);
        (1..).zip(&self.log).skip(first).map(|(position, (entry, is_there))| (position, *entry, *is_there))
    }

    /// The log as a reader finds it; `None` if it is damaged.
    pub(super) fn read(&self) -> Option<Log> {
        let mut log = Log::default();
        self.read_entries().all(|(position, entry, is_there)| is_there && log.add(position, entry)).then_some(log)
    }

    /// S3 does what is asked of it.
    pub(super) fn serve(&mut self, request: &Request) -> Answer {
        match request {
            Request::Lease(LeaseRequest::Read) => {
                let kept = self.lease.clone().map(|lease| KeptLease { etag: etag(&lease), lease });
                Answer::Lease(LeaseAnswer::Lease(kept))
            }
            Request::Lease(LeaseRequest::ReadFencing) => {
                Answer::Lease(LeaseAnswer::Fencing(self.read().map_or(0, |log| log.fencing)))
            }
            Request::Lease(LeaseRequest::Write(attempt)) => {
                let put = if self.lease.as_ref().map(etag) == attempt.replaces {
                    self.lease = Some(attempt.lease.clone());
                    Put::Done(etag(&attempt.lease))
                } else {
                    Put::Refused
                };
                Answer::Lease(LeaseAnswer::Written(attempt.clone(), put))
            }
            Request::Log(LogRequest::Put(position, entry)) => {
                let index = usize::try_from(*position).unwrap() - 1;
                let put = match self.log.get_mut(index) {
                    Some((_, true)) => Put::Refused,
                    Some((before, is_there)) => {
                        // What was removed may come again, but nothing else in its place, except for a fence that is then
                        // not the last entry: nobody reads it, and its writer puts another one.
                        let is_fence = [before.content, entry.content].contains(&Content::Fence);
                        self.is_rewritten |= *before != *entry && !is_fence;
                        (*before, *is_there) = (*entry, true);
                        Put::Done(String::new())
                    }
                    None => {
                        self.is_rewritten |= self.log.len() != index;
                        self.log.push((*entry, true));
                        Put::Done(String::new())
                    }
                };
                Answer::Log(LogAnswer::Put(put))
            }
            Request::Log(LogRequest::Get(position)) => {
                let entry = self.log.get(usize::try_from(*position).unwrap() - 1).filter(|(_, is_there)| *is_there);
                Answer::Log(LogAnswer::Got(entry.map(|(entry, _)| (*entry, entry.fencing))))
            }
            Request::ReadLog => Answer::ReadLog(self.read()),
            Request::Prune { position, fences } => {
                let there = (1..).zip(&self.log).filter(|(_, (_, is_there))| *is_there).map(|(position, _)| position);
                for old in superfluous(&there.collect(), *position, &positions(*fences)) {
                    self.log[usize::try_from(old).unwrap() - 1].1 = false;
                }
                Answer::Pruned
            }
            Request::Lease(_) | Request::Log(_) => unreachable!("no request to S3"),
        }
    }

    /// A request of a run reaches S3.
    pub(super) fn arrive(&mut self, index: usize, slot: usize) {
        let Some(operation) = self.runs[index].operations[slot].take() else { return };
        let answer = self.serve(&operation.request);
        let run = &self.runs[index];
        let is_awaited = match (&operation.kind, &answer) {
            // What follows depends neither on the time nor on another operation: the run may as well stand still afterwards.
            (Kind::Acquire(_), Answer::Lease(LeaseAnswer::Written(..))) => false,
            (_, Answer::Lease(LeaseAnswer::Written(..))) => run.operations[1 - slot].is_some() || run.renewals > 0,
            // When it is received matters, and what the other operation on the lease does before.
            (_, answer) => matches!(answer, Answer::Lease(_)),
        };
        if is_awaited {
            self.runs[index].operations[slot] = Some(Box::new(Operation { answer: Some(answer), ..*operation }));
        } else {
            self.advance(index, slot, operation.kind, answer);
        }
    }

    /// A run takes an answer, and works until it makes the next request to S3, or its operation ends.
    pub(super) fn advance(&mut self, index: usize, slot: usize, mut kind: Kind, mut answer: Answer) {
        let now = self.now(index);
        let rules = self.runs[index].lease.rules;
        loop {
            let run = &mut self.runs[index];
            let request = match (&mut kind, answer) {
                (Kind::Acquire(acquire), Answer::Lease(answer)) => match acquire.next(&mut run.lease, answer, now) {
                    Ok(Step::Ask(request)) => Request::Lease(request),
                    Ok(Step::Done(taken)) => {
                        kind = Kind::ReadLog(taken, false);
                        Request::ReadLog
                    }
                    Err(_) => return run.end(Phase::Ended),
                },
                (Kind::ReadLog(taken, has_fenced), Answer::ReadLog(Some(log))) => {
                    let end = LogEnd::new(*taken, log.position, log.fencing, *has_fenced, rules);
                    let Some((end, fence)) = end else {
                        kind = Kind::Change(Change::Raise(log.fencing));
                        answer = Answer::Lease(LeaseAnswer::Nothing);
                        continue;
                    };
                    (run.end, run.log) = (Some(end), log);
                    let Some(fence) = fence else { return self.begin(index) };
                    kind = Kind::Write(fence, Purpose::Fence(*taken));
                    answer = Answer::Log(LogAnswer::Nothing);
                    continue;
                }
                (Kind::Change(change), Answer::Lease(answer)) => {
                    match (*change, change.next(&mut run.lease, answer, now)) {
                        (_, Ok(Step::Ask(request))) => Request::Lease(request),
                        (Change::Renew, _) => return,
                        (Change::Release(_), Ok(_)) if run.writes == 0 && run.calls == 0 => {
                            return run.end(Phase::Finished);
                        }
                        (Change::Release(_) | Change::Raise(_), _) => return run.end(Phase::Ended),
                    }
                }
                (Kind::Write(write, purpose), Answer::Log(log)) => {
                    match (write.next(run.end.as_mut().unwrap(), log), *purpose) {
                        (Step::Ask(request), _) => Request::Log(request),
                        (Step::Done(Outcome::Overtaken), Purpose::Append | Purpose::Replace) => return,
                        (Step::Done(Outcome::Overtaken), Purpose::Fence(_) | Purpose::Settle) => {
                            return run.end(Phase::Ended);
                        }
                        (Step::Done(Outcome::Written), Purpose::Fence(_)) if !rules.read_again => {
                            return self.begin(index);
                        }
                        (Step::Done(Outcome::Written), Purpose::Fence(taken)) => {
                            kind = Kind::ReadLog(taken, true);
                            Request::ReadLog
                        }
                        (Step::Done(Outcome::Written), Purpose::Append) => {
                            self.acknowledged |= run.state;
                            return;
                        }
                        (Step::Done(Outcome::Written), Purpose::Replace) => {
                            self.acknowledged |= run.state;
                            kind = Kind::Prune;
                            Request::Prune { position: run.log.position, fences: run.log.fences }
                        }
                        (Step::Done(Outcome::Written), Purpose::Settle) => {
                            let serial = run.log.state.unwrap_or(0).count_ones();
                            kind = Kind::Change(Change::Release(Some(serial.into())));
                            answer = Answer::Lease(LeaseAnswer::Nothing);
                            continue;
                        }
                    }
                }
                _ => return,
            };
            // What is no request to S3 is answered at once.
            answer = match (&request, &kind) {
                (Request::Lease(LeaseRequest::Tell(_) | LeaseRequest::Pause(_)), _) => {
                    Answer::Lease(LeaseAnswer::Nothing)
                }
                (Request::Log(LogRequest::Content), Kind::Write(_, purpose)) => {
                    let fencing = run.end.as_ref().unwrap().fencing();
                    let (log, changes) = (&run.log, run.state & !run.log.state.unwrap_or(0));
                    let content = match (purpose, log.state) {
                        (Purpose::Fence(_), _) => Some(Content::Fence),
                        (Purpose::Replace, _) => Some(Content::State { state: run.state, fences: log.fences }),
                        // There is no state that could be changed.
                        (Purpose::Append, None) => return,
                        (Purpose::Append, Some(_)) if changes == 0 => None,
                        (Purpose::Append, Some(before)) => Some(Content::Records { before, changes }),
                        (Purpose::Settle, _) => None,
                    };
                    Answer::Log(LogAnswer::Content(content.map(|content| Entry { fencing, content })))
                }
                (Request::Log(LogRequest::Add(entry)), _) => {
                    let position = run.end.as_ref().unwrap().next();
                    // What a run has sent fits to what it knows, and so does what comes before a fence.
                    assert!(run.log.add(position, *entry), "the log is damaged: {entry:?} at {position}");
                    Answer::Log(LogAnswer::Added(*entry))
                }
                _ => {
                    run.operations[slot] = Some(Box::new(Operation { kind, request, answer: None }));
                    return;
                }
            };
        }
    }

    /// The time passes until then. How long that is.
    pub(super) fn pass(&mut self, ticks: u32) -> u32 {
        let passed = ticks - self.ticks;
        (self.time, self.ticks) = (self.time + 1, ticks);
        passed
    }

    fn begin(&mut self, index: usize) {
        self.begun += 1;
        let run = &mut self.runs[index];
        (run.phase, run.state, run.begun) = (Phase::Begun, run.log.state.unwrap_or(0), self.begun);
    }

    /// A run sends its first request. Until that has reached S3, it is as if it had not begun.
    pub(super) fn lock(&mut self, index: usize) {
        self.runs[index].phase = Phase::Locking;
        self.advance(index, MAIN, Kind::Acquire(Acquire::new("")), Answer::Lease(LeaseAnswer::Nothing));
        self.arrive(index, MAIN);
    }

    pub(super) fn start_write(&mut self, index: usize, purpose: Purpose) {
        self.advance(index, MAIN, Kind::Write(Write::default(), purpose), Answer::Log(LogAnswer::Nothing));
    }

    pub(super) fn start_change(&mut self, index: usize, slot: usize, change: Change) {
        self.advance(index, slot, Kind::Change(change), Answer::Lease(LeaseAnswer::Nothing));
    }

    /// The sender of a request has no hope for it any more.
    pub(super) fn give_up(&mut self, index: usize, slot: usize) {
        let run = &mut self.runs[index];
        let given_up = run.operations[slot].take();
        let is_last = given_up.is_some_and(|operation| {
            matches!(operation.kind, Kind::Change(Change::Release(_)) | Kind::Write(_, Purpose::Settle))
        });
        if run.phase == Phase::Locking || is_last {
            run.end(Phase::Ended);
        }
    }

    /// Forgets a late request that can have no effect any more.
    pub(super) fn forget_vain(&mut self) {
        let is_vain = match &self.late {
            // A lease that was replaced never comes again.
            Some(Request::Lease(LeaseRequest::Write(attempt))) => self.lease.as_ref().map(etag) != attempt.replaces,
            // A fence is never deleted.
            Some(Request::Log(LogRequest::Put(position, _))) => self
                .log
                .get(usize::try_from(*position).unwrap() - 1)
                .is_some_and(|(entry, is_there)| *is_there && entry.content == Content::Fence),
            _ => false,
        };
        if is_vain {
            self.late = None;
        }
    }

    /// Whether a new run can take the stack over, finds all that was acknowledged, and gives the lease back, if all others
    /// stand still.
    pub(super) fn has_successor(&self) -> bool {
        let mut world = self.clone();
        world.runs[1] = Run::new("c", world.runs[1].lease.rules);
        world.lock(1);
        // It looks at the lease in each tick, until that has run out.
        for _ in 0..TTL + 12 {
            world.ticks += 1;
            let run = &mut world.runs[1];
            match run.operations[MAIN].take().map(|operation| *operation) {
                Some(Operation { kind, answer: Some(answer), .. }) => world.advance(1, MAIN, kind, answer),
                Some(operation) => {
                    run.operations[MAIN] = Some(Box::new(operation));
                    world.arrive(1, MAIN);
                }
                None if run.phase == Phase::Begun && self.acknowledged & !run.state == 0 => {
                    run.lease.stop();
                    world.start_write(1, Purpose::Settle);
                }
                None => break,
            }
        }
        world.runs[1].phase == Phase::Finished && world.lease.is_some_and(|lease| lease.is_free)
    }
}
