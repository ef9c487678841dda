//! The subnets of a plan have no address in common.
//!
//! Rules: Subnet/inside-the-network

use palisade::prelude::*;

address_plan! {
    pub mod network in "10.0.0.0/16" {
        PRIVATE_A = "10.0.1.0/24" in "us-east-1a";
        PRIVATE_B = "10.0.1.128/25" in "us-east-1b";
    }
}

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(network::VPC));
    stack.add("a", Subnet::planned(&vpc, network::PRIVATE_A));
    stack.add("b", Subnet::planned(&vpc, network::PRIVATE_B));
}
