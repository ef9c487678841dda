//! How replication groups are created, described and deleted.

use std::collections::BTreeSet;

use palisade_aws::{
    name, node_type,
    operations::{
        CreateCacheParameterGroup, CreateReplicationGroup, CreateVpc, DeleteReplicationGroup, DescribeCacheClusters,
    },
    types::{
        Cidr, EngineKind, EngineVersion, IpDiscovery, KmsKeyArn, LogDelivery, LogGroupName, LogType, MaintenanceWindow,
        Name, NodeCount, NodeType, ParameterGroupFamily, SnapshotRetention, SnapshotWindow, Tags, TopicArn,
    },
};

use crate::account::{
    Network, account, create_subnet_group, create_user_group, create_vpc, disabled_default, iam_user, id, minutes, pass,
};

fn delete(name: &str, snapshot: Option<Name>) -> DeleteReplicationGroup {
    DeleteReplicationGroup { replication_group_id: id(name), final_snapshot_identifier: snapshot }
}

#[tokio::test(start_paused = true)]
async fn a_cache_is_creating_for_minutes_and_has_no_endpoints_meanwhile() {
    let account = account();
    let network = account.network().await;
    account.call(network.cache("Redis")).await;
    let cache = account.describe_cache(&id("redis")).await;
    assert_eq!((cache.status.as_str(), cache.primary_endpoint), ("creating", None));
    assert_eq!(cache.member_clusters, ["redis-001", "redis-002"]);
    pass(minutes(8)).await;
    let cache = account.describe_cache(&id("redis")).await;
    assert_eq!(cache.status, "available");
    let (primary, reader) = (cache.primary_endpoint.unwrap(), cache.reader_endpoint.unwrap());
    assert!(primary.address.starts_with("master.redis.") && reader.address.starts_with("replica.redis."));
    assert!(primary.address.ends_with(".use1.cache.amazonaws.com") && primary.port == 6379);
    assert_eq!(cache.arn.as_str(), "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:redis");
}

