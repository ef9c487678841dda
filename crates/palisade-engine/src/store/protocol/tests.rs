//! The protocol as a model that is explored exhaustively: two runs, the objects in S3 and the account in AWS, in every order.
//!
//! What a run does comes from the functions of [`protocol`](super). The model adds what is around them: the objects, which are
//! written on a condition, the time, and what goes wrong. A request and its answer are two steps, so everything may come between
//! them. The requests of one operation are made one after the other; the renewal of the lease runs beside it.

use model::*;
use stateright::{Checker, HasDiscoveries, Model};
use world::Faults;

use super::*;

mod lease;
mod log;
mod model;
mod world;

const NOTHING: Faults = Faults { crashes: 0, delays: 0, losses: 0, sleep: 0, removals: 0 };

/// All that may go wrong goes wrong in one exploration: one run crashes, one request is delayed, and one machine sleeps, while
/// each run writes, and the first one sends a call and renews its lease, by `begin` or in the background.
///
/// The second run needs no call: none changes what another run does, and either may be the one that is overtaken. Nor need an
/// answer get lost: a write that is delayed and arrives at once is that.
const TOGETHER: Bounds = Bounds {
    rules: Rules::ALL,
    begins: &[true],
    times: &[0, 4, 9, 10],
    writes: [1, 1],
    calls: [1, 0],
    renewals: [1, 0],
    faults: Faults { crashes: 1, delays: 1, sleep: 1, ..NOTHING },
};

/// Each run writes twice, and one takes the other's lease over. One crashes, and a request is delayed.
const LOG: Bounds = Bounds {
    times: &[0, 6],
    writes: [2, 2],
    calls: [0, 0],
    renewals: [0, 0],
    faults: Faults { crashes: 1, delays: 1, ..NOTHING },
    ..TOGETHER
};

/// Each run sends a call and renews its lease, also where the stack is new. One crashes, and a request is delayed.
const CALLS: Bounds =
    Bounds { begins: &[true, false], times: &[0, 5, 6], writes: [0, 0], calls: [1, 1], renewals: [1, 1], ..LOG };

/// Each run sends a call. A machine sleeps, and an answer is lost, be it that of a read.
const LOSS: Bounds =
    Bounds { begins: &[true], renewals: [0, 0], faults: Faults { losses: 1, sleep: 1, ..NOTHING }, ..CALLS };

/// Each run writes once, the first one sends a call and renews its lease, and somebody removes the lease.
const REMOVAL: Bounds = Bounds {
    begins: &[true],
    times: &[0, 5, 6, 11, 12],
    writes: [1, 1],
    calls: [1, 0],
    renewals: [1, 0],
    faults: Faults { removals: 1, ..NOTHING },
    ..CALLS
};

fn explore(name: &str, bounds: Bounds, until: HasDiscoveries) -> impl Checker<Bounds> {
    let begin = tokio::time::Instant::now();
    let checker = bounds.checker().threads(2).finish_when(until).spawn_bfs().join();
    println!("{name}: {} states in {:?}, within {bounds:?}", checker.unique_state_count(), begin.elapsed());
    checker
}

fn assert_holds(name: &str, bounds: Bounds, examples: &[&'static str]) {
    let checker = explore(name, bounds, HasDiscoveries::AnyFailures);
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

/// Without a rule, what it is for does not hold.
fn assert_needed(name: &str, bounds: Bounds, property: &'static str) {
    let checker = explore(name, bounds, HasDiscoveries::AllOf([property].into()));
    let path = checker.discovery(property).unwrap_or_else(|| panic!("{name}: not needed"));
    println!("{:?}", path.into_actions());
}

#[test]
fn all_that_goes_wrong_together_breaks_nothing() {
    assert_holds("together", TOGETHER, &[BOTH_FINISH, ONE_FINISHES, LATE_RENEWAL]);
}

#[test]
fn nothing_that_two_runs_write_is_lost() {
    assert_holds("the log", LOG, &[BOTH_FINISH, ONE_FINISHES]);
}

#[test]
fn no_call_of_a_run_follows_the_beginning_of_the_next() {
    assert_holds("calls", CALLS, &[BOTH_FINISH, ONE_FINISHES]);
}

#[test]
fn an_answer_that_is_lost_while_a_machine_sleeps_breaks_nothing() {
    assert_holds("loss", LOSS, &[BOTH_FINISH]);
}

#[test]
fn a_lease_that_somebody_removes_lets_no_two_run_at_a_time() {
    assert_holds("removal", REMOVAL, &[BOTH_FINISH]);
}

#[test]
fn each_rule_is_needed() {
    let rules = |change: fn(&mut Rules)| {
        let mut rules = Rules::ALL;
        change(&mut rules);
        rules
    };
    assert_needed("two texts", Bounds { rules: rules(|rules| rules.one_text = false), ..LOG }, KEPT);
    assert_needed("no fence", Bounds { rules: rules(|rules| rules.fence = false), ..LOG }, KEPT);
    assert_needed("not read again", Bounds { rules: rules(|rules| rules.read_again = false), ..LOG }, KEPT);
    assert_needed("not answered", Bounds { rules: rules(|rules| rules.answered = false), ..CALLS }, NO_LATE_EFFECT);
    assert_needed("no margin", Bounds { rules: rules(|rules| rules.margin = false), ..CALLS }, NO_LATE_EFFECT);
    assert_needed(
        "not waited where it is removed",
        Bounds { rules: rules(|rules| rules.removal_waits = false), ..REMOVAL },
        NO_LATE_START,
    );
    assert_needed(
        "sleep does not count",
        Bounds { rules: rules(|rules| rules.sleep_counts = false), ..LOSS },
        NO_LATE_START,
    );
}
