//! The node type exists.
//!
//! Rules: ReplicationGroup/node-type

use palisade::prelude::*;

fn main() {
    println!("{}", node_type!("cache.t4g.large"));
}
