//! The name of a log group is not like one of AWS's own.

use palisade::prelude::*;

fn main() {
    println!("{}", log_group_name!("aws/elasticache/redis"));
}
