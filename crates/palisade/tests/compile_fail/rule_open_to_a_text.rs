//! A rule lets in a security group or private addresses, never a text.
//!
//! Rules: SecurityGroupRule/closed-to-the-world

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let group = id!(SecurityGroup, "sg-0a1b2c3d");
    let rule = SecurityGroupRule::ingress(group).peer("0.0.0.0/0").port(port!(6379));
    stack.add("redis", rule.description(description!("Redis")));
}
