//! A risk is accepted for a resource of its kind.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.accept_risk(&vpc, ReplicationGroup::ONE_NODE, reason!("a test has one node only"));
}
