//! The program of the README, which must stand there as it does here.

use palisade::prelude::*;

fn stack(stack: &mut Stack) {
    let key = KmsKey::builder().alias(kms_alias!("alias/redis")).policy(KeyPolicy::administered().elasticache());
    let key = stack.add("redis", key);
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("a first try, without traffic"));
    let a = stack.add("private-a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let b = stack.add("private-b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
    let nodes = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
    let nodes = stack.add("redis", nodes.description(description!("The nodes of the cache")));
    let clients = SecurityGroupRule::ingress(&nodes).peer(private_range!("10.0.0.0/16")).port(port!(6379));
    stack.add("redis-from-vpc", clients.description(description!("Redis over TLS from inside the VPC")));

    let admin = RedisUser::iam(name!("admin")).engine(Redis);
    let admin = stack.add("admin", admin.access_string(AccessString::administrator()));
    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
    let users = stack.add("redis", UserGroup::redis(name!("redis-users"), &default).user(&admin));

    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let redis = stack.add(
        "redis",
        ReplicationGroup::builder()
            .replication_group_id(name!("secured-redis"))
            .engine(Engine::REDIS_7_1)
            .node_type(node_type!("cache.t4g.micro"))
            .multi_az(replicas!(1))
            .subnet_group_name(&subnets)
            .security_group_ids([&nodes])
            .authentication(&users)
            .encrypted(AtRest::key(&key), InTransit::Required), // : Encrypted<ReplicationGroup>
    );
    stack.output("redis_primary_endpoint", redis.primary_endpoint());
}

#[test]
fn the_program_of_the_readme_breaks_no_rule_and_applies() {
    let (readme, here) = (include_str!("../README.md"), include_str!("readme.rs"));
    let program = &here[here.find("fn stack(").unwrap()..here.find("\n#[test]").unwrap()];
    assert!(readme.contains(program), "write the same program in README.md as in tests/readme.rs");

    let mut rehearsal = palisade_testing::Rehearsal::new();
    rehearsal.apply(stack);
    assert!(!rehearsal.plan(stack).has_changes());
}
