//! A key is rotated.
//!
//! Rules: KmsKey/rotation

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let key = KmsKey::builder().alias(kms_alias!("alias/redis")).policy(KeyPolicy::administered().elasticache());
    stack.add("redis", key.rotation_period_days(rotation_days!(0)));
}
