use palisade::prelude::*;

fn main() {
    println!("{}", az!("us-east-1a"));
}
