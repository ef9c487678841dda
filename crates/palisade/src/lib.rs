//! AWS infrastructure as a Rust program, in which insecure or impossible infrastructure does not compile.
//!
//! A program declares a stack and hands it to [`run`]; it is then itself the tool that plans, applies and destroys:
//!
//! ```no_run
//! use palisade::prelude::*;
//!
//! fn main() -> std::process::ExitCode {
//!     palisade::run("network", stack)
//! }
//!
//! fn stack(stack: &mut Stack) {
//!     let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
//!     stack.add("private-a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
//!     stack.output("vpc_id", vpc.id());
//! }
//! ```
//!
//! ```text
//! cargo run -- plan
//! cargo run -- apply
//! cargo run -- destroy
//! ```
//!
//! What is missing, wrong or unsafe is a compile error in words of this domain:
//!
//! ```compile_fail
//! # use palisade::prelude::*;
//! // error: a VPC or subnet has a prefix of /16 to /28
//! let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/8"));
//! ```
//!
//! [`resources`] lists what can be declared; [`types`] lists what the fields take.

use std::process::ExitCode;

mod emulated;
mod environment;
#[cfg(feature = "live")]
mod live;

pub use emulated::Emulated;
#[cfg(feature = "live")]
pub use live::AmazonWebServices;
pub use palisade_aws::{
    access, address_plan, arn, az, cidr, deletion_days, description, engine_version, id, kms_alias, kms_key_arn,
    log_group_arn, log_group_name, maintenance_window, name, network_rules, node_count, node_type, port, private_range,
    recovery_days, replicas, resources, retention_days, role_arn, role_name, rotation_days, rule_number, secret_name,
    security_group_name, shards, snapshot_window, tag_key, tag_value, tags, topic_arn, types, user_name, variable,
    windows,
};
pub use palisade_cli::{Cloud, Clouds, exit_code};
pub use palisade_core::{
    AcceptedRisk, Address, BuilderState, Complete, Declare, Declared, DeclaredField, Finding, Given, Graph, Handle, Id,
    Input, IntoInput, Missing, Output, Present, Reason, ReasonError, Rename, Resource, Risk, Rule, Stack, Violation,
    reason,
};

/// What a program needs: `use palisade::prelude::*;`.
pub mod prelude {
    pub use palisade_aws::{
        access, address_plan, az, cidr, deletion_days, description, id, kms_alias, kms_key_arn, log_group_arn,
        log_group_name, maintenance_window, name, network_rules, node_type, port, private_range, recovery_days,
        replicas, resources::*, retention_days, role_arn, role_name, rotation_days, rule_number, secret_name,
        security_group_name, shards, snapshot_window, tags, topic_arn, types::*, user_name, variable, windows,
    };
    pub use palisade_core::{Declared, Finding, Handle, Id, Output, Reason, Stack, reason};
}

/// Makes the program the tool for the stack that `declare` fills: reads the command line, carries the command out, and
/// returns the exit code of [`exit_code`].
///
/// `name` is the stack's name: its state is kept under it.
///
/// The program works on the emulated account. Built with the feature `live`, it works on AWS, and on the emulated account
/// with `--emulated`.
pub fn run(name: &str, declare: impl FnOnce(&mut Stack)) -> ExitCode {
    palisade_cli::run(name, declare, CLOUDS)
}

#[cfg(not(feature = "live"))]
const CLOUDS: Clouds<'static> = Clouds { usual: &Emulated, emulated: None };
#[cfg(feature = "live")]
const CLOUDS: Clouds<'static> = Clouds { usual: &AmazonWebServices, emulated: Some(&Emulated) };

/// The programs in the README are compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
