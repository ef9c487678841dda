//! Flow logs.

use palisade_aws::{
    operations::{
        CreateFlowLogs, CreateRole, CreateTags, DeleteFlowLogs, DeleteVpc, DescribeFlowLogs, UpdateAssumeRolePolicy,
    },
    resources::Vpc,
    shapes::Select,
    types::{AggregationInterval, LogGroupArn, RoleArn, Tags, TrafficType},
};
use palisade_core::Id;

use crate::{
    account::{Account, account, id, owned, pass, seconds, tags, token},
    role::{create as create_role, policy},
};

/// An account with a VPC, and with a role `flow-logs` that everybody has heard of.
async fn prepared() -> (Account, Id<Vpc>) {
    let account = account();
    let vpc = account.vpc().await;
    account.call(create_role("flow-logs")).await;
    pass(seconds(8)).await;
    (account, vpc)
}

fn group(name: &str) -> LogGroupArn {
    LogGroupArn::reported(format!("arn:aws:logs:us-east-1:123456789012:log-group:{name}"))
}

fn create(vpc: &Id<Vpc>, token: &str) -> CreateFlowLogs {
    CreateFlowLogs {
        vpc_id: vpc.clone(),
        log_destination: group("/vpc/a"),
        role: RoleArn::reported("arn:aws:iam::123456789012:role/flow-logs"),
        traffic_type: TrafficType::All,
        max_aggregation_interval: AggregationInterval::TenMinutes,
        client_token: token.to_owned(),
        tags: Tags::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_token_makes_the_same_flow_log_and_no_other() {
    let (account, vpc) = prepared().await;
    let flow_log = account.call(create(&vpc, "a")).await.flow_log_id;
    assert_eq!(account.call(create(&vpc, "a")).await.flow_log_id, flow_log);
    account.call(CreateTags { resource_id: flow_log.to_string(), tags: tags([("a", "1")]) }).await;
    assert_eq!(account.call(create(&vpc, "a")).await.flow_log_id, flow_log);
    let other = CreateFlowLogs { traffic_type: TrafficType::Reject, ..create(&vpc, "a") };
    account.refused(other, "IdempotentParameterMismatch").await;
}

#[tokio::test(start_paused = true)]
async fn a_vpc_has_one_flow_log_to_a_log_group_and_two_in_all() {
    let (account, vpc) = prepared().await;
    account.call(create(&vpc, "a")).await;
    let other = CreateFlowLogs { traffic_type: TrafficType::Reject, ..create(&vpc, "b") };
    account.refused(other, "FlowLogAlreadyExists").await;
    account.call(CreateFlowLogs { log_destination: group("/vpc/b"), ..create(&vpc, "b") }).await;
    let third = CreateFlowLogs { log_destination: group("/vpc/c"), ..create(&vpc, "c") };
    account.refused(third, "FlowLogsLimitExceeded").await;
}

#[tokio::test(start_paused = true)]
async fn a_flow_log_is_of_a_vpc_and_goes_to_a_log_group_of_the_account() {
    let (account, vpc) = prepared().await;
    account.refused(create(&id("vpc-0"), "a"), "InvalidVpcID.NotFound").await;
    for other in [
        "arn:aws:logs:eu-west-1:123456789012:log-group:a",
        "arn:aws:logs:us-east-1:111122223333:log-group:a",
        "arn:aws:logs:us-east-1:123456789012:log-group:a:*",
    ] {
        let call = CreateFlowLogs { log_destination: LogGroupArn::reported(other), ..create(&vpc, "a") };
        account.refused(call, "InvalidParameter").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_is_of_use_only_once_ec2_has_heard_of_it() {
    let account = account();
    let vpc = account.vpc().await;
    account.refused(create(&vpc, "a"), "InvalidParameter").await;
    account.call(create_role("flow-logs")).await;
    let message = account.refused(create(&vpc, "a"), "InvalidParameter").await;
    assert!(message.contains("Unable to assume given IAM role"), "{message}");
    pass(seconds(8)).await;
    account.call(create(&vpc, "a")).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_does_not_trust_the_flow_logs_of_the_account_is_refused() {
    let (account, vpc) = prepared().await;
    let trust = |service: &str, account: &str, region: &str| {
        policy(
            &serde_json::json!({ "Statement": [{
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": { "Service": service },
                "Condition": {
                    "StringEquals": { "aws:SourceAccount": account },
                    "ArnLike": { "aws:SourceArn": format!("arn:aws:ec2:{region}:{account}:vpc-flow-log/*") },
                },
            }] })
            .to_string(),
        )
    };
    let (service, own) = ("vpc-flow-logs.amazonaws.com", "123456789012");
    for other in [
        trust("ec2.amazonaws.com", own, "us-east-1"),
        trust(service, "111122223333", "us-east-1"),
        trust(service, own, "eu-west-1"),
    ] {
        account.call(UpdateAssumeRolePolicy { role_name: id("flow-logs"), policy: other }).await;
        pass(seconds(8)).await;
        account.refused(create(&vpc, "a"), "InvalidParameter").await;
    }
    let right = CreateRole { assume_role_policy: trust(service, own, "us-east-1"), ..create_role("right") };
    account.call(right).await;
    pass(seconds(8)).await;
    let role = RoleArn::reported("arn:aws:iam::123456789012:role/right");
    account.call(CreateFlowLogs { role, ..create(&vpc, "a") }).await;
}

#[tokio::test(start_paused = true)]
async fn a_flow_log_is_found_by_its_token_and_goes_with_its_vpc() {
    let (account, vpc) = prepared().await;
    let flow_log = account.call(CreateFlowLogs { tags: owned("FlowLog.a"), ..create(&vpc, "a") }).await.flow_log_id;
    let select = || Select::Token(token("FlowLog.a").digest);
    let found = account.call(DescribeFlowLogs { select: select() }).await.flow_logs;
    assert_eq!((found.len(), &found[0].id, &found[0].vpc_id), (1, &flow_log, &vpc));
    assert_eq!((found[0].status.as_str(), found[0].traffic_type.as_str()), ("ACTIVE", "ALL"));
    account.call(DeleteVpc { vpc_id: vpc }).await;
    assert!(account.call(DescribeFlowLogs { select: select() }).await.flow_logs.is_empty());
    account.refused(DeleteFlowLogs { flow_log_id: flow_log.clone() }, "InvalidFlowLogId.NotFound").await;
    account
        .refused(CreateTags { resource_id: flow_log.to_string(), tags: tags([]) }, "InvalidFlowLogId.NotFound")
        .await;
}
