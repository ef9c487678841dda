//! Nothing is open to the world, in halves neither.
//!
//! Rules: SecurityGroupRule/closed-to-the-world

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let group = id!(SecurityGroup, "sg-0a1b2c3d");
    let rule = SecurityGroupRule::ingress(group).peer(private_range!("0.0.0.0/1")).port(port!(6379));
    stack.add("rule", rule.description(description!("Redis from the network")));
}
