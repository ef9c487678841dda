//! Flow logs, of which ministack tells neither the role nor the interval: its answers are altered on their way. It makes a flow
//! log whatever the role is, so AWS's refusals are put in place of its answers too.

use std::{collections::BTreeMap, time::Duration};

use palisade::prelude::*;
use palisade_core::provider::ErrorKind;
use palisade_live::Live;
use palisade_testing::Rehearsal;

use crate::{
    account::{Account, ministack},
    life::rehearsal_at,
    proxy::{Call, Fault, Proxy, first},
};

const LOG_GROUP: LogGroupArn = log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/flow-logs");
const ROLE: RoleArn = role_arn!("arn:aws:iam::123456789012:role/vpc-flow-logs");

/// A flow log with nothing else that could fail, by a role that exists.
fn stack(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.add("main", FlowLog::builder().vpc_id(&vpc).log_group(LOG_GROUP).role(ROLE).tags(tags! { "a" = "1" }));
}

fn rehearsal(proxy: &Proxy) -> Rehearsal<Live> {
    rehearsal_at(proxy.address, &Account::unused(), Duration::from_secs(30))
}

/// What ministack leaves out. It names a log group as it was told; AWS may append what stands for its streams.
fn whole(answer: &str) -> String {
    let role = format!("<deliverLogsPermissionArn>{ROLE}</deliverLogsPermissionArn>");
    let more = format!("{role}<maxAggregationInterval>600</maxAggregationInterval></item>");
    answer
        .replace("</logDestination>", ":*</logDestination>")
        .replace("</tagSet>\n        </item>", &format!("</tagSet>{more}"))
}

fn of(action: &str, fault: Fault) -> impl Fn(&Call) -> Option<Fault> {
    move |call| (call.action == action).then_some(fault)
}

/// The parameters of the one call to `action`.
fn sent(proxy: &Proxy, action: &str) -> BTreeMap<String, String> {
    let calls: Vec<_> = proxy.calls().into_iter().filter(|call| call.action == action).collect();
    let [call] = calls.as_slice() else { panic!("one call was expected: {calls:?}") };
    let pairs = call.body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.replace("%3A", ":").replace("%2F", "/"))).collect()
}

#[test]
fn a_flow_log_is_asked_for_as_it_is_declared_and_read_as_aws_tells_it() {
    let proxy = Proxy::start(ministack(), of("DescribeFlowLogs", Fault::Altered(whole)));
    let mut rehearsal = rehearsal(&proxy);
    rehearsal.apply(stack);

    let sent = sent(&proxy, "CreateFlowLogs");
    for (parameter, value) in [
        ("DeliverLogsPermissionArn", ROLE.as_str()),
        ("LogDestination", LOG_GROUP.as_str()),
        ("LogDestinationType", "cloud-watch-logs"),
        ("MaxAggregationInterval", "600"),
        ("ResourceType", "VPC"),
        ("TagSpecification.1.ResourceType", "vpc-flow-log"),
        ("TrafficType", "ALL"),
    ] {
        assert_eq!(sent.get(parameter).map(String::as_str), Some(value), "{parameter}");
    }
    assert!(sent["ResourceId.1"].starts_with("vpc-"));
    assert_eq!(sent["ClientToken"].len(), 64);

    let state = rehearsal.state();
    let flow_log = palisade_core::Address::new("FlowLog", "main");
    let id = state.resources[&flow_log].current.as_ref().unwrap().id.clone().unwrap();
    let seen = rehearsal.read("FlowLog", std::slice::from_ref(&id)).pop().unwrap().unwrap();
    assert_eq!(seen.fields["log_group"], LOG_GROUP.as_str());
    assert_eq!(seen.fields["role"], ROLE.as_str());
    assert_eq!(seen.fields["max_aggregation_interval"], 600);
    assert_eq!(seen.fields["traffic_type"], "ALL");
    assert_eq!(seen.attributes["arn"], format!("arn:aws:ec2:us-east-1:123456789012:vpc-flow-log/{id}"));

    let plan = rehearsal.plan(stack);
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");
    rehearsal.destroy();
}

#[test]
fn a_flow_log_waits_until_ec2_has_heard_of_its_role() {
    let refused = Fault::Refused("InvalidParameter", "Unable to assume given IAM role");
    let proxy = Proxy::start(ministack(), first(1, "CreateFlowLogs", refused));
    rehearsal(&proxy).apply(stack);
    assert_eq!(proxy.calls().iter().filter(|call| call.action == "CreateFlowLogs").count(), 2);
}

/// The answer of AWS that accepts the call, and does not do what it was asked for.
fn unsuccessful(answer: &str) -> String {
    let error = "<error><code>FlowLogsLimitExceeded</code><message>no more</message></error>";
    let item = format!("<unsuccessful><item>{error}<resourceId>it</resourceId></item></unsuccessful>");
    answer.replace("<unsuccessful/>", &item)
}

#[test]
fn what_an_answer_tells_as_unsuccessful_is_an_error() {
    let proxy = Proxy::start(ministack(), of("CreateFlowLogs", Fault::Altered(unsuccessful)));
    let report = rehearsal(&proxy).try_apply(&palisade_testing::graph(stack)).unwrap();
    let [failure] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    let error = &failure.error;
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Quota, "FlowLogsLimitExceeded"));
    assert_eq!((error.operation.as_str(), error.message.as_str()), ("CreateFlowLogs", "no more"));
}

#[test]
fn an_interrupted_creation_leaves_one_flow_log() {
    let account = Account::unused();
    let proxy = Proxy::start(ministack(), first(1, "CreateFlowLogs", Fault::FailsAfter));
    let mut rehearsal = rehearsal_at(proxy.address, &account, Duration::from_secs(30));
    let interrupted = rehearsal.try_apply(&palisade_testing::graph(stack)).unwrap();
    assert!(!interrupted.is_complete());
    rehearsal.apply(stack);
    assert_eq!(account.inventory()["FlowLog"], 1);
    rehearsal.destroy();
    assert_eq!(account.inventory()["FlowLog"], 0);
}
