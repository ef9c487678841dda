//! The engine is one that AWS supports.

use palisade::prelude::*;

fn main() {
    println!("{:?}", Engine::REDIS_6_2);
}
