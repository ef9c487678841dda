//! The engine is one that AWS supports.
//!
//! Rules: ReplicationGroup/supported-engine

use palisade::prelude::*;

fn main() {
    println!("{:?}", Engine::REDIS_6_2);
}
