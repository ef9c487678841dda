//! How replication groups change.

use std::collections::BTreeSet;

use palisade_aws::{
    name, node_type,
    operations::{
        CreateCacheParameterGroup, CreateReplicationGroup, DecreaseReplicaCount, DeleteSecurityGroup,
        DescribeCacheClusters, IncreaseReplicaCount, ModifyReplicationGroup,
    },
    resources::ReplicationGroup,
    shapes::LogDeliveryChange,
    types::{
        EngineKind, EngineVersion, LogDelivery, LogGroupName, LogType, MaintenanceWindow, NodeCount,
        ParameterGroupFamily, SnapshotRetention, Tags, TopicArn,
    },
};
use palisade_core::Id;

use crate::account::{Account, Network, account, create_user_group, id, minutes, modify, pass, seconds};

async fn cache() -> (Account, Network, Id<ReplicationGroup>) {
    let account = account();
    let network = account.network().await;
    let cache = account.cache(network.cache("redis")).await;
    (account, network, cache)
}

fn version(id: &Id<ReplicationGroup>, engine: EngineKind, version: &str) -> ModifyReplicationGroup {
    ModifyReplicationGroup {
        engine: Some(engine),
        engine_version: Some(EngineVersion::reported(version)),
        ..modify(id)
    }
}

fn increase(id: &Id<ReplicationGroup>, count: u8) -> IncreaseReplicaCount {
    IncreaseReplicaCount { replication_group_id: id.clone(), new_replica_count: count }
}

fn decrease(id: &Id<ReplicationGroup>, count: u8) -> DecreaseReplicaCount {
    DecreaseReplicaCount { replication_group_id: id.clone(), new_replica_count: count }
}

