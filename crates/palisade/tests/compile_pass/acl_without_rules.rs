use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let (vpc, subnet) = (id!(Vpc, "vpc-0a1b2c3d"), id!(Subnet, "subnet-0a1b2c3d"));
    let acl = NetworkAcl::builder().vpc_id(vpc).subnet_ids([subnet]);
    let rules = network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16"))];
    stack.add("cache", acl.rules(rules));
}
