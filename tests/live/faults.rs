//! Each call of an apply goes wrong once: an apply that is run again must finish the work, and leave nothing twice.

use std::{
    collections::BTreeSet,
    fmt, thread,
    time::{Duration, Instant},
};

use palisade::Stack;
use palisade_core::{Graph, provider::ErrorKind};
use palisade_engine::Report;
use palisade_live::Live;
use palisade_testing::Rehearsal;

use crate::{
    account::{Account, Inventory, ministack},
    life::rehearsal_at,
    program::{Example, Program, text},
    proxy::{Call, Fault, Proxy, Script, every_other_time},
};

const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// How long an attempt at a call may take, where a test does not wait for it to be given up.
const PATIENT: Duration = Duration::from_secs(30);
/// How long it may take where it does. Many applies run side by side, so that any answer may take seconds.
const IMPATIENT: Duration = Duration::from_secs(25);

/// A stack, what an apply of it calls that nothing disturbs, and what that leaves in the account.
struct Subject {
    example: Example,
    reads: usize,
    writes: Vec<String>,
    complete: Inventory,
}

impl Subject {
    fn of(example: Example) -> Self {
        let account = Account::unused();
        let fresh = account.inventory();
        let proxy = Proxy::start(ministack(), |_| None);
        let report = rehearsal_at(proxy.address, &account, PATIENT).apply(example.stack());
        let complete = account.inventory();
        assert_ne!(complete, fresh);
        assert!(report.is_complete());
        let reads = proxy.calls().iter().filter(|call| call.is_read()).count();
        Self { example, reads, writes: proxy.writes(), complete }
    }

    fn graph(&self) -> Graph {
        palisade_testing::graph(self.example.stack())
    }

    /// Applies until it is done, at most twice, and compares with what an apply leaves that nothing disturbed.
    fn finish(&self, rehearsal: &mut Rehearsal<Live>, account: &Account) -> Result<(), String> {
        let report = rehearsal.try_apply(&self.graph()).map_err(|error| error.to_string())?;
        complete(&report)?;
        self.is_done(rehearsal, account)
    }

    fn is_done(&self, rehearsal: &Rehearsal<Live>, account: &Account) -> Result<(), String> {
        let plan = rehearsal.try_plan(&self.graph()).map_err(|error| error.to_string())?;
        if plan.has_changes() || !plan.drift.is_empty() {
            return Err(format!("the plan after it is not empty: {:?} {:?}", plan.steps, plan.drift));
        }
        self.is_whole(account)
    }

    fn is_whole(&self, account: &Account) -> Result<(), String> {
        let (left, complete) = (account.inventory(), &self.complete);
        if left == *complete { Ok(()) } else { Err(format!("left {left:?}, not {complete:?}")) }
    }
}

fn complete(report: &Report) -> Result<(), String> {
    if report.is_complete() { Ok(()) } else { Err(format!("{:?} {:?}", report.failures, report.skipped)) }
}

/// Both examples, and of each the numbers of the writes to disturb: of the second only those that the first has not.
fn subjects() -> [(Subject, Vec<usize>); 2] {
    let (redis, token) = (Subject::of(Example::SecuredRedis), Subject::of(Example::AuthToken));
    let known: BTreeSet<_> = redis.writes.iter().filter(|action| *action != "CreateReplicationGroup").collect();
    let of_token = (1..=token.writes.len()).filter(|number| !known.contains(&token.writes[number - 1])).collect();
    let all = (1..=redis.writes.len()).collect();
    [(redis, all), (token, of_token)]
}

/// Does all the cases, so many at a time, and tells which of them failed.
pub(crate) fn side_by_side<C: fmt::Debug + Send>(
    at_a_time: usize,
    cases: Vec<C>,
    run: impl Fn(&C) -> Result<(), String> + Sync,
) {
    assert!(!cases.is_empty());
    let count = cases.len();
    let queue = std::sync::Mutex::new(cases.into_iter());
    let next = || queue.lock().unwrap().next();
    let work = || std::iter::from_fn(next).filter_map(|case| Some((run(&case).err()?, case))).collect::<Vec<_>>();
    let failures: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_a_time.min(count)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let told: Vec<_> = failures.iter().map(|(failure, case)| format!("{case:?}: {failure}")).collect();
    assert!(told.is_empty(), "{} of {count}:\n{}", told.len(), told.join("\n"));
}

/// What happens to the call of a number, among the reads or among the writes.
fn at(number: usize, is_read: bool, fault: Fault) -> impl Fn(&Call) -> Option<Fault> {
    move |call| (call.number == number && call.is_read() == is_read).then_some(fault)
}

