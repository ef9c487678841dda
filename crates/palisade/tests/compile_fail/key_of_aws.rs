//! A key of AWS's own is no key of the account.

use palisade::prelude::*;

fn main() {
    println!("{}", kms_key_arn!("arn:aws:kms:us-east-1:111122223333:alias/aws/elasticache"));
}
