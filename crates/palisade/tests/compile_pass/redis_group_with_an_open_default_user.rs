use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
    stack.add("users", UserGroup::redis(name!("users"), &default));
}
