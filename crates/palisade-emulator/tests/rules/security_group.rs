//! Security groups and their rules.

use palisade_aws::{
    operations::{
        AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, CreateSecurityGroup, DeleteSecurityGroup,
        DescribeSecurityGroupRules, ModifySecurityGroupRules, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    },
    resources::SecurityGroup,
    shapes::{RuleDescription, RuleSpecification, SelectRules},
    types::{Description, Direction, PrivateRange, SecurityGroupName, Tags},
};
use palisade_core::Id;

use crate::account::{Account, account, create_security_group, id};

fn from_range(range: &str, port: u16) -> RuleSpecification {
    RuleSpecification {
        ip_protocol: "tcp".to_owned(),
        from_port: Some(port),
        to_port: Some(port),
        cidr_ipv4: PrivateRange::reported(range),
        referenced_group_id: None,
        description: Some("Redis".to_owned()),
    }
}

fn from_group(group: &Id<SecurityGroup>) -> RuleSpecification {
    RuleSpecification { cidr_ipv4: None, referenced_group_id: Some(group.clone()), ..from_range("10.0.0.0/8", 6379) }
}

fn ingress(group: &Id<SecurityGroup>, rule: RuleSpecification) -> AuthorizeSecurityGroupIngress {
    AuthorizeSecurityGroupIngress { group_id: group.clone(), rule, tags: Tags::default() }
}

async fn rules(account: &Account, group: &Id<SecurityGroup>) -> Vec<RuleDescription> {
    let select = SelectRules::OfGroups(vec![group.clone()]);
    account.call(DescribeSecurityGroupRules { select }).await.rules
}

