//! User groups.

use std::collections::BTreeSet;

use palisade_aws::{
    operations::{CreateReplicationGroup, CreateUser, DeleteUserGroup, ModifyUserGroup},
    resources::{RedisUser, UserGroup},
    shapes::Credentials,
    types::{EngineKind, UserName},
};
use palisade_core::Id;

use crate::account::{
    Account, account, create_user, create_user_group, disabled_default, iam_user, id, minutes, pass, password, seconds,
};

fn change(group: &Id<UserGroup>, add: &[&Id<RedisUser>], remove: &[&Id<RedisUser>]) -> ModifyUserGroup {
    let set = |users: &[&Id<RedisUser>]| -> BTreeSet<_> { users.iter().copied().cloned().collect() };
    ModifyUserGroup { user_group_id: group.clone(), engine: None, add: set(add), remove: set(remove) }
}

/// Two users, and a group of the engine Redis with the first.
async fn group() -> (Account, Id<UserGroup>, [Id<RedisUser>; 2]) {
    let account = account();
    let users = [account.user(iam_user("a")).await, account.user(iam_user("b")).await];
    let group = account.redis_users("users", &[&users[0]]).await;
    (account, group, users)
}

#[tokio::test(start_paused = true)]
async fn a_group_is_creating_before_it_is_active() {
    let account = account();
    let default = account.user(disabled_default("off")).await;
    account.call(create_user_group("Users", EngineKind::Redis, [&default])).await;
    assert_eq!(account.describe_group(&id("users")).await.status, "creating");
    pass(minutes(1)).await;
    let group = account.describe_group(&id("users")).await;
    assert_eq!(group.status, "active");
    assert_eq!(group.arn.as_str(), "arn:aws:elasticache:us-east-1:123456789012:usergroup:users");
}

#[tokio::test(start_paused = true)]
async fn a_redis_group_needs_a_user_named_default() {
    let (account, _, [a, _]) = group().await;
    let message = account.refused(create_user_group("x", EngineKind::Redis, [&a]), "DefaultUserRequired").await;
    assert_eq!(message, "User group needs to contain a user with the user name default.");
    account.refused(create_user_group("x", EngineKind::Redis, []), "DefaultUserRequired").await;
    account.call(create_user_group("x", EngineKind::Valkey, [&a])).await;
}

#[tokio::test(start_paused = true)]
async fn two_members_of_one_name_are_refused_as_duplicate_user_name() {
    let (account, group, _) = group().await;
    let (default, mine) = (id("default"), id("users-default"));
    let both = create_user_group("x", EngineKind::Redis, [&default, &mine]);
    account.refused(both, "DuplicateUserName").await;
    account.refused(change(&group, &[&default], &[]), "DuplicateUserName").await;
}

#[tokio::test(start_paused = true)]
async fn the_default_user_is_swapped_in_one_call() {
    let (account, group, _) = group().await;
    let (default, mine) = (id("default"), id("users-default"));
    account.refused(change(&group, &[], &[&mine]), "DefaultUserRequired").await;
    account.call(change(&group, &[&default], &[&mine])).await;
    pass(minutes(1)).await;
    assert!(account.describe_group(&group).await.user_ids.contains(&default));
}

