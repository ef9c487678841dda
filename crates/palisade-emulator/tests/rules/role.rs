//! Roles of IAM.

use palisade_aws::{
    operations::{
        CreateRole, DeleteRole, DeleteRolePolicy, GetRole, GetRolePolicy, PutRolePolicy, TagRole, UntagRole,
        UpdateAssumeRolePolicy,
    },
    resources::FlowLogRole,
    types::{PolicyDocument, RoleName, Tags},
};
use palisade_core::Id;
use palisade_emulator::Emulator;

use crate::account::{Account, account, id, owned, pass, seconds, tags};

/// A policy by which `who` may be trusted, or what may be done.
pub(crate) fn policy(text: &str) -> PolicyDocument {
    PolicyDocument::reported(text)
}

const TRUST: &str = r#"{ "Statement": [ {
    "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "vpc-flow-logs.amazonaws.com" }
} ] }"#;
const WRITE: &str = r#"{ "Statement": [ { "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "a" } ] }"#;

pub(crate) fn create(name: &str) -> CreateRole {
    CreateRole { role_name: RoleName::reported(name), assume_role_policy: policy(TRUST), tags: Tags::default() }
}

fn get(role: &Id<FlowLogRole>) -> GetRole {
    GetRole { role_name: role.clone() }
}

fn put(role: &Id<FlowLogRole>, text: &str) -> PutRolePolicy {
    PutRolePolicy { role_name: role.clone(), policy_name: "write".to_owned(), policy: policy(text) }
}

fn get_policy(role: &Id<FlowLogRole>) -> GetRolePolicy {
    GetRolePolicy { role_name: role.clone(), policy_name: "write".to_owned() }
}

fn delete_policy(role: &Id<FlowLogRole>) -> DeleteRolePolicy {
    DeleteRolePolicy { role_name: role.clone(), policy_name: "write".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_name_has_one_role_however_it_is_written() {
    let account = account();
    account.call(create("flow-logs")).await;
    account.refused(create("Flow-Logs"), "EntityAlreadyExists").await;
    account.refused(create("flow logs"), "ValidationError").await;
    account.refused(create(&"a".repeat(65)), "ValidationError").await;
    let role = account.call(get(&id("flow-logs"))).await.role;
    assert_eq!(role.arn.as_str(), "arn:aws:iam::123456789012:role/flow-logs");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_does_not_exist_is_not_found() {
    let account = account();
    let role = id("none");
    account.refused(get(&role), "NoSuchEntity").await;
    account.refused(put(&role, WRITE), "NoSuchEntity").await;
    account.refused(get_policy(&role), "NoSuchEntity").await;
    account.refused(delete_policy(&role), "NoSuchEntity").await;
    account.refused(DeleteRole { role_name: role.clone() }, "NoSuchEntity").await;
    account.refused(TagRole { role_name: role.clone(), tags: Tags::default() }, "NoSuchEntity").await;
    account.refused(UpdateAssumeRolePolicy { role_name: role, policy: policy(TRUST) }, "NoSuchEntity").await;
}

#[tokio::test(start_paused = true)]
async fn a_role_with_policies_cannot_be_deleted() {
    let account = account();
    let role = id("flow-logs");
    account.call(create("flow-logs")).await;
    account.call(put(&role, WRITE)).await;
    account.refused(DeleteRole { role_name: role.clone() }, "DeleteConflict").await;
    account.call(delete_policy(&role)).await;
    account.refused(delete_policy(&role), "NoSuchEntity").await;
    account.call(DeleteRole { role_name: role.clone() }).await;
    account.refused(get(&role), "NoSuchEntity").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_policy_is_refused() {
    let account = account();
    let role = id("flow-logs");
    account.call(create("flow-logs")).await;
    for text in ["", "{", "{}", r#"{ "Statement": [] }"#, r#"{ "Statement": [ { "Effect": "Allow" } ] }"#] {
        account.refused(put(&role, text), "MalformedPolicyDocument").await;
        account
            .refused(CreateRole { assume_role_policy: policy(text), ..create("b") }, "MalformedPolicyDocument")
            .await;
        let update = UpdateAssumeRolePolicy { role_name: role.clone(), policy: policy(text) };
        account.refused(update, "MalformedPolicyDocument").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_policies_of_a_role_have_a_greatest_size() {
    let account = account();
    account.call(create("flow-logs")).await;
    let long = WRITE.replace("\"a\"", &format!("\"{}\"", "a".repeat(10_240)));
    account.refused(put(&id("flow-logs"), &long), "LimitExceeded").await;
}

#[tokio::test(start_paused = true)]
async fn an_account_has_a_thousand_roles() {
    let account = account();
    for number in 0..1_000 {
        account.call(create(&format!("role-{number}"))).await;
    }
    account.refused(create("another"), "LimitExceeded").await;
}

#[tokio::test(start_paused = true)]
async fn a_role_takes_tags() {
    let account = account();
    let role = id("flow-logs");
    account.call(CreateRole { tags: owned("FlowLogRole.a"), ..create("flow-logs") }).await;
    account.call(TagRole { role_name: role.clone(), tags: tags([("a", "1"), ("b", "2")]) }).await;
    account.call(UntagRole { role_name: role.clone(), keys: vec!["a".to_owned(), "c".to_owned()] }).await;
    assert_eq!(account.call(get(&role)).await.role.tags.declared(), tags([("b", "2")]));
    account.refused(TagRole { role_name: role, tags: tags([("aws:a", "1")]) }, "ValidationError").await;
}

#[tokio::test(start_paused = true)]
async fn a_role_and_its_policies_show_after_a_moment() {
    let account = Account::of(Emulator::in_memory("us-east-1"));
    let role = id("flow-logs");
    account.call(create("flow-logs")).await;
    account.refused(get(&role), "NoSuchEntity").await;
    pass(seconds(1)).await;
    account.call(put(&role, WRITE)).await;
    account.refused(get_policy(&role), "NoSuchEntity").await;
    pass(seconds(1)).await;
    let other = WRITE.replace("\"a\"", "\"b\"");
    account.call(put(&role, &other)).await;
    assert_eq!(account.call(get_policy(&role)).await.policy, policy(WRITE));
    let trust = TRUST.replace("vpc-flow-logs", "ec2");
    account.call(UpdateAssumeRolePolicy { role_name: role.clone(), policy: policy(&trust) }).await;
    assert_eq!(account.call(get(&role)).await.role.assume_role_policy, policy(TRUST));
    pass(seconds(1)).await;
    assert_eq!(account.call(get_policy(&role)).await.policy, policy(&other));
    assert_eq!(account.call(get(&role)).await.role.assume_role_policy, policy(&trust));
}
