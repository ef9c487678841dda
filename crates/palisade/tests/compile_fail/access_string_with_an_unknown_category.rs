//! An access string names categories that exist.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("a", RedisUser::iam(name!("a")).engine(Redis).access_string(access!("on ~* +@reed")));
}
