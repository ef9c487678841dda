//! A Redis group has a default user of its own, in place of AWS's, which may do everything.
//!
//! Rules: UserGroup/default-user-off

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let admin = RedisUser::iam(name!("admin")).engine(Redis).access_string(AccessString::administrator());
    let admin = stack.add("admin", admin);
    stack.add("users", UserGroup::redis(name!("users")).user(&admin));
}
