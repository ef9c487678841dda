//! A Valkey group has no user without a password, not even one that is switched off.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
    stack.add("users", UserGroup::valkey(name!("users"), &default));
}
