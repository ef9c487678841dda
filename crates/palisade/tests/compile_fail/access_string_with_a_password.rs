//! No password stands in an access string.
//!
//! Rules: RedisUser/no-password-in-the-program

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("a", RedisUser::iam(name!("a")).engine(Redis).access_string(access!("on ~* +@read >hunter2")));
}
