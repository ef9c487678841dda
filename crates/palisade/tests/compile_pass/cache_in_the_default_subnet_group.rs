use palisade::prelude::*;

fn main() {
    println!("{}", id!(CacheSubnetGroup, "redis"));
}
