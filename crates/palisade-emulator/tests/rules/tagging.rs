//! Tags.

use palisade_aws::{
    operations::{
        AddTagsToResource, AuthorizeSecurityGroupIngress, CreateCacheParameterGroup, CreateNetworkAcl,
        CreateRouteTable, CreateTags, CreateVpc, DeleteTags, DeleteVpc, DescribeTags, DescribeVpcs,
        ListTagsForResource, RemoveTagsFromResource,
    },
    shapes::{RuleSpecification, Select, SelectTags},
    types::{Arn, Cidr, ParameterGroupFamily, Tags, Tenancy},
};

use palisade_emulator::Emulator;

use crate::account::{Account, REDIS, account, create_vpc, iam_user, minutes, pass, tags};

fn arn(kind: &str, name: &str) -> Arn {
    Arn::reported(format!("arn:aws:elasticache:us-east-1:123456789012:{kind}:{name}"))
}

fn add(arn: &Arn, tags: Tags) -> AddTagsToResource {
    AddTagsToResource { arn: arn.clone(), tags }
}

async fn list(account: &Account, arn: &Arn) -> Tags {
    account.call(ListTagsForResource { arn: arn.clone() }).await.tags
}

fn many(count: usize) -> Tags {
    Tags::reported((0..count).map(|number| (format!("k{number}"), String::new())).collect())
}

