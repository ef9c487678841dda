//! A user has one password, or two while clients change over.

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let secret = |stack: &mut Stack, label, name| stack.add(label, Secret::builder().name(name).generated());
    let one = secret(&mut stack, "one", secret_name!("redis/one"));
    let two = secret(&mut stack, "two", secret_name!("redis/two"));
    let three = secret(&mut stack, "three", secret_name!("redis/three"));
    let user = RedisUser::with_password(name!("app"), name!("app"), [&one, &two, &three]);
    stack.add("app", user.engine(Redis).access_string(AccessString::service()));
}
