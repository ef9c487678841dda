use palisade::prelude::*;

fn main() {
    println!("{}", security_group_name!("redis"));
}
