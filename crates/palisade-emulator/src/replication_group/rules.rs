//! What no replication group can be, whether it is created or changed.

use palisade_aws::types::{EngineKind, EngineVersion, LogType, MaintenanceWindow, NodeType, SnapshotWindow, Tenancy};

use super::Settings;
use crate::{
    account::Account,
    ids::{ParameterGroupId, SubnetGroupId, UserGroupId, id},
    refusal::{Answer, refuse, require},
    user::Authentication,
};

/// The versions that can be asked for, with the patch levels that AWS gives.
const REDIS: &[(&str, &str)] = &[("6.0", "6.0.5"), ("6.2", "6.2.6"), ("7.0", "7.0.7"), ("7.1", "7.1.0")];
const VALKEY: &[(&str, &str)] =
    &[("7.2", "7.2.6"), ("8.0", "8.0.1"), ("8.1", "8.1.0"), ("8.2", "8.2.0"), ("9.0", "9.0.0")];

fn versions(engine: EngineKind) -> &'static [(&'static str, &'static str)] {
    match engine {
        EngineKind::Redis => REDIS,
        EngineKind::Valkey => VALKEY,
    }
}

/// The version as AWS tells it, with its patch level.
pub(super) fn full_version(engine: EngineKind, version: &EngineVersion) -> String {
    let known = versions(engine).iter().find(|(asked, _)| *asked == version.as_str());
    known.map_or_else(|| version.as_str().to_owned(), |(_, full)| (*full).to_owned())
}

/// The family of the parameter groups that fit.
pub(super) fn family(engine: EngineKind, version: &EngineVersion) -> String {
    let major = version.as_str().split('.').next().unwrap_or_default();
    match (engine, major) {
        (EngineKind::Redis, "6") => "redis6.x".to_owned(),
        (engine, major) => format!("{engine}{major}"),
    }
}

/// The parameter group that AWS owns for an engine and version.
pub(super) fn default_parameter_group(engine: EngineKind, version: &EngineVersion) -> ParameterGroupId {
    id(format!("default.{}", family(engine, version)))
}

