use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let user = RedisUser::iam(name!("app"));
    stack.add("app", user.engine(Redis).access_string(AccessString::service()));
}
