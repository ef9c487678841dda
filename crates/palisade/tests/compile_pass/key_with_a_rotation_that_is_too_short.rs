use palisade::prelude::*;

fn main() {
    println!("{}", rotation_days!(90));
}
