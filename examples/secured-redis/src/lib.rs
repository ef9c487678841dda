//! A Redis that is encrypted, private and shared by users with rights of their own.
//!
//! It is the stack of the tutorial "Provision a Secure AWS ElastiCache Redis Instance Using Terraform", without its
//! mistakes: nothing is open to the internet, no password exists, the user group is in use, and the default user is off.

use palisade::prelude::*;

const FLOW_LOGS: LogGroupName = log_group_name!("/vpc/secured-redis");

/// Declares the stack.
pub fn stack(stack: &mut Stack) {
    // A key of one's own, whose policy says who may use it: the cache, and the log group below.
    let key = stack.add(
        "redis",
        KmsKey::builder()
            .alias(kms_alias!("alias/secured-redis"))
            .policy(KeyPolicy::administered().elasticache().logs(FLOW_LOGS)),
    );

    // A network of its own, in two zones, from which no route leads out.
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).tags(tags! { "Name" = "main-vpc" }));
    let a = stack.add("private-a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let b = stack.add("private-b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
    let routes = stack.add("private", RouteTable::builder().vpc_id(&vpc));
    stack.add("private-a", RouteTableAssociation::builder().subnet_id(&a).route_table_id(&routes));
    stack.add("private-b", RouteTableAssociation::builder().subnet_id(&b).route_table_id(&routes));

    // Who talks to whom is on record for a year.
    let log_group = stack.add("flow-logs", LogGroup::builder().name(FLOW_LOGS).kms_key_id(&key));
    let role =
        stack.add("flow-logs", FlowLogRole::builder().name(name!("secured-redis-flow-logs")).log_group(&log_group));
    stack.add("main", FlowLog::builder().vpc_id(&vpc).log_group(&log_group).role(&role));

    // The cache's nodes are reached from inside the network, on one port, and reach nothing themselves.
    let security_group = stack.add(
        "redis",
        SecurityGroup::builder()
            .vpc_id(&vpc)
            .group_name(security_group_name!("redis"))
            .description(description!("The nodes of the cache")),
    );
    stack.add(
        "redis-from-vpc",
        SecurityGroupRule::ingress(&security_group)
            .peer(private_range!("10.0.0.0/16"))
            .port(port!(6379))
            .description(description!("Redis over TLS from inside the VPC")),
    );

    // Users log in with their IAM identity. Whoever gives no name is the default user, which is off.
    let user = |name, access| RedisUser::iam(name).engine(Redis).access_string(access);
    let admin = stack.add("admin", user(name!("admin"), AccessString::administrator()));
    let readonly = stack.add("readonly", user(name!("readonly"), AccessString::read_only()));
    let service = stack.add("service", user(name!("service"), AccessString::service()));
    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
    let users = stack
        .add("redis", UserGroup::redis(name!("redis-users"), &default).user(&admin).user(&readonly).user(&service));

    // The cache itself: two nodes in two zones.
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis-subnets")).subnet_ids([&a, &b]));
    let parameters = stack.add(
        "redis",
        CacheParameterGroup::builder()
            .name(name!("redis-parameters"))
            .family(Engine::REDIS_7_1.family())
            .parameter("maxmemory-policy", "volatile-lru"),
    );
    let redis = stack.add(
        "redis",
        ReplicationGroup::builder()
            .replication_group_id(name!("secured-redis"))
            .description("Redis with users, encrypted at rest and in transit")
            .engine(Engine::REDIS_7_1)
            .node_type(node_type!("cache.t4g.micro"))
            .multi_az(replicas!(1))
            .subnet_group_name(&subnets)
            .parameter_group_name(&parameters)
            .security_group_ids([&security_group])
            .authentication(&users)
            .windows(windows!(snapshot: "03:00-04:00", maintenance: "sun:05:00-sun:06:00"))
            .encrypted(AtRest::key(&key), InTransit::Required),
    );
    stack.output("redis_primary_endpoint", redis.primary_endpoint());
}
