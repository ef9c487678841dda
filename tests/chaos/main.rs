//! Chaos: random programs over the real resources and random edits of them, with faults, kills and interrupts at random
//! moments. Whatever happens, two further runs bring the account to what the program says.
//!
//! `docs/chaos.md` says how to try more cases, and how to read a failure.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

mod genes;
mod judge;
mod life;
#[path = "../../crates/palisade-engine/tests/engine/shared_network.rs"]
#[expect(dead_code, reason = "the tests of the engine need more of it")]
mod network;
mod others;
mod place;
mod program;
mod refused;
mod regressions;
mod shrink;
mod source;
mod watch;
mod weather;

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use genes::{Gene, edited, edits, genes};
use life::{Life, Run, Settled};
use others::{Other, others};
use palisade_core::{Graph, Node};
use place::Kept;
use program::Program;
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use shrink::shrunk;
use weather::{Weather, lag, weather};

/// The life of a stack.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    /// Where its state is.
    kept: Kept,
    /// For how many milliseconds a description tells of what was before.
    lag: u64,
    applies: Vec<Apply<Vec<Gene>>>,
    /// The weather of the destruction.
    last: Weather,
}

/// One apply of a life.
#[derive(Clone, Debug, PartialEq)]
struct Apply<Program> {
    begin: Begin,
    /// What others do to the account right before.
    others: Vec<Other>,
    program: Program,
    weather: Weather,
}

/// When an apply begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Begin {
    /// When the one before has ended, however that was.
    Next,
    /// When all is in order after the one before.
    Settled,
    /// So many seconds after the one before has begun: two runs work on the stack.
    During(u16),
}

fn case() -> impl Strategy<Value = Case> {
    let kept = prop_oneof![2 => Just(Kept::InFolder), 1 => Just(Kept::InBucket)];
    let begin = prop_oneof![
        3 => Just(Begin::Next),
        4 => Just(Begin::Settled),
        2 => prop_oneof![0..60_u16, 0..1_200_u16].prop_map(Begin::During),
    ];
    let first = (genes(), weather());
    let first = first.prop_map(|(program, weather)| Apply { begin: Begin::Next, others: vec![], program, weather });
    let change = (begin, others(), edits(), weather());
    (kept, lag(), first, vec(change, 1..4), weather()).prop_map(|(kept, lag, first, changes, last)| {
        let mut history = vec![first.program.clone()];
        let mut applies = vec![first];
        for (begin, others, edits, weather) in changes {
            let program = edited(&history, &edits);
            history.push(program.clone());
            // Others act between two applies, not during one.
            let others = if matches!(begin, Begin::During(_)) { Vec::new() } else { others };
            applies.push(Apply { begin, others, program, weather });
        }
        Case { kept, lag, applies, last }
    })
}

impl Case {
    /// What is applied, in order.
    fn programs(&self) -> Vec<Apply<Program>> {
        let program = |(step, apply): (usize, &Apply<Vec<Gene>>)| Apply {
            begin: apply.begin,
            others: apply.others.clone(),
            program: genes::program(&apply.program, step),
            weather: apply.weather.clone(),
        };
        self.applies.iter().enumerate().map(program).collect()
    }
}

/// Lives through the case. True if an empty account was the only way to the last program.
async fn live(kept: Kept, lag: u64, applies: &[Apply<Graph>], last: &Weather) -> Result<bool, String> {
    let mut life = Life::new(lag, kept);
    let programs: Vec<_> = applies.iter().map(|apply| &apply.program).collect();
    let mut before: Option<&Graph> = None;
    let mut is_out_of_reach = false;
    let mut number = 0;
    for together in applies.chunk_by(|_, next| matches!(next.begin, Begin::During(_))) {
        let at = |problem: String| format!("program {number}: {problem}");
        if let Some(before) = before.filter(|_| together[0].begin == Begin::Settled) {
            let at = |problem: String| at(format!("before it, {problem}"));
            let settled = life.settle(before).await.map_err(at)?;
            check_refused(&settled, &programs[..number]).await.map_err(at)?;
        }
        for other in &together[0].others {
            life.meddle(*other).await;
        }
        let mut after = Duration::ZERO;
        let runs = together.iter().map(|Apply { begin, program, weather, .. }| {
            if let Begin::During(seconds) = begin {
                after += Duration::from_secs((*seconds).into());
            }
            Run { after, program, weather }
        });
        life.suffer(&runs.collect::<Vec<_>>()).await.map_err(at)?;
        before = together.last().map(|apply| &apply.program);
        number += together.len();
    }
    if let Some(program) = before {
        let at = |problem: String| format!("in the end: {problem}");
        let settled = life.settle(program).await.map_err(at)?;
        check_refused(&settled, &programs).await.map_err(at)?;
        if settled != Settled::Equal {
            is_out_of_reach = true;
            // There is always a way round: an empty account.
            life.end(&Weather::fine()).await.map_err(at)?;
            // The name of a final snapshot can be taken once only, and the error says so.
            if !life.has_snapshots_of(program) && life.settle(program).await.map_err(at)? != Settled::Equal {
                return Err("the program cannot be applied to an empty account".to_owned());
            }
        }
    }
    life.end(last).await.map_err(|problem| format!("at its destruction: {problem}"))?;
    life.check_secrets().await.map(|()| is_out_of_reach)
}

