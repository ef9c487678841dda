//! AUTH tokens and user groups: what leads from one to the other, and what does not.

use palisade_aws::{
    operations::{CreateReplicationGroup, ModifyReplicationGroup},
    resources::{ReplicationGroup, UserGroup},
    shapes::TokenStrategy,
};
use palisade_core::Id;

use crate::account::{Account, account, id, minutes, modify, pass};

const OLD: &str = "the-old-token-0123";
const NEW: &str = "the-new-token-0123";
const THIRD: &str = "the-third-token-01";

/// A cache, with a token or without, and two user groups.
async fn cache(token: Option<&str>) -> (Account, Id<ReplicationGroup>) {
    let account = account();
    let network = account.network().await;
    account.redis_users("users", &[]).await;
    account.redis_users("others", &[]).await;
    let auth_token = token.map(|token| token.to_owned().into());
    let cache = account.cache(CreateReplicationGroup { auth_token, ..network.cache("redis") }).await;
    (account, cache)
}

fn token(id: &Id<ReplicationGroup>, strategy: TokenStrategy, token: &str) -> ModifyReplicationGroup {
    ModifyReplicationGroup { auth_token: Some((strategy, Some(token.to_owned().into()))), ..modify(id) }
}

fn add(call: ModifyReplicationGroup, group: &str) -> ModifyReplicationGroup {
    ModifyReplicationGroup { add_user_group: Some(id::<UserGroup>(group)), ..call }
}

fn remove(call: ModifyReplicationGroup, group: &str) -> ModifyReplicationGroup {
    ModifyReplicationGroup { remove_user_group: Some(id::<UserGroup>(group)), ..call }
}

fn delete_token(id: &Id<ReplicationGroup>) -> ModifyReplicationGroup {
    ModifyReplicationGroup { auth_token: Some((TokenStrategy::Delete, None)), ..modify(id) }
}

async fn done(account: &Account, call: ModifyReplicationGroup) {
    account.call(call).await;
    pass(minutes(4)).await;
}

/// Which of no token, the old one, the new one and the third one a client gets in with.
fn accepted(account: &Account, cache: &Id<ReplicationGroup>) -> [bool; 4] {
    [None, Some(OLD), Some(NEW), Some(THIRD)].map(|token| {
        let token = token.map(|token| token.to_owned().into());
        account.emulator.accepts_token(cache.as_str(), token.as_ref())
    })
}

const COMBINATION: &str = "InvalidParameterCombination";

#[tokio::test(start_paused = true)]
async fn a_first_token_is_rotated_in_and_then_set() {
    let (account, cache) = cache(None).await;
    account.refused(token(&cache, TokenStrategy::Set, NEW), COMBINATION).await;
    let accepted = || accepted(&account, &cache);
    assert_eq!(
        accepted(),
        [true, false, false, false],
        "a cache without any authentication lets in who sends no token"
    );
    account.call(token(&cache, TokenStrategy::Rotate, NEW)).await;
    assert_eq!(account.describe_cache(&cache).await.pending_modified_values, ["AuthTokenStatus"]);
    pass(minutes(4)).await;
    assert!(account.describe_cache(&cache).await.auth_token_enabled);
    assert_eq!(accepted(), [true, false, true, false], "both with the token and without");
    done(&account, token(&cache, TokenStrategy::Set, NEW)).await;
    _ = account.describe_cache(&cache).await;
    assert_eq!(accepted(), [false, false, true, false]);
    account.refused(token(&cache, TokenStrategy::Set, NEW), COMBINATION).await;
}

#[tokio::test(start_paused = true)]
async fn set_takes_only_a_token_that_was_rotated_in() {
    let (account, cache) = cache(Some(OLD)).await;
    account.refused(token(&cache, TokenStrategy::Set, OLD), COMBINATION).await;
    done(&account, token(&cache, TokenStrategy::Rotate, NEW)).await;
    _ = account.describe_cache(&cache).await;
    assert_eq!(accepted(&account, &cache), [false, true, true, false]);
    let message = account.refused(token(&cache, TokenStrategy::Set, THIRD), "InvalidParameterValue").await;
    assert_eq!(message, "Invalid AuthToken provided.");
    done(&account, token(&cache, TokenStrategy::Set, NEW)).await;
}

