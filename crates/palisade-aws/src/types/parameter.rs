//! The parameters of Redis OSS 7 and Valkey that ElastiCache lets one set, and the values that it takes.

use std::fmt;

/// What a parameter may be set to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Values {
    /// `yes` or `no`.
    YesNo,
    /// A whole number in these bounds.
    Number(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these letters, or nothing.
    Letters(&'static str),
    /// Any text.
    Text,
}

use Values::{Letters, Number, OneOf, Text, YesNo};

const ANY: Values = Number(0, i64::MAX);
const POSITIVE: Values = Number(1, i64::MAX);

const POLICIES: &[&str] = &[
    "volatile-lru",
    "allkeys-lru",
    "volatile-lfu",
    "allkeys-lfu",
    "volatile-random",
    "allkeys-random",
    "volatile-ttl",
    "noeviction",
];

/// Those that all of these families have.
const PARAMETERS: &[(&str, Values)] = &[
    ("acl-pubsub-default", OneOf(&["allchannels", "resetchannels"])),
    ("acllog-max-len", Number(1, 10_000)),
    ("active-defrag-cycle-max", Number(1, 75)),
    ("active-defrag-cycle-min", Number(1, 75)),
    ("active-defrag-ignore-bytes", Number(1_048_576, i64::MAX)),
    ("active-defrag-max-scan-fields", Number(1, 1_000_000)),
    ("active-defrag-threshold-lower", Number(1, 100)),
    ("active-defrag-threshold-upper", Number(1, 100)),
    ("active-expire-effort", Number(1, 10)),
    ("activedefrag", YesNo),
    ("activerehashing", YesNo),
    ("client-output-buffer-limit-normal-hard-limit", ANY),
    ("client-output-buffer-limit-normal-soft-limit", ANY),
    ("client-output-buffer-limit-normal-soft-seconds", ANY),
    ("client-output-buffer-limit-pubsub-hard-limit", ANY),
    ("client-output-buffer-limit-pubsub-soft-limit", ANY),
    ("client-output-buffer-limit-pubsub-soft-seconds", ANY),
    ("client-query-buffer-limit", Number(1_048_576, 1_073_741_824)),
    ("close-on-replica-write", YesNo),
    ("cluster-allow-pubsubshard-when-down", YesNo),
    ("cluster-allow-reads-when-down", YesNo),
    ("cluster-enabled", YesNo),
    ("databases", Number(1, 1_200_000)),
    ("hash-max-listpack-entries", ANY),
    ("hash-max-listpack-value", ANY),
    ("hll-sparse-max-bytes", Number(1, 16_000)),
    ("latency-tracking", YesNo),
    ("lazyfree-lazy-eviction", YesNo),
    ("lazyfree-lazy-expire", YesNo),
    ("lazyfree-lazy-server-del", YesNo),
    ("lazyfree-lazy-user-del", YesNo),
    ("lazyfree-lazy-user-flush", YesNo),
    ("lfu-decay-time", ANY),
    ("lfu-log-factor", POSITIVE),
    ("list-compress-depth", ANY),
    ("list-max-listpack-size", Number(-5, i64::MAX)),
    ("maxmemory-policy", OneOf(POLICIES)),
    ("maxmemory-samples", POSITIVE),
    ("min-replicas-max-lag", ANY),
    ("min-replicas-to-write", ANY),
    ("notify-keyspace-events", Letters("KEg$lshzxeAtdmn")),
    ("proto-max-bulk-len", Number(1_048_576, 536_870_912)),
    ("rename-commands", Text),
    ("repl-backlog-size", Number(16_384, i64::MAX)),
    ("repl-backlog-ttl", ANY),
    ("repl-timeout", Number(11, i64::MAX)),
    ("replica-allow-chaining", YesNo),
    ("replica-lazy-flush", YesNo),
    ("reserved-memory", ANY),
    ("reserved-memory-percent", Number(0, 100)),
    ("set-max-intset-entries", ANY),
    ("slowlog-log-slower-than", Number(-1, i64::MAX)),
    ("slowlog-max-len", ANY),
    ("stream-node-max-bytes", ANY),
    ("stream-node-max-entries", ANY),
    ("tcp-keepalive", ANY),
    ("timeout", ANY),
    ("tracking-table-max-keys", Number(1, 100_000_000)),
    ("zset-max-listpack-entries", ANY),
    ("zset-max-listpack-value", ANY),
];

/// Those that came with Valkey.
const VALKEY: &[(&str, Values)] = &[
    ("set-max-listpack-entries", ANY),
    ("set-max-listpack-value", ANY),
    ("search-fanout-target-mode", OneOf(&["default", "client"])),
];

/// Those that can be read and not set.
const FIXED: &[&str] =
    &["appendonly", "appendfsync", "lua-time-limit", "maxclients", "maxmemory", "min-slaves-max-lag"];

/// Why ElastiCache does not take a parameter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ParameterProblem {
    /// The family has no parameter of the name.
    Unknown,
    /// It can be read, and not set.
    Fixed,
    /// It does not take the value, and what it takes is this.
    Value(String),
}

