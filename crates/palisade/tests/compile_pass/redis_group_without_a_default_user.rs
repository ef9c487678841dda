use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
    let admin = RedisUser::iam(name!("admin")).engine(Redis).access_string(AccessString::administrator());
    let admin = stack.add("admin", admin);
    stack.add("users", UserGroup::redis(name!("users"), &default).user(&admin));
}
