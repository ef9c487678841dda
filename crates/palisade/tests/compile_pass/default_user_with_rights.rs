use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let admin = RedisUser::iam(name!("admin")).engine(Redis);
    stack.add("admin", admin.access_string(AccessString::administrator()));
}
