//! The policy of a key names who may use it.
//!
//! Rules: KmsKey/no-public-policy

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let key = KmsKey::builder().alias(kms_alias!("alias/redis"));
    stack.add("redis", key.policy(r#"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}"#));
}