/// Why a parameter group of `family`, as in `redis7`, cannot have the parameter `name` with `value`; `None` if it can.
pub fn parameter_problem(family: &str, name: &str, value: &str) -> Option<ParameterProblem> {
    let values = match values(family, name) {
        Ok(values) => values,
        Err(problem) => return Some(problem),
    };
    let fits = match values {
        YesNo => value == "yes" || value == "no",
        Number(least, most) => value.parse().is_ok_and(|number: i64| (least..=most).contains(&number)),
        OneOf(words) => words.contains(&value),
        Letters(letters) => value.chars().all(|letter| letters.contains(letter)),
        Text => true,
    };
    (!fits).then(|| ParameterProblem::Value(values.to_string()))
}

/// The names of the parameters that a group of `family` can have.
pub fn parameter_names(family: &str) -> impl Iterator<Item = &'static str> {
    table(family).map(|(name, _)| *name)
}

fn values(family: &str, name: &str) -> Result<Values, ParameterProblem> {
    if FIXED.contains(&name) {
        return Err(ParameterProblem::Fixed);
    }
    table(family).find(|(known, _)| *known == name).map(|(_, values)| *values).ok_or(ParameterProblem::Unknown)
}

fn table(family: &str) -> impl Iterator<Item = &'static (&'static str, Values)> {
    PARAMETERS.iter().chain(if family.starts_with("valkey") { VALKEY } else { &[] })
}

/// The values, as the end of "it takes".
impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            YesNo => f.write_str("yes or no"),
            Number(least, i64::MAX) => write!(f, "a number from {least} on"),
            Number(least, most) => write!(f, "a number from {least} to {most}"),
            OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Letters(letters) => write!(f, "some of the letters {letters}"),
            Text => f.write_str("any text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_name_nothing_twice() {
        assert!(PARAMETERS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(VALKEY.iter().all(|(name, _)| PARAMETERS.iter().all(|(other, _)| name != other)));
    }

    #[test]
    fn a_parameter_exists_can_be_set_and_has_a_value_that_it_takes() {
        assert_eq!(parameter_problem("redis7", "maxmemory-policy", "volatile-lru"), None);
        assert_eq!(parameter_problem("redis7", "requirepass", "x"), Some(ParameterProblem::Unknown));
        assert_eq!(parameter_problem("redis7", "set-max-listpack-value", "64"), Some(ParameterProblem::Unknown));
        assert_eq!(parameter_problem("valkey8", "set-max-listpack-value", "64"), None);
        assert_eq!(parameter_problem("redis7", "maxmemory", "1gb"), Some(ParameterProblem::Fixed));
        let value = |name, value| parameter_problem("redis7", name, value);
        assert_eq!(value("timeout", "-5"), Some(ParameterProblem::Value("a number from 0 on".to_owned())));
        assert_eq!(value("activedefrag", "on"), Some(ParameterProblem::Value("yes or no".to_owned())));
    }
}
