//! A Redis whose clients share one AUTH token, which Secrets Manager draws and keeps.
//!
//! Users with rights of their own, as in the example `secured-redis`, are better where clients can use them.

use palisade::prelude::*;

const FLOW_LOGS: LogGroupName = log_group_name!("/vpc/auth-token");

/// Declares the stack.
pub fn stack(stack: &mut Stack) {
    let key = stack.add(
        "redis",
        KmsKey::builder()
            .alias(kms_alias!("alias/auth-token"))
            .policy(KeyPolicy::administered().elasticache().secrets_manager().logs(FLOW_LOGS)),
    );

    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
    let a = stack.add("private-a", Subnet::private(&vpc, cidr!("10.1.1.0/24"), az!("us-east-1a")));
    let b = stack.add("private-b", Subnet::private(&vpc, cidr!("10.1.2.0/24"), az!("us-east-1b")));
    let log_group = stack.add("flow-logs", LogGroup::builder().name(FLOW_LOGS).kms_key_id(&key));
    let role = stack.add("flow-logs", FlowLogRole::builder().name(name!("auth-token-flow-logs")).log_group(&log_group));
    stack.add("main", FlowLog::builder().vpc_id(&vpc).log_group(&log_group).role(&role));

    let cache = stack.add(
        "redis",
        SecurityGroup::builder()
            .vpc_id(&vpc)
            .group_name(security_group_name!("redis"))
            .description(description!("The nodes of the cache")),
    );
    stack.add(
        "redis-from-vpc",
        SecurityGroupRule::ingress(&cache)
            .peer(private_range!("10.1.0.0/16"))
            .port(port!(6379))
            .description(description!("Redis over TLS from inside the VPC")),
    );

    // Raise `.generation(2)` for a new token: it is drawn, put, and set on the cache in one apply.
    let token = stack.add(
        "token",
        Secret::builder()
            .name(secret_name!("auth-token-redis/token"))
            .description("AUTH token of the cache")
            .kms_key_id(&key)
            .generated(),
    );
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("auth-token-redis")).subnet_ids([&a, &b]));
    let redis = stack.add(
        "redis",
        ReplicationGroup::builder()
            .replication_group_id(name!("auth-token-redis"))
            .description("Redis with an AUTH token, encrypted at rest and in transit")
            .engine(Engine::REDIS_7_1)
            .node_type(node_type!("cache.t4g.micro"))
            .multi_az(replicas!(1))
            .subnet_group_name(&subnets)
            .security_group_ids([&cache])
            .authentication(&token)
            .encrypted(AtRest::key(&key), InTransit::Required),
    );
    stack.accept_risk(&token, Secret::NO_ROTATION, reason!("the token is changed each quarter, by `.generation(..)`"));
    stack.output("redis_primary_endpoint", redis.primary_endpoint());
    stack.output("token_secret", token.arn());
}
