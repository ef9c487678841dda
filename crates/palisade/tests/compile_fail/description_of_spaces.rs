//! A description is more than spaces.
//!
//! Rules: SecurityGroup/described

use palisade::prelude::*;

fn main() {
    println!("{}", description!("   "));
}
