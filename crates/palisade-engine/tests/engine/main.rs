//! The engine against an account in memory that says no where a cloud would.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod attempts;
mod blocked;
mod cases;
mod consents;
mod crashes;
mod deletions;
mod fields;
mod journal;
mod kinds;
mod last_values;
mod late;
mod moves;
mod orders;
mod progress;
mod random;
mod renames;
mod runs;
mod saved;
mod schedule;
mod schema;
mod shared;
mod shared_network;
mod shared_stalls;
mod stops;
mod untracked;

/// How the properties are tested: on the same cases on every machine, so that a failure is one that can be repeated. Other
/// cases are tried with another seed in `PROPTEST_RNG_SEED`, and more of them with `PROPTEST_CASES`.
fn config(cases: u32) -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, RngSeed};
    let from_environment = Config::default();
    let is_chosen = |seed: &RngSeed| *seed != RngSeed::Random;
    Config {
        failure_persistence: None,
        cases: if from_environment.cases == 256 { cases } else { from_environment.cases },
        rng_seed: Some(from_environment.rng_seed).filter(is_chosen).unwrap_or(RngSeed::Fixed(0x5eed)),
        ..Config::default()
    }
}
