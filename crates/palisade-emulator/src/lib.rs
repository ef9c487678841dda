//! A strict AWS account in memory, which says no where AWS says no.
//!
//! It answers every call of [`palisade_aws::operations`] as AWS does: objects are `creating` before they are `available`,
//! network interfaces linger after their cache, names are unique, quotas are kept, a description just after a change still
//! tells of before, and what cannot be read back is not told. The durations are realistic, and pass on tokio's clock; on a
//! runtime whose clock is paused they cost nothing.
//!
//! An account lives in memory, for tests, or in a folder, where the next process finds it as the last one left it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use palisade_aws::{Aws, Supplier, cidr, operations::CreateVpc, types::{Tags, Tenancy}};
//! use palisade_emulator::Emulator;
//!
//! struct Nothing;
//!
//! impl Supplier for Nothing {
//!     fn supply(&self, _variable: &str) -> Option<secrecy::SecretString> {
//!         None
//!     }
//! }
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
//! let emulator = Emulator::in_memory("us-east-1");
//! let aws = Aws::new(Arc::new(emulator.clone()), Arc::new(Nothing));
//! let vpc = CreateVpc { cidr_block: cidr!("10.0.0.0/16"), instance_tenancy: Tenancy::Default, tags: Tags::default() };
//! runtime.block_on(aws.call(vpc)).unwrap();
//! assert_eq!(emulator.inventory()[0].kind, "Vpc");
//! ```

mod access_string;
mod account;
mod clock;
mod creation;
mod emulator;
mod fault;
mod flow_log;
mod ids;
mod inventory;
mod kms;
mod log_group;
mod network_acl;
mod parameter_group;
mod parameters;
mod refusal;
mod replication_group;
mod role;
mod route_table;
mod rule;
mod secret;
mod security_group;
mod store;
mod subnet;
mod subnet_group;
mod tags;
mod user;
mod user_group;
mod vault;
mod vpc;

pub use emulator::Emulator;
pub use fault::Fault;
pub use inventory::Item;
pub use store::OpenError;
