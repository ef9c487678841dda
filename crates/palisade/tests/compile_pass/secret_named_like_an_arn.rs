use palisade::prelude::*;

fn main() {
    println!("{}", secret_name!("redis/token"));
}
