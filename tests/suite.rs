//! Tests across the crates: what no single crate can show.

mod examples;
mod findings;
mod schema_changes;
mod secrets;
