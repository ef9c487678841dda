use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = id!(Vpc, "vpc-0a1b2c3d");
    let group = SecurityGroup::builder().vpc_id(vpc).group_name(security_group_name!("redis"));
    stack.add("redis", group.description(description!("The nodes of the cache")));
}
