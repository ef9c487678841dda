//! [`LogDelivery`].

use palisade_core::{Field, Json};
use serde::{Deserialize, Serialize};

text_enum! {
    /// A log of a cache.
    LogType {
        /// The commands that took long.
        SlowLog = "slow-log",
        /// What the engine reports of itself.
        EngineLog = "engine-log",
    }
}

text_enum! {
    /// The form in which a log is delivered.
    LogFormat {
        /// One JSON object for each entry.
        Json = "json",
        /// One line for each entry.
        Text = "text",
    }
}

text_enum! {
    /// The kind of place that a log is delivered to.
    LogDestinationType {
        /// A log group of CloudWatch Logs.
        CloudWatchLogs = "cloudwatch-logs",
        /// A delivery stream of Amazon Data Firehose.
        Firehose = "kinesis-firehose",
    }
}

checked_text! {
    /// The name of a log group, as in `/elasticache/redis/slow-log`: 1 to 512 letters, digits and `.-_/#`, not
    /// beginning with `aws/`, which is AWS's own.
    LogGroupName, "the name of a log group", check_log_group, log_group_name
}

/// Where one of a cache's two logs is delivered to. The log group exists already, or is declared elsewhere.
///
/// AWS: [Log delivery](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Log_Delivery.html)
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct LogDelivery {
    /// The log.
    pub log_type: LogType,
    /// The kind of place.
    pub destination_type: LogDestinationType,
    /// The name of the log group or of the delivery stream.
    pub destination: String,
    /// The form.
    pub log_format: LogFormat,
}

impl Field for LogDelivery {
    fn problem(json: &Json) -> Option<String> {
        LogGroupName::problem(json.get("destination")?)
    }
}

impl LogDelivery {
    /// Delivers `log_type` to a log group of CloudWatch Logs, as JSON.
    pub fn to_log_group(log_type: LogType, log_group: LogGroupName) -> Self {
        Self {
            log_type,
            destination_type: LogDestinationType::CloudWatchLogs,
            destination: log_group.as_str().to_owned(),
            log_format: LogFormat::Json,
        }
    }
}

const fn check_log_group(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 512 {
        return Some("the name of a log group has 1 to 512 characters");
    }
    if super::checked::begins(text, "aws/") {
        return Some(
            "names that begin with `aws/` are AWS's own, as in /aws/...: put a slash before it, or choose another name",
        );
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'/' | b'#' => {}
            _ => return Some("use letters, digits and .-_/# only"),
        }
        i += 1;
    }
    None
}
