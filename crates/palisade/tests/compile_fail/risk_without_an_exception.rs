use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.accept_risk(&vpc, ReplicationGroup::UNENCRYPTED, reason!("nobody looks at it anyway"));
}
