//! An id is the one that AWS gave to the object, and no name.

use palisade::prelude::*;

fn main() {
    println!("{}", id!(Vpc, "vpc-main"));
}
