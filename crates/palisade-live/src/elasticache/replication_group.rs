//! Replication groups and the clusters that are their nodes.

mod describe;

use aws_sdk_elasticache::{
    Client,
    operation::create_replication_group::builders::CreateReplicationGroupFluentBuilder as Creation,
    types::{
        AuthTokenUpdateStrategyType, CloudWatchLogsDestinationDetails, DestinationDetails, DestinationType,
        IpDiscovery, KinesisFirehoseDestinationDetails, LogDeliveryConfigurationRequest, LogFormat, LogType,
        NetworkType, TransitEncryptionMode,
    },
};
use palisade_aws::{
    operations::{
        CreateReplicationGroup, CreateReplicationGroupOutput, DecreaseReplicaCount, DecreaseReplicaCountOutput,
        DeleteReplicationGroup, DeleteReplicationGroupOutput, IncreaseReplicaCount, IncreaseReplicaCountOutput,
        ModifyReplicationGroup, ModifyReplicationGroupOutput, ModifyReplicationGroupShardConfiguration,
        ModifyReplicationGroupShardConfigurationOutput,
    },
    resources::SecurityGroup,
    shapes::{LogDeliveryChange, TokenStrategy},
    types::{KmsKeyArn, LogDestinationType},
};
use palisade_core::Id;
use secrecy::{ExposeSecret, SecretString};

use super::{ElastiCache, tags};
use crate::{failure::Failure, service::Call};

impl Call for CreateReplicationGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<CreateReplicationGroupOutput, Failure> {
        cache.call(creation(cache.sdk.create_replication_group(), self).send()).await?;
        Ok(CreateReplicationGroupOutput {})
    }
}

/// There is no cache without encryption.
fn encrypted(request: Creation, key: Option<KmsKeyArn>) -> Creation {
    request
        .at_rest_encryption_enabled(true)
        .set_kms_key_id(key.map(|key| key.to_string()))
        .transit_encryption_enabled(true)
        .transit_encryption_mode(TransitEncryptionMode::Required)
}

fn creation(request: Creation, group: CreateReplicationGroup) -> Creation {
    // Every field is named: a new one does not compile until someone decides how it is sent.
    let CreateReplicationGroup {
        replication_group_id,
        description,
        engine,
        engine_version,
        node_type,
        num_cache_clusters,
        num_node_groups,
        replicas_per_node_group,
        automatic_failover_enabled,
        multi_az_enabled,
        parameter_group_name,
        subnet_group_name,
        security_group_ids,
        port,
        kms_key_id,
        auth_token,
        user_group_id,
        snapshot_retention_limit,
        snapshot_window,
        maintenance_window,
        auto_minor_version_upgrade,
        notification_topic_arn,
        data_tiering_enabled,
        network_type,
        ip_discovery,
        log_delivery,
        tags,
    } = group;
    encrypted(request, kms_key_id)
        .replication_group_id(replication_group_id.as_str())
        .replication_group_description(description)
        .engine(engine.as_str())
        .engine_version(engine_version.as_str())
        .cache_node_type(node_type.as_str())
        .set_num_cache_clusters(num_cache_clusters.map(|nodes| nodes.get().into()))
        .set_num_node_groups(num_node_groups.map(|shards| shards.get().into()))
        .set_replicas_per_node_group(replicas_per_node_group.map(|replicas| replicas.get().into()))
        .automatic_failover_enabled(automatic_failover_enabled)
        .multi_az_enabled(multi_az_enabled)
        .set_cache_parameter_group_name(parameter_group_name.map(|name| name.to_string()))
        .cache_subnet_group_name(subnet_group_name.as_str())
        .set_security_group_ids(Some(texts(&security_group_ids)))
        .port(port.get().into())
        .set_user_group_ids(user_group_id.map(|group| vec![group.to_string()]))
        .snapshot_retention_limit(snapshot_retention_limit.get().into())
        .set_snapshot_window(snapshot_window.map(|window| window.to_string()))
        .set_preferred_maintenance_window(maintenance_window.map(|window| window.to_string()))
        .auto_minor_version_upgrade(auto_minor_version_upgrade)
        .set_notification_topic_arn(notification_topic_arn.map(|topic| topic.to_string()))
        .data_tiering_enabled(data_tiering_enabled)
        .network_type(NetworkType::from(network_type.as_str()))
        .ip_discovery(IpDiscovery::from(ip_discovery.as_str()))
        .set_log_delivery_configurations(logs(log_delivery.into_iter().map(LogDeliveryChange::Enable)))
        .set_tags(tags::sent(&tags))
        .set_auth_token(auth_token.as_ref().map(exposed))
}

