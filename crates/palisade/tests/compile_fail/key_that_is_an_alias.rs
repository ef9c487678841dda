//! The ARN of a key is not that of an alias.

use palisade::prelude::*;

fn main() {
    println!("{}", kms_key_arn!("arn:aws:kms:us-east-1:111122223333:alias/redis"));
}
