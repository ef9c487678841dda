//! The engine against an account in memory that says no where a cloud would.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod cases;
mod crashes;
mod kinds;
mod orders;
mod random;
mod renames;
mod runs;
