use palisade::prelude::*;

fn main() {
    println!("{}", cidr!("10.0.0.0/16"));
}
