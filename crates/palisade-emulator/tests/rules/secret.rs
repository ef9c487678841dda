//! Secrets Manager.

use palisade_aws::{
    operations::{
        CreateSecret, DeleteSecret, DescribeSecret, GetRandomPassword, GetSecretValue, PutSecretValue, RestoreSecret,
        TagResource, UntagResource, UpdateSecret,
    },
    resources::Secret,
    types::{RecoveryWindow, SecretName, Tags},
};
use palisade_core::Id;
use secrecy::ExposeSecret;

use crate::account::{Account, account, id, pass, seconds, tags};

fn create(name: &str) -> CreateSecret {
    CreateSecret {
        name: SecretName::reported(name),
        description: Some("a secret".to_owned()),
        kms_key_id: None,
        client_request_token: token('c'),
        tags: tags([("a", "b")]),
    }
}

fn token(letter: char) -> String {
    letter.to_string().repeat(64)
}

fn put(secret: &Id<Secret>, letter: char, value: &str) -> PutSecretValue {
    PutSecretValue { secret_id: secret.clone(), client_request_token: token(letter), value: value.to_owned().into() }
}

fn get(secret: &Id<Secret>, letter: char) -> GetSecretValue {
    GetSecretValue { secret_id: secret.clone(), version_id: token(letter) }
}

fn delete(secret: &Id<Secret>, days: u8) -> DeleteSecret {
    DeleteSecret { secret_id: secret.clone(), recovery_window: RecoveryWindow::reported(days) }
}

async fn secret() -> (Account, Id<Secret>) {
    let account = account();
    let secret = account.call(create("redis/token")).await.arn;
    (account, secret)
}

#[tokio::test(start_paused = true)]
async fn a_secret_begins_without_a_value() {
    let (account, secret) = secret().await;
    let described = account.call(DescribeSecret { secret_id: secret.to_string() }).await.secret;
    assert_eq!((described.name.as_str(), described.version_ids.len(), described.deleted), ("redis/token", 0, false));
    assert!(secret.as_str().starts_with("arn:aws:secretsmanager:us-east-1:123456789012:secret:redis/token-"));
    let by_name = account.call(DescribeSecret { secret_id: "redis/token".to_owned() }).await.secret;
    assert_eq!(by_name.arn, secret);
    account.refused(get(&secret, 'a'), "ResourceNotFoundException").await;
}

#[tokio::test(start_paused = true)]
async fn a_value_is_kept_under_its_token_and_the_newest_is_told_first() {
    let (account, secret) = secret().await;
    assert_eq!(account.call(put(&secret, 'a', "one")).await.version_id, token('a'));
    account.call(put(&secret, 'b', "two")).await;
    assert_eq!(account.call(get(&secret, 'a')).await.value.expose_secret(), "one");
    assert_eq!(account.call(get(&secret, 'b')).await.value.expose_secret(), "two");
    let described = account.call(DescribeSecret { secret_id: secret.to_string() }).await.secret;
    assert_eq!(described.version_ids, [token('b'), token('a')]);
}

#[tokio::test(start_paused = true)]
async fn the_same_token_takes_the_same_value_again_and_no_other() {
    let (account, secret) = secret().await;
    account.call(put(&secret, 'a', "one")).await;
    account.call(put(&secret, 'a', "one")).await;
    account.refused(put(&secret, 'a', "two"), "ResourceExistsException").await;
    assert_eq!(account.call(get(&secret, 'a')).await.value.expose_secret(), "one");
}

#[tokio::test(start_paused = true)]
async fn a_token_has_32_to_64_characters_and_a_value_1_to_65536_bytes() {
    let (account, secret) = secret().await;
    let short = PutSecretValue { client_request_token: "a".repeat(31), ..put(&secret, 'a', "one") };
    account.refused(short, "InvalidParameterException").await;
    let call = CreateSecret { client_request_token: "a".repeat(65), ..create("other") };
    account.refused(call, "InvalidParameterException").await;
    account.refused(put(&secret, 'a', ""), "InvalidParameterException").await;
    account.refused(put(&secret, 'a', &"a".repeat(65_537)), "InvalidParameterException").await;
}

