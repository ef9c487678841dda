//! What a description tells just after a change, which is not the change.

use palisade_aws::{
    operations::{
        AssociateRouteTable, AuthorizeSecurityGroupIngress, CreateRouteTable, DescribeSecurityGroupRules, DescribeVpcs,
        ListTagsForResource, ModifyReplicationGroup,
    },
    shapes::{RuleSpecification, Select, SelectRules},
    types::Tags,
};
use palisade_emulator::Emulator;

use crate::account::{
    Account, create_subnet, create_subnet_group, create_vpc, iam_user, id, minutes, modify, pass, seconds,
};

/// An account as it is without further words.
fn account() -> Account {
    Account::of(Emulator::in_memory("us-east-1"))
}

#[tokio::test(start_paused = true)]
async fn what_was_just_made_is_not_found_for_a_moment() {
    let account = account();
    let vpc = account.vpc().await;
    let describe = || DescribeVpcs { select: Select::Ids(vec![vpc.clone()]) };
    assert_eq!(account.call(describe()).await.vpcs.len(), 0);
    account.refused(create_subnet(&vpc, "10.0.0.0/24", 'a'), "InvalidVpcID.NotFound").await;
    pass(seconds(1)).await;
    assert_eq!(account.call(describe()).await.vpcs.len(), 1);
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    account.refused(create_subnet_group("redis", [subnet]), "InvalidSubnet").await;
}

#[tokio::test(start_paused = true)]
async fn a_new_group_and_its_rules_are_not_found_for_a_moment() {
    let account = account();
    let vpc = account.vpc().await;
    pass(seconds(1)).await;
    let group_id = account.security_group(&vpc, "a").await;
    let rule = RuleSpecification {
        ip_protocol: "tcp".to_owned(),
        from_port: Some(1),
        to_port: Some(1),
        cidr_ipv4: None,
        referenced_group_id: Some(group_id.clone()),
        description: None,
    };
    let authorize = AuthorizeSecurityGroupIngress { group_id: group_id.clone(), rule, tags: Tags::default() };
    account.refused(authorize, "InvalidGroup.NotFound").await;
    let describe = || DescribeSecurityGroupRules { select: SelectRules::OfGroups(vec![group_id.clone()]) };
    pass(seconds(1)).await;
    assert_eq!(account.call(describe()).await.rules.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn uniqueness_and_quotas_count_what_is_not_found_yet() {
    let account = account();
    for _ in 0..5 {
        account.vpc().await;
    }
    account.refused(create_vpc("10.0.0.0/16"), "VpcLimitExceeded").await;
}

#[tokio::test(start_paused = true)]
async fn a_table_is_made_again_by_its_token_even_while_it_is_not_found() {
    let account = account();
    let vpc = account.vpc().await;
    pass(seconds(1)).await;
    let subnet_id = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    pass(seconds(1)).await;
    let create = || CreateRouteTable { vpc_id: vpc.clone(), client_token: "t".to_owned(), tags: Tags::default() };
    let route_table_id = account.call(create()).await.route_table_id;
    let associate = AssociateRouteTable { route_table_id: route_table_id.clone(), subnet_id };
    account.refused(associate, "InvalidRouteTableID.NotFound").await;
    assert_eq!(account.call(create()).await.route_table_id, route_table_id);
}

#[tokio::test(start_paused = true)]
async fn a_new_user_is_said_not_to_exist_when_it_is_tagged_at_once() {
    let account = account();
    account.call(iam_user("app")).await;
    let arn = account.describe_user(&id("app")).await.arn;
    let message = account.refused(ListTagsForResource { arn: arn.clone() }, "UserNotFound").await;
    assert_eq!(message, "User app is not available for tagging.");
    pass(seconds(1)).await;
    account.call(ListTagsForResource { arn }).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_just_accepted_does_not_show_yet() {
    let account = account();
    let vpc = account.vpc().await;
    pass(seconds(1)).await;
    let subnets = [account.subnet(&vpc, "10.0.1.0/24", 'a').await, account.subnet(&vpc, "10.0.2.0/24", 'b').await];
    let security_group = account.security_group(&vpc, "a").await;
    pass(seconds(1)).await;
    account.call(create_subnet_group("redis", subnets.clone())).await;
    let network = crate::account::Network { vpc, subnets, security_group, subnet_group: id("redis") };
    let cache = account.cache(network.cache("redis")).await;
    let change = || ModifyReplicationGroup { description: Some("other".to_owned()), ..modify(&cache) };
    account.call(change()).await;
    assert_eq!(account.describe_cache(&cache).await.status, "available", "the change shows at once");
    account.refused(change(), "InvalidReplicationGroupState").await;
    pass(seconds(1)).await;
    assert_eq!(account.describe_cache(&cache).await.status, "modifying");
    pass(minutes(1)).await;
    assert_eq!(account.describe_cache(&cache).await.description, "other");
}
