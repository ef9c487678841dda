use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    stack.add("a", RedisUser::iam(name!("a")).engine(EngineKind::Redis).access_string(AccessString::read_only()));
}
