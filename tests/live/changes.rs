//! The changes that the fast suite makes in the emulated account, unchanged, through the SDKs.

use crate::{account::Account, life::rehearsal};

#[path = "../schema_changes/cases.rs"]
mod cases;

/// What ministack does not do as AWS does: the resource, the field, and what is wrong. A change that is accepted and does
/// not show is waited for for a minute, as AWS may be late, so each of these would cost one.
const NOT_IN_MINISTACK: &[(&str, &str, &str)] = &[
    ("RedisUser", "engine", "ModifyUser ignores the engine"),
    ("UserGroup", "engine", "ModifyUserGroup ignores the engine"),
    ("ReplicationGroup", "engine", "ModifyReplicationGroup ignores the engine"),
    ("ReplicationGroup", "engine_version", "the nodes, which tell the version, keep the old one"),
    ("ReplicationGroup", "parameter_group_name", "the nodes, which tell the parameter group, keep the old one"),
    ("ReplicationGroup", "security_group_ids", "ModifyReplicationGroup ignores the security groups"),
    ("ReplicationGroup", "maintenance_window", "ModifyReplicationGroup ignores the window"),
    ("ReplicationGroup", "auto_minor_version_upgrade", "ModifyReplicationGroup ignores the flag"),
    ("ReplicationGroup", "notification_topic_arn", "ModifyReplicationGroup ignores the topic"),
    ("ReplicationGroup", "ip_discovery", "ModifyReplicationGroup ignores it"),
    ("ReplicationGroup", "log_delivery", "ModifyReplicationGroup ignores the deliveries"),
    ("ReplicationGroup", "num_node_groups", "a cache of two shards is refused, which AWS makes"),
];

fn is_in_ministack(kind: &str, field: &str) -> bool {
    !NOT_IN_MINISTACK.iter().any(|(other, name, _)| *other == kind && *name == field)
}

#[test]
fn every_change_replaces_or_updates_as_aws_does_and_leaves_nothing_to_change() {
    let fresh = Account::usual().inventory();
    let mut failures = Vec::new();
    for (schema, field) in cases::fields().filter(|(schema, field)| is_in_ministack(schema.kind, field)) {
        let account = Account::usual();
        let changed = cases::change(&mut rehearsal(), schema, field);
        let left = account.inventory();
        if let Err(failure) = changed {
            failures.push(format!("{}.{field}: {failure}", schema.kind));
        } else if left != fresh {
            failures.push(format!("{}.{field}: left behind: {left:?}, and before {fresh:?}", schema.kind));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_ministack_does_otherwise_is_something_that_changes() {
    for (kind, field, reason) in NOT_IN_MINISTACK {
        assert!(
            cases::fields().any(|(schema, name)| schema.kind == *kind && name == *field),
            "{kind}.{field}: {reason}"
        );
    }
}