#[tokio::test(start_paused = true)]
async fn a_change_takes_time_and_is_pending_meanwhile() {
    let (account, _, cache) = cache().await;
    account.call(ModifyReplicationGroup { node_type: Some(node_type!("cache.r7g.large")), ..modify(&cache) }).await;
    let changing = account.describe_cache(&cache).await;
    assert_eq!((changing.status.as_str(), changing.node_type.as_str()), ("modifying", "cache.t4g.small"));
    assert_eq!(changing.pending_modified_values, ["CacheNodeType"]);
    pass(minutes(15)).await;
    let changed = account.describe_cache(&cache).await;
    assert_eq!((changed.status.as_str(), changed.node_type.as_str()), ("available", "cache.r7g.large"));
    assert!(changed.pending_modified_values.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_not_available_takes_no_change() {
    let account = account();
    let network = account.network().await;
    account.call(network.cache("redis")).await;
    let cache = id("redis");
    let change = || ModifyReplicationGroup { description: Some("other".to_owned()), ..modify(&cache) };
    account.refused(change(), "InvalidReplicationGroupState").await;
    pass(minutes(8)).await;
    account.call(change()).await;
    account.refused(change(), "InvalidReplicationGroupState").await;
    account.refused(increase(&cache, 2), "InvalidReplicationGroupState").await;
    pass(seconds(30)).await;
    account.call(increase(&cache, 2)).await;
    account.refused(change(), "InvalidReplicationGroupState").await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_nothing_is_refused_as_no_modifications_were_requested() {
    let (account, _, cache) = cache().await;
    let same = ModifyReplicationGroup { description: Some("a cache".to_owned()), ..modify(&cache) };
    for call in [modify(&cache), same] {
        let error = account.error(call).await;
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("InvalidParameterCombination", "No modifications were requested")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn simple_changes_are_told_by_group_and_members_once_they_are_done() {
    let (account, network, cache) = cache().await;
    let other = account.security_group(&network.vpc, "other").await;
    let topic = TopicArn::reported("arn:aws:sns:us-east-1:123456789012:t");
    account
        .call(ModifyReplicationGroup {
            security_group_ids: Some(BTreeSet::from([other.clone()])),
            snapshot_retention_limit: Some(SnapshotRetention::reported(0)),
            maintenance_window: Some(MaintenanceWindow::literal("sun:10:00-sun:11:00")),
            auto_minor_version_upgrade: Some(false),
            notification_topic: Some(Some(topic.clone())),
            ..modify(&cache)
        })
        .await;
    let delete = || DeleteSecurityGroup { group_id: network.security_group.clone() };
    account.refused(delete(), "DependencyViolation").await;
    pass(seconds(30)).await;
    let group = account.describe_cache(&cache).await;
    assert_eq!((group.snapshot_retention_limit, group.auto_minor_version_upgrade), (0, false));
    let member = account.call(DescribeCacheClusters { ids: group.member_clusters }).await.clusters.pop().unwrap();
    assert_eq!((member.security_group_ids, member.notification_topic_arn), (BTreeSet::from([other]), Some(topic)));
    assert_eq!(member.maintenance_window, "sun:10:00-sun:11:00");
    account.call(delete()).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_keeps_the_rules_of_the_creation() {
    let (account, _, cache) = cache().await;
    let overlapping = MaintenanceWindow::literal("mon:05:00-mon:06:00");
    for (code, call) in [
        ("InvalidParameterValue", ModifyReplicationGroup { maintenance_window: Some(overlapping), ..modify(&cache) }),
        (
            "InvalidParameterCombination",
            ModifyReplicationGroup { automatic_failover_enabled: Some(false), ..modify(&cache) },
        ),
        (
            "InvalidParameterCombination",
            ModifyReplicationGroup { node_type: Some(node_type!("cache.r6gd.xlarge")), ..modify(&cache) },
        ),
        (
            "CacheParameterGroupNotFound",
            ModifyReplicationGroup { parameter_group_name: Some(id("other")), ..modify(&cache) },
        ),
    ] {
        account.refused(call, code).await;
    }
    let both = ModifyReplicationGroup {
        automatic_failover_enabled: Some(false),
        multi_az_enabled: Some(false),
        ..modify(&cache)
    };
    account.call(both).await;
}

#[tokio::test(start_paused = true)]
async fn a_downgrade_is_refused() {
    let (account, _, cache) = cache().await;
    account.refused(version(&cache, EngineKind::Redis, "7.0"), "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn valkey_follows_redis_with_a_version_in_the_same_call_and_there_is_no_way_back() {
    let (account, _, cache) = cache().await;
    let without_version = ModifyReplicationGroup { engine: Some(EngineKind::Valkey), ..modify(&cache) };
    account.refused(without_version, "InvalidParameterCombination").await;
    account.call(version(&cache, EngineKind::Valkey, "8.0")).await;
    pass(minutes(15)).await;
    let group = account.describe_cache(&cache).await;
    assert_eq!((group.engine, group.status.as_str()), (EngineKind::Valkey, "available"));
    let member = account.call(DescribeCacheClusters { ids: group.member_clusters }).await.clusters.pop().unwrap();
    assert_eq!(member.parameter_group_name.as_str(), "default.valkey8");
    account.refused(version(&cache, EngineKind::Redis, "7.1"), "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_custom_parameter_group_must_change_with_the_family() {
    let account = account();
    let network = account.network().await;
    for (name, family) in
        [(name!("seven"), ParameterGroupFamily::Redis7), (name!("eight"), ParameterGroupFamily::Valkey8)]
    {
        account
            .call(CreateCacheParameterGroup { name, family, description: "p".to_owned(), tags: Tags::default() })
            .await;
    }
    let call = CreateReplicationGroup { parameter_group_name: Some(id("seven")), ..network.cache("redis") };
    let cache = account.cache(call).await;
    let upgrade = version(&cache, EngineKind::Valkey, "8.0");
    account.refused(upgrade.clone(), "InvalidParameterCombination").await;
    account.call(ModifyReplicationGroup { parameter_group_name: Some(id("eight")), ..upgrade }).await;
}

#[tokio::test(start_paused = true)]
async fn a_valkey_group_of_users_cannot_be_attached_to_a_redis_cache() {
    let (account, _, cache) = cache().await;
    let group = account.user_group(create_user_group("valkey", EngineKind::Valkey, [])).await;
    let attach = ModifyReplicationGroup { add_user_group: Some(group), ..modify(&cache) };
    account.refused(attach, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn the_group_is_available_before_its_new_members_are() {
    let (account, _, cache) = cache().await;
    account.call(increase(&cache, 2)).await;
    assert_eq!(account.describe_cache(&cache).await.status, "modifying");
    pass(minutes(6)).await;
    let group = account.describe_cache(&cache).await;
    assert_eq!((group.status.as_str(), group.member_clusters.len()), ("available", 3));
    let ids = vec!["redis-003".to_owned()];
    assert_eq!(account.call(DescribeCacheClusters { ids: ids.clone() }).await.clusters[0].status, "creating");
    account.refused(increase(&cache, 3), "InvalidCacheClusterState").await;
    pass(minutes(1)).await;
    assert_eq!(account.call(DescribeCacheClusters { ids }).await.clusters[0].status, "available");
}

#[tokio::test(start_paused = true)]
async fn replicas_go_one_step_of_minutes_each_and_the_last_first() {
    let account = account();
    let network = account.network().await;
    let call = CreateReplicationGroup { num_cache_clusters: Some(NodeCount::reported(4)), ..network.cache("redis") };
    let cache = account.cache(call).await;
    account.call(decrease(&cache, 1)).await;
    pass(minutes(11)).await;
    assert_eq!(account.describe_cache(&cache).await.status, "modifying");
    pass(minutes(1)).await;
    let group = account.describe_cache(&cache).await;
    assert_eq!(
        (group.status.as_str(), group.member_clusters),
        ("available", vec!["redis-001".to_owned(), "redis-002".to_owned()])
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_number_of_replicas_is_no_operation() {
    let (account, _, cache) = cache().await;
    account.refused(increase(&cache, 1), "NoOperationFault").await;
    account.refused(decrease(&cache, 1), "NoOperationFault").await;
}

#[tokio::test(start_paused = true)]
async fn replicas_are_increased_upwards_to_five_and_decreased_downwards() {
    let (account, _, cache) = cache().await;
    account.refused(increase(&cache, 0), "InvalidParameterValue").await;
    account.refused(increase(&cache, 6), "InvalidParameterValue").await;
    account.refused(decrease(&cache, 2), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn failover_keeps_the_last_replica() {
    let (account, _, cache) = cache().await;
    account.refused(decrease(&cache, 0), "InvalidParameterValue").await;
    let off = ModifyReplicationGroup {
        automatic_failover_enabled: Some(false),
        multi_az_enabled: Some(false),
        ..modify(&cache)
    };
    account.call(off).await;
    pass(minutes(3)).await;
    account.call(decrease(&cache, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn failover_cannot_be_turned_on_without_a_replica() {
    let account = account();
    let network = account.network().await;
    let call = CreateReplicationGroup {
        num_cache_clusters: Some(NodeCount::reported(1)),
        automatic_failover_enabled: false,
        multi_az_enabled: false,
        ..network.cache("redis")
    };
    let cache = account.cache(call).await;
    let on = || ModifyReplicationGroup { automatic_failover_enabled: Some(true), ..modify(&cache) };
    account.refused(on(), "InvalidParameterCombination").await;
    account.call(increase(&cache, 1)).await;
    pass(minutes(7)).await;
    account.call(on()).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_is_delivered_elsewhere_or_not_any_more_by_a_change_of_that_log() {
    let (account, _, cache) = cache().await;
    let log_of = |kind, group| LogDelivery::to_log_group(kind, LogGroupName::reported(group));
    let (slow, engine, other) =
        (log_of(LogType::SlowLog, "slow"), log_of(LogType::EngineLog, "engine"), log_of(LogType::SlowLog, "other"));
    for (changes, expected) in [
        (
            vec![LogDeliveryChange::Enable(slow.clone()), LogDeliveryChange::Enable(engine.clone())],
            vec![slow, engine.clone()],
        ),
        (vec![LogDeliveryChange::Enable(other.clone())], vec![other, engine.clone()]),
        (vec![LogDeliveryChange::Disable(LogType::SlowLog)], vec![engine]),
    ] {
        account.call(ModifyReplicationGroup { log_delivery: changes, ..modify(&cache) }).await;
        pass(seconds(30)).await;
        assert_eq!(account.describe_cache(&cache).await.log_delivery, BTreeSet::from_iter(expected));
    }
}
