//! The protocol as a model that is explored exhaustively: two runs, the objects in S3 and the account in AWS, in every order.
//!
//! What a run does comes from the functions of [`protocol`](super). The model adds what is around them: the objects, which are
//! written on a condition, the time, and what goes wrong. A request and its answer are two steps, so everything may come between
//! them. The requests of one operation are made one after the other; the renewal of the lease runs beside it.
//!
//! A read of the log is one step. In S3 it is a list and several reads, and gives what there was at the time of the list: an
//! entry does not change, and if one is missing the read begins anew.

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::*;

/// Of these, the lease lasts six, and its holder stops after five: the unit of time.
const TICK: Duration = Duration::from_secs(10);
const TTL: u32 = 6;
/// How long a call to AWS takes at most until it has its effect: what the margin is for.
const CALL: u32 = 1;

/// What is explored.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    rules: Rules,
    /// Whether there is a state already, and a lease that was given back.
    begins: &'static [bool],
    /// The times at which something happens, in ticks.
    times: &'static [u32],
    /// How many entries each run writes, and how many calls it starts.
    writes: u8,
    calls: u8,
    /// How often each run renews its lease.
    renewals: u8,
    faults: Faults,
}

/// What may yet go wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Faults {
    /// A run ends without a word.
    crashes: u8,
    /// A request arrives only once its sender has no hope for it any more, and has sent it again or given up.
    delays: u8,
    /// An answer is lost, and the request is sent again, or the operation given up.
    losses: u8,
    /// How many ticks a machine sleeps.
    sleep: u8,
}

/// A set of changes to the state, by number.
type Changes = u8;

