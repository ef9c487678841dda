use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("app", RedisUser::iam(name!("app")).engine(Redis).access_string(AccessString::application("app:*")));
}
