//! The value of a secret does not stand in the program.
//!
//! Rules: Secret/no-value-in-the-program

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let secret = Secret::builder().name(secret_name!("redis/token"));
    stack.add("token", secret.supplied(variable!("MySuperSecretToken123!")));
}
