use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let app = stack.add("app", RedisUser::iam(name!("app")).engine(Valkey).access_string(AccessString::service()));
    stack.add("users", UserGroup::valkey(name!("users"), &app));
}
