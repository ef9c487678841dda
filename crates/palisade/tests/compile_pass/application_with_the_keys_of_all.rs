use palisade::prelude::*;

const ORDERS: AccessRules = AccessString::application("orders:*");

fn main() {
    let mut stack = Stack::new("test");
    stack.add("orders", RedisUser::iam(name!("orders")).engine(Redis).access_string(ORDERS));
}