#[tokio::test(start_paused = true)]
async fn a_name_has_few_characters_and_is_taken_once() {
    let (account, _) = secret().await;
    account.refused(create("redis/token"), "ResourceExistsException").await;
    for name in ["", "a b", &"a".repeat(513)] {
        account.refused(create(name), "InvalidParameterException").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_scheduled_for_deletion_is_told_and_takes_no_calls() {
    let (account, secret) = secret().await;
    account.call(put(&secret, 'a', "one")).await;
    account.call(delete(&secret, 7)).await;
    assert!(account.call(DescribeSecret { secret_id: secret.to_string() }).await.secret.deleted);
    let code = "InvalidRequestException";
    account.refused(get(&secret, 'a'), code).await;
    account.refused(put(&secret, 'b', "two"), code).await;
    account.refused(UpdateSecret { secret_id: secret.clone(), description: None, kms_key_id: None }, code).await;
    account.refused(TagResource { secret_id: secret.clone(), tags: Tags::default() }, code).await;
    account.refused(delete(&secret, 30), code).await;
    let message = account.refused(create("redis/token"), code).await;
    assert!(message.contains("scheduled for deletion"));
    assert_eq!(account.emulator.inventory(), []);
    pass(seconds(7 * 24 * 60 * 60)).await;
    account.refused(DescribeSecret { secret_id: secret.to_string() }, "ResourceNotFoundException").await;
    account.call(create("redis/token")).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_scheduled_for_deletion_can_be_restored_with_its_value() {
    let (account, secret) = secret().await;
    account.call(put(&secret, 'a', "one")).await;
    account.call(delete(&secret, 7)).await;
    account.call(RestoreSecret { secret_id: secret.clone() }).await;
    assert!(!account.call(DescribeSecret { secret_id: secret.to_string() }).await.secret.deleted);
    account.call(get(&secret, 'a')).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_deleted_without_recovery_is_gone_and_its_name_is_free_in_a_moment() {
    let (account, secret) = secret().await;
    account.call(delete(&secret, 0)).await;
    account.refused(DescribeSecret { secret_id: secret.to_string() }, "ResourceNotFoundException").await;
    account.refused(delete(&secret, 0), "ResourceNotFoundException").await;
    account.refused(create("redis/token"), "InvalidRequestException").await;
    pass(seconds(5)).await;
    assert_ne!(account.call(create("redis/token")).await.arn, secret);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_deletion_can_be_made_at_once() {
    let (account, secret) = secret().await;
    account.call(delete(&secret, 30)).await;
    account.call(delete(&secret, 0)).await;
    account.refused(DescribeSecret { secret_id: secret.to_string() }, "ResourceNotFoundException").await;
}

#[tokio::test(start_paused = true)]
async fn a_recovery_window_is_0_or_7_to_30_days() {
    let (account, secret) = secret().await;
    for days in [1, 6, 31] {
        account.refused(delete(&secret, days), "InvalidParameterException").await;
    }
}

#[tokio::test(start_paused = true)]
async fn description_and_tags_change_in_place() {
    let (account, secret) = secret().await;
    let description = Some("other".to_owned());
    account.call(UpdateSecret { secret_id: secret.clone(), description, kms_key_id: None }).await;
    account.call(TagResource { secret_id: secret.clone(), tags: tags([("c", "d")]) }).await;
    account.call(UntagResource { secret_id: secret.clone(), keys: vec!["a".to_owned()] }).await;
    let described = account.call(DescribeSecret { secret_id: secret.to_string() }).await.secret;
    assert_eq!((described.description.as_deref(), described.tags), (Some("other"), tags([("c", "d")])));
}

#[tokio::test(start_paused = true)]
async fn a_random_password_has_the_length_and_the_characters_that_were_asked_for() {
    let account = account();
    let draw = |length, exclude_punctuation| GetRandomPassword { length, exclude_punctuation };
    let one = account.call(draw(64, true)).await.value;
    let other = account.call(draw(64, true)).await.value;
    assert!(one.expose_secret().len() == 64 && one.expose_secret().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_ne!(one.expose_secret(), other.expose_secret());
    let with = account.call(draw(32, false)).await.value;
    assert!(with.expose_secret().bytes().any(|byte| byte.is_ascii_punctuation()));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_does_not_exist_is_not_found() {
    let account = account();
    let missing = id("arn:aws:secretsmanager:us-east-1:123456789012:secret:a-000000");
    account.refused(put(&missing, 'a', "one"), "ResourceNotFoundException").await;
    account.refused(get(&missing, 'a'), "ResourceNotFoundException").await;
}
