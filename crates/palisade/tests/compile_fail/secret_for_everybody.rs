//! Nobody outside the account reads a secret.
//!
//! Rules: Secret/no-public-policy

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let secret = Secret::builder().name(secret_name!("redis/token")).generated();
    stack.add("token", secret.policy(r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#));
}
