use palisade::prelude::*;

fn main() {
    let name = name!("Redis-Users");
    println!("{name}");
}
