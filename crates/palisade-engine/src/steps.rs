//! [`Steps`]: the steps of a plan, and which of them wait for which.

mod builder;
mod reach;

use builder::Builder;
use palisade_core::{Address, Graph, JsonMap};
use petgraph::graph::DiGraph;

use crate::{Plan, State, StepKind};

/// The steps of a plan, with an edge from each to all that wait for it.
pub(crate) type Steps = DiGraph<Work, Wait>;

/// Why a step waits for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wait {
    /// The two cannot be done in the other order.
    Needed,
    /// The same, as the second takes over an identity that the first sets free.
    Identity,
    /// The same, as there is no room for the second beside the first.
    Room,
    /// They can, and had better not: a replaced object lives until its successor does, with all that belongs to it.
    Preferred,
}

impl Wait {
    /// Whether there is no other order.
    pub(crate) fn is_needed(self) -> bool {
        !matches!(self, Self::Preferred)
    }
}

/// One step: one object of one resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) address: Address,
    pub(crate) task: Task,
}

/// What is done to the object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    /// An object is created.
    Create {
        /// Whether the current object lives on beside the new one until its own step deletes it.
        keep_old: bool,
    },
    /// The current object is changed in place, but for fields that keep these values until its update: the one change is one
    /// that others wait for, and the other one is one that waits for others.
    Prepare {
        /// The fields and their values.
        kept: JsonMap,
    },
    /// The current object is changed in place.
    Update,
    /// The deletion of the current object, which an earlier run has begun, comes to its end, if it has not yet.
    FinishDeletion,
    /// An object is deleted.
    Delete(Target),
    /// Nothing is done, and nobody hears of it. Where many steps wait for many others, all of these meet here, so that there are not
    /// as many waits as pairs.
    Meet,
}

/// Which of the objects of a resource is deleted.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Target {
    /// The current one.
    Current,
    /// The one beside the current one whose token has this digest. It may have no id.
    Deposed(String),
}

impl Target {
    /// The digest of the object's token, if it is not the current one.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Current => None,
            Self::Deposed(token) => Some(token),
        }
    }
}

impl Work {
    pub(crate) fn kind(&self) -> StepKind {
        match self.task {
            Task::Create { .. } => StepKind::Create,
            Task::Prepare { .. } | Task::Update | Task::Meet => StepKind::Update,
            Task::FinishDeletion | Task::Delete(_) => StepKind::Delete,
        }
    }
}

/// The steps of `plan`, which was made of `graph` and `state`.
pub(crate) fn steps(graph: &Graph, state: &State, plan: &Plan) -> Steps {
    let mut builder = Builder::new(graph, state);
    for step in &plan.steps {
        builder.add(step);
    }
    let dependents = builder.dependents();
    builder.find_late(&dependents);
    builder.prepare_late();
    builder.make_after_dependencies();
    builder.replace_in_order(plan);
    builder.make_room(plan);
    builder.make_after_namesakes(plan);
    let released = builder.delete_after_dependents(&dependents);
    builder.change_late(&dependents);
    // What can be done in another order comes last, the most important first: it closes no circle.
    builder.let_go_first(released);
    builder.leave_after_occupants(&dependents);
    builder.change_before_dependents_go();
    builder.keep_until_successor_can_be(plan);
    builder.keep_predecessors(plan);
    // Whoever goes over from an object to its successor finds there what belongs to it, and leaves behind what is whole. So
    // wherever a failure stops the way, it has all of the one or all of the other.
    builder.keep_until_left(&dependents);
    builder.complete_before_entered();
    builder.steps
}
