//! Tests through the AWS SDKs, against ministack. `cargo xtask live` starts one and runs them; without it each of them fails,
//! and says so, since a test that does nothing must not look as if it had passed.
//!
//! ministack is laxer than AWS and forgets some of what it is told. It is asked here for what only a network shows: that the
//! calls are what a service understands, and that what happens on the way to it leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]
#![expect(clippy::disallowed_methods, reason = "the lane says in the environment where ministack and the program are")]

mod account;
mod acls;
mod bad_input;
mod changes;
mod faults;
mod flow_logs;
mod handover;
mod life;
mod logs;
mod mended;
mod network_acls;
mod objects;
mod program;
mod proxy;
mod shared;
mod terraform;
mod waits;