#[tokio::test(start_paused = true)]
async fn a_new_group_may_reach_everything_until_its_first_rule_is_revoked() {
    let account = account();
    let vpc = account.vpc().await;
    let group_id = account.security_group(&vpc, "a").await;
    let found = rules(&account, &group_id).await;
    assert_eq!((found.len(), found[0].direction), (1, Direction::Egress));
    assert_eq!((found[0].rule.ip_protocol.as_str(), found[0].rule.from_port), ("-1", None));
    assert_eq!(found[0].rule.cidr_ipv4.unwrap().to_string(), "0.0.0.0/0");
    let rule_ids = vec![found[0].id.clone()];
    account.call(RevokeSecurityGroupEgress { group_id: group_id.clone(), rule_ids }).await;
    assert_eq!(rules(&account, &group_id).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_the_vpc_has_already_is_refused_as_a_duplicate() {
    let account = account();
    let (vpc, other) = (account.vpc().await, account.vpc().await);
    account.security_group(&vpc, "a").await;
    account.refused(create_security_group(&vpc, "a"), "InvalidGroup.Duplicate").await;
    account.refused(create_security_group(&vpc, "A"), "InvalidGroup.Duplicate").await;
    account.refused(create_security_group(&vpc, "default"), "InvalidGroup.Duplicate").await;
    account.security_group(&other, "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_name_like_an_id_is_refused_as_invalid_parameter_value() {
    let account = account();
    let vpc = account.vpc().await;
    for name in ["sg-a", "", "a\u{e4}"] {
        let group_name = SecurityGroupName::reported(name);
        let call = CreateSecurityGroup { group_name, ..create_security_group(&vpc, "a") };
        account.refused(call, "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_description_in_other_characters_is_refused_as_invalid_parameter_value() {
    let account = account();
    let vpc = account.vpc().await;
    for text in ["", "Redis\u{2019}s", "a?"] {
        let description = Description::reported(text);
        let call = CreateSecurityGroup { description, ..create_security_group(&vpc, "a") };
        account.refused(call, "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_rule_twice_is_refused_as_a_duplicate_whatever_it_is_for() {
    let account = account();
    let vpc = account.vpc().await;
    let group = account.security_group(&vpc, "a").await;
    account.call(ingress(&group, from_range("10.0.0.0/16", 6379))).await;
    let again = RuleSpecification { description: Some("other".to_owned()), ..from_range("10.0.0.0/16", 6379) };
    let message = account.refused(ingress(&group, again), "InvalidPermission.Duplicate").await;
    assert_eq!(
        message,
        "the specified rule \"peer: 10.0.0.0/16, TCP, from port: 6379, to port: 6379, ALLOW\" already exists"
    );
    account.call(ingress(&group, from_range("10.0.0.0/16", 6380))).await;
}

#[tokio::test(start_paused = true)]
async fn a_range_of_ports_that_ends_before_it_begins_is_refused() {
    let account = account();
    let vpc = account.vpc().await;
    let group = account.security_group(&vpc, "a").await;
    let backwards = RuleSpecification { to_port: Some(6378), ..from_range("10.0.0.0/16", 6379) };
    account.refused(ingress(&group, backwards), "InvalidParameterValue").await;
    let without = RuleSpecification { to_port: None, ..from_range("10.0.0.0/16", 6379) };
    account.refused(ingress(&group, without), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn a_rule_has_exactly_one_peer() {
    let account = account();
    let vpc = account.vpc().await;
    let group = account.security_group(&vpc, "a").await;
    let neither = RuleSpecification { cidr_ipv4: None, ..from_range("10.0.0.0/16", 6379) };
    let both = RuleSpecification { referenced_group_id: Some(group.clone()), ..from_range("10.0.0.0/16", 6379) };
    for rule in [neither, both] {
        account.refused(ingress(&group, rule), "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_exist_or_is_in_another_vpc_is_not_found() {
    let account = account();
    let (vpc, other) = (account.vpc().await, account.vpc().await);
    let group = account.security_group(&vpc, "a").await;
    let stranger = account.security_group(&other, "b").await;
    for peer in [id("sg-0"), stranger] {
        account.refused(ingress(&group, from_group(&peer)), "InvalidGroup.NotFound").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_61st_rule_of_a_direction_is_refused_as_a_limit() {
    let account = account();
    let vpc = account.vpc().await;
    let group = account.security_group(&vpc, "a").await;
    for port in 1..=60 {
        account.call(ingress(&group, from_range("10.0.0.0/16", port))).await;
    }
    let code = "RulesPerSecurityGroupLimitExceeded";
    account.refused(ingress(&group, from_range("10.0.0.0/16", 61)), code).await;
    let rule = from_range("10.0.0.0/16", 61);
    account.call(AuthorizeSecurityGroupEgress { group_id: group, rule, tags: Tags::default() }).await;
}

#[tokio::test(start_paused = true)]
async fn revoking_a_rule_that_is_not_there_revokes_none() {
    let account = account();
    let vpc = account.vpc().await;
    let group_id = account.security_group(&vpc, "a").await;
    let rule = account.call(ingress(&group_id, from_range("10.0.0.0/16", 6379))).await.rule_id;
    let both = vec![rule.clone(), id("sgr-0")];
    let call = RevokeSecurityGroupIngress { group_id: group_id.clone(), rule_ids: both };
    account.refused(call, "InvalidSecurityGroupRuleId.NotFound").await;
    // Nor is a rule of the other direction.
    let call = RevokeSecurityGroupEgress { group_id: group_id.clone(), rule_ids: vec![rule.clone()] };
    account.refused(call, "InvalidSecurityGroupRuleId.NotFound").await;
    account.call(RevokeSecurityGroupIngress { group_id: group_id.clone(), rule_ids: vec![rule] }).await;
    assert_eq!(rules(&account, &group_id).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rule_changes_in_place_but_for_the_kind_of_its_peer() {
    let account = account();
    let vpc = account.vpc().await;
    let group_id = account.security_group(&vpc, "a").await;
    let rule_id = account.call(ingress(&group_id, from_range("10.0.0.0/16", 6379))).await.rule_id;
    account.call(ingress(&group_id, from_range("10.0.0.0/16", 7000))).await;
    let change = |rule| ModifySecurityGroupRules { group_id: group_id.clone(), rule_id: rule_id.clone(), rule };
    account.call(change(from_range("10.0.0.0/24", 6380))).await;
    let changed = rules(&account, &group_id).await.into_iter().find(|rule| rule.id == rule_id).unwrap();
    assert_eq!(changed.rule, from_range("10.0.0.0/24", 6380));
    account.refused(change(from_group(&group_id)), "InvalidParameterValue").await;
    account.refused(change(from_range("10.0.0.0/16", 7000)), "InvalidPermission.Duplicate").await;
    let unknown = ModifySecurityGroupRules { rule_id: id("sgr-0"), ..change(from_range("10.0.0.0/24", 1)) };
    account.refused(unknown, "InvalidSecurityGroupRuleId.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_a_rule_of_another_refers_to_cannot_be_deleted() {
    let account = account();
    let vpc = account.vpc().await;
    let (cache, client) = (account.security_group(&vpc, "cache").await, account.security_group(&vpc, "client").await);
    let rule = account.call(ingress(&cache, from_group(&client))).await.rule_id;
    account.refused(DeleteSecurityGroup { group_id: client.clone() }, "DependencyViolation").await;
    account.call(RevokeSecurityGroupIngress { group_id: cache, rule_ids: vec![rule] }).await;
    account.call(DeleteSecurityGroup { group_id: client.clone() }).await;
    account.refused(DeleteSecurityGroup { group_id: client }, "InvalidGroup.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_refers_to_itself_can_be_deleted_with_its_rules() {
    let account = account();
    let vpc = account.vpc().await;
    let group_id = account.security_group(&vpc, "a").await;
    account.call(ingress(&group_id, from_group(&group_id))).await;
    account.call(DeleteSecurityGroup { group_id: group_id.clone() }).await;
    assert_eq!(rules(&account, &group_id).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_a_cache_uses_cannot_be_deleted() {
    let account = account();
    let network = account.network().await;
    account.cache(network.cache("redis")).await;
    account.refused(DeleteSecurityGroup { group_id: network.security_group }, "DependencyViolation").await;
}