/// Disturbs each write of an apply once, and applies again. Each has an account of its own, so all go on side by side: they
/// wait most of the time, for what a write that failed may have made after all.
fn each_write(fault: Fault, patience: Duration, judge: fn(&Report) -> Result<(), String>) {
    for (subject, numbers) in &subjects() {
        side_by_side(numbers.len(), numbers.clone(), |&number| {
            let account = Account::unused();
            let proxy = Proxy::start(ministack(), at(number, false, fault));
            let mut rehearsal = rehearsal_at(proxy.address, &account, patience);
            let report = rehearsal.try_apply(&subject.graph()).map_err(|error| error.to_string())?;
            let writes = proxy.writes();
            let action = writes.get(number - 1).ok_or("there is no such write")?;
            let told = |failure| format!("{action}: {failure}");
            judge(&report).map_err(told)?;
            subject.finish(&mut rehearsal, &account).map_err(told)
        });
    }
}

fn any(_: &Report) -> Result<(), String> {
    Ok(())
}

#[test]
fn a_write_whose_answer_is_lost_is_found_by_the_next_apply() {
    each_write(Fault::Unanswered, PATIENT, any);
}

#[test]
fn a_write_that_the_service_failed_to_do_is_done_by_the_next_apply() {
    each_write(Fault::FailsBefore, PATIENT, any);
}

#[test]
fn a_write_that_the_service_did_and_reported_as_failed_is_found_by_the_next_apply() {
    each_write(Fault::FailsAfter, PATIENT, any);
}

#[test]
fn a_write_that_is_answered_after_the_time_out_is_found_by_the_next_apply() {
    each_write(Fault::Late(IMPATIENT + Duration::from_secs(3)), IMPATIENT, |report| {
        let causes: Vec<_> = report.failures.iter().map(|failure| failure.error.message.as_str()).collect();
        match causes.as_slice() {
            [cause] if cause.ends_with("gives no answer: nothing came within the time-out") => Ok(()),
            _ => Err(format!("the attempt was to be given up: {causes:?}")),
        }
    });
}

#[test]
fn a_write_that_is_throttled_is_repeated_within_the_apply() {
    each_write(Fault::Throttled, PATIENT, complete);
}

#[test]
fn a_program_that_is_killed_after_any_write_is_finished_by_the_next_apply() {
    for (subject, numbers) in &subjects() {
        side_by_side(numbers.len(), numbers.clone(), |&number| {
            let account = Account::unused();
            let program = Program::of(subject.example.program(), &account);
            let proxy = Proxy::start(ministack(), at(number, false, Fault::Held));
            let mut process = program.start(proxy.address, &APPLY);
            let held = proxy.wait_until_held(Duration::from_secs(30));
            // SIGKILL, where there are signals: it has no chance to put anything in order.
            process.kill().unwrap();
            let output = process.wait_with_output().unwrap();
            if !held {
                return Err(format!("the write did not come\n{}", text(&output)));
            }
            for arguments in [APPLY, ["plan", "--detailed-exitcode"]] {
                let output = program.run(ministack(), &arguments);
                if output.status.code() != Some(0) {
                    return Err(format!("{arguments:?} after it: {}\n{}", output.status, text(&output)));
                }
            }
            subject.is_whole(&account)
        });
    }
}

