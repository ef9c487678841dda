//! The changes that the fast suite makes in the emulated account, unchanged, through the SDKs.
//!
//! Two of its tests are not made here, as ministack has no such actions: that a tenancy becomes shared, by `ModifyVpcTenancy`,
//! and that the number of shards changes, by `ModifyReplicationGroupShardConfiguration`.

use std::time::Duration;

use palisade_live::Live;
use palisade_testing::Rehearsal;

use crate::{
    account::{Account, ministack},
    faults::side_by_side,
    life::rehearsal_at,
    mended::mended,
};

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
    ("LogGroup", "kms_key_id", "there is no AssociateKmsKey"),
];

fn is_in_ministack(kind: &str, field: &str) -> bool {
    !NOT_IN_MINISTACK.iter().any(|(other, name, _)| *other == kind && *name == field)
}

/// How long an attempt at a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many changes are made side by side.
const AT_A_TIME: usize = 8;

#[test]
fn every_change_replaces_or_updates_as_aws_does_and_leaves_nothing_to_change() {
    let fresh = Account::unused().inventory();
    let fields = cases::fields().map(|(schema, field)| (schema.kind, field));
    let fields = fields.filter(|(kind, field)| is_in_ministack(kind, field)).collect();
    side_by_side(AT_A_TIME, fields, |(kind, field)| {
        let schema = palisade_aws::schemas().find(|schema| schema.kind == *kind).unwrap();
        let account = Account::unused();
        // It forgets too much of a network ACL for one to be made without what it was told.
        let endpoint = if *kind == "NetworkAcl" { mended(ministack()) } else { ministack() };
        cases::change(&mut rehearsal_at(endpoint, &account, PATIENCE), schema, field)?;
        let left = account.inventory();
        if left == fresh { Ok(()) } else { Err(format!("left behind: {left:?}, and before {fresh:?}")) }
    });
}

fn rehearsal_of(account: &Account) -> Rehearsal<Live> {
    rehearsal_at(ministack(), account, PATIENCE)
}

#[test]
fn a_downgrade_and_the_way_back_from_valkey_replace_the_cache() {
    for (from, to) in cases::DOWNGRADES {
        cases::downgrade(&mut rehearsal_of(&Account::unused()), from, to);
    }
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
