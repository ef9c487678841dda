//! No secret stands in a tag.
//!
//! Rules: Secret/no-value-in-the-program

use palisade::prelude::*;

fn main() {
    let tags = tags! { "Name" = "redis", "Password" = "swordfish" };
    println!("{}", tags.len());
}
