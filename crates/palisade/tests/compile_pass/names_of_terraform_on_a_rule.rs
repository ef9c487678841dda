use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let group = id!(SecurityGroup, "sg-0a1b2c3d");
    let rule = SecurityGroupRule::ingress(group).peer(private_range!("10.0.0.0/16")).port(port!(6379));
    stack.add("rule", rule.description(description!("Redis from the network")));
}
