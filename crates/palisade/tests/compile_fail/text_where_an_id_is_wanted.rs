//! An id is a reference or a checked literal, never a text.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("private", RouteTable::builder().vpc_id("vpc-0a1b2c3d"));
}
