//! The life of each example, in the process and as a program.

use std::{net::SocketAddr, time::Duration};

use palisade::prelude::*;
use palisade_live::{Live, Target};
use palisade_testing::Rehearsal;

use crate::{
    account::{Account, ministack},
    program::Program,
};

/// An account of AWS at `endpoint`, where an attempt at a call is given up after `patience`.
pub(crate) fn rehearsal_at(endpoint: SocketAddr, account: &Account, patience: Duration) -> Rehearsal<Live> {
    let target = Target {
        region: "us-east-1".to_owned(),
        endpoint: format!("http://{endpoint}"),
        access_key: account.access_key.clone(),
        secret_key: "test".into(),
        patience,
    };
    Rehearsal::in_real_time(async { Live::connect_to(&target).await.unwrap().0 }).without_rules()
}

fn lives(stack: fn(&mut Stack)) {
    let account = Account::unused();
    let fresh = account.inventory();
    let mut rehearsal = rehearsal_at(ministack(), &account, Duration::from_secs(30));
    let declared = palisade_testing::graph(stack).nodes().count();

    let report = rehearsal.apply(stack);
    assert_eq!((report.added, report.changed, report.destroyed), (declared, 0, 0));
    let applied = account.inventory();
    assert_ne!(applied, fresh);

    let plan = rehearsal.plan(stack);
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");
    let again = rehearsal.apply(stack);
    assert_eq!((again.added, again.changed, again.destroyed), (0, 0, 0));
    assert_eq!(account.inventory(), applied, "an apply without changes changes something");

    assert_eq!(rehearsal.destroy().destroyed, declared);
    assert_eq!(account.inventory(), fresh, "a destroy leaves something behind");
}

#[test]
fn secured_redis_is_applied_changes_no_more_and_is_destroyed() {
    lives(secured_redis::stack);
}

#[test]
fn auth_token_is_applied_changes_no_more_and_is_destroyed() {
    lives(auth_token::stack);
}

#[test]
fn the_program_applies_has_nothing_to_change_and_destroys() {
    let endpoint = ministack();
    let account = Account::unused();
    let fresh = account.inventory();
    let program = Program::new(&account);
    let applied = program.succeed(endpoint, &["apply", "--auto-approve"]);
    assert!(applied.contains(&format!("at http://{endpoint}")), "which account it is: {applied}");
    program.succeed(endpoint, &["plan", "--detailed-exitcode"]);
    program.succeed(endpoint, &["destroy", "--auto-approve"]);
    assert_eq!(account.inventory(), fresh, "a destroy leaves something behind");
}

#[test]
fn a_key_and_what_it_encrypts_are_applied_change_no_more_and_are_destroyed() {
    lives(|stack| {
        const LOGS: LogGroupName = log_group_name!("/redis/slow-log");
        let policy = KeyPolicy::administered().secrets_manager().logs(LOGS);
        let key = KmsKey::builder().alias(kms_alias!("alias/redis")).description("of the tests").policy(policy);
        let key = stack.add("main", key.rotation_period_days(rotation_days!(180)).tags(tags! { "team" = "data" }));
        stack.add("token", Secret::builder().name(secret_name!("redis/token")).kms_key_id(&key).generated());
        stack.add("slow-log", LogGroup::builder().name(LOGS).kms_key_id(&key).tags(tags! { "team" = "data" }));
    });
}
