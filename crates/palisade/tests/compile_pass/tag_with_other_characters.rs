use palisade::prelude::*;

fn main() {
    let tags = tags! { "team" = "platform and data" };
    println!("{}", tags.len());
}
