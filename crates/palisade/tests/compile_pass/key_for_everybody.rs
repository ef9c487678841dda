use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let key = KmsKey::builder().alias(kms_alias!("alias/redis"));
    stack.add("redis", key.policy(KeyPolicy::administered().elasticache()));
}
