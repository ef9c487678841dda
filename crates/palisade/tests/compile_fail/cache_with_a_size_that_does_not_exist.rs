//! The node type exists.

use palisade::prelude::*;

fn main() {
    println!("{}", node_type!("cache.t4g.large"));
}
