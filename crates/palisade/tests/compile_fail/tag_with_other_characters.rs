//! A tag has the characters that AWS takes.

use palisade::prelude::*;

fn main() {
    let tags = tags! { "team" = "platform; data" };
    println!("{}", tags.len());
}
