use palisade::prelude::*;

fn main() {
    println!("{}", description!("The nodes of the cache"));
}