#[tokio::test(start_paused = true)]
async fn a_third_token_drives_out_the_oldest() {
    let (account, cache) = cache(Some(OLD)).await;
    done(&account, token(&cache, TokenStrategy::Rotate, NEW)).await;
    done(&account, token(&cache, TokenStrategy::Rotate, THIRD)).await;
    account.refused(token(&cache, TokenStrategy::Set, OLD), "InvalidParameterValue").await;
    account.call(token(&cache, TokenStrategy::Set, NEW)).await;
}

#[tokio::test(start_paused = true)]
async fn rotate_and_set_need_a_token_and_a_good_one() {
    let (account, cache) = cache(Some(OLD)).await;
    let none = ModifyReplicationGroup { auth_token: Some((TokenStrategy::Rotate, None)), ..modify(&cache) };
    account.refused(none, "InvalidParameterValue").await;
    account.refused(token(&cache, TokenStrategy::Rotate, "short"), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_deleted_only_together_with_adding_a_user_group() {
    let (account, cache) = cache(Some(OLD)).await;
    account.refused(delete_token(&cache), COMBINATION).await;
    account.refused(add(token(&cache, TokenStrategy::Delete, OLD), "users"), COMBINATION).await;
    account.refused(add(modify(&cache), "users"), COMBINATION).await;
    done(&account, add(delete_token(&cache), "users")).await;
    let group = account.describe_cache(&cache).await;
    assert!(!group.auth_token_enabled && group.user_group_ids == [id("users")]);
    assert_eq!(accepted(&account, &cache), [false; 4], "clients are users now");
    account.refused(delete_token(&cache), COMBINATION).await;
}

#[tokio::test(start_paused = true)]
async fn a_user_group_gives_way_to_a_token_in_one_call_with_set() {
    let (account, cache) = cache(None).await;
    done(&account, add(modify(&cache), "users")).await;
    account.refused(token(&cache, TokenStrategy::Set, NEW), COMBINATION).await;
    account.refused(remove(token(&cache, TokenStrategy::Rotate, NEW), "users"), COMBINATION).await;
    done(&account, remove(token(&cache, TokenStrategy::Set, NEW), "users")).await;
    let group = account.describe_cache(&cache).await;
    assert!(group.auth_token_enabled && group.user_group_ids.is_empty());
}

#[tokio::test(start_paused = true)]
async fn user_groups_are_swapped_in_one_call_and_there_is_one_at_most() {
    let (account, cache) = cache(None).await;
    account.call(add(modify(&cache), "users")).await;
    let attaching = account.describe_cache(&cache).await;
    assert_eq!((attaching.pending_modified_values, attaching.user_group_ids), (vec!["UserGroups".to_owned()], vec![]));
    pass(minutes(4)).await;
    account.refused(add(modify(&cache), "others"), COMBINATION).await;
    done(&account, remove(add(modify(&cache), "others"), "users")).await;
    assert_eq!(account.describe_cache(&cache).await.user_group_ids, [id("others")]);
    assert_eq!(account.describe_group(&id("users")).await.replication_groups, []);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_attached_cannot_be_removed() {
    let (account, cache) = cache(None).await;
    account.refused(remove(modify(&cache), "users"), "InvalidParameterValue").await;
    done(&account, add(modify(&cache), "users")).await;
    account.refused(remove(modify(&cache), "others"), "InvalidParameterValue").await;
}

/// AWS lets one do this. Whoever calls must know better.
#[tokio::test(start_paused = true)]
async fn the_last_group_can_be_removed_which_leaves_the_cache_open() {
    let (account, cache) = cache(None).await;
    done(&account, add(modify(&cache), "users")).await;
    done(&account, remove(modify(&cache), "users")).await;
    let group = account.describe_cache(&cache).await;
    assert!(!group.auth_token_enabled && group.user_group_ids.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_user_group_that_is_attached_must_exist_and_be_active() {
    let (account, cache) = cache(None).await;
    account.refused(add(modify(&cache), "nobody"), "UserGroupNotFound").await;
    let default = account.user(crate::account::disabled_default("off")).await;
    let call = crate::account::create_user_group("young", palisade_aws::types::EngineKind::Redis, [&default]);
    account.call(call).await;
    account.refused(add(modify(&cache), "young"), "InvalidUserGroupState").await;
}
