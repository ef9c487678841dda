//! What a Palisade program declares, as data: [`Value`]s with typed references, the [`Schema`] of each resource, the
//! [`Stack`] that a program fills, and the [`Graph`] that its references make.
//!
//! This crate does no I/O, starts no thread, reads no clock, and knows no cloud. [`provider`] is the seam: the one
//! trait by which the engine reaches whatever makes the declared objects real.
//!
//! A user names the crate `palisade`, which exports what a program needs of this one.

// The derives write `::palisade_core::...`, also in this crate's own tests.
extern crate self as palisade_core;

mod address;
mod builder;
pub mod calls;
mod declared;
mod finding;
mod graph;
mod id;
mod input;
pub mod provider;
mod resource;
mod rule;
mod schema;
mod stack;
mod suggest;
pub mod terraform;
mod value;

pub use address::{Address, AddressError};
pub use builder::{BuilderState, Given, Missing, Present};
pub use declared::{Declared, DeclaredField, Listed, Place};
pub use finding::{Finding, Span, joined_with_and};
pub use graph::Graph;
pub use id::{Id, IdError};
pub use input::{Field, Input, IntoInput, Output};
pub use palisade_derive::{Attributes, Resource};
pub use resource::{Attributes, Complete, Declaration, Declare, Handle, Outputs, Resource};
pub use rule::{
    AcceptedRisk, Assessment, Catalogue, Check, Control, Hold, Reason, ReasonError, Risk, Rule, Status, Violation,
};
pub use schema::{AttributeSchema, Chosen, Data, FieldSchema, IdRules, OnChange, Room, Schema};
pub use serde_json::Value as Json;
pub use stack::{Node, OutputNode, Rename, Stack};
pub use suggest::closest;
pub use value::{Reference, Value};

/// Fields or attributes by name, in the order of their names.
pub type JsonMap = serde_json::Map<String, Json>;

/// What the derives' expansions call; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use serde;

    /// A default as JSON.
    pub fn json<T: crate::Field>(value: T) -> crate::Json {
        serde_json::to_value(value).expect("a field's type has string keys and finite numbers only")
    }
}
