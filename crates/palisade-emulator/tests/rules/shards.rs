//! Replication groups whose keys are divided between shards.

use palisade_aws::{
    operations::{
        CreateReplicationGroup, DecreaseReplicaCount, IncreaseReplicaCount, ModifyReplicationGroupShardConfiguration,
    },
    resources::ReplicationGroup,
    types::{NodeCount, Replicas, Shards},
};
use palisade_core::Id;

use crate::account::{Account, Network, account, id, minutes, pass};

/// A request for a cache with `shards` shards of two nodes.
fn divided(network: &Network, shards: u16) -> CreateReplicationGroup {
    CreateReplicationGroup {
        num_cache_clusters: None,
        num_node_groups: Some(Shards::reported(shards)),
        replicas_per_node_group: Some(Replicas::reported(1)),
        automatic_failover_enabled: true,
        parameter_group_name: Some(id("default.redis7.cluster.on")),
        ..network.cache("redis")
    }
}

async fn cache(shards: u16) -> (Account, Id<ReplicationGroup>) {
    let account = account();
    let network = account.network().await;
    let cache = account.cache(divided(&network, shards)).await;
    (account, cache)
}

fn reshard(id: &Id<ReplicationGroup>, count: u16, remove: &[&str]) -> ModifyReplicationGroupShardConfiguration {
    ModifyReplicationGroupShardConfiguration {
        replication_group_id: id.clone(),
        node_group_count: Shards::reported(count),
        node_groups_to_remove: remove.iter().map(|id| (*id).to_owned()).collect(),
    }
}

async fn shards(account: &Account, id: &Id<ReplicationGroup>) -> Vec<(String, u8)> {
    let groups = account.describe_cache(id).await.node_groups;
    groups.into_iter().map(|group| (group.id, group.nodes)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_divided_cache_has_a_configuration_endpoint_and_no_primary_one() {
    let (account, cache) = cache(2).await;
    let described = account.describe_cache(&cache).await;
    assert!(described.cluster_enabled && described.configuration_endpoint.is_some());
    assert_eq!((described.primary_endpoint, described.reader_endpoint), (None, None));
    assert_eq!(described.member_clusters, ["redis-0001-001", "redis-0001-002", "redis-0002-001", "redis-0002-002"]);
}

#[tokio::test(start_paused = true)]
async fn nodes_are_counted_either_in_all_or_for_each_shard() {
    let account = account();
    let network = account.network().await;
    let both = CreateReplicationGroup { num_cache_clusters: Some(NodeCount::reported(2)), ..divided(&network, 2) };
    account.refused(both, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_divided_cache_needs_a_parameter_group_that_says_so_and_failover() {
    let account = account();
    let network = account.network().await;
    let undivided = CreateReplicationGroup { parameter_group_name: None, ..divided(&network, 2) };
    account.refused(undivided, "InvalidParameterCombination").await;
    let parameter_group_name = Some(id("default.redis7.cluster.on"));
    let divided_by_name = CreateReplicationGroup { parameter_group_name, ..network.cache("other") };
    account.refused(divided_by_name, "InvalidParameterCombination").await;
    let automatic_failover_enabled = false;
    let alone = CreateReplicationGroup { automatic_failover_enabled, multi_az_enabled: false, ..divided(&network, 2) };
    account.refused(alone, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn shards_are_added_with_as_many_nodes_as_the_others_have() {
    let (account, cache) = cache(1).await;
    account.call(reshard(&cache, 3, &[])).await;
    pass(minutes(31)).await;
    let expected = ["0001", "0002", "0003"].map(|id| (id.to_owned(), 2));
    assert_eq!(shards(&account, &cache).await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_shards_that_go_must_be_named() {
    let (account, cache) = cache(3).await;
    account.refused(reshard(&cache, 1, &[]), "InvalidParameterValue").await;
    account.refused(reshard(&cache, 1, &["0002", "0009"]), "InvalidParameterValue").await;
    account.refused(reshard(&cache, 3, &[]), "NoOperationFault").await;
    account.call(reshard(&cache, 1, &["0001", "0003"])).await;
    pass(minutes(31)).await;
    assert_eq!(shards(&account, &cache).await, [("0002".to_owned(), 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_cache_without_shards_cannot_be_resharded() {
    let account = account();
    let network = account.network().await;
    let cache = account.cache(network.cache("redis")).await;
    account.refused(reshard(&cache, 2, &[]), "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn replicas_are_counted_for_each_shard() {
    let (account, cache) = cache(2).await;
    account.call(IncreaseReplicaCount { replication_group_id: cache.clone(), new_replica_count: 3 }).await;
    pass(minutes(20)).await;
    assert_eq!(shards(&account, &cache).await, [("0001".to_owned(), 4), ("0002".to_owned(), 4)]);
    account.call(DecreaseReplicaCount { replication_group_id: cache.clone(), new_replica_count: 1 }).await;
    pass(minutes(20)).await;
    assert_eq!(shards(&account, &cache).await, [("0001".to_owned(), 2), ("0002".to_owned(), 2)]);
}
