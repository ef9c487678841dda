//! VPCs.

use palisade_aws::{
    operations::{
        CreateRouteTable, CreateVpc, DeleteRouteTable, DeleteSecurityGroup, DeleteSubnet, DeleteVpc,
        DescribeRouteTables, DescribeVpcAttribute, DescribeVpcs, ModifyVpcAttribute, ModifyVpcTenancy,
    },
    resources::Vpc,
    shapes::{Select, SelectRouteTables, VpcAttribute},
    types::{Tags, Tenancy},
};
use palisade_core::Id;

use crate::account::{Account, account, create_vpc, id, owned, pass, seconds};

async fn state(account: &Account, vpc: &Id<Vpc>) -> Option<String> {
    let found = account.call(DescribeVpcs { select: Select::Ids(vec![vpc.clone()]) }).await;
    found.vpcs.into_iter().next().map(|vpc| vpc.state)
}

fn set(vpc: &Id<Vpc>, attribute: VpcAttribute, enabled: bool) -> ModifyVpcAttribute {
    ModifyVpcAttribute { vpc_id: vpc.clone(), attribute, enabled }
}

#[tokio::test(start_paused = true)]
async fn a_vpc_larger_than_16_or_smaller_than_28_is_refused_as_invalid_vpc_range() {
    let account = account();
    for cidr in ["10.0.0.0/15", "10.0.0.0/29"] {
        account.refused(create_vpc(cidr), "InvalidVpc.Range").await;
    }
    account.call(create_vpc("10.0.0.0/28")).await;
}

#[tokio::test(start_paused = true)]
async fn a_sixth_vpc_is_refused_as_vpc_limit_exceeded() {
    let account = account();
    for _ in 0..5 {
        account.vpc().await;
    }
    account.refused(create_vpc("10.0.0.0/16"), "VpcLimitExceeded").await;
}

#[tokio::test(start_paused = true)]
async fn a_vpc_is_pending_before_it_is_available() {
    let account = account();
    let vpc = account.vpc().await;
    assert_eq!(state(&account, &vpc).await.as_deref(), Some("pending"));
    pass(seconds(2)).await;
    assert_eq!(state(&account, &vpc).await.as_deref(), Some("available"));
}

#[tokio::test(start_paused = true)]
async fn a_vpc_supports_dns_and_gives_no_host_names_at_first() {
    let account = account();
    let vpc_id = account.vpc().await;
    for (attribute, expected) in [
        (VpcAttribute::DnsSupport, true),
        (VpcAttribute::DnsHostnames, false),
        (VpcAttribute::NetworkAddressUsageMetrics, false),
    ] {
        assert_eq!(account.call(DescribeVpcAttribute { vpc_id: vpc_id.clone(), attribute }).await.enabled, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn host_names_need_dns_support_in_either_order() {
    let account = account();
    let vpc = account.vpc().await;
    account.call(set(&vpc, VpcAttribute::DnsHostnames, true)).await;
    account.refused(set(&vpc, VpcAttribute::DnsSupport, false), "InvalidParameterCombination").await;
    account.call(set(&vpc, VpcAttribute::DnsHostnames, false)).await;
    account.call(set(&vpc, VpcAttribute::DnsSupport, false)).await;
    account.refused(set(&vpc, VpcAttribute::DnsHostnames, true), "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_dedicated_vpc_becomes_default_in_place() {
    let account = account();
    let call = CreateVpc { instance_tenancy: Tenancy::Dedicated, ..create_vpc("10.0.0.0/16") };
    let vpc_id = account.call(call).await.vpc_id;
    account.call(ModifyVpcTenancy { vpc_id: vpc_id.clone() }).await;
    let vpcs = account.call(DescribeVpcs { select: Select::Ids(vec![vpc_id]) }).await.vpcs;
    assert_eq!(vpcs[0].instance_tenancy, Tenancy::Default);
}

#[tokio::test(start_paused = true)]
async fn a_vpc_with_anything_in_it_cannot_be_deleted() {
    let account = account();
    let vpc_id = account.vpc().await;
    let delete = || DeleteVpc { vpc_id: vpc_id.clone() };
    let subnet_id = account.subnet(&vpc_id, "10.0.0.0/24", 'a').await;
    account.refused(delete(), "DependencyViolation").await;
    account.call(DeleteSubnet { subnet_id }).await;
    let group_id = account.security_group(&vpc_id, "a").await;
    account.refused(delete(), "DependencyViolation").await;
    account.call(DeleteSecurityGroup { group_id }).await;
    let table = CreateRouteTable { vpc_id: vpc_id.clone(), client_token: "t".to_owned(), tags: Tags::default() };
    account.call(table).await;
    account.refused(delete(), "DependencyViolation").await;
}

#[tokio::test(start_paused = true)]
async fn what_aws_makes_with_a_vpc_goes_with_it() {
    let account = account();
    let vpc_id = account.vpc().await;
    account.call(DeleteVpc { vpc_id: vpc_id.clone() }).await;
    assert_eq!(account.emulator.inventory(), []);
    assert_eq!(state(&account, &vpc_id).await, None);
    assert!(account.default_group(&vpc_id).await.is_none());
    account.refused(DeleteVpc { vpc_id }, "InvalidVpcID.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn what_aws_makes_with_a_vpc_cannot_be_deleted_by_itself() {
    let account = account();
    let (vpc, _other) = (account.vpc().await, account.vpc().await);
    let group = account.default_group(&vpc).await.unwrap();
    assert_eq!((group.name.as_str(), &group.vpc_id), ("default", &vpc));
    account.refused(DeleteSecurityGroup { group_id: group.id }, "CannotDelete").await;
    let select = SelectRouteTables::MainOf(vec![vpc.clone()]);
    let [table] = account.call(DescribeRouteTables { select }).await.route_tables.try_into().unwrap();
    assert!(table.main && table.vpc_id == vpc);
    account.refused(DeleteRouteTable { route_table_id: table.id }, "DependencyViolation").await;
}

#[tokio::test(start_paused = true)]
async fn a_vpc_that_does_not_exist_is_not_found() {
    let account = account();
    let message = account.refused(ModifyVpcTenancy { vpc_id: id("vpc-0") }, "InvalidVpcID.NotFound").await;
    assert_eq!(message, "The vpc ID 'vpc-0' does not exist");
}

#[tokio::test(start_paused = true)]
async fn a_vpc_is_found_by_its_token() {
    let account = account();
    account.vpc().await;
    let vpc = account.call(CreateVpc { tags: owned("Vpc.a"), ..create_vpc("10.0.0.0/16") }).await.vpc_id;
    let found = account.call(DescribeVpcs { select: Select::Token(crate::account::token("Vpc.a").digest) }).await;
    assert_eq!(found.vpcs.iter().map(|vpc| &vpc.id).collect::<Vec<_>>(), [&vpc]);
}
