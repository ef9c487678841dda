use palisade::prelude::*;

fn main() {
    println!("{:?}", Engine::REDIS_7_1);
}
