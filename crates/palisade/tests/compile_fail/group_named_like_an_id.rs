//! The name of a security group is not like an id.

use palisade::prelude::*;

fn main() {
    println!("{}", security_group_name!("sg-redis"));
}
