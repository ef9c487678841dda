//! Graph and state become a [`Plan`], and a plan becomes done.
//!
//! This crate knows no cloud and no terminal: it reaches the cloud through
//! [`Provider`](palisade_core::provider::Provider), tells what happens as [`Event`]s, and keeps what it did in a
//! [`Store`].

mod align;
mod apply;
mod blocked;
mod contested;
mod deletion;
mod dependencies;
mod digest;
mod durations;
mod error;
mod event;
mod execute;
mod existing;
mod field_diff;
pub mod format;
mod gate;
mod identity;
mod impossible;
mod ledger;
mod loss;
mod missed;
mod obstacles;
mod occupied;
mod plan;
mod planner;
mod record;
mod refresh;
mod replace_order;
mod rest;
mod saved_plan;
mod slots;
mod state;
mod steps;
mod store;
mod untracked;

pub use apply::{ApplyOptions, apply};
pub use blocked::Blocked;
pub use durations::{StepDurations, Took};
pub use error::{PlanError, StateError};
pub use event::{Event, Failure, Interruption, Report};
pub use existing::existing;
pub use loss::{Consent, ConsentStatus, Loss};
pub use palisade_core::provider::StepKind;
pub use plan::{Action, Drift, FieldChange, OutputChange, Plan, PlannedRisk, ReplaceOrder, Step};
pub use planner::{PlanOptions, plan, plan_with};
pub use record::{Change, Record};
pub use saved_plan::{Origin, PlanFormatError, Remaining, SavedPlan, SavedPlanError, StaleItem};
pub use state::{Entry, ObjectState, Phase, State};
pub use store::{
    Condition, Hold, LocalStore, Lock, MemoryObjects, MemoryStore, Object, Objects, ObjectsError, Put, RemoteStore,
    Store, Writer,
};
