//! A rule has one peer.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let group = id!(SecurityGroup, "sg-0a1b2c3d");
    let rule = SecurityGroupRule::ingress(group.clone()).peer(private_range!("10.0.0.0/16")).peer(group);
    stack.add("redis", rule.port(port!(6379)).description(description!("Redis")));
}
