use palisade::prelude::*;

fn main() {
    println!("{}", recovery_days!(7));
}
