//! The command line from end to end, on streams in memory and on a fake cloud.

pub(crate) mod fake;
mod harness;
mod stacks;

mod applies;
mod blocked;
mod consent;
mod exports;
mod interrupts;
mod plans;
mod posture;
mod sarif;
mod saved;
mod shared;
mod states;
mod usage;
