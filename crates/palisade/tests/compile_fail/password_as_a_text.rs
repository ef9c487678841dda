use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("a", RedisUser::with_password(name!("a"), name!("a"), "hunter2hunter2hunter2"));
}
