//! A VPC says which addresses it has.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("main", Vpc::builder());
}
