//! The name of a secret does not end like an ARN.

use palisade::prelude::*;

fn main() {
    println!("{}", secret_name!("redis/token-AbCdEf"));
}