impl Call for ModifyReplicationGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ModifyReplicationGroupOutput, Failure> {
        let Self {
            replication_group_id,
            description,
            engine,
            engine_version,
            node_type,
            automatic_failover_enabled,
            multi_az_enabled,
            parameter_group_name,
            security_group_ids,
            auth_token,
            add_user_group,
            remove_user_group,
            snapshot_retention_limit,
            snapshot_window,
            maintenance_window,
            auto_minor_version_upgrade,
            notification_topic,
            ip_discovery,
            log_delivery,
        } = self;
        let (strategy, token) = auth_token.unzip();
        let topic_status = notification_topic.as_ref().map(|topic| if topic.is_some() { "active" } else { "inactive" });
        let request = cache
            .sdk
            .modify_replication_group()
            .replication_group_id(replication_group_id.as_str())
            // Otherwise a change waits for the maintenance window.
            .apply_immediately(true)
            .set_replication_group_description(description)
            .set_engine(engine.map(|engine| engine.to_string()))
            .set_engine_version(engine_version.map(|version| version.to_string()))
            .set_cache_node_type(node_type.map(|node_type| node_type.to_string()))
            .set_automatic_failover_enabled(automatic_failover_enabled)
            .set_multi_az_enabled(multi_az_enabled)
            .set_cache_parameter_group_name(parameter_group_name.map(|name| name.to_string()))
            .set_security_group_ids(security_group_ids.as_ref().map(texts))
            .set_user_group_ids_to_add(add_user_group.map(|group| vec![group.to_string()]))
            .set_user_group_ids_to_remove(remove_user_group.map(|group| vec![group.to_string()]))
            .set_snapshot_retention_limit(snapshot_retention_limit.map(|days| days.get().into()))
            .set_snapshot_window(snapshot_window.map(|window| window.to_string()))
            .set_preferred_maintenance_window(maintenance_window.map(|window| window.to_string()))
            .set_auto_minor_version_upgrade(auto_minor_version_upgrade)
            .set_notification_topic_arn(notification_topic.flatten().map(|topic| topic.to_string()))
            .set_notification_topic_status(topic_status.map(str::to_owned))
            .set_ip_discovery(ip_discovery.map(|discovery| IpDiscovery::from(discovery.as_str())))
            .set_log_delivery_configurations(logs(log_delivery))
            .set_auth_token_update_strategy(strategy.map(strategy_sent))
            .set_auth_token(token.flatten().as_ref().map(exposed));
        cache.call(request.send()).await?;
        Ok(ModifyReplicationGroupOutput {})
    }
}

fn texts<'a>(groups: impl IntoIterator<Item = &'a Id<SecurityGroup>>) -> Vec<String> {
    groups.into_iter().map(Id::to_string).collect()
}

/// The changes of the logs; nothing where there are none.
fn logs(changes: impl IntoIterator<Item = LogDeliveryChange>) -> Option<Vec<LogDeliveryConfigurationRequest>> {
    Some(changes.into_iter().map(log_sent).collect()).filter(|logs: &Vec<_>| !logs.is_empty())
}

fn log_sent(change: LogDeliveryChange) -> LogDeliveryConfigurationRequest {
    let request = LogDeliveryConfigurationRequest::builder();
    let log = match change {
        LogDeliveryChange::Disable(log_type) => {
            return request.log_type(LogType::from(log_type.as_str())).enabled(false).build();
        }
        LogDeliveryChange::Enable(log) => log,
    };
    let details = DestinationDetails::builder();
    let details = match log.destination_type {
        LogDestinationType::CloudWatchLogs => details
            .cloud_watch_logs_details(CloudWatchLogsDestinationDetails::builder().log_group(log.destination).build()),
        LogDestinationType::Firehose => details.kinesis_firehose_details(
            KinesisFirehoseDestinationDetails::builder().delivery_stream(log.destination).build(),
        ),
    };
    request
        .log_type(LogType::from(log.log_type.as_str()))
        .destination_type(DestinationType::from(log.destination_type.as_str()))
        .destination_details(details.build())
        .log_format(LogFormat::from(log.log_format.as_str()))
        .enabled(true)
        .build()
}

fn strategy_sent(strategy: TokenStrategy) -> AuthTokenUpdateStrategyType {
    match strategy {
        TokenStrategy::Rotate => AuthTokenUpdateStrategyType::Rotate,
        TokenStrategy::Set => AuthTokenUpdateStrategyType::Set,
        TokenStrategy::Delete => AuthTokenUpdateStrategyType::Delete,
    }
}

/// The secret as the SDK takes it.
fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

impl Call for IncreaseReplicaCount {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<IncreaseReplicaCountOutput, Failure> {
        let Self { replication_group_id, new_replica_count } = self;
        let request = cache
            .sdk
            .increase_replica_count()
            .replication_group_id(replication_group_id.as_str())
            .new_replica_count(new_replica_count.into())
            // The only value that ElastiCache accepts.
            .apply_immediately(true);
        cache.call(request.send()).await?;
        Ok(IncreaseReplicaCountOutput {})
    }
}

impl Call for DecreaseReplicaCount {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DecreaseReplicaCountOutput, Failure> {
        let Self { replication_group_id, new_replica_count } = self;
        let request = cache
            .sdk
            .decrease_replica_count()
            .replication_group_id(replication_group_id.as_str())
            .new_replica_count(new_replica_count.into())
            .apply_immediately(true);
        cache.call(request.send()).await?;
        Ok(DecreaseReplicaCountOutput {})
    }
}

impl Call for ModifyReplicationGroupShardConfiguration {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ModifyReplicationGroupShardConfigurationOutput, Failure> {
        let Self { replication_group_id, node_group_count, node_groups_to_remove } = self;
        let request = cache
            .sdk
            .modify_replication_group_shard_configuration()
            .replication_group_id(replication_group_id.as_str())
            .node_group_count(node_group_count.get().into())
            .set_node_groups_to_remove(Some(node_groups_to_remove).filter(|shards| !shards.is_empty()))
            .apply_immediately(true);
        cache.call(request.send()).await?;
        Ok(ModifyReplicationGroupShardConfigurationOutput {})
    }
}

impl Call for DeleteReplicationGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DeleteReplicationGroupOutput, Failure> {
        let Self { replication_group_id, final_snapshot_identifier } = self;
        let request = cache
            .sdk
            .delete_replication_group()
            .replication_group_id(replication_group_id.as_str())
            .retain_primary_cluster(false)
            .set_final_snapshot_identifier(final_snapshot_identifier.map(|name| name.to_string()));
        cache.call(request.send()).await?;
        Ok(DeleteReplicationGroupOutput {})
    }
}
