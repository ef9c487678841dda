//! What ElastiCache says of replication groups and their nodes.

use aws_sdk_elasticache::{
    Client,
    types::{self, AutomaticFailoverStatus, DataTieringStatus, LogDeliveryConfigurationStatus, MultiAzStatus},
};
use palisade_aws::{
    operations::{
        DescribeCacheClusters, DescribeCacheClustersOutput, DescribeReplicationGroups, DescribeReplicationGroupsOutput,
        DescribeSnapshots, DescribeSnapshotsOutput,
    },
    shapes::{CacheClusterDescription, Endpoint, NodeGroupDescription, ReplicationGroupDescription},
    types::{
        Arn, AvailabilityZone, IpDiscovery, KmsKeyArn, LogDelivery, LogDestinationType, LogFormat, LogType,
        NetworkType, TopicArn,
    },
};

use crate::{
    answer::{each, id, ids, known, present},
    elasticache::{ElastiCache, PAGE, describe, engine},
    failure::Failure,
    service::Call,
};

impl Call for DescribeReplicationGroups {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeReplicationGroupsOutput, Failure> {
        let ask = async |name, marker| {
            let request = cache.sdk.describe_replication_groups().set_replication_group_id(name);
            let page = cache.call(request.max_records(PAGE).set_marker(marker).send()).await?;
            Ok((page.replication_groups, page.marker))
        };
        let found = describe(self.ids, ask, |group: &types::ReplicationGroup| group.replication_group_id.as_ref());
        Ok(DescribeReplicationGroupsOutput { groups: each(found.await?, group)? })
    }
}

/// How many snapshots a page has at most.
const SNAPSHOTS: i32 = 50;

impl Call for DescribeSnapshots {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeSnapshotsOutput, Failure> {
        let ask = async |name, marker| {
            let request = cache.sdk.describe_snapshots().set_snapshot_name(name);
            let page = cache.call(request.max_records(SNAPSHOTS).set_marker(marker).send()).await?;
            Ok((page.snapshots, page.marker))
        };
        let found = describe(self.names, ask, |snapshot: &types::Snapshot| snapshot.snapshot_name.as_ref());
        let names = found.await?.into_iter().filter_map(|snapshot| snapshot.snapshot_name);
        Ok(DescribeSnapshotsOutput { names: names.collect() })
    }
}

fn group(group: types::ReplicationGroup) -> Result<ReplicationGroupDescription, Failure> {
    let node_groups = group.node_groups.unwrap_or_default();
    let members = node_groups.iter().flat_map(|group| group.node_group_members());
    let zones = members.map(|member| member.preferred_availability_zone().map(AvailabilityZone::reported));
    let node_zones = zones.collect::<Option<_>>().unwrap_or_default();
    let cluster_enabled = group.cluster_enabled.unwrap_or_default();
    // Each shard has endpoints of its own, but it is not by them that a divided cache is reached.
    let (primary, reader) = match node_groups.first() {
        Some(only) if !cluster_enabled => (only.primary_endpoint.clone(), only.reader_endpoint.clone()),
        _ => (None, None),
    };
    Ok(ReplicationGroupDescription {
        id: id(group.replication_group_id, "ReplicationGroupId")?,
        status: present(group.status, "Status")?,
        description: group.description.unwrap_or_default(),
        arn: Arn::reported(present(group.arn, "ARN")?),
        engine: known(group.engine, "Engine", engine)?,
        member_clusters: group.member_clusters.unwrap_or_default(),
        node_type: present(group.cache_node_type, "CacheNodeType")?,
        automatic_failover_enabled: group.automatic_failover.is_some_and(|status| {
            matches!(status, AutomaticFailoverStatus::Enabled | AutomaticFailoverStatus::Enabling)
        }),
        multi_az_enabled: group.multi_az == Some(MultiAzStatus::Enabled),
        cluster_enabled,
        node_groups: each(node_groups, node_group)?,
        node_zones,
        configuration_endpoint: group.configuration_endpoint.and_then(endpoint),
        primary_endpoint: primary.and_then(endpoint),
        reader_endpoint: reader.and_then(endpoint),
        snapshot_retention_limit: group
            .snapshot_retention_limit
            .and_then(|days| u8::try_from(days).ok())
            .unwrap_or_default(),
        snapshot_window: group.snapshot_window.filter(|window| !window.is_empty()),
        auth_token_enabled: group.auth_token_enabled.unwrap_or_default(),
        user_group_ids: ids(group.user_group_ids, "UserGroupIds")?,
        at_rest_encryption_enabled: group.at_rest_encryption_enabled.unwrap_or_default(),
        kms_key_id: group.kms_key_id.filter(|key| !key.is_empty()).map(KmsKeyArn::reported),
        transit_encryption_enabled: group.transit_encryption_enabled.unwrap_or_default(),
        transit_encryption_mode: group.transit_encryption_mode.map(|mode| mode.as_str().to_owned()),
        auto_minor_version_upgrade: group.auto_minor_version_upgrade.unwrap_or_default(),
        data_tiering_enabled: group.data_tiering == Some(DataTieringStatus::Enabled),
        // Groups that are older than these options are IPv4.
        network_type: match group.network_type {
            Some(network_type) => known(Some(network_type), "NetworkType", NetworkType::reported)?,
            None => NetworkType::Ipv4,
        },
        ip_discovery: match group.ip_discovery {
            Some(discovery) => known(Some(discovery), "IpDiscovery", IpDiscovery::reported)?,
            None => IpDiscovery::Ipv4,
        },
        log_delivery: group.log_delivery_configurations.into_iter().flatten().filter_map(log_delivery).collect(),
        pending_modified_values: group.pending_modified_values.map(pending).unwrap_or_default(),
    })
}