/// Applies each example through a proxy, which has to be done in one run.
fn in_one_run(
    examples: &[Example],
    patience: Duration,
    script: impl Fn() -> Script + Sync,
) -> Vec<(Subject, Vec<Call>)> {
    let each = |&example: &Example| {
        let (subject, account) = (Subject::of(example), Account::unused());
        let proxy = Proxy::start(ministack(), script());
        let mut rehearsal = rehearsal_at(proxy.address, &account, patience);
        let report = rehearsal.apply(example.stack());
        let calls = proxy.calls();
        complete(&report).and_then(|()| subject.is_done(&rehearsal, &account)).unwrap();
        (subject, calls)
    };
    thread::scope(|scope| {
        let runs: Vec<_> = examples.iter().map(|example| scope.spawn(move || each(example))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

const BOTH: [Example; 2] = [Example::SecuredRedis, Example::AuthToken];

fn every_read_fails_at_first(fault: Fault) {
    for (subject, calls) in in_one_run(&BOTH, PATIENT, || Box::new(every_other_time(fault, Call::is_read))) {
        let reads = calls.iter().filter(|call| call.is_read()).count();
        assert!(reads >= 2 * subject.reads, "{reads} reads, and {} without faults", subject.reads);
    }
}

#[test]
fn every_read_may_be_left_unanswered_at_first() {
    every_read_fails_at_first(Fault::Unanswered);
}

#[test]
fn every_read_may_fail_at_first() {
    every_read_fails_at_first(Fault::FailsBefore);
}

#[test]
fn every_read_may_be_throttled_at_first() {
    every_read_fails_at_first(Fault::Throttled);
}

/// A read that is given up is repeated, as one is that failed. One of each service is given up, and one at the end.
#[test]
fn a_read_that_is_answered_after_the_time_out_is_repeated() {
    const GIVEN_UP: [&str; 4] = ["DescribeVpcs", "DescribeUsers", "DescribeSecret", "DescribeCacheClusters"];
    let late = || -> Script {
        let seen = std::sync::Mutex::new(BTreeSet::new());
        Box::new(move |call| {
            let is_meant = GIVEN_UP.contains(&call.action.as_str()) && seen.lock().unwrap().insert(call.action.clone());
            is_meant.then_some(Fault::Late(IMPATIENT + Duration::from_secs(3)))
        })
    };
    in_one_run(&BOTH, IMPATIENT, late);
}

#[test]
fn answers_that_are_slow_change_nothing() {
    let slow = Duration::from_millis(400);
    for (subject, calls) in in_one_run(&BOTH, PATIENT, || Box::new(move |_| Some(Fault::Late(slow)))) {
        let writes = calls.iter().filter(|call| !call.is_read()).count();
        assert_eq!(writes, subject.writes.len(), "nothing is sent twice");
    }
}

#[test]
fn a_read_that_is_denied_stops_no_more_than_what_needs_it_and_the_next_apply_goes_on() {
    let denied = Fault::Refused("AccessDenied", "You are not authorized to perform this operation.");
    for (subject, _) in &subjects() {
        side_by_side(8, (1..=subject.reads).collect(), |&number| {
            let account = Account::unused();
            let proxy = Proxy::start(ministack(), at(number, true, denied));
            let mut rehearsal = rehearsal_at(proxy.address, &account, PATIENT);
            let report = rehearsal.try_apply(&subject.graph()).map_err(|error| error.to_string())?;
            // Steps that want a description at about the same time share the call.
            let mut failures = report.failures.iter();
            if report.failures.is_empty() || !failures.all(|failure| failure.error.kind == ErrorKind::Denied) {
                return Err(format!("one call was denied: {:?}", report.failures));
            }
            subject.finish(&mut rehearsal, &account)
        });
    }
}

/// ElastiCache is not there when the apply begins with creating the users, and comes up while the network is made.
#[test]
fn a_write_that_found_nobody_who_listens_is_repeated_within_the_apply() {
    let account = Account::unused();
    let subject = Subject::of(Example::SecuredRedis);
    let (begun, begin) = std::sync::mpsc::channel();
    let others = Proxy::start(ministack(), move |call| {
        if call.action == "CreateVpc" {
            begun.send(()).ok();
        }
        None
    });
    let nobody = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let program = Program::new(&account);
    let elasticache = ("AWS_ENDPOINT_URL_ELASTICACHE", format!("http://{nobody}"));
    let process = program.start_with(others.address, &APPLY, &[elasticache]);
    begin.recv_timeout(Duration::from_secs(30)).unwrap();
    thread::sleep(Duration::from_secs(1));
    let there = Proxy::listen(std::net::TcpListener::bind(nobody).unwrap(), ministack(), |_| None);
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(there.writes().iter().all(|action| !action.contains("Vpc")), "{:?}", there.writes());
    subject.is_whole(&account).unwrap();
}

/// A service that takes five calls a second, and lets ten gather.
fn five_a_second() -> Script {
    let buckets = std::sync::Mutex::new(std::collections::HashMap::<String, (f64, Instant)>::new());
    Box::new(move |call| {
        let mut buckets = buckets.lock().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a service of its own has a clock of its own")]
        let now = Instant::now();
        let (calls, filled) = buckets.entry(call.service.clone()).or_insert((10.0, now));
        *calls = (*calls + now.duration_since(*filled).as_secs_f64() * 5.0).min(10.0);
        *filled = now;
        if *calls < 1.0 {
            return Some(Fault::Throttled);
        }
        *calls -= 1.0;
        None
    })
}

#[test]
fn a_service_that_takes_five_calls_a_second_is_not_asked_for_much_more() {
    fn crowd(stack: &mut Stack) {
        use palisade::prelude::*;
        secured_redis::stack(stack);
        for number in 0..10 {
            let id = Name::new(format!("more-{number}")).unwrap();
            let user = RedisUser::iam(id).engine(EngineKind::Redis).access_string(AccessString::read_only());
            stack.add(&format!("more-{number}"), user);
        }
    }
    let account = Account::unused();
    let proxy = Proxy::start(ministack(), five_a_second());
    let mut rehearsal = rehearsal_at(proxy.address, &account, PATIENT);
    complete(&rehearsal.apply(crowd)).unwrap();
    let all = proxy.calls().len();
    let account = Account::unused();
    let proxy = Proxy::start(ministack(), |_| None);
    rehearsal_at(proxy.address, &account, PATIENT).apply(crowd);
    let needed = proxy.calls().len();
    // Most of what was too much came at once, before the service had complained.
    assert!(all < needed * 2, "{all} calls, and {needed} where nobody complains");
}
