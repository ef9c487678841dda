//! The deletion of a key can be called off for 7 to 30 days.

use palisade::prelude::*;

fn main() {
    println!("{}", deletion_days!(3));
}
