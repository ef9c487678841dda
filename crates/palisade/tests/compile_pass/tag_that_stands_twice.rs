use palisade::prelude::*;

fn main() {
    let tags = tags! { "Name" = "redis", "team" = "platform" };
    println!("{}", tags.len());
}
