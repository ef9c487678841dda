//! KMS.

use palisade_aws::{
    operations::{
        CreateAlias, CreateKey, CreateSecret, DeleteAlias, DescribeKey, EnableKeyRotation, GetKeyPolicy,
        GetKeyRotationStatus, GetSecretValue, ListAliases, ListKeys, ListResourceTags, PutKeyPolicy, PutSecretValue,
        ScheduleKeyDeletion, TagKey, UntagKey, UpdateKeyDescription, UpdateSecret,
    },
    resources::KmsKey,
    types::{DeletionWindow, KmsAlias, KmsKeyArn, RotationPeriod, SecretName, Tags},
};
use palisade_core::Id;
use serde_json::{Value as Json, json};

use crate::account::{Account, account, id, minutes, pass, tags};

const ROOT: &str = "arn:aws:iam::123456789012:root";

fn create() -> CreateKey {
    CreateKey { description: Some("a key".to_owned()), tags: tags([("a", "b")]) }
}

fn alias(key: &Id<KmsKey>, alias: &str) -> CreateAlias {
    CreateAlias { key_id: key.clone(), alias: KmsAlias::reported(alias) }
}

fn put(key: &Id<KmsKey>, statements: Json) -> PutKeyPolicy {
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    PutKeyPolicy { key_id: key.clone(), policy }
}

fn delete(key: &Id<KmsKey>, days: u8) -> ScheduleKeyDeletion {
    ScheduleKeyDeletion { key_id: key.clone(), window: DeletionWindow::reported(days) }
}

fn administration() -> Json {
    json!({ "Effect": "Allow", "Principal": { "AWS": ROOT }, "Action": ["kms:Put*", "kms:Get*"], "Resource": "*" })
}

fn through(service: &str) -> Json {
    json!({
        "Effect": "Allow", "Principal": { "AWS": ROOT }, "Action": "kms:Decrypt", "Resource": "*",
        "Condition": { "StringEquals": { "kms:ViaService": format!("{service}.us-east-1.amazonaws.com") } },
    })
}

async fn key() -> (Account, Id<KmsKey>) {
    let account = account();
    let key = account.call(create()).await.arn;
    (account, key)
}

#[tokio::test(start_paused = true)]
async fn a_key_begins_enabled_for_the_account_alone_and_is_not_rotated() {
    let (account, key) = key().await;
    assert!(key.as_str().starts_with("arn:aws:kms:us-east-1:123456789012:key/"), "{key}");
    let described = account.call(DescribeKey { key_id: key.to_string() }).await.key;
    assert_eq!((described.state.as_str(), described.description.as_str()), ("Enabled", "a key"));
    assert_eq!(account.call(GetKeyRotationStatus { key_id: key.clone() }).await.period, None);
    let policy = account.call(GetKeyPolicy { key_id: key.clone() }).await.policy;
    assert!(policy.contains(ROOT) && policy.contains("kms:*"), "{policy}");
    assert_eq!(account.call(ListKeys {}).await.keys, std::slice::from_ref(&key));
    assert_eq!(account.call(ListResourceTags { key_id: key }).await.tags, tags([("a", "b")]));
}

