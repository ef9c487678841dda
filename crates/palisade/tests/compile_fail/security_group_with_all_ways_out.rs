//! A security group allows nothing by itself.
//!
//! Rules: SecurityGroup/closed-at-first

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
    let group = group.description(description!("The nodes of the cache"));
    stack.add("redis", group.egress("0.0.0.0/0"));
}
