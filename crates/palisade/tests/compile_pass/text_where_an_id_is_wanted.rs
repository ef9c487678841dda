use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("private", RouteTable::builder().vpc_id(id!(Vpc, "vpc-0a1b2c3d")));
}
