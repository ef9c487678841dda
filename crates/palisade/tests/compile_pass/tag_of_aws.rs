use palisade::prelude::*;

fn main() {
    println!("{:?}", tags! { "owner" = "me" });
}