fn node_group(group: types::NodeGroup) -> Result<NodeGroupDescription, Failure> {
    let nodes = group.node_group_members().len();
    Ok(NodeGroupDescription {
        id: present(group.node_group_id, "NodeGroupId")?,
        nodes: u8::try_from(nodes).unwrap_or(u8::MAX),
    })
}

/// Where a log is delivered to; nothing for one whose delivery ends, or goes where this version knows no way.
fn log_delivery(log: types::LogDeliveryConfiguration) -> Option<LogDelivery> {
    if log.status == Some(LogDeliveryConfigurationStatus::Disabling) {
        return None;
    }
    let details = log.destination_details?;
    let log_group = details.cloud_watch_logs_details.and_then(|details| details.log_group);
    let stream = details.kinesis_firehose_details.and_then(|details| details.delivery_stream);
    Some(LogDelivery {
        log_type: LogType::reported(log.log_type?.as_str())?,
        destination_type: LogDestinationType::reported(log.destination_type?.as_str())?,
        destination: log_group.or(stream)?,
        log_format: LogFormat::reported(log.log_format?.as_str())?,
    })
}

/// An endpoint, once it has an address.
fn endpoint(endpoint: types::Endpoint) -> Option<Endpoint> {
    let address = endpoint.address.filter(|address| !address.is_empty())?;
    Some(Endpoint { address, port: endpoint.port.and_then(|port| u16::try_from(port).ok())? })
}

/// The names of what is being changed.
fn pending(values: types::ReplicationGroupPendingModifiedValues) -> Vec<String> {
    let user_groups = values.user_groups.is_some_and(|groups| {
        !groups.user_group_ids_to_add().is_empty() || !groups.user_group_ids_to_remove().is_empty()
    });
    let changes = [
        ("PrimaryClusterId", values.primary_cluster_id.is_some()),
        ("AutomaticFailoverStatus", values.automatic_failover_status.is_some()),
        ("Resharding", values.resharding.is_some()),
        ("AuthTokenStatus", values.auth_token_status.is_some()),
        ("UserGroups", user_groups),
        ("LogDeliveryConfigurations", values.log_delivery_configurations.is_some_and(|logs| !logs.is_empty())),
        ("TransitEncryptionEnabled", values.transit_encryption_enabled.is_some()),
        ("TransitEncryptionMode", values.transit_encryption_mode.is_some()),
        ("ClusterMode", values.cluster_mode.is_some()),
    ];
    changes.into_iter().filter(|(_, is_pending)| *is_pending).map(|(name, _)| name.to_owned()).collect()
}

impl Call for DescribeCacheClusters {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeCacheClustersOutput, Failure> {
        let ask = async |name, marker| {
            let request = cache.sdk.describe_cache_clusters().set_cache_cluster_id(name);
            let page = cache.call(request.max_records(PAGE).set_marker(marker).send()).await?;
            Ok((page.cache_clusters, page.marker))
        };
        let found = describe(self.ids, ask, |cluster: &types::CacheCluster| cluster.cache_cluster_id.as_ref());
        Ok(DescribeCacheClustersOutput { clusters: each(found.await?, cluster)? })
    }
}

fn cluster(cluster: types::CacheCluster) -> Result<CacheClusterDescription, Failure> {
    let parameter_group = present(cluster.cache_parameter_group, "CacheParameterGroup")?;
    let security_groups = cluster.security_groups.unwrap_or_default();
    // A topic that is switched off is still told, and hears nothing.
    let topic = cluster.notification_configuration.filter(|topic| topic.topic_status.as_deref() == Some("active"));
    Ok(CacheClusterDescription {
        id: present(cluster.cache_cluster_id, "CacheClusterId")?,
        status: present(cluster.cache_cluster_status, "CacheClusterStatus")?,
        engine_version: present(cluster.engine_version, "EngineVersion")?,
        parameter_group_name: id(parameter_group.cache_parameter_group_name, "CacheParameterGroupName")?,
        subnet_group_name: id(cluster.cache_subnet_group_name, "CacheSubnetGroupName")?,
        security_group_ids: each(security_groups, |group| id(group.security_group_id, "SecurityGroupId"))?
            .into_iter()
            .collect(),
        maintenance_window: present(cluster.preferred_maintenance_window, "PreferredMaintenanceWindow")?,
        notification_topic_arn: topic.and_then(|topic| topic.topic_arn).map(TopicArn::reported),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pending_is_named() {
        let nothing = types::ReplicationGroupPendingModifiedValues::builder()
            .user_groups(types::UserGroupsUpdateStatus::builder().set_user_group_ids_to_add(Some(Vec::new())).build())
            .build();
        assert!(pending(nothing).is_empty());
        let groups = types::UserGroupsUpdateStatus::builder().user_group_ids_to_add("users").build();
        let some = types::ReplicationGroupPendingModifiedValues::builder()
            .user_groups(groups)
            .auth_token_status(types::AuthTokenUpdateStatus::Rotating)
            .build();
        assert_eq!(pending(some), ["AuthTokenStatus", "UserGroups"]);
    }

    #[test]
    fn a_group_that_is_being_created_has_no_endpoint() {
        assert_eq!(endpoint(types::Endpoint::builder().port(6379).build()), None);
        let ready = endpoint(types::Endpoint::builder().address("a.example").port(6379).build());
        assert_eq!(ready, Some(Endpoint { address: "a.example".to_owned(), port: 6379 }));
    }
}
