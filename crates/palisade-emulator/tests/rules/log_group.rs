//! CloudWatch Logs.

use palisade_aws::{
    operations::{
        AssociateKmsKey, CreateKey, CreateLogGroup, DeleteLogGroup, DescribeLogGroups, DisassociateKmsKey,
        ListLogGroupTags, PutKeyPolicy, PutRetentionPolicy, ScheduleKeyDeletion, TagLogGroup, UntagLogGroup,
    },
    resources::{KmsKey, LogGroup},
    types::{Arn, DeletionWindow, KmsKeyArn, LogGroupClass, LogGroupName, LogRetention, Tags},
};
use palisade_core::Id;
use serde_json::json;

use crate::account::{Account, account, id, tags};

fn create(name: &str, key: Option<&Id<KmsKey>>) -> CreateLogGroup {
    CreateLogGroup {
        name: LogGroupName::reported(name),
        kms_key_id: key.map(|key| KmsKeyArn::reported(key.as_str())),
        class: LogGroupClass::Standard,
        tags: tags([("a", "b")]),
    }
}

fn name() -> Id<LogGroup> {
    id("/redis")
}

fn associate(key: &Id<KmsKey>) -> AssociateKmsKey {
    AssociateKmsKey { name: name(), kms_key_id: KmsKeyArn::reported(key.as_str()) }
}

fn arn() -> Arn {
    Arn::reported("arn:aws:logs:us-east-1:123456789012:log-group:/redis")
}

/// A key whose policy lets CloudWatch Logs use it for `log_group`.
async fn key(account: &Account, log_group: &str) -> Id<KmsKey> {
    let key = account.call(CreateKey { description: None, tags: Tags::default() }).await.arn;
    let policy = json!({ "Statement": [
        {
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Effect": "Allow", "Principal": { "Service": "logs.us-east-1.amazonaws.com" }, "Action": "kms:Encrypt*",
            "Resource": "*",
            "Condition": { "ArnEquals": {
                "kms:EncryptionContext:aws:logs:arn":
                    format!("arn:aws:logs:us-east-1:123456789012:log-group:{log_group}"),
            } },
        },
    ] });
    account.call(PutKeyPolicy { key_id: key.clone(), policy: policy.to_string() }).await;
    key
}

#[tokio::test(start_paused = true)]
async fn a_log_group_keeps_its_entries_for_ever_unless_it_is_told() {
    let account = account();
    account.call(create("/redis", None)).await;
    let group = account.call(DescribeLogGroups { name: name() }).await.group.unwrap();
    assert_eq!((group.arn, group.retention, group.kms_key_id), (arn(), None, None));
    let retention = |days| PutRetentionPolicy { name: name(), retention: LogRetention::reported(days) };
    account.call(retention(365)).await;
    account.refused(retention(366), "InvalidParameterException").await;
    let group = account.call(DescribeLogGroups { name: name() }).await.group.unwrap();
    assert_eq!(group.retention, Some(LogRetention::YEARS_1));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_once_and_well_formed() {
    let account = account();
    account.call(create("/redis", None)).await;
    account.refused(create("/redis", None), "ResourceAlreadyExistsException").await;
    for bad in ["a b", "aws/a", &"a".repeat(513)] {
        account.refused(create(bad, None), "InvalidParameterException").await;
    }
    account.call(DeleteLogGroup { name: name() }).await;
    account.call(create("/redis", None)).await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_not_found() {
    let account = account();
    assert!(account.call(DescribeLogGroups { name: name() }).await.group.is_none());
    let code = "ResourceNotFoundException";
    account.refused(PutRetentionPolicy { name: name(), retention: LogRetention::YEARS_1 }, code).await;
    account.refused(DisassociateKmsKey { name: name() }, code).await;
    account.refused(ListLogGroupTags { arn: arn() }, code).await;
    account.refused(DeleteLogGroup { name: name() }, code).await;
}

#[tokio::test(start_paused = true)]
async fn tags_are_changed_by_the_arn_without_the_streams() {
    let account = account();
    account.call(create("/redis", None)).await;
    account.call(TagLogGroup { arn: arn(), tags: tags([("c", "d")]) }).await;
    account.call(UntagLogGroup { arn: arn(), keys: vec!["a".to_owned()] }).await;
    assert_eq!(account.call(ListLogGroupTags { arn: arn() }).await.tags, tags([("c", "d")]));
    let streams = Arn::reported(format!("{}:*", arn()));
    account.refused(ListLogGroupTags { arn: streams }, "InvalidParameterException").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_must_let_cloudwatch_logs_use_it_for_this_very_group() {
    let account = account();
    let other = key(&account, "/other").await;
    let code = "InvalidParameterException";
    account.refused(create("/redis", Some(&other)), code).await;
    account.refused(create("/redis", Some(&id("arn:aws:kms:us-east-1:123456789012:key/1"))), code).await;
    let good = key(&account, "/redis").await;
    account.call(create("/redis", Some(&good))).await;
    account.refused(associate(&other), code).await;
    account.call(DisassociateKmsKey { name: name() }).await;
    assert_eq!(account.call(DescribeLogGroups { name: name() }).await.group.unwrap().kms_key_id, None);
    account.call(associate(&good)).await;
    account.call(ScheduleKeyDeletion { key_id: good.clone(), window: DeletionWindow::reported(7) }).await;
    account.refused(associate(&good), code).await;
}
