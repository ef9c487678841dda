use palisade::prelude::*;

fn main() {
    println!("{}", deletion_days!(7));
}
