//! The name of an IAM user is its id.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let user = RedisUser::iam(name!("app")).user_name(name!("application"));
    stack.add("app", user.engine(Redis).access_string(AccessString::service()));
}
