//! The AWS resources of Palisade, and their lifecycles over typed AWS operations.
//!
//! No SDK is known here: a [`Backend`] answers the [`operations`]. All judgement is here, once, for every backend: the
//! order of calls, the waits, what an error means, what to do when a call was interrupted.
//!
//! One resource is one module of [`resources`]: the struct that AWS gets, and its [`Lifecycle`].

mod aws;
mod batch;
mod calls;
mod classify;
mod lifecycle;
mod observe;
pub mod operations;
mod policy;
mod provider;
mod region;
pub mod resources;
pub mod shapes;
#[macro_use]
pub mod types;
mod untracked;

pub use aws::{Aws, Backend, Supplier};
pub use calls::{Calls, Planned, calls_for};
pub use classify::failure;
pub use lifecycle::{Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations};
pub use policy::policy;
pub use provider::{AwsProvider, calls_of, schemas};
pub use region::{BadRegion, check_region, known_region};

/// An [`Id`](palisade_core::Id) from a literal, for an object that the stack does not manage: `id!(Vpc, "vpc-0a1b2c3d")`.
/// It is checked when the program is compiled.
#[macro_export]
macro_rules! id {
    ($resource:ty, $text:expr) => {{
        const VALUE: $crate::Id<$resource> = $crate::Id::<$resource>::literal($text);
        VALUE
    }};
}

pub use palisade_core::Id;
