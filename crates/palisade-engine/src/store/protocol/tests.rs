//! The protocol as a model that is explored exhaustively: two runs, the objects in S3 and the account in AWS, in every order.
//!
//! What a run does comes from the functions of [`protocol`](super). The model adds what is around them: the objects, which are
//! written on a condition, the time, and what goes wrong. A request and its answer are two steps, so everything may come between
//! them. The requests of one operation are made one after the other; the renewal of the lease runs beside it.

use model::*;
use stateright::{Checker, HasDiscoveries, Model};
use world::Faults;

use super::*;

mod model;
mod world;

const NOTHING: Faults = Faults { crashes: 0, delays: 0, losses: 0, sleep: 0 };

/// Each run writes twice, and one takes the other's lease over. A request is delayed.
const LOG: Bounds = Bounds {
    rules: Rules::ALL,
    begins: &[true],
    times: &[0, 6],
    writes: [2; 2],
    calls: [0; 2],
    renewals: [0; 2],
    faults: Faults { delays: 1, ..NOTHING },
};

/// Each run sends a call, and renews its lease. One crashes.
const CALLS: Bounds = Bounds {
    begins: &[true, false],
    times: &[0, 5, 6],
    writes: [0; 2],
    calls: [1; 2],
    renewals: [1; 2],
    faults: Faults { crashes: 1, ..NOTHING },
    ..LOG
};

/// Each run sends a call. A machine sleeps, and an answer is lost.
const SLEEP: Bounds =
    Bounds { begins: &[true], renewals: [0; 2], faults: Faults { losses: 1, sleep: 1, ..NOTHING }, ..CALLS };

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

#[test]
fn try_it() {
    let var = |name: &str, default: u8| std::env::var(name).ok().map_or(default, |v| v.parse().unwrap());
    let bounds = Bounds {
        rules: Rules::ALL,
        begins: &[true],
        times: [&[0, 5, 6][..], &[0, 4, 9, 10], &[0, 6], &[0, 4, 5, 6, 9, 10]][var("TIMES", 0) as usize],
        writes: [var("WRITES", 1) / 10, var("WRITES", 1) % 10],
        calls: [var("CALLS", 1) / 10, var("CALLS", 1) % 10],
        renewals: [var("RENEWALS", 1) / 10, var("RENEWALS", 1) % 10],
        faults: Faults {
            crashes: var("CRASHES", 1),
            delays: var("DELAYS", 1),
            losses: var("LOSSES", 0),
            sleep: var("SLEEP", 0),
        },
    };
    assert_holds("try", bounds, &[]);
}
