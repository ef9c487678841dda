//! A key has one value among the tags of an object.

use palisade::prelude::*;

fn main() {
    let tags = tags! { "Name" = "redis", "team" = "platform", "Name" = "cache" };
    println!("{}", tags.len());
}
