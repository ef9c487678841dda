//! The lives of stacks in which everything goes wrong, with as many cases and seeds as whoever asks has time for.

use std::{
    hash::{BuildHasher, RandomState},
    ops::RangeInclusive,
};

use crate::{
    step::{self, Outcome},
    workspace::Workspace,
};

/// The seeds that must always pass.
const SEEDS: RangeInclusive<u64> = 1..=8;

/// Which lives are tried.
#[derive(Debug, PartialEq)]
pub(crate) enum Lives {
    /// So many of each of the seeds that must always pass: the same each time.
    Each(u32),
    /// As many of a seed that nobody has tried yet as there are minutes for.
    Fresh(u32),
}

impl Lives {
    /// A part of those that must always pass.
    pub(crate) const IN_CI: Self = Self::Each(1_250);

    /// What these arguments of `cargo xtask` ask for; `None` if it is something else, or nothing that there is.
    pub(crate) fn asked_for(arguments: &[String]) -> Option<Self> {
        let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
        match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["chaos"] => Some(Self::Each(10_000)),
            ["chaos", "--cases", cases] => number(cases).map(Self::Each),
            ["chaos", "--fresh"] => Some(Self::Fresh(60)),
            ["chaos", "--fresh", "--minutes", minutes] => number(minutes).map(Self::Fresh),
            _ => None,
        }
    }

    /// Tries them, until one fails.
    pub(crate) fn run(&self, workspace: &Workspace) -> Outcome {
        match self {
            Self::Each(cases) => {
                let outcomes = SEEDS.map(|seed| run(workspace, seed, ("PALISADE_CHAOS_CASES", *cases)));
                { outcomes }.find(|outcome| !matches!(outcome, Outcome::Ok)).unwrap_or(Outcome::Ok)
            }
            // The keys of the hasher are random, and nothing else is in the standard library.
            Self::Fresh(minutes) => {
                run(workspace, RandomState::new().hash_one(minutes), ("PALISADE_CHAOS_MINUTES", *minutes))
            }
        }
    }
}

fn run(workspace: &Workspace, seed: u64, (limit, value): (&str, u32)) -> Outcome {
    println!("PALISADE_CHAOS_SEED={seed} {limit}={value}");
    // To build it optimised and run it takes less time than to run it as it is built for the other tests.
    let mut command = workspace.cargo();
    command.args(["test", "--release", "--package", "palisade-tests", "--test", "chaos", "--locked"]);
    command.args(["--", "--nocapture", "the_account_becomes"]);
    step::run(command.env("PALISADE_CHAOS_SEED", seed.to_string()).env(limit, value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lives_are_those_that_were_asked_for() {
        let asked_for = |text: &str| Lives::asked_for(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(asked_for("chaos"), Some(Lives::Each(10_000)));
        assert_eq!(asked_for("chaos --cases 7"), Some(Lives::Each(7)));
        assert_eq!(asked_for("chaos --fresh"), Some(Lives::Fresh(60)));
        assert_eq!(asked_for("chaos --fresh --minutes 2"), Some(Lives::Fresh(2)));
        for other in
            ["ci", "chaos --cases", "chaos --cases 0", "chaos --cases x", "chaos --minutes 2", "chaos --fresh 2"]
        {
            assert_eq!(asked_for(other), None, "{other}");
        }
    }
}
