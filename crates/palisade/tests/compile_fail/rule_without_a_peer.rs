//! A rule says whom it lets in.
//!
//! Rules: SecurityGroupRule/closed-to-the-world

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let group = id!(SecurityGroup, "sg-0a1b2c3d");
    stack.add("redis", SecurityGroupRule::ingress(group).port(port!(6379)).description(description!("Redis")));
}
