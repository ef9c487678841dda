//! What a flow log records.

use palisade_core::Field;
use serde::{Deserialize, Serialize};

text_enum! {
    /// The traffic that a flow log records. There is no way to record only what was accepted: an attack shows in what was
    /// refused.
    TrafficType {
        /// All of it.
        All = "ALL",
        /// What security groups and network ACLs refused.
        Reject = "REJECT",
    }
}

/// The time over which packets of one flow are put together in one record, at most; AWS counts it in seconds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum AggregationInterval {
    /// 60 seconds: more records, sooner.
    OneMinute,
    /// 600 seconds.
    TenMinutes,
}

impl AggregationInterval {
    /// The interval in seconds.
    pub const fn seconds(self) -> u16 {
        match self {
            Self::OneMinute => 60,
            Self::TenMinutes => 600,
        }
    }

    /// The interval that AWS reports as so many seconds, or `None` for one that this version does not know.
    pub const fn reported(seconds: u16) -> Option<Self> {
        match seconds {
            60 => Some(Self::OneMinute),
            600 => Some(Self::TenMinutes),
            _ => None,
        }
    }
}

impl From<AggregationInterval> for u16 {
    fn from(interval: AggregationInterval) -> Self {
        interval.seconds()
    }
}

impl TryFrom<u16> for AggregationInterval {
    type Error = &'static str;

    fn try_from(seconds: u16) -> Result<Self, Self::Error> {
        Self::reported(seconds).ok_or("an aggregation interval has 60 or 600 seconds")
    }
}

impl Field for AggregationInterval {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_written_in_seconds() {
        for interval in [AggregationInterval::OneMinute, AggregationInterval::TenMinutes] {
            let json = serde_json::to_value(interval).unwrap();
            assert_eq!(json, interval.seconds());
            assert_eq!(serde_json::from_value::<AggregationInterval>(json).unwrap(), interval);
        }
        assert!(serde_json::from_str::<AggregationInterval>("61").is_err());
    }
}
