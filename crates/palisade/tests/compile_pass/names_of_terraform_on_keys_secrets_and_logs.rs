use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let policy = KeyPolicy::administered().secrets_manager().logs(log_group_name!("/redis"));
    let key = stack.add("redis", KmsKey::builder().alias(kms_alias!("alias/redis")).policy(policy));
    stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated().kms_key_id(&key));
    stack.add("logs", LogGroup::builder().name(log_group_name!("/redis")).kms_key_id(&key));
}
