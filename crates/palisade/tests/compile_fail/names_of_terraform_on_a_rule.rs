//! A rule has one peer, and its ports are said together.

use palisade::prelude::*;

fn main() {
    let _ = SecurityGroupRule::ingress(id!(SecurityGroup, "sg-0a1b2c3d"))
        .cidr_blocks(["0.0.0.0/0"])
        .cidr_ipv4("0.0.0.0/0")
        .cidr_ipv6("::/0")
        .from_port(6379)
        .to_port(6379);
    let _ = SecurityGroup::builder().ingress("10.0.0.0/16");
    let _ = NetworkAcl::builder().egress("10.0.0.0/16");
}
