use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
    let group = stack.add("redis", group.description(description!("The nodes of the cache")));
    let redis = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .subnet_group_name(id!(CacheSubnetGroup, "redis"))
        .security_group_ids([&group])
        .single_node()
        .authentication(id!(UserGroup, "users"))
        .encrypted(AtRest::default(), InTransit::Required);
    stack.add("redis", redis);
}
