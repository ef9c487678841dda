//! A network has a prefix of /16 to /28.

use palisade::prelude::*;

fn main() {
    println!("{}", cidr!("10.0.0.0/8"));
}
