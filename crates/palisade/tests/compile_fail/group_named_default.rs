//! The name of a security group is not that of the one that AWS makes.

use palisade::prelude::*;

fn main() {
    println!("{}", security_group_name!("default"));
}
