//! Whoever accepts a risk says why.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("todo"));
}
