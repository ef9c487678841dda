//! The default user of a Redis group is switched off.
//!
//! Rules: UserGroup/default-user-off

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let admin = RedisUser::iam(name!("default")).engine(Redis).access_string(AccessString::administrator());
    let admin = stack.add("admin", admin);
    stack.add("users", UserGroup::redis(name!("users"), &admin));
}
