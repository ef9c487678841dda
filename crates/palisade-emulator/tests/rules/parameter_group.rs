//! Parameter groups of ElastiCache.

use std::collections::BTreeMap;

use palisade_aws::{
    operations::{
        CreateCacheParameterGroup, CreateReplicationGroup, DeleteCacheParameterGroup, DescribeCacheParameterGroups,
        DescribeCacheParameters, ModifyCacheParameterGroup, ResetCacheParameterGroup,
    },
    types::{Name, ParameterGroupFamily, Tags},
};

use crate::account::{Account, account, id};

fn create(name: &str, family: ParameterGroupFamily) -> CreateCacheParameterGroup {
    CreateCacheParameterGroup {
        name: Name::reported(name),
        family,
        description: "parameters".to_owned(),
        tags: Tags::default(),
    }
}

fn set<const N: usize>(parameters: [(&str, &str); N]) -> ModifyCacheParameterGroup {
    let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    ModifyCacheParameterGroup { name: id("redis"), parameters }
}

fn reset<const N: usize>(names: [&str; N]) -> ResetCacheParameterGroup {
    ResetCacheParameterGroup { name: id("redis"), parameter_names: names.into_iter().map(str::to_owned).collect() }
}

async fn group() -> Account {
    let account = account();
    account.call(create("redis", ParameterGroupFamily::Redis7)).await;
    account
}

#[tokio::test(start_paused = true)]
async fn a_group_has_its_family_and_only_the_parameters_that_were_set() {
    let account = group().await;
    account.call(set([("maxmemory-policy", "allkeys-lru"), ("timeout", "300")])).await;
    account.call(set([("timeout", "600")])).await;
    account.call(reset(["maxmemory-policy"])).await;
    let parameters = account.call(DescribeCacheParameters { name: id("redis") }).await.user_parameters;
    assert_eq!(parameters, BTreeMap::from([("timeout".to_owned(), "600".to_owned())]));
    let groups = account.call(DescribeCacheParameterGroups { ids: vec![id("redis")] }).await.groups;
    assert_eq!(groups[0].family, "redis7");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_refused_as_already_exists() {
    let account = group().await;
    account.refused(create("Redis", ParameterGroupFamily::Redis7), "CacheParameterGroupAlreadyExists").await;
}

#[tokio::test(start_paused = true)]
async fn names_that_begin_with_default_are_aws_own() {
    let account = account();
    for name in ["default", "default.mine", "Default.redis7"] {
        account.refused(create(name, ParameterGroupFamily::Redis7), "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_group_exists_and_cannot_be_changed_or_deleted() {
    let account = account();
    let name = || id("default.redis7");
    let found = account.call(DescribeCacheParameterGroups { ids: vec![name()] }).await.groups;
    assert_eq!(found.len(), 1);
    let call = ModifyCacheParameterGroup { name: name(), ..set([("timeout", "60")]) };
    account.refused(call, "InvalidParameterValue").await;
    account.refused(DeleteCacheParameterGroup { name: name() }, "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn more_than_20_parameters_in_one_call_are_refused() {
    let account = group().await;
    let parameters: BTreeMap<_, _> = (0..21).map(|n| (format!("p{n}"), "1".to_owned())).collect();
    let names = parameters.keys().cloned().collect();
    account.refused(ModifyCacheParameterGroup { name: id("redis"), parameters }, "InvalidParameterValue").await;
    let call = ResetCacheParameterGroup { name: id("redis"), parameter_names: names };
    account.refused(call, "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_the_family_lacks_is_refused_and_spoils_the_whole_call() {
    let account = group().await;
    let message = account.refused(set([("maxmemory-polcy", "x"), ("timeout", "1")]), "InvalidParameterValue").await;
    assert!(message.contains("maxmemory-polcy"));
    account.refused(set([("set-max-listpack-entries", "128")]), "InvalidParameterValue").await;
    assert!(account.call(DescribeCacheParameters { name: id("redis") }).await.user_parameters.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_value_out_of_range_is_refused() {
    let account = group().await;
    for (name, value) in [
        ("maxmemory-policy", "lru"),
        ("activedefrag", "true"),
        ("reserved-memory-percent", "101"),
        ("timeout", "1s"),
        ("notify-keyspace-events", "KEq"),
        ("maxmemory", "1000"),
    ] {
        account.refused(set([(name, value)]), "InvalidParameterValue").await;
    }
    account
        .call(set([("notify-keyspace-events", "Ex"), ("activedefrag", "yes"), ("slowlog-log-slower-than", "-1")]))
        .await;
}

#[tokio::test(start_paused = true)]
async fn reserved_memory_cannot_be_reset() {
    let account = group().await;
    account.refused(reset(["reserved-memory"]), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_a_cache_uses_cannot_be_deleted() {
    let account = group().await;
    let network = account.network().await;
    let call = CreateReplicationGroup { parameter_group_name: Some(id("redis")), ..network.cache("redis") };
    account.cache(call).await;
    let delete = DeleteCacheParameterGroup { name: id("redis") };
    account.refused(delete, "InvalidCacheParameterGroupState").await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_does_not_exist_is_not_found() {
    let account = group().await;
    account.call(DeleteCacheParameterGroup { name: id("redis") }).await;
    account.refused(DeleteCacheParameterGroup { name: id("redis") }, "CacheParameterGroupNotFound").await;
    account.refused(set([("timeout", "1")]), "CacheParameterGroupNotFound").await;
    account.refused(DescribeCacheParameters { name: id("redis") }, "CacheParameterGroupNotFound").await;
}