/// An entry of the log.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Entry {
    fencing: u64,
    content: Content,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Content {
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
struct Log {
    position: u64,
    fencing: u64,
    state: Option<Changes>,
    fences: u16,
}

/// A request to S3.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Request {
    Lease(LeaseRequest),
    Log(LogRequest<Entry>),
    ReadLog,
    Prune { position: u64, fences: u16 },
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Answer {
    Lease(LeaseAnswer),
    Log(LogAnswer<Entry>),
    ReadLog(Option<Log>),
    Pruned,
}

/// What a run is at, with what it waits for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Operation {
    kind: Kind,
    request: Request,
    /// The answer, if it is on its way.
    answer: Option<Answer>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Kind {
    Acquire(Acquire),
    ReadLog(Taken),
    Change(Change),
    /// A write, and whether it is of the whole state.
    Write(Write, Purpose),
    Prune,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Purpose {
    Fence(Taken),
    Append,
    Replace,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Phase {
    New,
    Locking,
    /// It has the lock.
    Begun,
    /// It has given the lease back, or could not get it.
    Ended,
    Crashed,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Run {
    phase: Phase,
    lease: LeaseState,
    end: Option<LogEnd<Entry>>,
    log: Log,
    /// The state as this run has it in memory.
    state: Changes,
    /// The operation, and the renewal beside it.
    operations: [Option<Operation>; 2],
    /// When the call that is on its way has its effect at the latest, and the number of the lease.
    call: Option<(u32, u64)>,
    slept: u32,
    /// How many of each it may yet do.
    writes: u8,
    calls: u8,
    renewals: u8,
}

/// What has happened in the account, in that order, each under the lease with this number.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Event {
    /// A run has got the lock.
    Begun(u64),
    /// A run has looked whether it may, and has sent a call.
    Started(u64),
    /// The call has had its effect.
    Effect(u64),
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct World {
    /// The time, as an index into those of the bounds, and in ticks.
    time: usize,
    ticks: u32,
    lease: Option<Lease>,
    /// What was ever written to each position, and whether it is still there.
    log: Vec<(Entry, bool)>,
    /// Whether two texts were written to one position, or one where none may be.
    is_rewritten: bool,
    /// A write that arrives late.
    late: Option<Request>,
    runs: [Run; 2],
    account: Vec<Event>,
    /// The changes that were acknowledged to the run that made them.
    acknowledged: Changes,
    faults: Faults,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    Tick,
    /// A tick in which the machine of this run sleeps.
    TickAsleep(usize),
    /// A request reaches S3.
    Arrive(usize, usize),
    /// A request reaches S3, and its answer is lost.
    LoseAnswer(usize, usize, Then),
    /// A request does not reach S3 now.
    Delay(usize, usize, Then),
    /// The request that was delayed reaches S3.
    ArriveLate,
    /// An answer reaches the run.
    Receive(usize, usize),
    Lock(usize),
    Append(usize),
    Replace(usize),
    /// The run makes sure that it still has the lease, as after a question to the user.
    Begin(usize),
    /// The run looks after its lease.
    Keep(usize),
    Call(usize),
    CallHasEffect(usize),
    Release(usize),
    Crash(usize),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    Repeat,
    GiveUp,
}

const KEPT: &str = "what was acknowledged is kept";
const ONE_HISTORY: &str = "each position is written once, and the log is one history";
const NO_LATE_EFFECT: &str = "no call has its effect after another run has begun";
const NO_LATE_START: &str = "no call starts after another run has begun";
const BOTH_FINISH: &str = "both runs finish";
const ONE_FINISHES: &str = "one run finishes after the other has crashed";

const MAIN: usize = 0;
const KEEP: usize = 1;

fn positions(bits: u16) -> BTreeSet<u64> {
    (0..16).filter(|position| bits >> position & 1 == 1).collect()
}

/// No two leases have the same text, so it serves as the etag, as in S3.
fn etag(lease: &Lease) -> String {
    format!("{}/{}/{}/{}/{}", lease.fencing, lease.run, lease.renewals, lease.is_free, lease.serial)
}

impl Log {
    /// Goes on by an entry at the next position. False if it does not fit.
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

impl World {
    fn new(bounds: &Bounds, is_used: bool) -> Self {
        let run = |name: &str| Run {
            phase: Phase::New,
            lease: LeaseState::new("", name.to_owned(), TICK * TTL, bounds.rules),
            end: None,
            log: Log::default(),
            state: 0,
            operations: [None, None],
            call: None,
            slept: 0,
            writes: bounds.writes,
            calls: bounds.calls,
            renewals: bounds.renewals,
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
            runs: [run("a"), run("b")],
            account: Vec::new(),
            acknowledged: 0,
            faults: bounds.faults,
        }
    }

    fn now(&self, run: usize) -> Now {
        // The clocks of two machines have nothing to do with each other.
        let total = TICK * (self.ticks + 100 * u32::try_from(run).unwrap());
        Now { awake: total.saturating_sub(TICK * self.runs[run].slept), total }
    }

    /// The entries from the last whole state on, with their positions, and whether they are there.
    fn read_entries(&self) -> impl Iterator<Item = (u64, Entry, bool)> {
        let is_state = |(entry, is_there): &(Entry, bool)| *is_there && matches!(entry.content, Content::State { .. });
        let first = self.log.iter().rposition(is_state).unwrap_or(0);
        (1..).zip(&self.log).skip(first).map(|(position, (entry, is_there))| (position, *entry, *is_there))
    }

    /// The log as a reader finds it; `None` if it is damaged.
    fn read(&self) -> Option<Log> {
        let mut log = Log::default();
        self.read_entries().all(|(position, entry, is_there)| is_there && log.add(position, entry)).then_some(log)
    }

    /// S3 does what is asked of it.
    fn serve(&mut self, request: &Request) -> Answer {
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

    /// A run goes on with an answer until it makes the next request to S3, or its operation ends.
    fn advance(&mut self, index: usize, slot: usize, mut kind: Kind, mut answer: Answer) {
        let now = self.now(index);
        let rules = self.runs[index].lease.rules;
        loop {
            let run = &mut self.runs[index];
            let request = match (&mut kind, answer) {
                (Kind::Acquire(acquire), Answer::Lease(answer)) => match acquire.next(&mut run.lease, answer, now) {
                    Ok(Step::Ask(request)) => Request::Lease(request),
                    Ok(Step::Done(taken)) => {
                        kind = Kind::ReadLog(taken);
                        Request::ReadLog
                    }
                    Err(_) => return self.end(index, Phase::Ended),
                },
                (Kind::ReadLog(taken), Answer::ReadLog(Some(log))) => {
                    let Some((end, fence)) = LogEnd::new(*taken, log.position, log.fencing, rules) else {
                        return self.end(index, Phase::Ended);
                    };
                    (run.end, run.log) = (Some(end), log);
                    let Some(fence) = fence else { return self.begun(index) };
                    kind = Kind::Write(fence, Purpose::Fence(*taken));
                    answer = Answer::Log(LogAnswer::Nothing);
                    continue;
                }
                (Kind::Change(change), Answer::Lease(answer)) => match change.next(&mut run.lease, answer, now) {
                    Ok(Step::Ask(request)) => Request::Lease(request),
                    Ok(Step::Done(())) | Err(_) => {
                        if matches!(change, Change::Release(_)) {
                            self.end(index, Phase::Ended);
                        }
                        return;
                    }
                },
                (Kind::Write(write, purpose), Answer::Log(answer)) => {
                    match write.next(run.end.as_mut().unwrap(), answer) {
                        Step::Ask(request) => Request::Log(request),
                        Step::Done(Outcome::Overtaken) => return,
                        Step::Done(Outcome::Written) => match purpose {
                            Purpose::Fence(_) if !rules.read_again => return self.begun(index),
                            Purpose::Fence(taken) => {
                                kind = Kind::ReadLog(*taken);
                                Request::ReadLog
                            }
                            Purpose::Append => {
                                self.acknowledged |= run.state;
                                return;
                            }
                            Purpose::Replace => {
                                self.acknowledged |= run.state;
                                kind = Kind::Prune;
                                Request::Prune { position: run.log.position, fences: run.log.fences }
                            }
                        },
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
                    run.operations[slot] = Some(Operation { kind, request, answer: None });
                    return;
                }
            };
        }
    }

    /// The time passes until then. How long that is.
    fn pass(&mut self, ticks: u32) -> u32 {
        let passed = ticks - self.ticks;
        (self.time, self.ticks) = (self.time + 1, ticks);
        passed
    }

    fn begun(&mut self, index: usize) {
        let run = &mut self.runs[index];
        (run.phase, run.state) = (Phase::Begun, run.log.state.unwrap_or(0));
        self.account.push(Event::Begun(run.end.as_ref().unwrap().fencing()));
    }

    /// What a run does that has no answer to a request.
    fn end(&mut self, index: usize, phase: Phase) {
        let run = &mut self.runs[index];
        run.phase = phase;
        // Nothing that it knows matters any more.
        run.lease = LeaseState::new("", String::new(), Duration::ZERO, run.lease.rules);
        (run.end, run.operations) = (None, [None, None]);
        (run.log, run.state, run.slept, run.renewals) = (Log::default(), 0, 0, 0);
    }

    fn go_on(&mut self, index: usize, slot: usize, then: Then) {
        let run = &mut self.runs[index];
        if then == Then::Repeat {
            return;
        }
        let ended = run.operations[slot].take();
        let is_release = ended.is_some_and(|ended| matches!(ended.kind, Kind::Change(Change::Release(_))));
        if run.phase == Phase::Locking || is_release {
            self.end(index, Phase::Ended);
        }
    }

    fn start_write(&mut self, index: usize, purpose: Purpose) {
        let run = &mut self.runs[index];
        // Each write adds one change that no other one equals.
        let number = 4 * u8::try_from(index).unwrap() + run.writes;
        run.state |= 1 << number;
        run.writes -= 1;
        self.advance(index, MAIN, Kind::Write(Write::default(), purpose), Answer::Log(LogAnswer::Nothing));
    }

    fn start_change(&mut self, index: usize, slot: usize, change: Change) {
        self.advance(index, slot, Kind::Change(change), Answer::Lease(LeaseAnswer::Nothing));
    }

    /// Whether a call was started (or had its effect) under a lease although another run had begun under a later one.
    fn has_late(&self, is_start: bool) -> bool {
        let mut last = 0;
        self.account.iter().any(|event| match event {
            Event::Begun(fencing) => {
                last = last.max(*fencing);
                false
            }
            Event::Started(fencing) => is_start && *fencing < last,
            Event::Effect(fencing) => !is_start && *fencing < last,
        })
    }
}

impl Operation {
    fn is_write(&self) -> bool {
        matches!(
            self.request,
            Request::Lease(LeaseRequest::Write(_)) | Request::Log(LogRequest::Put(..)) | Request::Prune { .. }
        )
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
        let may_tick = self.times.get(world.time + 1).is_some_and(is_in_time);
        if may_tick {
            actions.push(Action::Tick);
        }
        if world.late.is_some() {
            actions.push(Action::ArriveLate);
        }
        for (index, run) in world.runs.iter().enumerate() {
            if may_tick && world.faults.sleep > 0 && !matches!(run.phase, Phase::Ended | Phase::Crashed) {
                actions.push(Action::TickAsleep(index));
            }
            for (slot, operation) in run.operations.iter().enumerate() {
                let Some(operation) = operation else { continue };
                if operation.answer.is_some() {
                    actions.push(Action::Receive(index, slot));
                    continue;
                }
                actions.push(Action::Arrive(index, slot));
                for then in [Then::Repeat, Then::GiveUp] {
                    if world.faults.losses > 0 {
                        actions.push(Action::LoseAnswer(index, slot, then));
                    }
                    if world.faults.delays > 0 && operation.is_write() {
                        actions.push(Action::Delay(index, slot, then));
                    }
                }
            }
            if run.call.is_some() {
                actions.push(Action::CallHasEffect(index));
            }
            let is_idle = run.operations[MAIN].is_none();
            match run.phase {
                // The runs are alike, so it is the first that begins.
                Phase::New if index > 0 && world.runs[0].phase == Phase::New => {}
                Phase::New => actions.push(Action::Lock(index)),
                Phase::Begun => {
                    if is_idle && run.writes > 0 {
                        actions.extend([Action::Append(index), Action::Replace(index)]);
                    }
                    if is_idle && run.renewals > 0 {
                        actions.push(Action::Begin(index));
                    }
                    if run.operations[KEEP].is_none() && run.renewals > 0 {
                        actions.push(Action::Keep(index));
                    }
                    if run.calls > 0 && run.call.is_none() {
                        actions.push(Action::Call(index));
                    }
                    if is_idle && run.operations[KEEP].is_none() && run.call.is_none() {
                        actions.push(Action::Release(index));
                    }
                }
                Phase::Locking | Phase::Ended | Phase::Crashed => {}
            }
            if world.faults.crashes > 0 && matches!(run.phase, Phase::Locking | Phase::Begun) {
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
            Action::Arrive(index, slot) => {
                let request = world.runs[index].operations[slot].as_ref()?.request.clone();
                let answer = world.serve(&request);
                let operation = world.runs[index].operations[slot].take()?;
                match answer {
                    // When it is received matters, and what the other operation on the lease does before.
                    Answer::Lease(_) => {
                        world.runs[index].operations[slot] = Some(Operation { answer: Some(answer), ..operation })
                    }
                    answer => world.advance(index, slot, operation.kind, answer),
                }
            }
            Action::LoseAnswer(index, slot, then) => {
                let request = world.runs[index].operations[slot].as_ref()?.request.clone();
                world.serve(&request);
                world.faults.losses -= 1;
                world.go_on(index, slot, then);
            }
            Action::Delay(index, slot, then) => {
                world.late = Some(world.runs[index].operations[slot].as_ref()?.request.clone());
                world.faults.delays -= 1;
                world.go_on(index, slot, then);
            }
            Action::ArriveLate => {
                let request = world.late.take()?;
                world.serve(&request);
            }
            Action::Receive(index, slot) => {
                let Operation { kind, answer, .. } = world.runs[index].operations[slot].take()?;
                world.advance(index, slot, kind, answer?);
            }
            Action::Lock(index) => {
                world.runs[index].phase = Phase::Locking;
                world.advance(index, MAIN, Kind::Acquire(Acquire::new("")), Answer::Lease(LeaseAnswer::Nothing));
            }
            Action::Append(index) => world.start_write(index, Purpose::Append),
            Action::Replace(index) => world.start_write(index, Purpose::Replace),
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
                let fencing = run.end.as_ref()?.fencing();
                run.call = Some((world.ticks + CALL, fencing));
                world.account.push(Event::Started(fencing));
            }
            Action::CallHasEffect(index) => {
                let (_, fencing) = world.runs[index].call.take()?;
                world.account.push(Event::Effect(fencing));
            }
            Action::Release(index) => {
                let run = &mut world.runs[index];
                match run.end.as_ref()?.release(u64::from(run.log.state.unwrap_or(0).count_ones())) {
                    Some(change) => world.start_change(index, MAIN, change),
                    None => world.end(index, Phase::Ended),
                }
            }
            Action::Crash(index) => {
                world.end(index, Phase::Crashed);
                world.faults.crashes -= 1;
            }
        }
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
            Property::always(NO_LATE_EFFECT, |_, world: &World| !world.has_late(false)),
            Property::always(NO_LATE_START, |_, world: &World| !world.has_late(true)),
            Property::sometimes(BOTH_FINISH, |_, world: &World| {
                world.runs.iter().all(|run| run.phase == Phase::Ended && run.writes == 0 && run.calls == 0)
                    && world.lease.as_ref().is_some_and(|lease| lease.is_free)
            }),
            Property::sometimes(ONE_FINISHES, |bounds: &Self, world: &World| {
                let [a, b] = &world.runs;
                world.faults.crashes < bounds.faults.crashes
                    && a.phase == Phase::Crashed
                    && b.phase == Phase::Ended
                    && b.calls == 0
                    && world.lease.as_ref().is_some_and(|lease| lease.is_free)
            }),
        ]
    }
}

const NOTHING: Faults = Faults { crashes: 0, delays: 0, losses: 0, sleep: 0 };

/// Each run writes twice, and one takes the other's lease over. A request is delayed.
const LOG: Bounds = Bounds {
    rules: Rules::ALL,
    begins: &[true],
    times: &[0, 6],
    writes: 2,
    calls: 0,
    renewals: 0,
    faults: Faults { delays: 1, ..NOTHING },
};

/// Each run sends a call, and renews its lease. One crashes.
const CALLS: Bounds = Bounds {
    begins: &[true, false],
    times: &[0, 5, 6],
    writes: 0,
    calls: 1,
    renewals: 1,
    faults: Faults { crashes: 1, ..NOTHING },
    ..LOG
};

/// Each run sends a call. A machine sleeps, and an answer is lost.
const SLEEP: Bounds =
    Bounds { begins: &[true], renewals: 0, faults: Faults { losses: 1, sleep: 1, ..NOTHING }, ..CALLS };

fn explore(name: &str, bounds: Bounds) -> impl Checker<Bounds> {
    let begin = tokio::time::Instant::now();
    let checker = bounds.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{name}: {} states in {:?}, within {bounds:?}", checker.unique_state_count(), begin.elapsed());
    checker
}

fn assert_holds(name: &str, bounds: Bounds, examples: &[&'static str]) {
    let checker = explore(name, bounds);
    for property in bounds.properties() {
        if let Some(path) = checker.discovery(property.name)
            && property.expectation.discovery_is_failure()
        {
            panic!("{name}: against \"{}\": {:?}", property.name, path.into_actions());
        }
    }
    for example in examples {
        assert!(checker.discovery(example).is_some(), "{name}: never {example}");
    }
}

/// Without a rule, what it is for comes about.
fn assert_needed(name: &str, bounds: Bounds, expected: &[&'static str]) {
    let checker = explore(name, bounds);
    let found: Vec<_> = expected.iter().filter_map(|property| checker.discovery(property)).collect();
    assert!(!found.is_empty(), "{name}: not needed");
    println!("{:?}", found.into_iter().map(stateright::Path::into_actions).collect::<Vec<_>>());
}

#[test]
fn nothing_that_two_runs_write_is_lost() {
    assert_holds("the log", LOG, &[BOTH_FINISH]);
}

#[test]
fn no_call_of_a_run_follows_the_beginning_of_the_next() {
    assert_holds("calls", CALLS, &[BOTH_FINISH, ONE_FINISHES]);
}

#[test]
fn a_machine_that_sleeps_sends_no_call_too_late() {
    assert_holds("sleep", SLEEP, &[BOTH_FINISH]);
}

#[test]
fn each_rule_is_needed() {
    let log = [KEPT, ONE_HISTORY];
    assert_needed("two texts", Bounds { rules: Rules { one_text: false, ..Rules::ALL }, ..LOG }, &log);
    assert_needed("no fence", Bounds { rules: Rules { fence: false, ..Rules::ALL }, ..LOG }, &log);
    assert_needed("not read again", Bounds { rules: Rules { read_again: false, ..Rules::ALL }, ..LOG }, &log);
    let calls = [NO_LATE_EFFECT];
    assert_needed("no margin", Bounds { rules: Rules { margin: false, ..Rules::ALL }, ..CALLS }, &calls);
    let sleep = [NO_LATE_EFFECT, NO_LATE_START];
    assert_needed(
        "sleep does not count",
        Bounds { rules: Rules { sleep_counts: false, ..Rules::ALL }, ..SLEEP },
        &sleep,
    );
}
