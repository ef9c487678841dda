//! Replication groups, which are the caches.

mod authentication;
mod create;
mod modify;
mod replicas;
mod rules;
mod shards;

use std::collections::{BTreeMap, BTreeSet};

use palisade_aws::{
    operations::{
        DeleteReplicationGroup, DeleteReplicationGroupOutput, DescribeCacheClusters, DescribeCacheClustersOutput,
        DescribeReplicationGroups, DescribeReplicationGroupsOutput, DescribeSnapshots, DescribeSnapshotsOutput,
    },
    shapes::{CacheClusterDescription, Endpoint, ReplicationGroupDescription},
    types::{
        Arn, EngineKind, EngineVersion, IpDiscovery, KmsKeyArn, LogDelivery, MaintenanceWindow, NetworkType, NodeType,
        SnapshotWindow, Tags, TopicArn,
    },
};
use serde::{Deserialize, Serialize};

pub(crate) use self::authentication::Token;
use crate::{
    account::Account,
    clock::{DELETE_CACHE, Millis, Phase, SNAPSHOT},
    ids::{ParameterGroupId, ReplicationGroupId, SecurityGroupId, SubnetGroupId, SubnetId, UserGroupId, identifier},
    refusal::{Answer, known, refuse, require},
};

/// The role of the endpoint at which clients find the shards.
const CONFIGURATION: &str = "clustercfg";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ReplicationGroup {
    pub(crate) arn: Arn,
    pub(crate) subnet_group: SubnetGroupId,
    pub(crate) port: u16,
    pub(crate) kms_key_id: Option<KmsKeyArn>,
    pub(crate) data_tiering: bool,
    pub(crate) network_type: NetworkType,
    /// What makes the host names of this cache its own.
    pub(crate) dns: String,
    pub(crate) settings: Settings,
    /// What the settings will be once the change that is under way is done.
    pub(crate) pending: Option<Settings>,
    /// Whether the keys are divided between shards.
    pub(crate) cluster_enabled: bool,
    /// The nodes by the ids of their clusters, of which the first of each shard in order is the primary.
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) phase: Phase,
    /// Whether the creation will not succeed.
    pub(crate) fails: bool,
    pub(crate) tags: Tags,
}

/// What can be changed about a replication group.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Settings {
    pub(crate) description: String,
    pub(crate) engine: EngineKind,
    pub(crate) engine_version: EngineVersion,
    pub(crate) node_type: NodeType,
    pub(crate) automatic_failover: bool,
    pub(crate) multi_az: bool,
    pub(crate) parameter_group: ParameterGroupId,
    pub(crate) security_groups: BTreeSet<SecurityGroupId>,
    pub(crate) token: Option<Token>,
    pub(crate) user_group: Option<UserGroupId>,
    pub(crate) snapshot_retention: u8,
    pub(crate) snapshot_window: SnapshotWindow,
    pub(crate) maintenance_window: MaintenanceWindow,
    pub(crate) auto_minor_version_upgrade: bool,
    pub(crate) topic: Option<TopicArn>,
    pub(crate) ip_discovery: IpDiscovery,
    pub(crate) log_delivery: BTreeSet<LogDelivery>,
}

/// A node with its cluster.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Member {
    /// The number of the shard, from 1.
    pub(crate) shard: u16,
    pub(crate) subnet: SubnetId,
    pub(crate) phase: Phase,
}

impl ReplicationGroup {
    /// Lets time pass until `now`, and returns the clusters that are gone by then.
    pub(crate) fn settle(&mut self, now: Millis) -> Vec<(String, Millis)> {
        self.phase = match self.phase {
            Phase::Creating { until } if until <= now && self.fails => Phase::Failed,
            other => other.at(now),
        };
        if self.phase.is_stable()
            && let Some(settings) = self.pending.take()
        {
            self.settings = settings;
        }
        for member in self.members.values_mut() {
            member.phase = member.phase.at(now);
        }
        let gone = self.members.iter().filter_map(|(id, member)| Some((id.clone(), member.phase.gone_at(now)?)));
        let gone: Vec<_> = gone.collect();
        if !matches!(self.phase, Phase::Deleting { .. }) {
            self.members.retain(|_, member| member.phase.gone_at(now).is_none());
        }
        gone
    }

    /// The settings as they are, or will be once the change that is under way is done.
    pub(crate) fn latest(&self) -> &Settings {
        self.pending.as_ref().unwrap_or(&self.settings)
    }

    fn all_settings(&self) -> impl Iterator<Item = &Settings> {
        std::iter::once(&self.settings).chain(&self.pending)
    }

