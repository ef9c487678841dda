use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let secret = Secret::builder().name(secret_name!("redis/token")).generated();
    stack.add("token", secret);
}
