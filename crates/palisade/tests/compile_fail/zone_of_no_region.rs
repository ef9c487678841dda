//! A zone is one of its region.

use palisade::prelude::*;

fn main() {
    println!("{}", az!("us-east-9a"));
}
