//! The addresses of a VPC are not those of the services of AWS in each network.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("main", Vpc::builder().cidr_block(cidr!("169.254.0.0/16")));
}