    /// Whether the group uses it, or is about to.
    pub(crate) fn uses_security_group(&self, id: &SecurityGroupId) -> bool {
        self.all_settings().any(|settings| settings.security_groups.contains(id))
    }

    /// Whether the group uses it, or is about to.
    pub(crate) fn uses_parameter_group(&self, id: &ParameterGroupId) -> bool {
        self.all_settings().any(|settings| settings.parameter_group == *id)
    }

    /// Whether the group uses it, or is about to.
    pub(crate) fn uses_user_group(&self, id: &UserGroupId) -> bool {
        self.all_settings().any(|settings| settings.user_group.as_ref() == Some(id))
    }

    /// The shards with the number of their nodes, as they are, or will be once the change that is under way is done.
    fn shards(&self) -> BTreeMap<u16, u8> {
        let staying = self.members.values().filter(|member| !matches!(member.phase, Phase::Deleting { .. }));
        let mut shards = BTreeMap::new();
        for member in staying {
            *shards.entry(member.shard).or_insert(0) += 1;
        }
        shards
    }

    /// How many replicas each primary has, or will have once the change that is under way is done.
    fn replicas(&self) -> usize {
        usize::from(self.shards().values().min().copied().unwrap_or_default().saturating_sub(1))
    }

    /// The endpoint for `role`, of which a cache with shards has another than one without.
    fn endpoint(&self, id: &ReplicationGroupId, region: &str, role: &str) -> Option<Endpoint> {
        let exists = !matches!(self.phase, Phase::Creating { .. } | Phase::Failed)
            && self.cluster_enabled == (role == CONFIGURATION);
        let region = short(region);
        exists.then(|| Endpoint {
            address: format!("{role}.{id}.{}.{region}.cache.amazonaws.com", self.dns),
            port: self.port,
        })
    }
}

impl Account {
    pub(crate) fn describe_replication_groups(
        &mut self,
        call: DescribeReplicationGroups,
    ) -> Answer<DescribeReplicationGroupsOutput> {
        let groups = self.replication_groups.iter().filter(|(id, _)| call.ids.contains(id));
        Ok(DescribeReplicationGroupsOutput { groups: groups.map(|(id, group)| self.describe(id, group)).collect() })
    }

    fn describe(&self, id: &ReplicationGroupId, group: &ReplicationGroup) -> ReplicationGroupDescription {
        let settings = &group.settings;
        let status = group.phase.status(self.now, self.lag, "available");
        let pending = group.pending.as_ref().filter(|_| status != "available");
        ReplicationGroupDescription {
            id: id.clone(),
            status: status.to_owned(),
            description: settings.description.clone(),
            arn: group.arn.clone(),
            engine: settings.engine,
            member_clusters: group.members.keys().cloned().collect(),
            node_type: settings.node_type.as_str().to_owned(),
            automatic_failover_enabled: settings.automatic_failover,
            multi_az_enabled: settings.multi_az,
            cluster_enabled: group.cluster_enabled,
            node_groups: group.shards().into_iter().map(shards::describe).collect(),
            node_zones: group
                .members
                .values()
                .filter_map(|member| Some(self.subnets.get(&member.subnet)?.zone.clone()))
                .collect(),
            configuration_endpoint: group.endpoint(id, &self.region, CONFIGURATION),
            primary_endpoint: group.endpoint(id, &self.region, "master"),
            reader_endpoint: group.endpoint(id, &self.region, "replica"),
            snapshot_retention_limit: settings.snapshot_retention,
            snapshot_window: Some(settings.snapshot_window.as_str().to_owned()),
            auth_token_enabled: settings.token.is_some(),
            user_group_ids: settings.user_group.iter().cloned().collect(),
            at_rest_encryption_enabled: true,
            kms_key_id: group.kms_key_id.clone(),
            transit_encryption_enabled: true,
            transit_encryption_mode: Some("required".to_owned()),
            auto_minor_version_upgrade: settings.auto_minor_version_upgrade,
            data_tiering_enabled: group.data_tiering,
            network_type: group.network_type,
            ip_discovery: settings.ip_discovery,
            log_delivery: settings.log_delivery.clone(),
            pending_modified_values: pending.map(|pending| names_of_changes(settings, pending)).unwrap_or_default(),
        }
    }

