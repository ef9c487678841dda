//! Subnets.

use palisade_aws::{
    operations::{CreateSubnet, DeleteReplicationGroup, DeleteSubnet, DescribeSubnets, ModifySubnetAttribute},
    resources::Subnet,
    shapes::{Select, SubnetAttribute, SubnetDescription},
    types::{AvailabilityZone, HostnameType},
};
use palisade_core::Id;

use crate::account::{Account, account, create_subnet, id, minutes, pass, seconds};

async fn describe(account: &Account, subnet: &Id<Subnet>) -> SubnetDescription {
    account.call(DescribeSubnets { select: Select::Ids(vec![subnet.clone()]) }).await.subnets.pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_subnet_outside_its_vpc_is_refused_as_invalid_subnet_range() {
    let account = account();
    let vpc = account.vpc().await;
    account.refused(create_subnet(&vpc, "10.1.0.0/24", 'a'), "InvalidSubnet.Range").await;
}

#[tokio::test(start_paused = true)]
async fn a_subnet_smaller_than_28_is_refused_as_invalid_subnet_range() {
    let account = account();
    let vpc = account.vpc().await;
    account.refused(create_subnet(&vpc, "10.0.0.0/29", 'a'), "InvalidSubnet.Range").await;
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_overlaps_another_is_refused_as_invalid_subnet_conflict() {
    let account = account();
    let vpc = account.vpc().await;
    account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let message = account.refused(create_subnet(&vpc, "10.0.0.128/25", 'b'), "InvalidSubnet.Conflict").await;
    assert_eq!(message, "The CIDR '10.0.0.128/25' conflicts with another subnet");
}

#[tokio::test(start_paused = true)]
async fn subnets_of_two_vpcs_may_have_the_same_addresses() {
    let account = account();
    let (one, other) = (account.vpc().await, account.vpc().await);
    account.subnet(&one, "10.0.0.0/24", 'a').await;
    account.subnet(&other, "10.0.0.0/24", 'a').await;
}

#[tokio::test(start_paused = true)]
async fn a_zone_of_another_region_is_refused_as_invalid_parameter_value() {
    let account = account();
    let vpc = account.vpc().await;
    for zone in ["us-west-2a", "us-east-1g"] {
        let availability_zone = AvailabilityZone::reported(zone);
        let call = CreateSubnet { availability_zone, ..create_subnet(&vpc, "10.0.0.0/24", 'a') };
        account.refused(call, "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_subnet_in_a_vpc_that_does_not_exist_is_refused_as_not_found() {
    account().refused(create_subnet(&id("vpc-0"), "10.0.0.0/24", 'a'), "InvalidVpcID.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn the_201st_subnet_of_a_vpc_is_refused_as_subnet_limit_exceeded() {
    let account = account();
    let vpc = account.vpc().await;
    for number in 0..200 {
        account.subnet(&vpc, &format!("10.0.{number}.0/24"), 'a').await;
    }
    account.refused(create_subnet(&vpc, "10.0.200.0/24", 'a'), "SubnetLimitExceeded").await;
}

#[tokio::test(start_paused = true)]
async fn five_addresses_of_a_subnet_are_kept_by_aws() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet = account.subnet(&vpc, "10.0.0.0/28", 'a').await;
    assert_eq!(describe(&account, &subnet).await.available_ip_address_count, 11);
}

#[tokio::test(start_paused = true)]
async fn a_subnet_is_pending_and_private_at_first_and_each_attribute_is_set_by_its_own_call() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet_id = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let subnet = describe(&account, &subnet_id).await;
    assert_eq!((subnet.state.as_str(), subnet.map_public_ip_on_launch), ("pending", false));
    assert_eq!(subnet.arn.as_str(), format!("arn:aws:ec2:us-east-1:123456789012:subnet/{subnet_id}"));
    for attribute in [
        SubnetAttribute::MapPublicIpOnLaunch(true),
        SubnetAttribute::PrivateDnsHostnameType(HostnameType::ResourceName),
        SubnetAttribute::ResourceNameDnsARecord(true),
    ] {
        account.call(ModifySubnetAttribute { subnet_id: subnet_id.clone(), attribute }).await;
    }
    pass(seconds(2)).await;
    let subnet = describe(&account, &subnet_id).await;
    assert_eq!(subnet.state, "available");
    assert!(subnet.map_public_ip_on_launch && subnet.resource_name_dns_a_record);
    assert_eq!(subnet.private_dns_hostname_type, HostnameType::ResourceName);
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_holds_a_node_cannot_be_deleted() {
    let account = account();
    let network = account.network().await;
    account.cache(network.cache("redis")).await;
    let [subnet_id, _] = network.subnets;
    assert_eq!(describe(&account, &subnet_id).await.available_ip_address_count, 250);
    account.refused(DeleteSubnet { subnet_id }, "DependencyViolation").await;
}

#[tokio::test(start_paused = true)]
async fn the_interfaces_of_a_deleted_cache_hold_its_subnets_for_a_while() {
    let account = account();
    let network = account.network().await;
    let cache = account.cache(network.cache("redis")).await;
    account.call(DeleteReplicationGroup { replication_group_id: cache.clone(), final_snapshot_identifier: None }).await;
    pass(minutes(6)).await;
    assert!(account.find_cache(&cache).await.is_none());
    let [subnet_id, _] = network.subnets;
    account.refused(DeleteSubnet { subnet_id: subnet_id.clone() }, "DependencyViolation").await;
    pass(minutes(2)).await;
    account.call(DeleteSubnet { subnet_id: subnet_id.clone() }).await;
    account.refused(DeleteSubnet { subnet_id }, "InvalidSubnetID.NotFound").await;
}
