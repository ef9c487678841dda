//! A name that is taken by what is just being deleted, as by somebody else, or by a run that was interrupted then.

use std::sync::Arc;

use palisade::prelude::*;
use palisade_aws::{
    Aws, Lifecycle,
    operations::{DeleteReplicationGroup, DeleteUser, DeleteUserGroup},
};
use palisade_core::{
    Address,
    provider::{ErrorKind, Token},
};
use palisade_testing::Rehearsal;

use crate::{current, run, run_later, schema_changes::cases::declare, unheard::Nothing};

/// Deletes an object of one of the kinds that AWS deletes only by and by.
fn begin_to_delete(rehearsal: &Rehearsal, kind: &str, id: String) {
    match kind {
        "RedisUser" => _ = rehearsal.by_hand(DeleteUser { user_id: Id::reported(id).unwrap() }).unwrap(),
        "UserGroup" => _ = rehearsal.by_hand(DeleteUserGroup { user_group_id: Id::reported(id).unwrap() }).unwrap(),
        _ => {
            let replication_group_id = Id::reported(id).unwrap();
            let call = DeleteReplicationGroup { replication_group_id, final_snapshot_identifier: None };
            _ = rehearsal.by_hand(call).unwrap();
        }
    }
}

#[test]
fn what_is_being_deleted_is_made_again_once_it_is_gone() {
    for kind in ["RedisUser", "UserGroup", "ReplicationGroup"] {
        let mut rehearsal = Rehearsal::new().without_rules();
        let object = |rehearsal: &Rehearsal| {
            rehearsal.state().resources[&Address::new(kind, "it")].current.clone().expect("it is there")
        };
        rehearsal.apply(|stack| declare(stack, kind, ""));
        let before = object(&rehearsal);
        begin_to_delete(&rehearsal, kind, before.id.unwrap());
        let report = rehearsal.apply(|stack| declare(stack, kind, ""));
        assert_eq!((report.added, report.changed, report.destroyed), (1, 0, 0), "{kind}");
        assert_ne!(object(&rehearsal).token, before.token, "{kind}");
        assert!(!rehearsal.plan(|stack| declare(stack, kind, "")).has_changes(), "{kind}");
    }
}

#[test]
fn a_change_of_what_is_being_deleted_says_so_and_does_not_wait() {
    for (kind, field) in
        [("RedisUser", "access_string"), ("UserGroup", "user_ids"), ("ReplicationGroup", "description")]
    {
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.apply(|stack| declare(stack, kind, ""));
        let it = Address::new(kind, "it");
        let graph = palisade_testing::graph(|stack| declare(stack, kind, field));
        let plan = rehearsal.try_plan(&graph).unwrap();
        let id = rehearsal.state().resources[&it].current.clone().unwrap().id.unwrap();
        begin_to_delete(&rehearsal, kind, id);
        let report = rehearsal.carry_out(&graph, &plan);
        let failure = report.failures.iter().find(|failure| failure.address == it).unwrap();
        assert!(failure.error.to_string().contains("is being deleted"), "{}", failure.error);
    }
}

/// A user in a group, or a group of a cache, changes and goes only once what has begun to be deleted is gone.
#[test]
fn a_group_or_a_cache_that_is_being_deleted_is_waited_for() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(secured_redis::stack);
    let (readonly, id_of_readonly): (RedisUser, _) = current(&rehearsal, "readonly");
    let (default, id_of_default): (RedisUser, _) = current(&rehearsal, "default");
    let (_, cache): (ReplicationGroup, _) = current(&rehearsal, "redis");
    let (_, group): (UserGroup, _) = current(&rehearsal, "redis");
    let changed = RedisUser { access_string: AccessString::service(), ..readonly.clone() };
    let is_there = |table: &str, id: &str| rehearsal.emulator().contents()[table].get(id).is_some();
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    run_later(async {
        let replication_group_id = cache.clone();
        aws.call(DeleteReplicationGroup { replication_group_id, final_snapshot_identifier: None }).await.unwrap();
        changed.converge(&aws, &id_of_readonly, Some(&readonly)).await.unwrap();
        assert!(!is_there("replication_groups", cache.as_str()));

        aws.call(DeleteUserGroup { user_group_id: group.clone() }).await.unwrap();
        default.delete(&aws, &id_of_default).await.unwrap();
        assert!(!is_there("user_groups", group.as_str()));
    });
}

#[test]
fn a_deleted_secret_comes_back_for_another_state_of_the_stack_only_under_its_own_address() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        stack.add("it", Secret::builder().name(secret_name!("redis/it")).generated());
    });
    let object = rehearsal.state().resources[&Address::new("Secret", "it")].current.clone().unwrap();
    let secret: Secret = serde_json::from_value(object.inputs.into()).unwrap();
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    let create = |stack: &str, resource: &str| {
        let token = Token { stack: stack.to_owned(), resource: resource.to_owned(), digest: "0a".repeat(32) };
        let created = run(secret.create(&aws, &token));
        created.map(|id| id.to_string()).map_err(|error| error.kind)
    };
    let stack = object.token.stack;
    assert_eq!(create(&stack, "Secret.it"), Err(ErrorKind::AlreadyExists), "it is not deleted");
    rehearsal.destroy();
    assert_eq!(create(&stack, "Secret.other"), Err(ErrorKind::AlreadyExists));
    assert_eq!(create("another", "Secret.it"), Err(ErrorKind::AlreadyExists));
    assert_eq!(create(&stack, "Secret.it"), Ok(object.id.unwrap()));
}
