//! Subnet groups of ElastiCache.

use palisade_aws::{
    operations::{
        CreateCacheSubnetGroup, DeleteCacheSubnetGroup, DeleteReplicationGroup, DescribeCacheSubnetGroups,
        ModifyCacheSubnetGroup,
    },
    resources::Subnet,
    shapes::CacheSubnetGroupDescription,
    types::Name,
};
use palisade_core::Id;

use crate::account::{Account, account, create_subnet_group, id, minutes, pass};

async fn describe(account: &Account, name: &str) -> Option<CacheSubnetGroupDescription> {
    account.call(DescribeCacheSubnetGroups { ids: vec![id(name)] }).await.groups.pop()
}

fn modify(name: &str, subnets: &[&Id<Subnet>]) -> ModifyCacheSubnetGroup {
    ModifyCacheSubnetGroup {
        name: id(name),
        description: "changed".to_owned(),
        subnet_ids: subnets.iter().copied().cloned().collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_is_there_at_once_with_its_name_in_lower_case() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    account.call(create_subnet_group("Redis", [subnet])).await;
    let group = describe(&account, "redis").await.unwrap();
    assert_eq!(group.arn.as_str(), "arn:aws:elasticache:us-east-1:123456789012:subnetgroup:redis");
    assert_eq!(group.vpc_id, vpc);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_refused_as_already_exists() {
    let account = account();
    let network = account.network().await;
    let again = create_subnet_group("redis", network.subnets);
    account.refused(again, "CacheSubnetGroupAlreadyExists").await;
}

#[tokio::test(start_paused = true)]
async fn the_name_default_and_names_that_are_no_identifiers_are_refused() {
    let account = account();
    let network = account.network().await;
    for name in ["default", "", "1a", "a_b", "a-", "a--b"] {
        let call =
            CreateCacheSubnetGroup { name: Name::reported(name), ..create_subnet_group("a", network.subnets.clone()) };
        account.refused(call, "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_without_subnets_is_refused() {
    account().refused(create_subnet_group("redis", []), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn a_group_of_21_subnets_is_refused() {
    let account = account();
    let vpc = account.vpc().await;
    let mut subnets = Vec::new();
    for number in 0..21 {
        subnets.push(account.subnet(&vpc, &format!("10.0.{number}.0/24"), 'a').await);
    }
    account.refused(create_subnet_group("redis", subnets.clone()), "CacheSubnetQuotaExceededFault").await;
    subnets.pop();
    account.call(create_subnet_group("redis", subnets)).await;
}

#[tokio::test(start_paused = true)]
async fn subnets_of_two_vpcs_or_that_do_not_exist_are_an_invalid_subnet() {
    let account = account();
    let (vpc, other) = (account.vpc().await, account.vpc().await);
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let stranger = account.subnet(&other, "10.0.0.0/24", 'b').await;
    for second in [stranger, id("subnet-0")] {
        account.refused(create_subnet_group("redis", [subnet.clone(), second]), "InvalidSubnet").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_holds_a_node_cannot_leave_its_group() {
    let account = account();
    let network = account.network().await;
    let third = account.subnet(&network.vpc, "10.0.3.0/24", 'c').await;
    let [a, b] = &network.subnets;
    account.cache(network.cache("redis")).await;
    account.call(modify("redis", &[a, b, &third])).await;
    account.refused(modify("redis", &[a, &third]), "SubnetInUse").await;
    account.call(modify("redis", &[a, b])).await;
    let group = describe(&account, "redis").await.unwrap();
    assert_eq!((group.subnet_ids.len(), group.description.as_str()), (2, "changed"));
}

#[tokio::test(start_paused = true)]
async fn a_group_moves_to_another_vpc_only_while_nothing_uses_it() {
    let account = account();
    let network = account.network().await;
    let other = account.vpc().await;
    let elsewhere = account.subnet(&other, "10.0.0.0/24", 'a').await;
    account.call(modify("redis", &[&elsewhere])).await;
    assert_eq!(describe(&account, "redis").await.unwrap().vpc_id, other);
    let [a, b] = &network.subnets;
    account.call(modify("redis", &[a, b])).await;
    account.cache(network.cache("redis")).await;
    account.refused(modify("redis", &[&elsewhere]), "SubnetInUse").await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_a_cache_uses_cannot_be_deleted_before_that_is_gone() {
    let account = account();
    let network = account.network().await;
    let cache = account.cache(network.cache("redis")).await;
    let delete = || DeleteCacheSubnetGroup { name: id("redis") };
    account.refused(delete(), "CacheSubnetGroupInUse").await;
    account.call(DeleteReplicationGroup { replication_group_id: cache, final_snapshot_identifier: None }).await;
    account.refused(delete(), "CacheSubnetGroupInUse").await;
    pass(minutes(6)).await;
    account.call(delete()).await;
    account.refused(delete(), "CacheSubnetGroupNotFoundFault").await;
    assert!(describe(&account, "redis").await.is_none());
}
