//! Which calls of a cloud a piece of work takes, before it is done.

use std::ops::AddAssign;

use serde::Serialize;

use crate::{Json, provider::StepKind};

/// A piece of work of a plan or an apply.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// Finding out whose account it is.
    Connect,
    /// Reading objects, all of one kind.
    Read {
        /// The kind.
        kind: &'a str,
        /// How many there are.
        objects: usize,
    },
    /// Looking for the object that an interrupted creation may have left.
    Find {
        /// The kind.
        kind: &'a str,
    },
    /// Looking for objects that a state which was restored from before a run does not have. It takes no call if the plan neither
    /// creates nor deletes anything.
    Search {
        /// The kinds of the objects that the plan creates.
        created: &'a [&'a str],
        /// The kinds of those that it deletes.
        deleted: &'a [&'a str],
    },
    /// Looking for what stands in the way of deletions that a plan begins, all of one kind.
    Obstacles {
        /// The kind.
        kind: &'a str,
        /// The fields that are set in the objects, each with a value of one of them.
        fields: &'a [(&'a str, &'a Json)],
    },
    /// One step of an apply.
    Step {
        /// The kind.
        kind: &'a str,
        /// What is done.
        step: StepKind,
        /// The fields that are set, changed or lost, each with its value, which is null where it is not known yet. If there
        /// are none, it is not known which.
        fields: &'a [(&'a str, &'a Json)],
    },
}

/// How often a piece of work makes one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct CallCount {
    /// The service as permissions name it, as in `ec2`.
    pub service: &'static str,
    /// The action, as in `CreateVpc`.
    pub action: &'static str,
    /// Whether it changes anything.
    pub writes: bool,
    /// How often.
    pub count: Count,
}

/// How often a call is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// As often as this.
    Exactly(usize),
    /// At most as often as this.
    UpTo(usize),
    /// As often as a wait asks.
    AsNeeded,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        *self = match (*self, other) {
            (Self::AsNeeded, _) | (_, Self::AsNeeded) => Self::AsNeeded,
            (Self::Exactly(a), Self::Exactly(b)) => Self::Exactly(a + b),
            (Self::Exactly(a) | Self::UpTo(a), Self::Exactly(b) | Self::UpTo(b)) => Self::UpTo(a + b),
        }
    }
}
