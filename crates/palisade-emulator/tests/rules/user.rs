//! Users of caches.

use palisade_aws::{
    operations::{CreateReplicationGroup, CreateUser, DeleteUser, DescribeUsers, ModifyUser},
    resources::RedisUser,
    shapes::Credentials,
    types::{AccessString, EngineKind, Name, UserName},
};
use palisade_core::Id;

use crate::account::{
    account, create_user, create_user_group, disabled_default, iam_user, id, minutes, pass, password, seconds,
};

fn modify(id: &Id<RedisUser>) -> ModifyUser {
    ModifyUser { user_id: id.clone(), engine: None, access_string: None, credentials: None }
}

fn access(id: &Id<RedisUser>, access: &str) -> ModifyUser {
    ModifyUser { access_string: Some(AccessString::reported(access)), ..modify(id) }
}

const GOOD: &str = "0123456789abcdef";

#[tokio::test(start_paused = true)]
async fn a_user_is_active_within_seconds_with_its_id_in_lower_case() {
    let account = account();
    account
        .call(CreateUser { user_id: Name::reported("App"), ..create_user("app", "on ~* +@all", password(GOOD)) })
        .await;
    assert_eq!(account.describe_user(&id("app")).await.status, "creating");
    pass(seconds(3)).await;
    let user = account.describe_user(&id("app")).await;
    assert_eq!((user.status.as_str(), user.password_count), ("active", 1));
    assert_eq!(user.arn.as_str(), "arn:aws:elasticache:us-east-1:123456789012:user:app");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_taken_is_refused_as_already_exists() {
    let account = account();
    account.user(iam_user("app")).await;
    account.refused(iam_user("app"), "UserAlreadyExists").await;
    account.refused(disabled_default("default"), "UserAlreadyExists").await;
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_no_identifiers_and_names_with_spaces_are_refused() {
    let account = account();
    for user_id in ["", "1a", "a--b", "a-", "a_b"] {
        let call = CreateUser { user_id: Name::reported(user_id), ..create_user("app", "on ~* +@all", password(GOOD)) };
        account.refused(call, "InvalidParameterValue").await;
    }
    for user_name in ["", "a b", &"a".repeat(121)] {
        let user_name = UserName::reported(user_name);
        let call = CreateUser { user_name, ..create_user("app", "on ~* +@all", password(GOOD)) };
        account.refused(call, "InvalidParameterValue").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_built_in_user_may_do_everything_and_cannot_be_changed_or_deleted() {
    let account = account();
    let default = id("default");
    let user = account.describe_user(&default).await;
    assert_eq!((user.user_name.as_str(), user.access_string.as_str()), ("default", "on ~* +@all"));
    assert_eq!((user.status.as_str(), user.authentication_type.as_str()), ("active", "no-password"));
    account.refused(access(&default, "off -@all"), "InvalidParameterValue").await;
    account.refused(DeleteUser { user_id: default }, "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn an_iam_user_has_the_same_id_and_name() {
    let account = account();
    let call = CreateUser { user_name: UserName::reported("other"), ..iam_user("app") };
    let message = account.refused(call, "InvalidParameterValue").await;
    assert_eq!(message, "User Id and User name must be same for authentication type: iam");
    let user = account.user(CreateUser {
        credentials: password(GOOD),
        user_name: UserName::reported("other"),
        ..iam_user("app")
    });
    let change = ModifyUser { credentials: Some(Credentials::Iam), ..modify(&user.await) };
    account.refused(change, "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn a_valkey_user_has_a_password_or_iam() {
    let account = account();
    let valkey = |credentials| CreateUser { engine: EngineKind::Valkey, credentials, ..iam_user("app") };
    account.refused(valkey(Credentials::NoPassword), "InvalidParameterCombination").await;
    let user = account.user(valkey(Credentials::Iam)).await;
    let change = ModifyUser { credentials: Some(Credentials::NoPassword), ..modify(&user) };
    account.refused(change, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_user_has_one_or_two_passwords_of_16_to_128_characters() {
    let account = account();
    let with = |passwords: &[&str]| {
        let passwords = passwords.iter().map(|text| (*text).to_owned().into()).collect();
        create_user("app", "on ~* +@all", Credentials::Passwords(passwords))
    };
    for passwords in [
        &[][..],
        &[GOOD, GOOD, GOOD],
        &["short"],
        &[&"a".repeat(129)],
        &["0123456789abcde,"],
        &["0123456789abcde\""],
        &["0123456789abcde/"],
        &["0123456789abcde@"],
        &["0123456789abcde "],
    ] {
        account.refused(with(passwords), "InvalidParameterValue").await;
    }
    let user = account.user(with(&[GOOD, "another-password!"])).await;
    let accepts = |password: &str| account.emulator.accepts_password(user.as_str(), &password.to_owned().into());
    assert!(accepts(GOOD) && accepts("another-password!") && !accepts("a-third-password!"));
    let user = account.describe_user(&user).await;
    assert_eq!((user.authentication_type.as_str(), user.password_count), ("password", 2));
}

#[tokio::test(start_paused = true)]
async fn an_access_string_that_is_none_is_refused() {
    let account = account();
    for text in ["", "garbage", "on ~* +@everything", "on ~* +@all >password", "on ~* nopass", "reset"] {
        account.refused(create_user("app", text, Credentials::NoPassword), "InvalidParameterValue").await;
    }
    let user = account.user(iam_user("app")).await;
    account.refused(access(&user, "garbage"), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn access_strings_are_told_in_aws_own_order() {
    let account = account();
    let user = account.user(create_user("app", "on +get ~keys*", Credentials::NoPassword)).await;
    let found = account.describe_user(&user).await;
    assert_eq!(found.access_string, "on ~keys* -@all +get");
    assert_eq!(found.authentication_type, "no-password", "the spelling is not that of the request");
    account.call(access(&user, "off ~a:* ~b:*")).await;
    pass(seconds(3)).await;
    assert_eq!(account.describe_user(&user).await.access_string, "off ~a:* ~b:* -@all");
}

#[tokio::test(start_paused = true)]
async fn only_active_users_can_be_modified() {
    let account = account();
    let user = account.user(iam_user("app")).await;
    account.call(access(&user, "off -@all")).await;
    let message = account.refused(access(&user, "on ~* +@all"), "InvalidUserState").await;
    assert_eq!(message, "User app has status modifying. Only active users can be modified.");
    account.refused(DeleteUser { user_id: user.clone() }, "InvalidUserState").await;
    pass(seconds(3)).await;
    account.call(access(&user, "on ~* +@all")).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_nothing_is_refused() {
    let account = account();
    let user = account.user(iam_user("app")).await;
    account.refused(modify(&user), "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_attached_user_keeps_its_group_and_cache_busy() {
    let account = account();
    let network = account.network().await;
    let user = account.user(iam_user("app")).await;
    let group = account.redis_users("users", &[&user]).await;
    let call = CreateReplicationGroup { user_group_id: Some(group.clone()), ..network.cache("redis") };
    let cache = account.cache(call).await;
    account.call(access(&user, "off -@all")).await;
    let statuses = async || {
        let (user, group) = (account.describe_user(&user).await, account.describe_group(&group).await);
        [user.status, group.status, account.describe_cache(&cache).await.status]
    };
    assert_eq!(statuses().await, ["modifying", "modifying", "modifying"]);
    pass(minutes(2)).await;
    assert_eq!(statuses().await, ["active", "modifying", "modifying"], "the change goes on from the user");
    pass(seconds(15)).await;
    assert_eq!(statuses().await, ["active", "active", "modifying"]);
    pass(seconds(15)).await;
    assert_eq!(statuses().await, ["active", "active", "available"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_may_not_break_the_rules_of_the_users_groups() {
    let account = account();
    let user = account.user(iam_user("app")).await;
    account.redis_users("redis", &[&user]).await;
    let to_valkey = ModifyUser { engine: Some(EngineKind::Valkey), ..modify(&user) };
    account.refused(to_valkey, "InvalidParameterCombination").await;
    let other = account.user(iam_user("other")).await;
    account.user_group(create_user_group("valkey", EngineKind::Valkey, [&other])).await;
    let open = ModifyUser { credentials: Some(Credentials::NoPassword), ..modify(&other) };
    account.refused(open, "InvalidParameterCombination").await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_user_leaves_its_groups_which_are_busy_with_it() {
    let account = account();
    let user = account.user(iam_user("app")).await;
    let group = account.redis_users("users", &[&user]).await;
    assert_eq!(account.describe_user(&user).await.user_group_ids, std::slice::from_ref(&group));
    account.call(DeleteUser { user_id: user.clone() }).await;
    assert_eq!(account.describe_user(&user).await.status, "deleting");
    let found = account.describe_group(&group).await;
    assert_eq!((found.status.as_str(), found.user_ids.contains(&user)), ("modifying", false));
    pass(seconds(3)).await;
    let users = account.call(DescribeUsers { ids: vec![user.clone()] }).await.users;
    assert!(users.is_empty());
    account.refused(DeleteUser { user_id: user }, "UserNotFound").await;
}

#[tokio::test(start_paused = true)]
async fn the_default_user_of_a_group_cannot_be_deleted() {
    let account = account();
    account.redis_users("users", &[]).await;
    let delete = DeleteUser { user_id: id("users-default") };
    account.refused(delete, "DefaultUserAssociatedToUserGroup").await;
}
