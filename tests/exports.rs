//! What Terraform has of a cache and of a user that no field says by itself.

use palisade::prelude::*;
use palisade_core::Json;
use palisade_testing::Rehearsal;
use serde_json::json;

use crate::schema_changes::cases::{Done, Open, cache, declare};

/// What Terraform has of `it`, which is of this type.
fn exported(of_type: &str, declare: impl FnOnce(&mut Stack)) -> Json {
    let text = Rehearsal::new().without_rules().export(declare);
    let mut export: Json = serde_json::from_str(&text).unwrap();
    export["resource"][of_type]["it"].take()
}

const CACHE: &str = "aws_elasticache_replication_group";

#[test]
fn terraform_has_a_parameter_group_for_shards_where_the_program_names_none() {
    let of = |topology: fn(Open) -> Done| {
        exported(CACHE, |stack| cache(stack, Engine::REDIS_7_1.erased(), topology))["parameter_group_name"].take()
    };
    assert_eq!(of(|cache| cache.multi_az(replicas!(1))), Json::Null, "AWS's own");
    assert_eq!(of(|cache| cache.sharded(shards!(2), replicas!(1))), "default.redis7.cluster.on");
    let own =
        |cache: Open| cache.sharded(shards!(2), replicas!(1)).parameter_group_name(id!(CacheParameterGroup, "mine"));
    assert_eq!(of(own), "mine");
}

#[test]
fn terraform_has_a_block_for_each_log_that_is_delivered() {
    let blocks =
        |field| exported(CACHE, |stack| declare(stack, "ReplicationGroup", field))["log_delivery_configuration"].take();
    let block = |log_type: &str, group: &str| {
        json!({
            "destination": group, "destination_type": "cloudwatch-logs", "log_format": "json", "log_type": log_type,
        })
    };
    assert_eq!(blocks(""), json!([block("slow-log", "/redis/slow")]));
    let both = json!([block("slow-log", "/redis/other"), block("engine-log", "/redis/engine")]);
    assert_eq!(blocks("log_delivery"), both);
    let none = exported(CACHE, |stack| cache(stack, Engine::REDIS_7_1.erased(), |cache| cache.multi_az(replicas!(1))));
    assert_eq!(none["log_delivery_configuration"], Json::Null);
}

/// Terraform would keep a password in its state.
#[test]
fn terraform_has_a_user_with_a_password_as_one_that_cannot_log_in() {
    let user = |engine: EngineKind| {
        exported("aws_elasticache_user", |stack| {
            let secret = stack.add("it", Secret::builder().name(secret_name!("redis/it")).generated());
            let user = RedisUser::with_password(name!("it"), user_name!("reader"), &secret);
            stack.add("it", user.engine(engine).access_string(AccessString::read_only()));
        })
    };
    let [redis, valkey] = [user(EngineKind::Redis), user(EngineKind::Valkey)];
    for user in [&redis, &valkey] {
        assert_eq!(user["access_string"], "off -@all");
        assert_eq!(user["passwords"], Json::Null);
    }
    assert_eq!((&redis["no_password_required"], &redis["authentication_mode"]), (&json!(true), &Json::Null));
    // Valkey takes no user without a password. An IAM user has its id for a name.
    assert_eq!((&valkey["no_password_required"], &valkey["user_name"]), (&Json::Null, &json!("it")));
    assert_eq!(valkey["authentication_mode"], json!([{ "type": "iam" }]));
}
