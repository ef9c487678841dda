//! A network ACL has rules.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let (vpc, subnet) = (id!(Vpc, "vpc-0a1b2c3d"), id!(Subnet, "subnet-0a1b2c3d"));
    stack.add("cache", NetworkAcl::builder().vpc_id(vpc).subnet_ids([subnet]));
}
