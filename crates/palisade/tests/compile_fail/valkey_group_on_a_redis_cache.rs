//! The users of a cache are of an engine that the cache takes.
//!
//! Rules: ReplicationGroup/users-fit-the-engine

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let app = RedisUser::iam(name!("app")).engine(Valkey).access_string(AccessString::service());
    let app = stack.add("app", app);
    let users = stack.add("users", UserGroup::valkey(name!("users"), &app));
    let redis = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .subnet_group_name(id!(CacheSubnetGroup, "redis"))
        .security_group_ids([id!(SecurityGroup, "sg-0a1b2c3d")])
        .multi_az(replicas!(1))
        .authentication(&users)
        .encrypted(AtRest::default(), InTransit::Required);
    stack.add("redis", redis);
}
