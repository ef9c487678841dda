use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
    let app = RedisUser::iam(name!("app")).engine(Redis).access_string(AccessString::service());
    let app = stack.add("app", app);
    stack.add("users", UserGroup::redis(name!("users"), &default).user(&app));
}