#[tokio::test(start_paused = true)]
async fn two_creations_make_two_keys() {
    let (account, key) = key().await;
    assert_ne!(account.call(create()).await.arn, key);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_not_found() {
    let account = account();
    let key: Id<KmsKey> = id("arn:aws:kms:us-east-1:123456789012:key/1");
    let code = "NotFoundException";
    account.refused(DescribeKey { key_id: key.to_string() }, code).await;
    account.refused(DescribeKey { key_id: "alias/redis".to_owned() }, code).await;
    account.refused(GetKeyPolicy { key_id: key.clone() }, code).await;
    account.refused(GetKeyRotationStatus { key_id: key.clone() }, code).await;
    account.refused(ListAliases { key_id: key.clone() }, code).await;
    account.refused(ListResourceTags { key_id: key.clone() }, code).await;
    account.refused(alias(&key, "alias/redis"), code).await;
    account.refused(DeleteAlias { alias: KmsAlias::reported("alias/redis") }, code).await;
    account.refused(delete(&key, 7), code).await;
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_of_one_key_and_leads_to_it() {
    let (account, key) = key().await;
    account.call(alias(&key, "alias/redis")).await;
    account.refused(alias(&key, "alias/redis"), "AlreadyExistsException").await;
    let other = account.call(create()).await.arn;
    account.refused(alias(&other, "alias/redis"), "AlreadyExistsException").await;
    assert_eq!(account.call(DescribeKey { key_id: "alias/redis".to_owned() }).await.key.arn, key);
    assert_eq!(account.call(ListAliases { key_id: key.clone() }).await.aliases, [KmsAlias::reported("alias/redis")]);
    account.call(DeleteAlias { alias: KmsAlias::reported("alias/redis") }).await;
    account.call(alias(&other, "alias/redis")).await;
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_well_formed_and_not_awss_own() {
    let (account, key) = key().await;
    for bad in ["redis", "alias/", "alias/a b"] {
        account.refused(alias(&key, bad), "InvalidAliasNameException").await;
    }
    account.refused(alias(&key, "alias/aws/redis"), "NotAuthorizedException").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_is_changed_in_place() {
    let (account, key) = key().await;
    let period = RotationPeriod::reported;
    account.call(EnableKeyRotation { key_id: key.clone(), period: period(90) }).await;
    assert_eq!(account.call(GetKeyRotationStatus { key_id: key.clone() }).await.period, Some(period(90)));
    account.refused(EnableKeyRotation { key_id: key.clone(), period: period(89) }, "ValidationException").await;
    account.call(UpdateKeyDescription { key_id: key.clone(), description: "other".to_owned() }).await;
    assert_eq!(account.call(DescribeKey { key_id: key.to_string() }).await.key.description, "other");
    account.call(TagKey { key_id: key.clone(), tags: tags([("c", "d")]) }).await;
    account.call(UntagKey { key_id: key.clone(), keys: vec!["a".to_owned()] }).await;
    assert_eq!(account.call(ListResourceTags { key_id: key.clone() }).await.tags, tags([("c", "d")]));
    account.refused(TagKey { key_id: key, tags: tags([("aws:a", "b")]) }, "TagException").await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_nobody_could_change_is_refused() {
    let (account, key) = key().await;
    let code = "MalformedPolicyDocumentException";
    account.refused(put(&key, json!([through("secretsmanager")])), code).await;
    account.refused(PutKeyPolicy { key_id: key.clone(), policy: "no JSON".to_owned() }, code).await;
    account.call(put(&key, json!([administration()]))).await;
    assert!(account.call(GetKeyPolicy { key_id: key.clone() }).await.policy.contains("kms:Put*"));
    account
        .call(put(&key, json!([{ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "*", "Resource": "*" }])))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_to_be_deleted_takes_no_changes_and_goes_with_its_alias() {
    let (account, key) = key().await;
    account.call(alias(&key, "alias/redis")).await;
    for days in [6, 31] {
        account.refused(delete(&key, days), "ValidationException").await;
    }
    account.call(delete(&key, 7)).await;
    assert_eq!(account.call(DescribeKey { key_id: key.to_string() }).await.key.state, "PendingDeletion");
    assert!(account.emulator.inventory().is_empty());
    let code = "KMSInvalidStateException";
    account.refused(delete(&key, 7), code).await;
    account.refused(put(&key, json!([administration()])), code).await;
    account.refused(alias(&key, "alias/other"), code).await;
    account.refused(EnableKeyRotation { key_id: key.clone(), period: RotationPeriod::reported(365) }, code).await;
    account.refused(UpdateKeyDescription { key_id: key.clone(), description: String::new() }, code).await;
    account.refused(TagKey { key_id: key.clone(), tags: Tags::default() }, code).await;
    account.refused(UntagKey { key_id: key.clone(), keys: Vec::new() }, code).await;
    let other = account.call(create()).await.arn;
    account.refused(alias(&other, "alias/redis"), "AlreadyExistsException").await;
    pass(minutes(7 * 24 * 60)).await;
    account.refused(DescribeKey { key_id: key.to_string() }, "NotFoundException").await;
    account.call(alias(&other, "alias/redis")).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_encrypted_with_a_key_that_lets_secrets_manager() {
    let (account, key) = key().await;
    let create = |name: &str, key: &str| CreateSecret {
        name: SecretName::reported(name),
        description: None,
        kms_key_id: Some(KmsKeyArn::reported(key)),
        client_request_token: "c".repeat(64),
        tags: Tags::default(),
    };
    let missing = "arn:aws:kms:us-east-1:123456789012:key/1";
    account.refused(create("a", missing), "InvalidParameterException").await;
    // Of the keys of others nothing is known here.
    account.call(create("b", "arn:aws:kms:us-east-1:111122223333:key/1")).await;

    account.call(put(&key, json!([administration(), through("elasticache")]))).await;
    account.refused(create("a", key.as_str()), "InvalidParameterException").await;
    account.call(put(&key, json!([administration(), through("secretsmanager")]))).await;
    let secret = account.call(create("a", key.as_str())).await.arn;
    let value = |letter: &str| PutSecretValue {
        secret_id: secret.clone(),
        client_request_token: letter.repeat(64),
        value: "a value".to_owned().into(),
    };
    account.call(value("a")).await;
    let other =
        UpdateSecret { secret_id: secret.clone(), description: None, kms_key_id: Some(KmsKeyArn::reported(missing)) };
    account.refused(other, "InvalidParameterException").await;

    account.call(delete(&key, 7)).await;
    account.refused(value("b"), "EncryptionFailure").await;
    account
        .refused(GetSecretValue { secret_id: secret.clone(), version_id: "a".repeat(64) }, "DecryptionFailure")
        .await;
}