#[tokio::test(start_paused = true)]
async fn every_ec2_object_takes_tags() {
    let account = account();
    let network = account.network().await;
    let call = CreateRouteTable { vpc_id: network.vpc.clone(), client_token: "t".to_owned(), tags: Tags::default() };
    let table = account.call(call).await.route_table_id;
    let call = CreateNetworkAcl { vpc_id: network.vpc.clone(), client_token: "t".to_owned(), tags: Tags::default() };
    let acl = account.call(call).await.network_acl_id;
    let rule = RuleSpecification {
        ip_protocol: "tcp".to_owned(),
        from_port: Some(1),
        to_port: Some(1),
        cidr_ipv4: None,
        referenced_group_id: Some(network.security_group.clone()),
        description: None,
    };
    let group_id = network.security_group.clone();
    let rule = account.call(AuthorizeSecurityGroupIngress { group_id, rule, tags: Tags::default() }).await.rule_id;
    let [subnet, _] = &network.subnets;
    let security_group = network.security_group.as_str();
    for id in [network.vpc.as_str(), subnet.as_str(), table.as_str(), acl.as_str(), security_group, rule.as_str()] {
        account.call(CreateTags { resource_id: id.to_owned(), tags: tags([("a", "1"), ("b", "2")]) }).await;
        account.call(DeleteTags { resource_id: id.to_owned(), keys: vec!["a".to_owned(), "c".to_owned()] }).await;
    }
    let vpcs = account.call(DescribeVpcs { select: Select::Ids(vec![network.vpc]) }).await.vpcs;
    assert_eq!(vpcs[0].tags, tags([("b", "2")]));
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_ec2_objects_are_listed_late_and_outlive_the_objects() {
    let emulator = Emulator::in_memory("us-east-1");
    emulator.lag(minutes(1));
    let account = Account::of(emulator);
    let owned = |token: &str| {
        tags([("palisade:stack", "s"), ("palisade:resource", "Vpc.a"), ("palisade:token", token), ("team", "s")])
    };
    let mut vpcs = Vec::new();
    for token in ["1", "2"] {
        let (cidr_block, instance_tenancy) = (Cidr::reported("10.0.0.0/16").unwrap(), Tenancy::Default);
        vpcs.push(account.call(CreateVpc { cidr_block, instance_tenancy, tags: owned(token) }).await.vpc_id);
    }
    let listed = async |select| {
        let tags = account.call(DescribeTags { select }).await.tags;
        tags.into_iter().map(|tag| (tag.resource_id, tag.key, tag.value)).collect::<Vec<_>>()
    };
    let of_stack = async |stack: &str| {
        let tags = listed(SelectTags::OfStack(stack.to_owned())).await;
        tags.into_iter().map(|(id, ..)| id).collect::<Vec<_>>()
    };
    let both: Vec<_> = vpcs.iter().map(ToString::to_string).collect();
    assert_eq!(of_stack("s").await, [""; 0], "they are too new");
    pass(minutes(1)).await;
    assert_eq!((of_stack("s").await, of_stack("t").await), (both.clone(), Vec::new()));
    let own = |tag: (&str, &str)| (both[1].clone(), tag.0.to_owned(), tag.1.to_owned());
    let expected = [("palisade:resource", "Vpc.a"), ("palisade:stack", "s"), ("palisade:token", "2")].map(own);
    assert_eq!(listed(SelectTags::OfObjects(vec![both[1].clone()])).await, expected);

    account.call(DeleteVpc { vpc_id: vpcs[0].clone() }).await;
    assert!(account.call(DescribeVpcs { select: Select::Ids(vpcs.clone()) }).await.vpcs.len() == 1);
    assert_eq!(of_stack("s").await.len(), 2, "for a while");
    pass(minutes(5)).await;
    assert_eq!(of_stack("s").await, both[1..]);

    let at_once = self::account();
    let (cidr_block, instance_tenancy) = (Cidr::reported("10.0.0.0/16").unwrap(), Tenancy::Default);
    let vpc_id = at_once.call(CreateVpc { cidr_block, instance_tenancy, tags: owned("1") }).await.vpc_id;
    at_once.call(DeleteVpc { vpc_id }).await;
    let listed = at_once.call(DescribeTags { select: SelectTags::OfStack("s".to_owned()) }).await.tags;
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ec2_object_that_does_not_exist_takes_no_tags() {
    let account = account();
    for (id, code) in [
        ("vpc-0", "InvalidVpcID.NotFound"),
        ("subnet-0", "InvalidSubnetID.NotFound"),
        ("sg-0", "InvalidGroup.NotFound"),
        ("rtb-0", "InvalidRouteTableID.NotFound"),
        ("acl-0", "InvalidNetworkAclID.NotFound"),
        ("sgr-0", "InvalidSecurityGroupRuleId.NotFound"),
        ("igw-0", "InvalidID"),
    ] {
        account.refused(CreateTags { resource_id: id.to_owned(), tags: tags([("a", "1")]) }, code).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_begin_with_aws_are_reserved() {
    let account = account();
    let call = CreateVpc { tags: tags([("aws:x", "1")]), ..create_vpc("10.0.0.0/16") };
    account.refused(call, "InvalidParameterValue").await;
    account.user(iam_user("app")).await;
    account.refused(add(&arn("user", "app"), tags([("aws:x", "1")])), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn an_object_has_50_tags_at_most() {
    let account = account();
    account.refused(CreateVpc { tags: many(51), ..create_vpc("10.0.0.0/16") }, "TagLimitExceeded").await;
    let vpc = account.call(CreateVpc { tags: many(50), ..create_vpc("10.0.0.0/16") }).await.vpc_id;
    let one_more = CreateTags { resource_id: vpc.to_string(), tags: tags([("a", "1")]) };
    account.refused(one_more, "TagLimitExceeded").await;
    account.user(iam_user("app")).await;
    account.refused(add(&arn("user", "app"), many(51)), "TagQuotaPerResourceExceeded").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_has_128_characters_at_most_and_a_value_256() {
    let account = account();
    for (key, value) in [("k".repeat(129), String::new()), ("k".to_owned(), "v".repeat(257)), Default::default()] {
        let call = CreateVpc { tags: tags([(&key, &value)]), ..create_vpc("10.0.0.0/16") };
        account.refused(call, "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_cache_object_has_its_tags_under_its_arn() {
    let account = account();
    let network = account.network().await;
    let (name, family) = (REDIS, ParameterGroupFamily::Redis7);
    account.call(CreateCacheParameterGroup { name, family, description: "p".to_owned(), tags: Tags::default() }).await;
    account.redis_users("redis", &[]).await;
    account.cache(network.cache("redis")).await;
    for (kind, name) in [
        ("replicationgroup", "redis"),
        ("usergroup", "redis"),
        ("subnetgroup", "redis"),
        ("parametergroup", "redis"),
        ("user", "redis-default"),
    ] {
        let arn = arn(kind, name);
        account.call(add(&arn, tags([("a", "1"), ("b", "2")]))).await;
        account.call(RemoveTagsFromResource { arn: arn.clone(), keys: vec!["a".to_owned()] }).await;
        assert_eq!(list(&account, &arn).await, tags([("b", "2")]), "{kind}");
        let again = RemoveTagsFromResource { arn, keys: vec!["a".to_owned()] };
        account.refused(again, "TagNotFound").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_tags_of_what_does_not_exist_are_not_found() {
    let account = account();
    for (kind, code) in [
        ("replicationgroup", "ReplicationGroupNotFoundFault"),
        ("user", "UserNotFound"),
        ("usergroup", "UserGroupNotFound"),
        ("subnetgroup", "CacheSubnetGroupNotFoundFault"),
        ("parametergroup", "CacheParameterGroupNotFound"),
        ("thing", "InvalidARN"),
    ] {
        account.refused(ListTagsForResource { arn: arn(kind, "a") }, code).await;
    }
    let elsewhere = Arn::reported("arn:aws:elasticache:eu-west-1:123456789012:user:default");
    account.refused(ListTagsForResource { arn: elsewhere }, "InvalidARN").await;
}

#[tokio::test(start_paused = true)]
async fn a_cache_must_be_available_to_be_tagged() {
    let account = account();
    let network = account.network().await;
    account.call(network.cache("redis")).await;
    let arn = arn("replicationgroup", "redis");
    account.refused(add(&arn, tags([("a", "1")])), "InvalidReplicationGroupState").await;
    account.refused(ListTagsForResource { arn: arn.clone() }, "InvalidReplicationGroupState").await;
    pass(minutes(8)).await;
    account.call(add(&arn, tags([("a", "1")]))).await;
}
