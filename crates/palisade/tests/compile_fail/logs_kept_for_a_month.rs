//! Logs are kept for a year at least.

use palisade::prelude::*;

fn main() {
    println!("{:?}", LogRetention::MONTHS_1);
}
