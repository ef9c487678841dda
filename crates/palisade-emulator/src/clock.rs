//! [`Clock`], which is tokio's and so may be paused, and how long AWS takes for what.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Milliseconds since the account was opened for the first time, on its own clock.
pub(crate) type Millis = u64;

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
pub(crate) const DAY: Millis = 24 * 60 * MINUTE;

/// How long a call that tells something takes.
pub(crate) const READ_LATENCY: Millis = 100;
/// How long a call that changes something takes.
pub(crate) const WRITE_LATENCY: Millis = 300;
/// For how long descriptions still tell what was before a change.
pub(crate) const LAG: Millis = 700;
/// What passes between the end of one process and the first call of the next.
pub(crate) const RESTART: Millis = 2 * SECOND;

/// From `pending` to `available`, and from `associating` to `associated`.
pub(crate) const NETWORK: Millis = 2 * SECOND;
/// How long the network interfaces of a deleted node linger.
pub(crate) const LINGER: Millis = 2 * MINUTE;
pub(crate) const CREATE_CACHE: Millis = 8 * MINUTE;
pub(crate) const DELETE_CACHE: Millis = 6 * MINUTE;
/// Descriptions, windows, retention, topics, security groups.
pub(crate) const SIMPLE_CHANGE: Millis = 30 * SECOND;
pub(crate) const FAILOVER_CHANGE: Millis = 3 * MINUTE;
pub(crate) const AUTH_CHANGE: Millis = 4 * MINUTE;
/// Another node type, or another version of the engine.
pub(crate) const NODE_CHANGE: Millis = 15 * MINUTE;
/// One replica more or less.
pub(crate) const REPLICA: Millis = 6 * MINUTE;
/// How long a shard takes to be added or removed.
pub(crate) const SHARD: Millis = 15 * MINUTE;
/// By how much the group is `available` before its new members are.
pub(crate) const MEMBERS_LATER: Millis = 45 * SECOND;
/// What a final snapshot adds to a deletion.
pub(crate) const SNAPSHOT: Millis = 3 * MINUTE;
/// Users that no cache uses.
pub(crate) const DETACHED_USER: Millis = 3 * SECOND;
/// User groups that no cache uses.
pub(crate) const DETACHED_GROUP: Millis = MINUTE;
/// Users and user groups that a cache uses.
pub(crate) const ATTACHED: Millis = 2 * MINUTE;
/// By how much a user is `active` before its groups are, and a user group before its caches are `available`.
pub(crate) const PASSED_ON: Millis = 15 * SECOND;
/// How long the name of a secret that was deleted without recovery stays taken.
pub(crate) const NAME_FREED: Millis = 5 * SECOND;

/// For how long EC2 lists the tags of an object that was deleted.
pub(crate) const TAGS_LINGER: Millis = 5 * MINUTE;

/// How long EC2 takes to hear of a role, and of whom it trusts.
pub(crate) const ROLE_KNOWN: Millis = 8 * SECOND;

/// The account's clock: it goes on from where the account file left it, at the pace of tokio's.
#[derive(Debug)]
pub(crate) struct Clock {
    saved: Millis,
    /// How many times as long as usual everything takes.
    slowness: u32,
    // Tokio's clock can be read inside of a runtime only, which there is none of when an account is opened.
    start: Option<Instant>,
}

impl Clock {
    pub(crate) fn new(saved: Millis) -> Self {
        Self { saved, slowness: 1, start: None }
    }

    /// From now on, everything takes `times` as long.
    pub(crate) fn slow_down(&mut self, times: u32) {
        *self = Self { saved: self.now(), slowness: times.max(1), start: Some(Instant::now()) };
    }

    /// Goes on from `now`, if that is later than the time on the clock.
    pub(crate) fn advance_to(&mut self, now: Millis) {
        *self = Self { saved: now.max(self.now()), slowness: self.slowness, start: Some(Instant::now()) };
    }

    pub(crate) fn now(&mut self) -> Millis {
        let start = *self.start.get_or_insert_with(Instant::now);
        let elapsed = u64::try_from((start.elapsed() / self.slowness).as_millis()).unwrap_or(Millis::MAX);
        self.saved.saturating_add(elapsed)
    }
}

/// Where an object is in its life.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Phase {
    Creating {
        until: Millis,
    },
    Stable,
    Modifying {
        since: Millis,
        until: Millis,
    },
    Deleting {
        until: Millis,
    },
    /// A creation that did not succeed.
    Failed,
}

impl Phase {
    /// The phase at `now`. What ends a deletion is the removal of the object, which is not done here.
    pub(crate) fn at(self, now: Millis) -> Self {
        match self {
            Self::Creating { until } | Self::Modifying { until, .. } if until <= now => Self::Stable,
            other => other,
        }
    }

    /// Whether it takes changes.
    pub(crate) fn is_stable(self) -> bool {
        matches!(self, Self::Stable)
    }

    /// The end of a deletion that is over at `now`.
    pub(crate) fn gone_at(self, now: Millis) -> Option<Millis> {
        match self {
            Self::Deleting { until } if until <= now => Some(until),
            _ => None,
        }
    }

    /// A change until `until`, which joins one that is under way. What is deleted stays so.
    pub(crate) fn modified(self, now: Millis, until: Millis) -> Self {
        match self {
            Self::Stable => Self::Modifying { since: now, until },
            Self::Modifying { since, until: other } => Self::Modifying { since, until: until.max(other) },
            Self::Creating { until: other } => Self::Creating { until: until.max(other) },
            other => other,
        }
    }

    /// The status; `stable` is what the service calls an object that nothing is happening to. A change shows only after
    /// `lag`, as on AWS, where a description just after the call still tells of no change.
    pub(crate) fn status(self, now: Millis, lag: Millis, stable: &'static str) -> &'static str {
        match self {
            Self::Creating { .. } => "creating",
            Self::Modifying { since, .. } if now < since.saturating_add(lag) => stable,
            Self::Stable => stable,
            Self::Modifying { .. } => "modifying",
            Self::Deleting { .. } => "deleting",
            Self::Failed => "create-failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_from_where_it_was() {
        let mut clock = Clock::new(5_000);
        assert_eq!(clock.now(), 5_000);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(clock.now(), 65_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_account_takes_longer() {
        let mut clock = Clock::new(5_000);
        clock.slow_down(3);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(clock.now(), 25_000);
        clock.slow_down(1);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(clock.now(), 85_000);
    }

    #[test]
    fn a_change_shows_late_and_ends_by_itself() {
        let change = Phase::Stable.modified(1_000, 9_000);
        assert_eq!(change.status(1_100, 700, "available"), "available");
        assert_eq!(change.status(1_700, 700, "available"), "modifying");
        assert!(!change.at(8_999).is_stable() && change.at(9_000).is_stable());
    }
}
