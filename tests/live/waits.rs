//! What AWS makes a caller wait for, which ministack never does: its answers are altered on their way.
//!
//! These waits take seconds of real time. How long each wait lasts at most is tested on the clock of the emulated account.

use std::{thread, time::Duration};

use palisade::{Stack, prelude::*};
use palisade_core::provider::ErrorKind;
use palisade_engine::Report;
use palisade_live::Live;
use palisade_testing::Rehearsal;

use crate::{
    account::{Account, ministack},
    life::rehearsal_at,
    proxy::{Call, Fault, Proxy, first},
};

const PATIENT: Duration = Duration::from_secs(30);

/// An account of its own behind a script.
struct Stage {
    account: Account,
    proxy: Proxy,
    rehearsal: Rehearsal<Live>,
}

fn stage(script: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Stage {
    let account = Account::unused();
    let proxy = Proxy::start(ministack(), script);
    let rehearsal = rehearsal_at(proxy.address, &account, PATIENT);
    Stage { account, proxy, rehearsal }
}

impl Stage {
    /// Applies, and expects no failure and nothing left to change.
    #[track_caller]
    fn settles(&mut self, stack: fn(&mut Stack)) {
        self.rehearsal.apply(stack);
        let plan = self.rehearsal.plan(stack);
        assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");
    }

    /// Applies, and returns the one failure: its kind, its code and its text.
    #[track_caller]
    fn fails(&mut self, stack: fn(&mut Stack)) -> (ErrorKind, String, String) {
        let report: Report = self.rehearsal.try_apply(&palisade_testing::graph(stack)).unwrap();
        match report.failures.as_slice() {
            [failure] => (failure.error.kind, failure.error.code.clone(), failure.error.message.clone()),
            all => panic!("one failure was expected: {all:?}"),
        }
    }

    /// How often the call was made.
    fn times(&self, action: &str) -> usize {
        self.proxy.calls().iter().filter(|call| call.action == action).count()
    }
}

/// Puts another status in place of each one that ministack tells, whatever it is.
fn status(answer: &str, status: &str) -> String {
    let mut parts = answer.split("<Status>");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("</Status>").unwrap();
        text += &format!("<Status>{status}</Status>{rest}");
    }
    text
}

fn creating(answer: &str) -> String {
    status(answer, "creating")
}

fn modifying(answer: &str) -> String {
    status(answer, "modifying")
}

fn deleting(answer: &str) -> String {
    status(answer, "deleting")
}

fn create_failed(answer: &str) -> String {
    status(answer, "create-failed")
}

/// The nodes of a cache, of which the first one is still being made.
fn node_creating(answer: &str) -> String {
    const AVAILABLE: &str = "<CacheClusterStatus>available</CacheClusterStatus>";
    assert!(answer.contains(AVAILABLE), "{answer}");
    answer.replacen(AVAILABLE, "<CacheClusterStatus>creating</CacheClusterStatus>", 1)
}

/// A list of subnets without any.
fn no_subnets(answer: &str) -> String {
    let (head, rest) = answer.split_once("<subnetSet>").unwrap();
    let (_, tail) = rest.split_once("</subnetSet>").unwrap();
    format!("{head}<subnetSet></subnetSet>{tail}")
}

/// From the second answer on, everything is gone.
fn vanishes(action: &'static str, code: &'static str) -> impl Fn(&Call) -> Option<Fault> + Send + Sync {
    let seen = std::sync::Mutex::new(0);
    move |call| {
        let mut seen = seen.lock().unwrap();
        *seen += usize::from(call.action == action);
        match *seen {
            1 if call.action == action => Some(Fault::Altered(creating)),
            2 if call.action == action => Some(Fault::Refused(code, "it does not exist")),
            _ => None,
        }
    }
}

const CACHES: &str = "DescribeReplicationGroups";

#[test]
fn a_cache_is_waited_for_until_it_and_its_nodes_are_available() {
    let mut creating = stage(first(3, CACHES, Fault::Altered(creating)));
    let mut nodes = stage(first(2, "DescribeCacheClusters", Fault::Altered(node_creating)));
    thread::scope(|scope| {
        scope.spawn(|| creating.settles(secured_redis::stack));
        scope.spawn(|| nodes.settles(secured_redis::stack));
    });
}

#[test]
fn a_cache_that_aws_could_not_create_is_an_error() {
    let mut stage = stage(first(usize::MAX, CACHES, Fault::Altered(create_failed)));
    let (kind, code, message) = stage.fails(secured_redis::stack);
    assert_eq!((kind, code.as_str()), (ErrorKind::CreateFailed, "create-failed"));
    assert_eq!(message, "AWS could not create the replication group secured-redis");
}

#[test]
fn a_cache_that_vanishes_while_it_is_waited_for_is_an_error_and_the_next_apply_goes_on() {
    let mut stage = stage(vanishes(CACHES, "ReplicationGroupNotFoundFault"));
    let (kind, _, message) = stage.fails(secured_redis::stack);
    assert_eq!((kind, message.as_str()), (ErrorKind::NotFound, "the replication group secured-redis is gone"));
    stage.settles(secured_redis::stack);
}

#[test]
fn a_cache_that_somebody_deletes_while_it_is_waited_for_is_an_error() {
    let mut stage = stage(first(1, CACHES, Fault::Altered(deleting)));
    let (kind, _, message) = stage.fails(secured_redis::stack);
    assert_eq!((kind, message.as_str()), (ErrorKind::NotFound, "the replication group secured-redis is being deleted"));
}

