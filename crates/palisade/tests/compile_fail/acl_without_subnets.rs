//! A network ACL has subnets.
//!
//! Rules: NetworkAcl/attached

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let acl = NetworkAcl::builder().vpc_id(id!(Vpc, "vpc-0a1b2c3d"));
    stack.add(
        "cache",
        acl.rules(network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16"))]),
    );
}
