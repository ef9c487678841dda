use palisade::prelude::*;

fn main() {
    println!("{:?}", LogRetention::YEARS_1);
}
