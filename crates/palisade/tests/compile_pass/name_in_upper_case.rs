use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("default", RedisUser::disabled_default(name!("redis-default")));
}
