use palisade::prelude::*;

fn main() {
    println!("{}", log_group_name!("/aws/elasticache/redis"));
}
