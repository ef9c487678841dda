//! The default user, which is whoever gives no name, is given no rights.
//!
//! Rules: UserGroup/default-user-off

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let default = RedisUser::disabled_default(name!("redis-default"));
    stack.add("default", default.access_string(AccessString::administrator()));
}