/// A version as two numbers, in the order of which versions follow each other.
pub(super) fn numbers(version: &EngineVersion) -> (u32, u32) {
    let (major, minor) = version.as_str().split_once('.').unwrap_or((version.as_str(), ""));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

/// Windows for a group for which none were chosen, apart from those that were.
pub(super) fn windows(
    maintenance: Option<MaintenanceWindow>,
    snapshot: Option<SnapshotWindow>,
) -> (MaintenanceWindow, SnapshotWindow) {
    let maintenance = maintenance.unwrap_or_else(|| {
        let early = MaintenanceWindow::literal("mon:03:00-mon:04:00");
        let overlaps = snapshot.as_ref().is_some_and(|snapshot| early.overlaps(snapshot));
        if overlaps { MaintenanceWindow::literal("mon:15:00-mon:16:00") } else { early }
    });
    let snapshot = snapshot.unwrap_or_else(|| {
        let early = SnapshotWindow::literal("05:00-06:00");
        if maintenance.overlaps(&early) { SnapshotWindow::literal("17:00-18:00") } else { early }
    });
    (maintenance, snapshot)
}

impl Account {
    /// Refuses what no group with `nodes` nodes in the subnets of `subnet_group` can be.
    pub(super) fn check_settings(
        &self,
        settings: &Settings,
        subnet_group: &SubnetGroupId,
        nodes: usize,
        data_tiering: bool,
    ) -> Answer<()> {
        require((1..=255).contains(&settings.description.chars().count()), "InvalidParameterValue", || {
            "The parameter ReplicationGroupDescription must have 1 to 255 characters.".to_owned()
        })?;
        check_version(settings)?;
        check_node_type(&settings.node_type, data_tiering)?;
        check_windows(settings)?;
        check_logs(settings)?;
        self.check_availability(settings, subnet_group, nodes)?;
        self.check_security_groups(settings, subnet_group)?;
        self.check_parameter_group(settings, data_tiering)?;
        let topic = settings.topic.as_ref().map(|topic| topic.as_str());
        require(topic.is_none_or(|topic| region_of(topic) == self.region), "InvalidParameterValue", || {
            "The notification topic must be in the region of the cluster.".to_owned()
        })
    }

    fn check_availability(&self, settings: &Settings, subnet_group: &SubnetGroupId, nodes: usize) -> Answer<()> {
        require(!settings.multi_az || settings.automatic_failover, "InvalidParameterCombination", || {
            "Must enable automatic failover to enable Multi-AZ.".to_owned()
        })?;
        require(!settings.automatic_failover || nodes >= 2, "InvalidParameterCombination", || {
            "Automatic failover is not supported for replication groups without replicas.".to_owned()
        })?;
        let subnets = &self.subnet_group(subnet_group)?.subnets;
        let mut vpcs = subnets.iter().filter_map(|subnet| self.vpcs.get(&self.subnets.get(subnet)?.vpc));
        require(vpcs.all(|vpc| vpc.tenancy != Tenancy::Dedicated), "InvalidVPCNetworkStateFault", || {
            "ElastiCache cannot be used in a VPC with dedicated instance tenancy.".to_owned()
        })?;
        let zones = subnets.iter().filter_map(|subnet| self.subnets.get(subnet)).map(|subnet| &subnet.zone);
        let zones: std::collections::BTreeSet<_> = zones.collect();
        require(!settings.multi_az || zones.len() >= 2, "InvalidParameterCombination", || {
            format!(
                "Multi-AZ needs a cache subnet group with subnets in at least two Availability Zones, and {subnet_group} has one."
            )
        })
    }

    fn check_security_groups(&self, settings: &Settings, subnet_group: &SubnetGroupId) -> Answer<()> {
        let vpc = &self.subnet_group(subnet_group)?.vpc;
        for id in &settings.security_groups {
            let Ok(group) = self.security_group(id) else {
                return refuse("InvalidParameterValue", format!("Some security groups are invalid: {id}"));
            };
            require(group.vpc == *vpc, "InvalidParameterCombination", || {
                format!("The security group {id} and the cache subnet group {subnet_group} are in different VPCs.")
            })?;
        }
        Ok(())
    }

    fn check_parameter_group(&self, settings: &Settings, data_tiering: bool) -> Answer<()> {
        let group = self.parameter_group(&settings.parameter_group)?;
        let family = family(settings.engine, &settings.engine_version);
        require(group.family == family, "InvalidParameterCombination", || {
            format!(
                "Expected a parameter group of family {family} but found one of family {}: {}",
                group.family, settings.parameter_group
            )
        })?;
        let policy = group.parameters.get("maxmemory-policy").map_or("volatile-lru", String::as_str);
        let is_tiered = ["volatile-lru", "allkeys-lru", "noeviction"].contains(&policy);
        require(!data_tiering || is_tiered, "InvalidParameterCombination", || {
            format!("Data tiering does not support the maxmemory-policy {policy}.")
        })
    }

    /// Refuses a user group that a cache with these settings cannot take now.
    pub(super) fn check_user_group(&self, name: &UserGroupId, settings: &Settings, must_be_active: bool) -> Answer<()> {
        let group = self.user_group(name)?;
        require(!must_be_active || group.phase.is_stable(), "InvalidUserGroupState", || {
            let status = group.phase.status(self.now, 0, "active");
            format!("User group {name} has status {status}. Only active user groups can be associated.")
        })?;
        let fits = group.settings.engine == EngineKind::Redis || settings.engine == EngineKind::Valkey;
        require(fits, "InvalidParameterCombination", || {
            format!("User group {name} has the engine valkey and cannot be used with a cache of the engine redis.")
        })?;
        let users = group.settings.users.iter().filter_map(|user| self.users.get(user));
        let has_iam = users.map(|user| user.latest().authentication).any(|kind| kind == Authentication::Iam);
        let old = settings.engine == EngineKind::Redis && numbers(&settings.engine_version) < (7, 0);
        require(!(has_iam && old), "InvalidParameterCombination", || {
            format!("User group {name} has IAM users, which need Redis OSS 7.0 or Valkey 7.2.")
        })
    }
}

fn check_version(settings: &Settings) -> Answer<()> {
    let (engine, version) = (settings.engine, &settings.engine_version);
    let is_known = versions(engine).iter().any(|(known, _)| *known == version.as_str());
    require(is_known, "InvalidParameterCombination", || format!("Cannot find version {version} for {engine}"))
}

fn check_node_type(node_type: &NodeType, data_tiering: bool) -> Answer<()> {
    require(NodeType::new(node_type.as_str()).is_ok(), "InvalidParameterValue", || {
        format!("The node type {node_type} is not valid.")
    })?;
    require(node_type.has_data_tiering() == data_tiering, "InvalidParameterCombination", || {
        format!("Data tiering is on with the node types of the r6gd family, and only with these: {node_type}.")
    })
}

fn check_windows(settings: &Settings) -> Answer<()> {
    let Settings { snapshot_retention, snapshot_window, maintenance_window, .. } = settings;
    require(*snapshot_retention <= 35, "InvalidParameterValue", || {
        "The parameter SnapshotRetentionLimit must be 0 to 35.".to_owned()
    })?;
    require(MaintenanceWindow::new(maintenance_window.as_str()).is_ok(), "InvalidParameterValue", || {
        format!(
            "Invalid maintenance window {maintenance_window}: it must be ddd:hh24:mi-ddd:hh24:mi, of at least 60 minutes."
        )
    })?;
    require(SnapshotWindow::new(snapshot_window.as_str()).is_ok(), "InvalidParameterValue", || {
        format!("Invalid snapshot window {snapshot_window}: it must be hh24:mi-hh24:mi, of at least 60 minutes.")
    })?;
    require(!maintenance_window.overlaps(snapshot_window), "InvalidParameterValue", || {
        "The snapshot window and maintenance window must not overlap.".to_owned()
    })
}

fn check_logs(settings: &Settings) -> Answer<()> {
    let types: std::collections::BTreeSet<_> = settings.log_delivery.iter().map(|delivery| delivery.log_type).collect();
    require(types.len() == settings.log_delivery.len(), "InvalidParameterValue", || {
        "Each log type can be delivered to one destination only.".to_owned()
    })?;
    let old = settings.engine == EngineKind::Redis && numbers(&settings.engine_version) < (6, 2);
    require(!old || !types.contains(&LogType::EngineLog), "InvalidParameterCombination", || {
        "Log delivery of the engine log needs Redis OSS 6.2 or Valkey 7.2.".to_owned()
    })
}

/// The region that an ARN names.
pub(super) fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_that_of_engine_and_version() {
        for (engine, version, expected) in [
            (EngineKind::Redis, "6.2", "redis6.x"),
            (EngineKind::Redis, "7.1", "redis7"),
            (EngineKind::Valkey, "7.2", "valkey7"),
            (EngineKind::Valkey, "8.1", "valkey8"),
        ] {
            assert_eq!(family(engine, &EngineVersion::reported(version)), expected);
        }
    }

    #[test]
    fn windows_that_nobody_chose_are_apart() {
        for snapshot in [None, Some("03:00-04:00"), Some("23:00-05:30")] {
            let (maintenance, snapshot) = windows(None, snapshot.map(SnapshotWindow::literal));
            assert!(!maintenance.overlaps(&snapshot));
        }
        let (maintenance, snapshot) = windows(Some(MaintenanceWindow::literal("sun:05:00-sun:06:00")), None);
        assert!(!maintenance.overlaps(&snapshot));
    }
}
