//! The resources, one module each: what a program declares, and the lifecycle that makes it real.

use palisade_core::{Declared, DeclaredField, Finding, Id, Json, JsonMap, Node, Resource, Stack};

mod cache_parameter_group;
mod cache_subnet_group;
mod flow_log;
mod flow_log_role;
mod kms_key;
mod log_group;
mod network_acl;
mod redis_user;
mod replication_group;
mod route_table;
mod route_table_association;
mod secret;
mod security_group;
mod security_group_rule;
mod subnet;
mod user_group;
mod vpc;

pub use cache_parameter_group::*;
pub use cache_subnet_group::*;
pub use flow_log::*;
pub use flow_log_role::*;
pub use kms_key::*;
pub use log_group::*;
pub use network_acl::*;
pub use redis_user::*;
pub use replication_group::*;
pub use route_table::*;
pub use route_table_association::*;
pub use secret::*;
pub use security_group::*;
pub use security_group_rule::*;
pub use subnet::*;
pub use user_group::*;
pub use vpc::*;

/// Why AWS's own keys are not enough, which is the same whatever is encrypted.
const WHY_A_KEY_OF_ONES_OWN: &str =
    "only the policy of a key of your own decides who may decrypt, and only its use is on record";

/// The user that each account has.
const USERS: palisade_core::IdRules = palisade_core::IdRules {
    refused: &[(
        "default",
        "the user `default` is AWS's own, with all rights and no password: begin a Redis group with a \
         `RedisUser::disabled_default(..)`, which takes its place",
    )],
    ..palisade_core::IdRules::NONE
};

/// A finding where `arn`, which the resource uses, is of another region than the zones of the stack.
fn abroad(node: &Node, stack: &Stack, arn: Option<&str>) -> Option<Finding> {
    let arn = arn?;
    let region = arn.split(':').nth(3)?;
    let (subnet, zone) = stack.resources::<Subnet>().find_map(|it| Some((it, it.availability_zone().known()?)))?;
    (region != zone.region()).then(|| {
        let message = format!("{arn} is in another region than the subnets, which are in {}", zone.region());
        let help = format!("name one of {}: AWS looks for it there only", zone.region());
        node.finding(&message, &help).also(&subnet, format!("is in {}", zone.region()))
    })
}

/// The resources of a kind that are in the same VPC as `one`, itself included, in the order of their declaration.
fn in_one_vpc<'a, R: Resource>(
    one: Declared<'a, R>,
    vpc: impl Fn(Declared<'a, R>) -> DeclaredField<'a, Id<Vpc>>,
) -> Vec<Declared<'a, R>> {
    match vpc(one).target() {
        Some(network) => network.referrers().collect(),
        None => one.stack().resources().filter(|other| vpc(*other) == vpc(one)).collect(),
    }
}

/// Whether the program gives no value for `field`, not even one that is known later.
fn is_unset(node: &Node, field: &str) -> bool {
    node.fields.get(field).is_none_or(|value| value.as_json() == Some(&Json::Null))
}

/// The text that an object's input has.
fn text<'a>(inputs: &'a JsonMap, field: &str) -> &'a str {
    inputs.get(field).and_then(Json::as_str).unwrap_or_default()
}

/// The number of days that an object's input has; 0 where it has none.
fn days(inputs: &JsonMap, field: &str) -> u64 {
    inputs.get(field).and_then(Json::as_u64).unwrap_or_default()
}

/// Whether a field gets a value that had none, or the other way around.
fn appears_or_goes(old: &Json, new: &Json) -> bool {
    old.is_null() != new.is_null()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use palisade_core::{Resource, Schema};
    use serde_json::json;

    use super::*;

    #[test]
    fn only_kinds_that_hold_data_say_what_becomes_of_it() {
        let fate = |schema: &Schema, inputs: Json| {
            let data = schema.data.unwrap()(inputs.as_object().unwrap());
            format!("{}{}", if data.needs_consent { "consent: " } else { "" }, data.fate)
        };
        let (cache, secret) = (ReplicationGroup::SCHEMA, Secret::SCHEMA);
        for (said, expected) in [
            (
                fate(cache, json!({ "replication_group_id": "redis" })),
                "consent: all data in `redis` will be lost; no final snapshot will be taken",
            ),
            (
                fate(cache, json!({ "replication_group_id": "redis", "final_snapshot_identifier": "last" })),
                "consent: all data in `redis` will be lost; a final snapshot `last` will be taken",
            ),
            (
                fate(LogGroup::SCHEMA, json!({ "name": "/redis/slow" })),
                "consent: all events in `/redis/slow` will be lost",
            ),
            (fate(secret, json!({ "name": "token", "recovery_window": 30 })), "`token` can be recovered for 30 days"),
            (
                fate(secret, json!({ "name": "token", "recovery_window": 0 })),
                "consent: the value of `token` will be lost: it has no recovery window",
            ),
            (
                fate(KmsKey::SCHEMA, json!({ "alias": "alias/redis", "deletion_window_days": 7 })),
                "the key `alias/redis` can be recovered for 7 days; then all that it encrypts will be lost",
            ),
        ] {
            assert_eq!(said, expected);
        }
        let kinds = crate::provider::schemas().filter(|schema| schema.data.is_some()).map(|schema| schema.kind);
        assert_eq!(kinds.collect::<BTreeSet<_>>(), ["KmsKey", "LogGroup", "ReplicationGroup", "Secret"].into());
    }

    #[test]
    fn another_value_is_set_in_place_where_having_one_or_none_makes_two_objects() {
        for (schema, field, one, other) in [
            (SecurityGroupRule::SCHEMA, "cidr_ipv4", json!("10.0.0.0/16"), json!("10.1.0.0/16")),
            (SecurityGroupRule::SCHEMA, "referenced_security_group_id", json!("sg-1"), json!("sg-2")),
            (ReplicationGroup::SCHEMA, "num_node_groups", json!(2), json!(3)),
        ] {
            let on_change = schema.field(field).unwrap().on_change;
            assert!(!on_change.replaces(&one, Some(&other)), "{field}");
            assert!(
                on_change.replaces(&one, Some(&Json::Null)) && on_change.replaces(&Json::Null, Some(&one)),
                "{field}"
            );
        }
    }
}
