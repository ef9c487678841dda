use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let table = RouteTable::builder().vpc_id(&vpc);
    stack.add("private", table);
}
