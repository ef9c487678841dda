//! The command line that is embedded in a user's program: the program declares a stack, and [`run`] makes a tool of it
//! that plans, applies, destroys, shows and exports the stack.
//!
//! This is the only crate of Palisade that prints, and the only one that reads arguments and the environment. What it
//! works on comes in as a [`Cloud`], so that the same commands serve the emulated account and a real one.

mod args;
mod calls;
mod cloud;
mod commands;
mod error;
pub mod exit_code;
mod render;
mod run;
mod signals;
mod terminal;

#[cfg(test)]
mod tests;

pub use cloud::{Cloud, Clouds, ConnectError, Connection, S3Location, Settings};
pub use run::run;

/// The plan as `plan` prints it, without colors; for tests of a stack, whose snapshots people read.
pub fn plan_text(plan: &palisade_engine::Plan) -> String {
    render::style::plain(&render::plan::plan(plan))
}
