//! What may happen next, and what must hold.

use stateright::{Model, Property};

use super::{super::*, world::*};

/// What is explored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) rules: Rules,
    /// Whether there is a state already, and a lease that was given back.
    pub(super) begins: &'static [bool],
    /// The times at which something happens, in ticks.
    pub(super) times: &'static [u32],
    /// How many entries each run writes, and how many calls it starts.
    pub(super) writes: [u8; 2],
    pub(super) calls: [u8; 2],
    /// How often each run renews its lease.
    pub(super) renewals: [u8; 2],
    pub(super) faults: Faults,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Action {
    Tick,
    /// A tick in which the machine of this run sleeps.
    TickAsleep(usize),
    /// What becomes of a request that is waiting to reach S3.
    Send(usize, usize, Fate),
    /// The request that was delayed reaches S3.
    ArriveLate,
    /// An answer reaches the run.
    Receive(usize, usize),
    Lock(usize),
    /// A run begins a write, or to give the lease back. Its first request is the same at whatever time it is made, so it is sent
    /// at once: waiting with it is waiting with the beginning.
    Start(usize, Purpose, Fate),
    /// The run makes sure that it still has the lease, as after a question to the user.
    Begin(usize),
    /// The run looks after its lease.
    Keep(usize),
    Call(usize),
    CallHasEffect(usize),
    Crash(usize),
    RemoveLease,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It reaches S3.
    Arrives,
    /// It reaches S3, and its answer is lost.
    AnswerLost(Then),
    /// It does not reach S3 now.
    Late(Then),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Then {
    Repeat,
    GiveUp,
}

pub(super) const KEPT: &str = "what was acknowledged is kept";
pub(super) const ONE_HISTORY: &str = "each position is written once, and the log is one history";
pub(super) const NO_LATE_EFFECT: &str = "no call has its effect after another run has begun";
pub(super) const NO_LATE_START: &str = "no call starts after another run has begun";
pub(super) const HAS_SUCCESSOR: &str = "where no run is at work, a new one can begin, finds all, and can finish";
pub(super) const BOTH_FINISH: &str = "both runs finish";
pub(super) const ONE_FINISHES: &str = "one run finishes after the other has crashed";

pub(super) const LATE_RENEWAL: &str = "a renewal in the background is delayed while a call is on its way";

impl Bounds {
    fn has_like_runs(&self) -> bool {
        [self.writes, self.calls, self.renewals].iter().all(|[a, b]| a == b)
    }
}

impl World {
    /// What may become of a request.
    fn fates(&self, request: &Request) -> impl Iterator<Item = Fate> {
        let lost: &[Fate] = match self.faults.losses {
            0 => &[],
            _ => &[Fate::AnswerLost(Then::Repeat), Fate::AnswerLost(Then::GiveUp)],
        };
        let late: &[Fate] = match request {
            _ if self.faults.delays == 0 => &[],
            // A read that arrives late is none.
            Request::ReadLog
            | Request::Lease(LeaseRequest::Read | LeaseRequest::ReadFencing)
            | Request::Log(LogRequest::Get(_)) => &[],
            // Nobody deletes again what could not be deleted.
            Request::Prune { .. } => &[Fate::Late(Then::GiveUp)],
            _ => &[Fate::Late(Then::Repeat), Fate::Late(Then::GiveUp)],
        };
        [&[Fate::Arrives], lost, late].into_iter().flatten().copied()
    }

    /// `None` if there is no request.
    fn send(&mut self, index: usize, slot: usize, fate: Fate) -> Option<()> {
        let request = || Some(self.runs[index].operations[slot].as_ref()?.request.clone());
        let then = match fate {
            Fate::Arrives => {
                self.arrive(index, slot);
                return Some(());
            }
            Fate::AnswerLost(then) => {
                let request = request()?;
                self.serve(&request);
                self.faults.losses -= 1;
                then
            }
            Fate::Late(then) => {
                self.late = Some(request()?);
                self.faults.delays -= 1;
                then
            }
        };
        if then == Then::GiveUp {
            self.give_up(index, slot);
        }
        Some(())
    }
}

impl Model for Bounds {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        self.begins.iter().map(|is_used| World::new(self, *is_used)).collect()
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        // A call has its effect in time.
        let is_in_time = |next: &u32| world.runs.iter().all(|run| run.call.is_none_or(|(end, _)| *next <= end));
        let is_over = world.runs.iter().all(|run| run.phase != Phase::New && !run.is_at_work());
        let may_tick = !is_over && self.times.get(world.time + 1).is_some_and(is_in_time);
        if may_tick {
            actions.push(Action::Tick);
        }
        if world.late.is_some() {
            actions.push(Action::ArriveLate);
        }
        if world.faults.removals > 0 && world.lease.is_some() {
            actions.push(Action::RemoveLease);
        }
        for (index, run) in world.runs.iter().enumerate() {
            // Where the runs differ, it is the machine of the one with the call: the sleep of the other only makes it wait longer.
            let may_sleep = world.faults.sleep > 0 && run.is_at_work() && (index == 0 || self.has_like_runs());
            if may_tick && may_sleep {
                actions.push(Action::TickAsleep(index));
            }
            for (slot, operation) in run.operations.iter().enumerate() {
                let Some(operation) = operation else { continue };
                if operation.answer.is_some() {
                    actions.push(Action::Receive(index, slot));
                    continue;
                }
                actions.extend(world.fates(&operation.request).map(|fate| Action::Send(index, slot, fate)));
            }
            if run.call.is_some() {
                actions.push(Action::CallHasEffect(index));
            }
            let is_idle = run.operations[MAIN].is_none();
            match run.phase {
                // Where the runs are alike, it is the first that begins.
                Phase::New if index > 0 && world.runs[0].phase == Phase::New && self.has_like_runs() => {}
                Phase::New => actions.push(Action::Lock(index)),
                Phase::Begun => {
                    let may_release = run.operations[KEEP].is_none();
                    for (purpose, may) in [
                        (Purpose::Append, run.writes > 0),
                        (Purpose::Replace, run.writes > 0),
                        (Purpose::Settle, may_release),
                    ] {
                        if is_idle && may {
                            let fates = world.fates(&Request::Log(LogRequest::Content));
                            actions.extend(fates.map(|fate| Action::Start(index, purpose, fate)));
                        }
                    }
                    // As an apply does first.
                    let has_done_nothing = run.writes == self.writes[index] && run.calls == self.calls[index];
                    if is_idle && run.renewals > 0 && has_done_nothing {
                        actions.push(Action::Begin(index));
                    }
                    if run.operations[KEEP].is_none() && run.renewals > 0 {
                        actions.push(Action::Keep(index));
                    }
                    if run.calls > 0 && run.call.is_none() {
                        actions.push(Action::Call(index));
                    }
                }
                Phase::Locking | Phase::Finished | Phase::Ended | Phase::Crashed => {}
            }
            if world.faults.crashes > 0 && run.is_at_work() {
                actions.push(Action::Crash(index));
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Tick => {
                world.pass(self.times[world.time + 1]);
            }
            Action::TickAsleep(index) => {
                world.runs[index].slept += world.pass(self.times[world.time + 1]);
                world.faults.sleep -= 1;
            }
            Action::Send(index, slot, fate) => world.send(index, slot, fate)?,
            Action::ArriveLate => {
                let request = world.late.take()?;
                world.serve(&request);
            }
            Action::Receive(index, slot) => {
                let Operation { kind, answer, .. } = *world.runs[index].operations[slot].take()?;
                world.advance(index, slot, kind, answer?);
            }
            Action::Lock(index) => world.lock(index),
            Action::Start(index, purpose, fate) => {
                let run = &mut world.runs[index];
                if purpose == Purpose::Settle {
                    run.lease.stop();
                    if run.call.is_some() {
                        run.lease.leave_unanswered();
                    }
                } else {
                    // Each write adds one change that no other one equals.
                    run.state |= 1 << (4 * index + usize::from(run.writes));
                    run.writes -= 1;
                }
                world.start_write(index, purpose);
                world.send(index, MAIN, fate)?;
            }
            Action::Begin(index) => {
                world.runs[index].renewals -= 1;
                world.start_change(index, MAIN, Change::Renew);
            }
            Action::Keep(index) => {
                let now = world.now(index);
                match world.runs[index].lease.keep(None, now) {
                    Ok(Keep::Renew(_)) => {
                        world.runs[index].renewals -= 1;
                        world.start_change(index, KEEP, Change::Renew);
                    }
                    Ok(Keep::Pause(_)) => return None,
                    Err(_) => {}
                }
            }
            Action::Call(index) => {
                let now = world.now(index);
                let run = &mut world.runs[index];
                run.lease.check(now).ok()?;
                run.calls -= 1;
                run.call = Some((world.ticks + CALL, run.begun));
                world.has_late_start |= run.begun < world.begun;
            }
            Action::CallHasEffect(index) => {
                let (_, begun) = world.runs[index].call.take()?;
                world.has_late_effect |= begun < world.begun;
            }
            Action::RemoveLease => {
                world.lease = None;
                world.faults.removals -= 1;
            }
            Action::Crash(index) => {
                world.runs[index].end(Phase::Crashed);
                world.faults.crashes -= 1;
            }
        }
        world.forget_vain();
        world.runs.iter_mut().for_each(Run::forget_time);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(KEPT, |_, world: &World| {
                world.read().is_some_and(|log| world.acknowledged & !log.state.unwrap_or(0) == 0)
            }),
            Property::always(ONE_HISTORY, |_, world: &World| {
                !world.is_rewritten && world.read_entries().is_sorted_by_key(|(_, entry, _)| entry.fencing)
            }),
            Property::always(NO_LATE_EFFECT, |_, world: &World| !world.has_late_effect),
            Property::always(NO_LATE_START, |_, world: &World| !world.has_late_start),
            Property::always(HAS_SUCCESSOR, |_, world: &World| {
                world.runs.iter().any(|run| run.phase == Phase::Begun) || world.has_successor()
            }),
            Property::sometimes(BOTH_FINISH, |_, world: &World| {
                world.runs.iter().all(|run| run.phase == Phase::Finished)
            }),
            Property::sometimes(LATE_RENEWAL, |_, world: &World| {
                let is_late = matches!(world.late, Some(Request::Lease(_)));
                is_late && world.runs.iter().any(|run| run.operations[KEEP].is_some() && run.call.is_some())
            }),
            Property::sometimes(ONE_FINISHES, |_, world: &World| {
                world.runs.each_ref().map(|run| run.phase) == [Phase::Crashed, Phase::Finished]
            }),
        ]
    }
}
