use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let password = stack.add("password", Secret::builder().name(secret_name!("redis/a")).generated());
    let user = RedisUser::with_password(name!("a"), name!("a"), &password);
    stack.add("a", user.engine(Redis).access_string(AccessString::read_only()));
}
