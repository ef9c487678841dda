//! Nothing in a subnet gets a public address.
//!
//! Rules: Subnet/no-public-addresses

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let a = Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a"));
    stack.add("a", a.map_public_ip_on_launch(true));
}
