use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
}
