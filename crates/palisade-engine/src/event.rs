//! [`Event`]: what an apply tells while it runs, and [`Report`]: what it tells at its end.

use std::time::Duration;

use palisade_core::{
    Address, JsonMap,
    provider::{ProviderError, StepKind},
};

/// Something that an apply did. The reporter of the command line is the one listener; it prints, the engine does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A step has begun; its intent is on disk.
    Started {
        /// The resource.
        address: Address,
        /// What is being done.
        step: StepKind,
    },
    /// A step waits until the cloud shows what an interrupted run has changed, which takes a minute on AWS.
    CatchingUp {
        /// The resource.
        address: Address,
    },
    /// A creation has got its id, which is on disk.
    Created {
        /// The resource.
        address: Address,
        /// The id.
        id: String,
    },
    /// A step has ended well, and that is on disk.
    Finished {
        /// The resource.
        address: Address,
        /// What was done.
        step: StepKind,
        /// The id of the object; empty for an interrupted creation that turned out to have left none to delete.
        id: String,
        /// How long it took on tokio's clock.
        took: Duration,
    },
    /// A step has failed.
    Failed(Failure),
    /// The search for objects that the state does not have takes a while: what is found may just be going.
    Searching,
    /// The run is to stop: what is under way comes back, and nothing else begins.
    Stopping,
    /// A step has begun and not come to its end, as the run is to stop. The next run goes on with it.
    Interrupted {
        /// The resource.
        address: Address,
        /// What was being done.
        step: StepKind,
    },
    /// A step was not tried, as one that it waits for failed.
    Skipped {
        /// The resource.
        address: Address,
        /// What was not done.
        step: StepKind,
        /// The resource whose step failed.
        because: Address,
    },
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The resource.
    pub address: Address,
    /// What was tried.
    pub step: StepKind,
    /// Why it failed.
    pub error: ProviderError,
}

/// A step that was under way when the run stopped. The state says how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Interruption {
    /// The resource.
    pub address: Address,
    /// What was being done.
    pub step: StepKind,
    /// Whether all its calls have come back. One that has not may have had its effect; the next run finds out.
    pub is_answered: bool,
}

/// What an apply did. The state holds all of it already.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How many objects were created.
    pub added: usize,
    /// How many were changed in place.
    pub changed: usize,
    /// How many were deleted.
    pub destroyed: usize,
    /// The steps that failed.
    pub failures: Vec<Failure>,
    /// The steps that were not tried, each with the resource whose failure stopped it.
    pub skipped: Vec<(Address, StepKind, Address)>,
    /// Whether the run was stopped before it had come to its end.
    pub is_stopped: bool,
    /// The steps that were under way then.
    pub interrupted: Vec<Interruption>,
    /// The steps that were not begun, as the run was to stop: after an interrupt, or after a failure with `fail_fast`.
    pub not_begun: Vec<(Address, StepKind)>,
    /// The stack's outputs as they are now.
    pub outputs: JsonMap,
    /// How long it all took on tokio's clock.
    pub took: Duration,
}

impl Report {
    /// Whether all steps were done.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.skipped.is_empty() && self.interrupted.is_empty() && self.not_begun.is_empty()
    }
}
