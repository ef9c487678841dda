use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let group = id!(SecurityGroup, "sg-0a1b2c3d");
    let addresses = SecurityGroupRule::ingress(group.clone()).peer(private_range!("10.0.0.0/16"));
    stack.add("addresses", addresses.port(port!(6379)).description(description!("Redis")));
    let members = SecurityGroupRule::ingress(group.clone()).peer(group);
    stack.add("members", members.port(port!(6379)).description(description!("Redis")));
}
