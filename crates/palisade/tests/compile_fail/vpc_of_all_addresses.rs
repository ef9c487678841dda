//! The addresses of a VPC are not those of everybody.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("main", Vpc::builder().cidr_block(cidr!("0.0.0.0/0")));
}
