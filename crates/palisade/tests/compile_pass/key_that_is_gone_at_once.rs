use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let key = KmsKey::builder().alias(kms_alias!("alias/redis")).policy(KeyPolicy::administered().elasticache());
    stack.add("redis", key.deletion_window_days(deletion_days!(7)));
}
