//! What is wrong with the declaration of a replication group that no type holds.

use std::collections::BTreeSet;

use palisade_core::{Finding, Json, Node, Stack};
use serde::Deserialize;

use crate::resources::is_unset;
use crate::types::{Engine, EngineKind, EngineVersion, LogDelivery, MaintenanceWindow, SnapshotWindow};

pub(super) fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let checks = [
        authentication(node),
        description(node),
        windows(node),
        log_delivery(node),
        security_groups(node, stack),
        zones(node, stack),
        parameter_group(node, stack),
        user_group(node, stack),
    ];
    checks.into_iter().flatten().collect()
}

/// The builder leaves no other choice; a declaration that was made without it is held to the same.
fn authentication(node: &Node) -> Option<Finding> {
    (is_unset(node, "user_group_id") == is_unset(node, "auth_token")).then(|| {
        node.finding(
            "there must be one authentication, a user group or an AUTH token",
            "declare the cache with `ReplicationGroup::builder()`, and call `.authentication(..)`",
        )
    })
}

fn description(node: &Node) -> Option<Finding> {
    let length = node.text("description")?.chars().count();
    (!(1..=255).contains(&length)).then(|| {
        node.finding("the description must have 1 to 255 characters", "say in a few words what the cache is for")
    })
}

fn windows(node: &Node) -> Option<Finding> {
    let (maintenance, snapshot) = (node.text("maintenance_window")?, node.text("snapshot_window")?);
    let overlaps = MaintenanceWindow::reported(maintenance).overlaps(&SnapshotWindow::reported(snapshot));
    overlaps.then(|| {
        node.finding(
            &format!("the snapshot window {snapshot} falls into the maintenance window {maintenance}"),
            "AWS refuses windows that overlap: move one of them, and write `.windows(windows!(snapshot: .., maintenance: ..))`, so that the compiler sees it",
        )
    })
}

fn log_delivery(node: &Node) -> Option<Finding> {
    let deliveries = Vec::<LogDelivery>::deserialize(node.json("log_delivery")?).ok()?;
    let logs: BTreeSet<_> = deliveries.iter().map(|delivery| delivery.log_type).collect();
    (logs.len() < deliveries.len())
        .then(|| node.finding("one log has two places", "AWS delivers each log to one place: keep one of the two"))
}

fn security_groups(node: &Node, stack: &Stack) -> Option<Finding> {
    if node.json("security_group_ids").and_then(Json::as_array).is_some_and(Vec::is_empty) {
        return Some(node.finding(
            "there is no security group",
            "AWS would use the VPC's default group, which is open to its members: name one with `.security_group_ids([&group])`",
        ));
    }
    // The VPC of the first subnet is that of all; the subnet group is held to that.
    let subnets = node.targets(stack, "subnet_group_name").first()?.targets(stack, "subnet_ids");
    let vpc = subnets.first()?.fields.get("vpc_id")?;
    let groups = node.targets(stack, "security_group_ids");
    let other = groups.into_iter().find(|group| group.fields.get("vpc_id").is_some_and(|other| other != vpc))?;
    Some(node.finding_with(
        other,
        "this group is in another VPC",
        &format!("{} is in another VPC than the subnets", other.address),
        "name a security group of the subnets' VPC",
    ))
}

fn zones(node: &Node, stack: &Stack) -> Option<Finding> {
    let group = *node.targets(stack, "subnet_group_name").first()?;
    let subnets = group.targets(stack, "subnet_ids");
    let zones: BTreeSet<_> = subnets.iter().filter_map(|subnet| subnet.text("availability_zone")).collect();
    let is_multi_az = node.json("multi_az_enabled")?.as_bool()?;
    (is_multi_az && zones.len() == 1 && group.fields["subnet_ids"].references().len() == subnets.len()).then(|| {
        node.finding_with(
            group,
            "all its subnets are in one zone",
            "a Multi-AZ cache needs subnets in two zones",
            "add a subnet in another zone to the group, or call `.single_az(..)`",
        )
    })
}

fn parameter_group(node: &Node, stack: &Stack) -> Option<Finding> {
    let parameters = *node.targets(stack, "parameter_group_name").first()?;
    let engine = EngineKind::reported(node.text("engine")?)?;
    let version = EngineVersion::reported(node.text("engine_version")?);
    let (family, expected) = (parameters.text("family")?, Engine::family_of(engine, &version));
    if family != expected {
        return Some(node.finding_with(
            parameters,
            &format!("its family is {family}"),
            &format!("{engine} {version} needs a parameter group of the family {expected}"),
            "give the group the family of the engine, as in `.family(Engine::REDIS_7_1.family())`, and a name of its own",
        ));
    }
    let divides =
        parameters.json("parameters").and_then(|all| all.get("cluster-enabled")).and_then(Json::as_str) == Some("yes");
    let is_divided = node.json("num_node_groups").is_some();
    (divides != is_divided).then(|| {
        node.finding_with(
            parameters,
            if divides { "sets cluster-enabled to yes" } else { "does not set cluster-enabled to yes" },
            if is_divided {
                "shards need a parameter group that divides the keys"
            } else {
                "a parameter group that divides the keys needs shards"
            },
            if is_divided {
                "add `.parameter(\"cluster-enabled\", \"yes\")` to the group, or leave the group out for AWS's own"
            } else {
                "call `.sharded(..)` on the cache, or leave `cluster-enabled` out of the group"
            },
        )
    })
}

fn user_group(node: &Node, stack: &Stack) -> Option<Finding> {
    let group = *node.targets(stack, "user_group_id").first()?;
    let is = |node: &Node, engine: EngineKind| node.text("engine") == Some(engine.as_str());
    (is(node, EngineKind::Redis) && is(group, EngineKind::Valkey)).then(|| {
        node.finding_with(
            group,
            "a group for Valkey",
            "a Redis cache takes no user group for Valkey",
            "give the group `.engine(EngineKind::Redis)`, and users for Redis",
        )
    })
}