#[tokio::test(start_paused = true)]
async fn member_clusters_tell_what_the_group_does_not() {
    let account = account();
    let network = account.network().await;
    account.cache(network.cache("redis")).await;
    let ids = vec!["redis-001".to_owned(), "redis-003".to_owned()];
    let clusters = account.call(DescribeCacheClusters { ids }).await.clusters;
    assert_eq!(clusters.len(), 1, "what does not exist is left out");
    let cluster = &clusters[0];
    assert_eq!((cluster.status.as_str(), cluster.engine_version.as_str()), ("available", "7.1.0"));
    assert_eq!(cluster.parameter_group_name.as_str(), "default.redis7");
    assert_eq!(cluster.subnet_group_name.as_str(), "redis");
    assert_eq!(cluster.security_group_ids, BTreeSet::from([network.security_group]));
    assert_eq!(cluster.maintenance_window, "mon:03:00-mon:04:00");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_taken_is_refused_as_already_exists() {
    let account = account();
    let network = account.network().await;
    account.call(network.cache("redis")).await;
    account.refused(network.cache("redis"), "ReplicationGroupAlreadyExists").await;
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_no_identifiers_are_refused() {
    let account = account();
    let network = account.network().await;
    for name in ["", "1a", "a--b", "a-", "a_b", &"a".repeat(41)] {
        account.refused(network.cache(name), "InvalidParameterValue").await;
    }
}

/// Refuses `change` of a cache that is good otherwise.
async fn refuses(code: &str, change: impl FnOnce(&Network, CreateReplicationGroup) -> CreateReplicationGroup) {
    let account = account();
    let network = account.network().await;
    let call = change(&network, network.cache("redis"));
    account.refused(call, code).await;
}

#[tokio::test(start_paused = true)]
async fn a_description_is_needed() {
    refuses("InvalidParameterValue", |_, call| CreateReplicationGroup { description: String::new(), ..call }).await;
}

#[tokio::test(start_paused = true)]
async fn a_cache_has_one_to_six_nodes() {
    for nodes in [0, 7] {
        refuses("InvalidParameterValue", |_, call| CreateReplicationGroup {
            num_cache_clusters: Some(NodeCount::reported(nodes)),
            ..call
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn failover_needs_two_nodes() {
    refuses("InvalidParameterCombination", |_, call| CreateReplicationGroup {
        num_cache_clusters: Some(NodeCount::reported(1)),
        multi_az_enabled: false,
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn multi_az_needs_failover() {
    refuses("InvalidParameterCombination", |_, call| CreateReplicationGroup {
        automatic_failover_enabled: false,
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn multi_az_needs_subnets_in_two_zones() {
    let account = account();
    let network = account.network().await;
    let [a, _] = &network.subnets;
    let same_zone = account.subnet(&network.vpc, "10.0.3.0/24", 'a').await;
    account.call(create_subnet_group("one-zone", [a.clone(), same_zone])).await;
    let call = CreateReplicationGroup { subnet_group_name: id("one-zone"), ..network.cache("redis") };
    account.refused(call.clone(), "InvalidParameterCombination").await;
    account.call(CreateReplicationGroup { multi_az_enabled: false, ..call }).await;
}

#[tokio::test(start_paused = true)]
async fn the_subnet_group_must_exist() {
    refuses("CacheSubnetGroupNotFoundFault", |_, call| CreateReplicationGroup {
        subnet_group_name: id("other"),
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_security_groups_must_exist_and_be_in_the_vpc_of_the_subnets() {
    refuses("InvalidParameterValue", |_, call| CreateReplicationGroup {
        security_group_ids: BTreeSet::from([id("sg-0")]),
        ..call
    })
    .await;
    let account = account();
    let network = account.network().await;
    let other = account.call(CreateVpc { cidr_block: Cidr::new("10.1.0.0/16").unwrap(), ..create_vpc("10.0.0.0/16") });
    let stranger = account.security_group(&other.await.vpc_id, "stranger").await;
    let call = CreateReplicationGroup { security_group_ids: BTreeSet::from([stranger]), ..network.cache("redis") };
    account.refused(call, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn the_parameter_group_must_exist_and_be_of_the_family() {
    let account = account();
    let network = account.network().await;
    let parameters = CreateCacheParameterGroup {
        name: name!("valkey"),
        family: ParameterGroupFamily::Valkey8,
        description: "parameters".to_owned(),
        tags: Tags::default(),
    };
    account.call(parameters).await;
    let with = |name| CreateReplicationGroup { parameter_group_name: Some(id(name)), ..network.cache("redis") };
    let message = account.refused(with("valkey"), "InvalidParameterCombination").await;
    assert!(message.starts_with("Expected a parameter group of family redis7 but found one of family valkey8"));
    account.refused(with("other"), "CacheParameterGroupNotFound").await;
    account.call(with("default.redis7")).await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_engine_does_not_have_cannot_be_found() {
    let account = account();
    let network = account.network().await;
    for (engine, version) in [
        (EngineKind::Redis, "7.2"),
        (EngineKind::Redis, "7.0.7"),
        (EngineKind::Redis, "7.x"),
        (EngineKind::Valkey, "7.1"),
    ] {
        let engine_version = EngineVersion::reported(version);
        let call = CreateReplicationGroup { engine, engine_version, ..network.cache("redis") };
        let message = account.refused(call, "InvalidParameterCombination").await;
        assert_eq!(message, format!("Cannot find version {version} for {engine}"));
    }
}

#[tokio::test(start_paused = true)]
async fn there_must_be_a_free_address_for_each_node() {
    let account = account();
    let network = account.network().await;
    let tiny = account.subnet(&network.vpc, "10.0.3.0/28", 'c').await;
    account.call(create_subnet_group("tiny", [tiny])).await;
    let cache = |name, nodes| CreateReplicationGroup {
        subnet_group_name: id("tiny"),
        num_cache_clusters: Some(NodeCount::reported(nodes)),
        multi_az_enabled: false,
        ..network.cache(name)
    };
    account.call(cache("a", 6)).await;
    account.refused(cache("b", 6), "InvalidVPCNetworkStateFault").await;
    account.call(cache("b", 5)).await;
}

#[tokio::test(start_paused = true)]
async fn nodes_are_spread_over_the_zones() {
    let account = account();
    let network = account.network().await;
    let more = account.subnet(&network.vpc, "10.0.3.0/24", 'a').await;
    let [a, b] = network.subnets.clone();
    account.call(create_subnet_group("three", [a, b.clone(), more])).await;
    account
        .call(CreateReplicationGroup {
            subnet_group_name: id("three"),
            num_cache_clusters: Some(NodeCount::reported(4)),
            ..network.cache("redis")
        })
        .await;
    let select = palisade_aws::shapes::Select::Ids(vec![b]);
    let subnets = account.call(palisade_aws::operations::DescribeSubnets { select }).await.subnets;
    assert_eq!(subnets[0].available_ip_address_count, 249, "two of four nodes stand in the zone with one subnet");
}

#[tokio::test(start_paused = true)]
async fn token_and_user_group_exclude_each_other() {
    let account = account();
    let network = account.network().await;
    let group = account.redis_users("users", &[]).await;
    let call = CreateReplicationGroup {
        auth_token: Some("0123456789abcdef".to_owned().into()),
        user_group_id: Some(group),
        ..network.cache("redis")
    };
    account.refused(call, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_token_has_16_to_128_letters_digits_and_few_others() {
    let account = account();
    let network = account.network().await;
    let with =
        |token: &str| CreateReplicationGroup { auth_token: Some(token.to_owned().into()), ..network.cache("redis") };
    for token in ["0123456789abcde", "0123456789abcde%", "0123456789abcde ", "0123456789abcde*", &"a".repeat(129)] {
        let message = account.refused(with(token), "InvalidParameterValue").await;
        assert_eq!(message, "Invalid AuthToken provided.");
    }
    account.cache(with("0123456789!&#$^<>-")).await;
    assert!(account.describe_cache(&id("redis")).await.auth_token_enabled);
}

#[tokio::test(start_paused = true)]
async fn a_user_group_must_exist_and_be_active() {
    let account = account();
    let network = account.network().await;
    let with = || CreateReplicationGroup { user_group_id: Some(id("users")), ..network.cache("redis") };
    account.refused(with(), "UserGroupNotFound").await;
    let default = account.user(disabled_default("off")).await;
    account.call(create_user_group("users", EngineKind::Redis, [&default])).await;
    account.refused(with(), "InvalidUserGroupState").await;
    pass(minutes(1)).await;
    account.cache(with()).await;
    assert_eq!(account.describe_cache(&id("redis")).await.user_group_ids, [id("users")]);
    assert_eq!(account.describe_group(&id("users")).await.replication_groups, [id("redis")]);
}

#[tokio::test(start_paused = true)]
async fn a_valkey_group_is_for_valkey_caches_and_a_redis_group_for_both() {
    let account = account();
    let network = account.network().await;
    let valkey = account.user_group(create_user_group("valkey", EngineKind::Valkey, [])).await;
    let redis = account.redis_users("redis", &[]).await;
    let of_redis = |group| CreateReplicationGroup { user_group_id: Some(group), ..network.cache("redis") };
    let of_valkey = |name, group| CreateReplicationGroup {
        engine: EngineKind::Valkey,
        engine_version: EngineVersion::reported("8.0"),
        user_group_id: Some(group),
        ..network.cache(name)
    };
    account.refused(of_redis(valkey.clone()), "InvalidParameterCombination").await;
    account.call(of_valkey("a", valkey)).await;
    account.call(of_valkey("b", redis)).await;
}

#[tokio::test(start_paused = true)]
async fn iam_users_need_redis_7() {
    let account = account();
    let network = account.network().await;
    let user = account.user(iam_user("app")).await;
    let group = account.redis_users("users", &[&user]).await;
    let with = |version| CreateReplicationGroup {
        engine_version: EngineVersion::reported(version),
        user_group_id: Some(group.clone()),
        ..network.cache("redis")
    };
    account.refused(with("6.2"), "InvalidParameterCombination").await;
    account.call(with("7.0")).await;
}

#[tokio::test(start_paused = true)]
async fn windows_have_an_hour_and_do_not_overlap() {
    for (maintenance, snapshot) in [
        ("sun:05:00-sun:05:30", "03:00-04:00"),
        ("sun:05:00-sun:06:00", "03:00-03:59"),
        ("sun:05:00-sun:06:00", "05:30-06:30"),
        ("Sun:05:00-Sun:06:00", "03:00-04:00"),
    ] {
        refuses("InvalidParameterValue", |_, call| CreateReplicationGroup {
            maintenance_window: Some(MaintenanceWindow::reported(maintenance)),
            snapshot_window: Some(SnapshotWindow::reported(snapshot)),
            ..call
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_kept_for_35_days_at_most() {
    refuses("InvalidParameterValue", |_, call| CreateReplicationGroup {
        snapshot_retention_limit: SnapshotRetention::reported(36),
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn data_tiering_is_on_with_r6gd_and_only_there() {
    for (node_type, data_tiering_enabled) in
        [(node_type!("cache.r6gd.xlarge"), false), (node_type!("cache.r6g.xlarge"), true)]
    {
        refuses("InvalidParameterCombination", |_, call| CreateReplicationGroup {
            node_type,
            data_tiering_enabled,
            ..call
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_type_of_a_previous_generation_is_refused() {
    refuses("InvalidParameterValue", |_, call| CreateReplicationGroup {
        node_type: NodeType::reported("cache.t1.micro"),
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn key_and_topic_are_in_the_region_of_the_cache() {
    refuses("InvalidKMSKeyFault", |_, call| CreateReplicationGroup {
        kms_key_id: Some(KmsKeyArn::reported("arn:aws:kms:eu-west-1:123456789012:key/1")),
        ..call
    })
    .await;
    refuses("InvalidParameterValue", |_, call| CreateReplicationGroup {
        notification_topic_arn: Some(TopicArn::reported("arn:aws:sns:eu-west-1:123456789012:t")),
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn discovery_answers_with_addresses_that_the_network_has() {
    refuses("InvalidParameterCombination", |_, call| CreateReplicationGroup {
        ip_discovery: IpDiscovery::Ipv6,
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_is_creating_or_deleting_cannot_be_deleted() {
    let account = account();
    let network = account.network().await;
    account.call(network.cache("redis")).await;
    account.refused(delete("redis", None), "InvalidReplicationGroupState").await;
    pass(minutes(8)).await;
    account.call(delete("redis", None)).await;
    assert_eq!(account.describe_cache(&id("redis")).await.status, "deleting");
    account.refused(delete("redis", None), "InvalidReplicationGroupState").await;
    pass(minutes(6)).await;
    assert!(account.find_cache(&id("redis")).await.is_none());
    account.refused(delete("redis", None), "ReplicationGroupNotFoundFault").await;
}

#[tokio::test(start_paused = true)]
async fn a_final_snapshot_outlives_its_cache_and_has_a_name_of_its_own() {
    let account = account();
    let network = account.network().await;
    account.cache(network.cache("a")).await;
    account.cache(network.cache("b")).await;
    account.call(delete("a", Some(name!("last")))).await;
    account.refused(delete("b", Some(name!("last"))), "SnapshotAlreadyExistsFault").await;
    pass(minutes(9)).await;
    assert!(account.find_cache(&id("a")).await.is_none());
    assert!(account.emulator.inventory().iter().any(|item| item.kind == "Snapshot" && item.id == "last"));
}

#[tokio::test(start_paused = true)]
async fn the_user_group_is_busy_for_a_while_after_its_cache_is_gone() {
    let account = account();
    let network = account.network().await;
    let group = account.redis_users("users", &[]).await;
    account.cache(CreateReplicationGroup { user_group_id: Some(group.clone()), ..network.cache("redis") }).await;
    account.call(delete("redis", None)).await;
    let remove = || palisade_aws::operations::DeleteUserGroup { user_group_id: group.clone() };
    account.refused(remove(), "InvalidUserGroupState").await;
    pass(minutes(6)).await;
    assert_eq!(account.describe_group(&group).await.status, "modifying");
    account.refused(remove(), "InvalidUserGroupState").await;
    pass(minutes(1)).await;
    account.call(remove()).await;
}

#[tokio::test(start_paused = true)]
async fn each_log_is_delivered_to_one_place() {
    let log_of = |group| LogDelivery::to_log_group(LogType::SlowLog, LogGroupName::reported(group));
    refuses("InvalidParameterValue", |_, call| CreateReplicationGroup {
        log_delivery: BTreeSet::from([log_of("a"), log_of("b")]),
        ..call
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_engine_log_needs_redis_6_2() {
    let log = LogDelivery::to_log_group(LogType::EngineLog, LogGroupName::reported("a"));
    refuses("InvalidParameterCombination", |_, call| CreateReplicationGroup {
        engine_version: EngineVersion::reported("6.0"),
        log_delivery: BTreeSet::from([log]),
        ..call
    })
    .await;
}