fn user(stack: &mut Stack, access: AccessString) {
    let user = RedisUser::iam(name!("reader")).engine(EngineKind::Redis).access_string(access);
    stack.add("reader", user);
}

fn reader(stack: &mut Stack) {
    user(stack, AccessString::read_only());
}

fn writer(stack: &mut Stack) {
    user(stack, AccessString::service());
}

#[test]
fn a_user_is_waited_for_until_it_is_active_and_no_longer_than_it_exists() {
    let mut modified = stage(first(3, "DescribeUsers", Fault::Altered(modifying)));
    let mut lost = stage(vanishes("DescribeUsers", "UserNotFound"));
    let mut deleted = stage(first(1, "DescribeUsers", Fault::Altered(deleting)));
    thread::scope(|scope| {
        scope.spawn(|| {
            modified.settles(reader);
            let before = modified.times("ModifyUser");
            modified.settles(writer);
            assert_eq!(modified.times("ModifyUser"), before + 1);
        });
        scope.spawn(|| assert_eq!(lost.fails(reader).2, "the user reader is gone"));
        scope.spawn(|| assert_eq!(deleted.fails(reader).2, "the user reader is being deleted"));
    });
}

#[test]
fn a_user_group_is_waited_for_until_it_is_active_and_no_longer_than_it_exists() {
    let mut modified = stage(first(3, "DescribeUserGroups", Fault::Altered(modifying)));
    let mut lost = stage(vanishes("DescribeUserGroups", "UserGroupNotFound"));
    thread::scope(|scope| {
        scope.spawn(|| modified.settles(secured_redis::stack));
        scope.spawn(|| assert_eq!(lost.fails(secured_redis::stack).2, "the user group redis-users is gone"));
    });
}

fn subnet(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
}

#[test]
fn a_subnet_that_is_not_seen_yet_is_not_created_again() {
    let mut stage = stage(first(3, "DescribeSubnets", Fault::Altered(no_subnets)));
    stage.settles(subnet);
    assert_eq!(stage.times("CreateSubnet"), 1);
}

/// An object that was there when the plan was made is not waited for as if it were new.
#[test]
fn an_object_that_is_gone_when_it_is_to_be_changed_is_an_error_and_is_created_by_the_next_apply() {
    let mut stage = stage(|_| None);
    stage.settles(reader);
    let graph = palisade_testing::graph(writer);
    let plan = stage.rehearsal.try_plan(&graph).unwrap();
    stage.account.form("elasticache", "Action=DeleteUser&UserId=reader");
    let report = stage.rehearsal.carry_out(&graph, &plan);
    let [failure] = report.failures.as_slice() else { panic!("{report:?}") };
    assert_eq!((failure.error.kind, failure.error.message.as_str()), (ErrorKind::NotFound, "the user reader is gone"));
    stage.settles(writer);
    assert_eq!(stage.times("CreateUser"), 2);
}

#[test]
fn an_object_that_was_deleted_behind_our_back_is_created_again() {
    let mut stage = stage(|_| None);
    stage.settles(secured_redis::stack);
    stage.account.form("elasticache", "Action=DeleteReplicationGroup&ReplicationGroupId=secured-redis");
    let plan = stage.rehearsal.plan(secured_redis::stack);
    assert!(plan.has_changes());
    stage.settles(secured_redis::stack);
    assert_eq!(stage.times("CreateReplicationGroup"), 2);
}

/// A cache lets go of its users and its subnets some time after it is gone.
#[test]
fn what_is_still_used_is_deleted_once_it_is_not() {
    const IN_USE: [(&str, &str); 3] = [
        ("DeleteUserGroup", "InvalidUserGroupState"),
        ("DeleteCacheSubnetGroup", "CacheSubnetGroupInUse"),
        ("DeleteSecurityGroup", "DependencyViolation"),
    ];
    let refused: Vec<_> =
        IN_USE.iter().map(|&(action, code)| first(1, action, Fault::Refused(code, "it is in use"))).collect();
    let mut stage = stage(move |call| refused.iter().find_map(|refused| refused(call)));
    let fresh = stage.account.inventory();
    stage.settles(secured_redis::stack);
    stage.rehearsal.destroy();
    assert!(IN_USE.iter().all(|(action, _)| stage.times(action) == 2));
    assert_eq!(stage.account.inventory(), fresh);
}

fn secret(stack: &mut Stack) {
    stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
}

#[test]
fn a_secret_whose_deletion_is_scheduled_comes_back_if_it_is_ours() {
    let mut ours = stage(|_| None);
    ours.settles(secret);
    ours.rehearsal.destroy();
    ours.settles(secret);
    assert_eq!((ours.times("CreateSecret"), ours.times("RestoreSecret")), (2, 1));
}

#[test]
fn a_secret_whose_deletion_is_scheduled_and_that_is_not_ours_is_an_error() {
    let mut other = stage(|_| None);
    other.account.ask_secrets_manager(
        "CreateSecret",
        &serde_json::json!({ "Name": "redis/token", "SecretString": "x" }).to_string(),
    );
    other.account.ask_secrets_manager("DeleteSecret", &serde_json::json!({ "SecretId": "redis/token" }).to_string());
    assert_eq!(other.fails(secret).0, ErrorKind::AlreadyExists);
    assert_eq!(other.times("RestoreSecret"), 0);
}
