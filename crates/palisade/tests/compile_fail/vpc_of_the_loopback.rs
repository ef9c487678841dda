//! The addresses of a VPC are some that a host can have.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("main", Vpc::builder().cidr_block(cidr!("127.0.0.0/16")));
}
