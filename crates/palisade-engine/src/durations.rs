//! [`StepDurations`]: how long the steps on one kind of resource have taken.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{State, StepKind};

/// How long a step took, from its beginning to the moment at which its object was what it should be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Took {
    /// The kind of step.
    pub step: StepKind,
    /// Milliseconds on tokio's clock.
    pub millis: u64,
}

/// How long the steps on one kind of resource take, in milliseconds; null for a step that was never taken.
///
/// Each is a moving average, in which a step counts for a quarter, and more than half of what it says is of the last three
/// steps. It is of whole numbers, so that it is the same on every machine.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct StepDurations {
    /// Of a creation.
    pub create: Option<u64>,
    /// Of an update.
    pub update: Option<u64>,
    /// Of a deletion.
    pub delete: Option<u64>,
}

impl Took {
    pub(crate) fn new(step: StepKind, duration: Duration) -> Self {
        Self { step, millis: duration.as_millis().try_into().unwrap_or(u64::MAX) }
    }
}

impl StepDurations {
    /// Takes a step into account.
    pub(crate) fn learn(&mut self, Took { step, millis }: Took) {
        let average = match step {
            StepKind::Create => &mut self.create,
            StepKind::Update => &mut self.update,
            StepKind::Delete => &mut self.delete,
        };
        let quarter = |sum: u128| u64::try_from(sum.div_ceil(4)).unwrap_or(u64::MAX);
        *average = Some(average.map_or(millis, |known| quarter(3 * u128::from(known) + u128::from(millis))));
    }

    fn of(&self, step: StepKind) -> Option<u64> {
        match step {
            StepKind::Create => self.create,
            StepKind::Update => self.update,
            StepKind::Delete => self.delete,
        }
    }
}

impl State {
    /// How long a step on a resource of `kind` takes, as far as earlier runs tell.
    pub fn duration(&self, kind: &str, step: StepKind) -> Option<Duration> {
        self.durations.get(kind)?.of(step).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_believed_and_each_other_counts_for_a_quarter() {
        let mut state = State::new("shop", "");
        assert_eq!(state.duration("Vpc", StepKind::Create), None);
        let durations = state.durations.entry("Vpc".to_owned()).or_default();
        for millis in [1000, 2000, 0] {
            durations.learn(Took { step: StepKind::Create, millis });
        }
        assert_eq!(state.duration("Vpc", StepKind::Create), Some(Duration::from_millis(938)));
        assert_eq!(state.duration("Vpc", StepKind::Delete), None);
        assert_eq!(state.duration("Subnet", StepKind::Create), None);
    }

    #[test]
    fn the_longest_duration_there_is_does_not_overflow() {
        let mut durations = StepDurations::default();
        for _ in 0..3 {
            durations.learn(Took::new(StepKind::Delete, Duration::MAX));
        }
        assert_eq!(durations.delete, Some(u64::MAX));
    }
}
