//! No cache stands in the default subnet group.
//!
//! Rules: ReplicationGroup/own-subnet-group

use palisade::prelude::*;

fn main() {
    println!("{}", id!(CacheSubnetGroup, "default"));
}