    pub(crate) fn describe_cache_clusters(
        &mut self,
        call: DescribeCacheClusters,
    ) -> Answer<DescribeCacheClustersOutput> {
        let clusters = self.replication_groups.values().flat_map(|group| {
            let members = group.members.iter().filter(|(id, _)| call.ids.contains(id));
            members.map(|(id, member)| {
                // A node is busy with what its group is busy with.
                let phase = if member.phase.is_stable() { group.phase } else { member.phase };
                CacheClusterDescription {
                    id: id.clone(),
                    status: phase.status(self.now, self.lag, "available").to_owned(),
                    engine_version: rules::full_version(group.settings.engine, &group.settings.engine_version),
                    parameter_group_name: group.settings.parameter_group.clone(),
                    subnet_group_name: group.subnet_group.clone(),
                    security_group_ids: group.settings.security_groups.clone(),
                    maintenance_window: group.settings.maintenance_window.as_str().to_owned(),
                    notification_topic_arn: group.settings.topic.clone(),
                }
            })
        });
        Ok(DescribeCacheClustersOutput { clusters: clusters.collect() })
    }

    pub(crate) fn describe_snapshots(&self, call: DescribeSnapshots) -> Answer<DescribeSnapshotsOutput> {
        let names = call.names.iter().map(|name| name.to_string());
        Ok(DescribeSnapshotsOutput { names: names.filter(|name| self.snapshots.contains(name)).collect() })
    }

    pub(crate) fn delete_replication_group(
        &mut self,
        call: DeleteReplicationGroup,
    ) -> Answer<DeleteReplicationGroupOutput> {
        let DeleteReplicationGroup { replication_group_id: id, final_snapshot_identifier } = call;
        let phase = self.replication_group(&id)?.phase;
        require(matches!(phase, Phase::Stable | Phase::Failed), "InvalidReplicationGroupState", || {
            let status = phase.status(self.now, 0, "available");
            format!("Replication group {id} has status {status}, which is not valid for deletion.")
        })?;
        let mut until = self.now + DELETE_CACHE;
        if let Some(name) = final_snapshot_identifier {
            require(phase.is_stable(), "InvalidReplicationGroupState", || {
                format!("Replication group {id} must be in available state for a final snapshot.")
            })?;
            let name = identifier("FinalSnapshotIdentifier", &name, 255)?;
            if !self.snapshots.insert(name.clone()) {
                return refuse("SnapshotAlreadyExistsFault", format!("Snapshot {name} already exists."));
            }
            until += SNAPSHOT;
        }
        if let Some(group) = self.replication_groups.get_mut(&id) {
            group.phase = Phase::Deleting { until };
            for member in group.members.values_mut() {
                member.phase = Phase::Deleting { until };
            }
        }
        Ok(DeleteReplicationGroupOutput {})
    }

    /// The replication group `id`.
    pub(crate) fn replication_group(&self, id: &ReplicationGroupId) -> Answer<&ReplicationGroup> {
        known(self.replication_groups.get(id), "ReplicationGroupNotFoundFault", || {
            format!("ReplicationGroup {id} not found.")
        })
    }

    /// The replication group `id`, if it takes changes.
    fn replication_group_to_change(&self, id: &ReplicationGroupId) -> Answer<&ReplicationGroup> {
        let group = self.replication_group(id)?;
        require(group.phase.is_stable(), "InvalidReplicationGroupState", || {
            let status = group.phase.status(self.now, 0, "available");
            format!("Replication group must be in available state. {id} has status {status}.")
        })?;
        Ok(group)
    }
}

/// What AWS says is pending while `settings` become `pending`.
fn names_of_changes(settings: &Settings, pending: &Settings) -> Vec<String> {
    let changes = [
        ("AuthTokenStatus", settings.token != pending.token),
        ("AutomaticFailoverStatus", settings.automatic_failover != pending.automatic_failover),
        ("CacheNodeType", settings.node_type != pending.node_type),
        ("EngineVersion", (settings.engine, &settings.engine_version) != (pending.engine, &pending.engine_version)),
        ("UserGroups", settings.user_group != pending.user_group),
    ];
    changes.into_iter().filter(|(_, changes)| *changes).map(|(name, _)| name.to_owned()).collect()
}

/// A region as it stands in host names: `use1` for `us-east-1`.
fn short(region: &str) -> String {
    let word = |part: &str| match part {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        part if part.len() <= 3 => part.to_owned(),
        part => part.chars().take(1).collect(),
    };
    region.split('-').map(word).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_region_has_a_short_form() {
        let short = |region| super::short(region);
        assert_eq!((short("us-east-1"), short("ap-southeast-2")), ("use1".to_owned(), "apse2".to_owned()));
        assert_eq!((short("us-gov-west-1"), short("eu-central-1")), ("usgovw1".to_owned(), "euc1".to_owned()));
    }
}
