//! What the fields of a log group take.

use palisade_core::{Field, Json};
use serde::{Deserialize, Serialize};

text_enum! {
    /// What a log group is made for.
    LogGroupClass {
        /// All that CloudWatch Logs does.
        Standard = "STANDARD",
        /// Half the price, without alarms and live views.
        InfrequentAccess = "INFREQUENT_ACCESS",
    }
}

/// For how many days the entries of a log group are kept. CloudWatch Logs takes the values that are constants here, and no
/// others. None is shorter than a year: what happened must be there when somebody asks.
///
/// ```
/// use palisade_aws::types::LogRetention;
/// assert_eq!(LogRetention::YEARS_1.days(), 365);
/// assert!(LogRetention::from_days(400).is_ok());
/// assert_eq!(
///     LogRetention::from_days(30).unwrap_err().to_string(),
///     "`30` is not a retention of logs: keep them for a year at least, with 365, 400, 545, 731, 1096, 1827, 2192, 2557, \
///      2922, 3288 or 3653 days, which are the periods that CloudWatch Logs has",
/// );
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct LogRetention(u16);

/// The periods of a year and longer that CloudWatch Logs takes.
const PERIODS: [u16; 11] = [365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl LogRetention {
    /// 365 days.
    pub const YEARS_1: Self = Self(365);
    /// 400 days.
    pub const MONTHS_13: Self = Self(400);
    /// 545 days.
    pub const MONTHS_18: Self = Self(545);
    /// 731 days.
    pub const YEARS_2: Self = Self(731);
    /// 1096 days.
    pub const YEARS_3: Self = Self(1096);
    /// 1827 days.
    pub const YEARS_5: Self = Self(1827);
    /// 2192 days.
    pub const YEARS_6: Self = Self(2192);
    /// 2557 days.
    pub const YEARS_7: Self = Self(2557);
    /// 2922 days.
    pub const YEARS_8: Self = Self(2922);
    /// 3288 days.
    pub const YEARS_9: Self = Self(3288);
    /// 3653 days.
    pub const YEARS_10: Self = Self(3653);

    /// The retention of so many days.
    ///
    /// # Errors
    /// [`CheckError`](crate::types::CheckError) if it is less than a year, or no period that CloudWatch Logs has.
    pub fn from_days(days: u16) -> Result<Self, crate::types::CheckError> {
        if PERIODS.contains(&days) {
            return Ok(Self(days));
        }
        let rule = "keep them for a year at least, with 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days, \
                    which are the periods that CloudWatch Logs has";
        Err(crate::types::CheckError { value: days.to_string(), what: "a retention of logs", rule })
    }

    /// The value as AWS reports it, unchecked; 0 stands for entries that are kept for ever. A stack that declares it is
    /// checked all the same.
    pub const fn reported(days: u16) -> Self {
        Self(days)
    }

    /// The days.
    pub const fn days(self) -> u16 {
        self.0
    }
}

impl Field for LogRetention {
    fn problem(json: &Json) -> Option<String> {
        match json.as_u64().and_then(|days| u16::try_from(days).ok()) {
            Some(days) => Self::from_days(days).err().map(|error| error.to_string()),
            None => Some(format!("`{json}` is not a retention of logs")),
        }
    }
}
