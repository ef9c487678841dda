//! The parameters of Redis OSS 7 and Valkey that ElastiCache lets one set, and the values that it takes.

use crate::refusal::{Answer, refuse, require};

/// What a parameter may be set to.
#[derive(Clone, Copy)]
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

/// Refuses a parameter that a group of `family` cannot be set to.
pub(crate) fn check(family: &str, name: &str, value: &str) -> Answer<()> {
    let values = values(family, name)?;
    let fits = match values {
        YesNo => value == "yes" || value == "no",
        Number(least, most) => value.parse().is_ok_and(|number: i64| (least..=most).contains(&number)),
        OneOf(words) => words.contains(&value),
        Letters(letters) => value.chars().all(|letter| letters.contains(letter)),
        Text => true,
    };
    require(fits, "InvalidParameterValue", || {
        format!("The parameter {name} has the value {value}, which is not in the range of its allowed values.")
    })
}

/// Refuses a parameter that cannot be set back in a group of `family`.
pub(crate) fn check_reset(family: &str, name: &str) -> Answer<()> {
    // AWS refuses it; one sets `reserved-memory-percent` instead.
    require(name != "reserved-memory", "InvalidParameterValue", || {
        "The parameter reserved-memory cannot be reset.".to_owned()
    })?;
    values(family, name).map(|_| ())
}

fn values(family: &str, name: &str) -> Answer<Values> {
    if FIXED.contains(&name) {
        return refuse("InvalidParameterValue", format!("The parameter {name} cannot be modified."));
    }
    let ours = PARAMETERS.iter().chain(if family.starts_with("valkey") { VALKEY } else { &[] });
    match ours.into_iter().find(|(known, _)| *known == name) {
        Some((_, values)) => Ok(*values),
        None => {
            refuse("InvalidParameterValue", format!("Invalid parameter name: {name} is not a parameter of {family}."))
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
}
