//! Tests across the crates: what no single crate can show.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

mod attempts;
mod calls;
mod canary;
mod crashes;
mod default_group;
mod drift;
mod examples;
mod exports;
mod findings;
mod flow_logs;
mod fuzz;
#[cfg(unix)]
mod interrupts;
mod keys;
mod network_acls;
mod orders;
mod parameters;
mod phases;
mod readme;
mod restored;
mod rules;
mod same_name;
mod schema_changes;
mod secrets;
mod tags;
mod unheard;
mod windows;

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
