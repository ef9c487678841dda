//! A user of a cache proves who it is.
//!
//! Rules: RedisUser/authenticated

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("a", RedisUser::builder().engine(EngineKind::Redis).access_string(AccessString::read_only()));
}
