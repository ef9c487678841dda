use palisade::prelude::*;

fn main() {
    println!("{}", id!(Vpc, "vpc-0a1b2c3d4e5f67890"));
}
