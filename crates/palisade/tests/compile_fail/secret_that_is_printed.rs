//! A secret cannot be printed.
//!
//! Rules: Secret/no-value-in-the-program

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let token = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
    println!("{}", token.value());
}
