use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let token = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
    stack.output("token", token.arn());
}