/// If the last of the programs was refused, that is because of what AWS can do, and not of what went wrong on the way: after one of those
/// before it, it is out of reach in any case.
async fn check_refused(settled: &Settled, programs: &[&Graph]) -> Result<(), String> {
    let (Settled::Refused(reasons), Some((last, earlier))) = (settled, programs.split_last()) else { return Ok(()) };
    // AWS chooses in which subnets of its group a cache stands, and another life may have it elsewhere.
    if last.nodes().any(|node| depends_on_places(last, node, reasons)) {
        return Ok(());
    }
    for first in earlier {
        let mut life = Life::new(0, Kept::InFolder);
        life.settle(first).await?;
        if life.settle(last).await? != Settled::Equal {
            return Ok(());
        }
    }
    Err(format!("the program is refused, and is reached after each of those before it alone: {}", reasons.join("; ")))
}

/// Whether one of the reasons is that the subnet group, which a cache uses, holds a subnet.
fn depends_on_places(program: &Graph, group: &Node, reasons: &[String]) -> bool {
    let is_used = || program.dependents(&group.address).into_iter().any(|user| user.kind() == "ReplicationGroup");
    let holds = format!("{} refers to", group.address);
    group.address.kind() == "CacheSubnetGroup" && reasons.iter().any(|reason| reason.contains(&holds)) && is_used()
}

/// Lives through a case on a clock that does not wait.
fn lives(kept: Kept, lag: u64, applies: &[Apply<Graph>], last: &Weather) -> Result<bool, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(live(kept, lag, applies, last))
}

fn run(case: &Case) -> Result<bool, String> {
    let graph = |Apply { begin, others, program, weather }: Apply<Program>| Apply {
        begin,
        others,
        program: program.graph(),
        weather,
    };
    let applies: Vec<_> = case.programs().into_iter().map(graph).collect();
    lives(case.kept, case.lag, &applies, &case.last)
}

/// Into how many parts the cases are divided. What they are depends on it, and not on the machine.
const PARTS: u32 = 50;

/// Tries the cases of one part for as long as `goes_on` says, and returns how many there were, and how many were out of reach.
fn part(
    seed: u64,
    number: u32,
    cases: u32,
    failed: &AtomicBool,
    goes_on: &impl Fn() -> bool,
) -> Result<[u32; 2], String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&number.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (mut done, mut out_of_reach) = (0, 0);
    while done < cases && !failed.load(Ordering::Relaxed) && goes_on() {
        let case = case().new_tree(&mut runner).map_err(|error| error.to_string())?.current();
        match catch_unwind(AssertUnwindSafe(|| run(&case))).unwrap_or_else(|_| Err("a panic".to_owned())) {
            Ok(is_out_of_reach) => out_of_reach += u32::from(is_out_of_reach),
            Err(reason) => {
                failed.store(true, Ordering::Relaxed);
                let (reason, case) = shrunk(reason, case, |case| run(case).map(|_| ()));
                return Err(format!("seed {seed}: {reason}\n\n{}", source::test(&case)));
            }
        }
        done += 1;
    }
    Ok([done, out_of_reach])
}

/// A number of the environment: whoever tries more cases than usual names them there.
fn number(variable: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "there is no command line here")]
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is `{text}`, which is no number")))
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "whoever gives a test an hour means one of this world")]
    Instant::now()
}

#[test]
fn the_account_becomes_the_program_whatever_happens() {
    let minutes = number("PALISADE_CHAOS_MINUTES");
    let most = number("PALISADE_CHAOS_CASES").or(minutes.map(|_| u32::MAX.into())).unwrap_or(300);
    let cases = u32::try_from(most).unwrap();
    let seed = number("PALISADE_CHAOS_SEED").unwrap_or(1);
    let (next, failed) = (AtomicU32::new(0), AtomicBool::new(false));
    let begin = now();
    let goes_on = || minutes.is_none_or(|minutes| begin.elapsed() < Duration::from_secs(60 * minutes));
    let work = || {
        let mut results = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= PARTS {
                return results;
            }
            results.push(part(seed, number, cases / PARTS + u32::from(number < cases % PARTS), &failed, &goes_on));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let (mut done, mut out_of_reach) = (0, 0);
    for result in results {
        match result {
            Ok([cases, among_them]) => (done, out_of_reach) = (done + cases, out_of_reach + among_them),
            Err(problem) => panic!("{problem}"),
        }
    }
    println!("seed {seed}: {done} cases, of which {out_of_reach} were out of reach");
    assert!(done == cases || !goes_on());
    // Were it otherwise, it would be no test of what is within reach.
    assert!(out_of_reach <= done / 10 + 5, "{out_of_reach} of {done} cases are out of reach");
}
