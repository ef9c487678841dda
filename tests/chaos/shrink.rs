//! [`shrunk`]: the smallest case that is found to fail still.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    Begin, Case,
    genes::Gene,
    place::Kept,
    weather::{End, Weather},
};

/// Makes a failing case smaller for as long as it fails, and returns it with the reason of its failure.
pub(crate) fn shrunk(mut reason: String, mut case: Case, run: impl Fn(&Case) -> Result<(), String>) -> (String, Case) {
    let fails =
        |case: &Case| catch_unwind(AssertUnwindSafe(|| run(case))).unwrap_or_else(|_| Err("a panic".to_owned())).err();
    loop {
        let mut is_smaller = false;
        for change in changes(&case) {
            let mut smaller = case.clone();
            change(&mut smaller);
            if smaller != case
                && let Some(now) = fails(&smaller)
            {
                (reason, case, is_smaller) = (now, smaller, true);
            }
        }
        if !is_smaller {
            return (reason, case);
        }
    }
}

type Change = Box<dyn Fn(&mut Case)>;

/// What could make the case smaller, the greatest steps first. A step that was made may leave another without effect.
fn changes(case: &Case) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut add = |change: Change| changes.push(change);
    for at in 0..case.applies.len() {
        add(Box::new(move |case| {
            if case.applies.len() > 1 && at < case.applies.len() {
                case.applies.remove(at);
            }
        }));
        add(Box::new(move |case| weather(case, at, |weather| *weather = Weather::fine())));
    }
    add(Box::new(|case| case.last = Weather::fine()));
    add(Box::new(|case| case.lag = 0));
    add(Box::new(|case| case.kept = Kept::InFolder));
    let mut names: Vec<_> = case.applies.iter().flat_map(|apply| apply.program.iter().map(Gene::name)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.iter().copied() {
        add(Box::new(move |case| genes(case, |program| program.retain(|gene| gene.name() != name))));
        add(Box::new(move |case| each(case, name, Gene::plain)));
    }
    for at in 0..case.applies.len() {
        add(Box::new(move |case| case.applies.get_mut(at).into_iter().for_each(|apply| apply.others.clear())));
        for other in 0..3 {
            add(Box::new(move |case| {
                if let Some(apply) = case.applies.get_mut(at).filter(|apply| other < apply.others.len()) {
                    apply.others.remove(other);
                }
            }));
        }
        for begin in [Begin::Next, Begin::Settled] {
            add(Box::new(move |case| {
                // The simplest is to begin when the one before has ended.
                if let Some(apply) = case.applies.get_mut(at).filter(|apply| apply.begin != Begin::Next) {
                    apply.begin = begin;
                }
            }));
        }
        add(Box::new(move |case| weather(case, at, |weather| weather.network = None)));
        add(Box::new(move |case| weather(case, at, |weather| weather.outage = None)));
        add(Box::new(move |case| weather(case, at, |weather| weather.pause = None)));
        add(Box::new(move |case| weather(case, at, |weather| weather.removal = None)));
        add(Box::new(move |case| weather(case, at, |weather| weather.end = End::Natural)));
        add(Box::new(move |case| weather(case, at, |weather| weather.faults.truncate(1))));
        add(Box::new(move |case| weather(case, at, |weather| weather.reads.truncate(1))));
        add(Box::new(move |case| weather(case, at, |weather| _ = weather.faults.pop())));
        add(Box::new(move |case| weather(case, at, |weather| _ = weather.reads.pop())));
        add(Box::new(move |case| {
            weather(case, at, |weather| {
                (weather.slowness, weather.parallelism, weather.fail_fast) = (1, 10, false);
            });
        }));
        for name in names.iter().copied() {
            add(Box::new(move |case| {
                case.applies.get_mut(at).into_iter().for_each(|apply| apply.program.retain(|gene| gene.name() != name));
            }));
            // As it was before.
            add(Box::new(move |case| {
                let find = |program: &[Gene]| program.iter().position(|gene| gene.name() == name);
                let (Some(before), Some(now)) =
                    (at.checked_sub(1).and_then(|at| case.applies.get(at)), case.applies.get(at))
                else {
                    return;
                };
                if let (Some(from), Some(to)) = (find(&before.program), find(&now.program)) {
                    let gene = before.program[from].clone();
                    case.applies[at].program[to] = gene;
                }
            }));
        }
    }
    for name in names {
        for slot in 0..Gene::SLOTS {
            add(Box::new(move |case| each(case, name, |gene| gene.reset(slot))));
        }
    }
    changes
}

fn weather(case: &mut Case, at: usize, change: impl Fn(&mut Weather)) {
    let last = case.applies.len();
    match case.applies.get_mut(at) {
        Some(apply) => change(&mut apply.weather),
        None if at == last => change(&mut case.last),
        None => {}
    }
}

fn genes(case: &mut Case, change: impl Fn(&mut Vec<Gene>)) {
    case.applies.iter_mut().for_each(|apply| change(&mut apply.program));
}

fn each(case: &mut Case, name: (u8, u8), change: impl Fn(&mut Gene)) {
    genes(case, |program| program.iter_mut().filter(|gene| gene.name() == name).for_each(&change));
}
