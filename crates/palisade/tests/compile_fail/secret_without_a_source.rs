//! A secret says where its value comes from.
//!
//! Rules: Secret/no-value-in-the-program

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("token", Secret::builder().name(secret_name!("redis/token")));
}
