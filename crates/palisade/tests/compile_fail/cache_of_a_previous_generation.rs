use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let node_type = node_type!("cache.t1.micro");
    println!("{node_type} {stack:?}");
}
