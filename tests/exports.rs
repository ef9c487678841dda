//! What Terraform has of a cache that no field says by itself.

use palisade::prelude::*;
use palisade_core::Json;
use palisade_testing::Rehearsal;
use serde_json::json;

use crate::schema_changes::cases::{Done, Open, cache, declare};

/// The cache `it` as Terraform has it.
fn exported(declare: impl FnOnce(&mut Stack)) -> Json {
    let text = Rehearsal::new().without_rules().export(declare);
    let mut export: Json = serde_json::from_str(&text).unwrap();
    export["resource"]["aws_elasticache_replication_group"]["it"].take()
}

#[test]
fn terraform_has_a_parameter_group_for_shards_where_the_program_names_none() {
    let of = |topology: fn(Open) -> Done| {
        exported(|stack| cache(stack, Engine::REDIS_7_1.erased(), topology))["parameter_group_name"].take()
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
        |field| exported(|stack| declare(stack, "ReplicationGroup", field))["log_delivery_configuration"].take();
    let block = |log_type: &str, group: &str| {
        json!({
            "destination": group, "destination_type": "cloudwatch-logs", "log_format": "json", "log_type": log_type,
        })
    };
    assert_eq!(blocks(""), json!([block("slow-log", "/redis/slow")]));
    let both = json!([block("slow-log", "/redis/other"), block("engine-log", "/redis/engine")]);
    assert_eq!(blocks("log_delivery"), both);
    let none = exported(|stack| cache(stack, Engine::REDIS_7_1.erased(), |cache| cache.multi_az(replicas!(1))));
    assert_eq!(none["log_delivery_configuration"], Json::Null);
}
