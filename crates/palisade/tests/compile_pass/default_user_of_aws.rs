use palisade::prelude::*;

fn main() {
    println!("{}", id!(RedisUser, "redis-default"));
}