#[tokio::test(start_paused = true)]
async fn a_redis_group_takes_no_valkey_users() {
    let (account, group, _) = group().await;
    let user = account.user(CreateUser { engine: EngineKind::Valkey, ..iam_user("valkey") }).await;
    account.refused(change(&group, &[&user], &[]), "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_valkey_group_takes_redis_users_but_none_without_password() {
    let account = account();
    let iam = account.user(iam_user("iam")).await;
    let with = account.user(create_user("with", "on ~* +@all", password("0123456789abcdef"))).await;
    let without = account.user(create_user("without", "on ~* +@all", Credentials::NoPassword)).await;
    let call = create_user_group("x", EngineKind::Valkey, [&iam, &with, &without]);
    account.refused(call, "InvalidParameterCombination").await;
    account.call(create_user_group("x", EngineKind::Valkey, [&iam, &with])).await;
}

#[tokio::test(start_paused = true)]
async fn a_user_that_does_not_exist_is_not_found() {
    let (account, group, _) = group().await;
    account.refused(create_user_group("x", EngineKind::Valkey, [&id("nobody")]), "UserNotFound").await;
    account.refused(change(&group, &[&id("nobody")], &[]), "UserNotFound").await;
}

#[tokio::test(start_paused = true)]
async fn the_101st_user_of_a_group_exceeds_the_quota() {
    let account = account();
    let mut users = Vec::new();
    for number in 0..101 {
        users.push(account.user(iam_user(&format!("u{number}"))).await);
    }
    account.refused(create_user_group("x", EngineKind::Valkey, &users), "UserGroupQuotaExceeded").await;
    account.call(create_user_group("x", EngineKind::Valkey, &users[1..])).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_taken_is_refused_as_already_exists() {
    let (account, _, _) = group().await;
    account.refused(create_user_group("users", EngineKind::Valkey, []), "UserGroupAlreadyExists").await;
}

#[tokio::test(start_paused = true)]
async fn only_active_groups_can_be_modified() {
    let (account, group, [a, b]) = group().await;
    account.call(change(&group, &[&b], &[])).await;
    let message = account.refused(change(&group, &[], &[&a]), "InvalidUserGroupState").await;
    assert_eq!(message, "User group users has status modifying. Only active user groups can be modified.");
    account.refused(DeleteUserGroup { user_group_id: group.clone() }, "InvalidUserGroupState").await;
    pass(minutes(1)).await;
    account.call(change(&group, &[], &[&a])).await;
    pass(minutes(1)).await;
    assert_eq!(account.describe_group(&group).await.user_ids, BTreeSet::from([b, id("users-default")]));
}

#[tokio::test(start_paused = true)]
async fn removing_one_that_is_no_member_spoils_the_whole_call() {
    let (account, group, [a, b]) = group().await;
    let message = account.refused(change(&group, &[], &[&a, &b]), "InvalidParameterValue").await;
    assert!(message.contains("is not a member of user group"), "{message}");
    account.refused(change(&group, &[&a], &[]), "InvalidParameterValue").await;
    assert!(account.describe_group(&group).await.user_ids.contains(&a));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_nothing_is_refused() {
    let (account, group, _) = group().await;
    account.refused(change(&group, &[], &[]), "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn an_attached_group_keeps_its_cache_busy_and_cannot_be_deleted() {
    let (account, group, [_, b]) = group().await;
    let network = account.network().await;
    let call = CreateReplicationGroup { user_group_id: Some(group.clone()), ..network.cache("redis") };
    let cache = account.cache(call).await;
    account.refused(DeleteUserGroup { user_group_id: group.clone() }, "InvalidUserGroupState").await;
    account.call(change(&group, &[&b], &[])).await;
    assert_eq!(account.describe_cache(&cache).await.status, "modifying");
    pass(minutes(2)).await;
    assert_eq!(account.describe_group(&group).await.status, "active");
    assert_eq!(account.describe_cache(&cache).await.status, "modifying", "the change goes on from the group");
    pass(seconds(15)).await;
    assert_eq!(account.describe_cache(&cache).await.status, "available");
}

#[tokio::test(start_paused = true)]
async fn a_group_of_a_redis_cache_cannot_become_one_of_valkey() {
    let (account, _, [a, _]) = group().await;
    let network = account.network().await;
    let name = UserName::reported("default");
    let call = CreateUser { user_name: name, ..create_user("guarded", "off -@all", password("0123456789abcdef")) };
    let default = account.user(call).await;
    let group = account.user_group(create_user_group("guarded", EngineKind::Redis, [&a, &default])).await;
    account.cache(CreateReplicationGroup { user_group_id: Some(group.clone()), ..network.cache("redis") }).await;
    let to_valkey = ModifyUserGroup { engine: Some(EngineKind::Valkey), ..change(&group, &[], &[]) };
    account.refused(to_valkey, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_group_is_gone_after_a_while() {
    let (account, group, _) = group().await;
    account.call(DeleteUserGroup { user_group_id: group.clone() }).await;
    assert_eq!(account.describe_group(&group).await.status, "deleting");
    pass(minutes(1)).await;
    account.refused(DeleteUserGroup { user_group_id: group }, "UserGroupNotFound").await;
}
