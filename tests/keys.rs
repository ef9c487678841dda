//! Keys and log groups, where a creation is cut short, or somebody else is at work.

use std::time::Duration;

use palisade::prelude::*;
use palisade_aws::operations::{
    CreateAlias, CreateKey, DescribeKey, PutKeyPolicy, PutRetentionPolicy, ScheduleKeyDeletion,
};
use palisade_core::Address;
use palisade_emulator::{Fault, Item};
use palisade_testing::Rehearsal;

const LOGS: LogGroupName = log_group_name!("/redis/slow-log");

fn key(stack: &mut Stack) -> Handle<KmsKey> {
    let policy = KeyPolicy::administered().secrets_manager().logs(LOGS);
    stack.add("main", KmsKey::builder().alias(kms_alias!("alias/redis")).policy(policy))
}

fn stack(stack: &mut Stack) {
    let key = key(stack);
    stack.add("token", Secret::builder().name(secret_name!("redis/token")).kms_key_id(&key).generated());
    stack.add("slow-log", LogGroup::builder().name(LOGS).kms_key_id(&key));
}

/// The stack, applied to an account that tells at once what somebody else changes.
fn applied() -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(stack);
    rehearsal.emulator().lag(Duration::ZERO);
    rehearsal
}

fn keys(rehearsal: &Rehearsal) -> Vec<Item> {
    rehearsal.emulator().inventory().into_iter().filter(|item| item.kind == "KmsKey").collect()
}

fn id(rehearsal: &Rehearsal) -> Id<KmsKey> {
    Id::reported(keys(rehearsal)[0].id.clone()).unwrap()
}

/// The fields that the plan changes.
fn changed(rehearsal: &Rehearsal, kind: &str, name: &str) -> Vec<String> {
    let plan = rehearsal.plan(stack);
    let step = plan.step(&Address::new(kind, name));
    step.into_iter().flat_map(|step| step.changes.iter().map(|change| change.field.clone())).collect()
}

#[test]
fn a_key_without_its_alias_is_found_by_its_tags() {
    let mut rehearsal = Rehearsal::new().without_rules();
    // The first write makes the key, and no answer comes of it.
    rehearsal.emulator().inject(1, Fault::AnswerLost);
    let graph = palisade_testing::graph(stack);
    let report = rehearsal.try_apply(&graph).unwrap();
    if !report.is_complete() {
        assert!(rehearsal.try_apply(&graph).unwrap().is_complete());
    }
    assert!(rehearsal.emulator().calls().contains(&"ListKeys"));
    assert_eq!(keys(&rehearsal).len(), 1);
    assert!(!rehearsal.plan(stack).has_changes());
}

#[test]
fn a_policy_that_somebody_else_changes_is_put_right() {
    let mut rehearsal = applied();
    let key_id = id(&rehearsal);
    let policy = r#"{ "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*" }
    ] }"#;
    rehearsal.by_hand(PutKeyPolicy { key_id, policy: policy.to_owned() }).unwrap();
    assert_eq!(changed(&rehearsal, "KmsKey", "main"), ["policy"]);
    assert_eq!(rehearsal.apply(stack).changed, 1);
    assert!(!rehearsal.plan(stack).has_changes());
}

#[test]
fn a_second_alias_goes() {
    let mut rehearsal = applied();
    let key_id = id(&rehearsal);
    rehearsal.by_hand(CreateAlias { key_id, alias: kms_alias!("alias/aaa") }).unwrap();
    assert_eq!(changed(&rehearsal, "KmsKey", "main"), ["alias"]);
    rehearsal.apply(stack);
    assert!(!rehearsal.plan(stack).has_changes());
    assert!(rehearsal.by_hand(DescribeKey { key_id: "alias/aaa".to_owned() }).is_err());
}

#[test]
fn an_alias_that_is_taken_makes_no_key() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let other = rehearsal.by_hand(CreateKey { description: None, tags: Tags::default() }).unwrap().arn;
    rehearsal.by_hand(CreateAlias { key_id: other, alias: kms_alias!("alias/redis") }).unwrap();
    let report = rehearsal.try_apply(&palisade_testing::graph(|stack| _ = key(stack))).unwrap();
    assert!(!report.is_complete());
    assert_eq!(keys(&rehearsal).len(), 1);
}

#[test]
fn a_key_that_is_to_be_deleted_counts_as_gone() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let only_key = |stack: &mut Stack| _ = key(stack);
    rehearsal.apply(only_key);
    rehearsal.emulator().lag(Duration::ZERO);
    let first = id(&rehearsal);
    rehearsal.by_hand(ScheduleKeyDeletion { key_id: first, window: deletion_days!(7) }).unwrap();
    let plan = rehearsal.plan(only_key);
    assert!(plan.has_changes(), "{plan:?}");
}

#[test]
fn a_stack_that_was_destroyed_has_a_new_key() {
    let mut rehearsal = applied();
    let first = id(&rehearsal);
    rehearsal.destroy();
    assert!(rehearsal.emulator().inventory().is_empty());
    let only_key = |stack: &mut Stack| _ = key(stack);
    rehearsal.apply(only_key);
    assert_ne!(id(&rehearsal), first);
    assert!(!rehearsal.plan(only_key).has_changes());
}

#[test]
fn a_log_group_gives_its_key_up_in_place() {
    let mut rehearsal = applied();
    let without = |stack: &mut Stack| {
        let key = key(stack);
        stack.add("token", Secret::builder().name(secret_name!("redis/token")).kms_key_id(&key).generated());
        stack.add("slow-log", LogGroup::builder().name(LOGS));
    };
    assert_eq!(rehearsal.apply(without).changed, 1);
    assert!(rehearsal.emulator().calls().contains(&"DisassociateKmsKey"));
    assert!(!rehearsal.plan(without).has_changes());
}

#[test]
fn a_retention_that_somebody_else_shortens_is_put_right() {
    let mut rehearsal = applied();
    let name = id!(LogGroup, "/redis/slow-log");
    rehearsal.by_hand(PutRetentionPolicy { name, retention: LogRetention::reported(1) }).unwrap();
    assert_eq!(changed(&rehearsal, "LogGroup", "slow-log"), ["retention"]);
    rehearsal.apply(stack);
    assert!(!rehearsal.plan(stack).has_changes());
}
