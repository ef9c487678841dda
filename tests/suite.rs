//! Tests across the crates: what no single crate can show.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

mod attempts;
mod calls;
mod canary;
mod crashes;
mod cures;
mod default_group;
mod deletions;
mod drift;
mod drift_and_data;
mod examples;
mod exports;
mod final_snapshots;
mod findings;
mod flow_logs;
mod fuzz;
#[cfg(unix)]
mod interrupts;
mod keys;
mod left_out;
mod losses;
mod network_acls;
mod nodes_in_subnets;
mod orders;
mod parameters;
mod phases;
mod readme;
mod restored;
mod route_tables;
mod rules;
mod same_name;
mod schema_changes;
mod secrets;
mod supplied;
mod tags;
mod unheard;
mod upgrades;
mod windows;

use palisade_aws::Lifecycle;
use palisade_core::{Address, Id};
use palisade_testing::Rehearsal;

/// What a rehearsal applied last of the resource `name` of a kind, and the id of its current object.
fn current<R: Lifecycle>(rehearsal: &Rehearsal, name: &str) -> (R, Id<R>) {
    let object = rehearsal.state().resources[&Address::new(R::SCHEMA.kind, name)].current.clone().unwrap();
    (serde_json::from_value(object.inputs.into()).unwrap(), Id::reported(object.id.unwrap()).unwrap())
}

/// Runs a future on a clock of its own, which stands still while anything is under way.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// Runs a future as [`run`] does, once an account has come to rest whose clock a rehearsal has moved on.
fn run_later<T>(future: impl Future<Output = T>) -> T {
    run(async {
        tokio::time::sleep(std::time::Duration::from_hours(24)).await;
        future.await
    })
}
