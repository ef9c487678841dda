//! A stack has a VPC of its own.
//!
//! Rules: Vpc/own-network

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("main", DefaultVpc::builder());
}
