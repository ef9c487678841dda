//! A password is a secret, never a text.
//!
//! Rules: RedisUser/no-password-in-the-program

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let user = RedisUser::with_password(name!("a"), name!("a"), "hunter2hunter2hunter2");
    stack.add("a", user.engine(Redis).access_string(AccessString::read_only()));
}
