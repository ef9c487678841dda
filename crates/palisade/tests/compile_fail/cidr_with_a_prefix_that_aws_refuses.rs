//! A network has a prefix of /16 to /28.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/8")));
}
