//! Flow logs and their role, where AWS is late, or somebody else is at work.

use std::{sync::Arc, time::Duration};

use palisade::prelude::*;
use palisade_aws::{
    Aws, Lifecycle,
    operations::{DeleteRolePolicy, PutRolePolicy, UpdateAssumeRolePolicy},
};
use palisade_core::{Address, provider::ErrorKind};
use palisade_testing::Rehearsal;

use crate::{current, run_later, unheard::Nothing};

const LOG_GROUP: LogGroupArn = log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/flow-logs");

fn role(stack: &mut Stack) -> Handle<FlowLogRole> {
    stack.add("flow-logs", FlowLogRole::builder().name(name!("vpc-flow-logs")).log_group(LOG_GROUP))
}

fn stack(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let role = role(stack);
    stack.add("main", FlowLog::builder().vpc_id(&vpc).log_group(LOG_GROUP).role(&role));
}

fn id() -> Id<FlowLogRole> {
    id!(FlowLogRole, "vpc-flow-logs")
}

fn policy_name() -> String {
    "write-flow-logs".to_owned()
}

/// A policy that allows everything to everybody.
fn anything() -> PolicyDocument {
    PolicyDocument::reported(
        r#"{ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": ["*"], "Principal": "*" }
        ] }"#,
    )
}

/// The fields of the role that the plan changes.
fn changed(rehearsal: &Rehearsal) -> Vec<String> {
    let plan = rehearsal.plan(stack);
    let step = plan.step(&Address::new("FlowLogRole", "flow-logs")).unwrap();
    step.changes.iter().map(|change| change.field.clone()).collect()
}

/// The stack, applied to an account that tells at once what somebody else changes.
fn applied() -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(stack);
    rehearsal.emulator().lag(Duration::ZERO);
    rehearsal
}

#[track_caller]
fn is_put_right(rehearsal: &mut Rehearsal, field: &str) {
    assert_eq!(changed(rehearsal), [field]);
    let report = rehearsal.apply(stack);
    assert_eq!((report.added, report.changed, report.destroyed), (0, 1, 0));
    assert!(changed(rehearsal).is_empty());
}

#[test]
fn a_role_that_somebody_else_changes_is_put_right() {
    let mut rehearsal = applied();

    rehearsal.by_hand(UpdateAssumeRolePolicy { role_name: id(), policy: anything() }).unwrap();
    is_put_right(&mut rehearsal, "trust");

    let put = PutRolePolicy { role_name: id(), policy_name: policy_name(), policy: anything() };
    rehearsal.by_hand(put).unwrap();
    is_put_right(&mut rehearsal, "log_group");

    rehearsal.by_hand(DeleteRolePolicy { role_name: id(), policy_name: policy_name() }).unwrap();
    is_put_right(&mut rehearsal, "log_group");

    rehearsal.destroy();
    assert!(rehearsal.emulator().inventory().is_empty());
}

#[test]
fn what_somebody_made_of_a_policy_is_told() {
    let rehearsal = applied();
    let put = PutRolePolicy { role_name: id(), policy_name: policy_name(), policy: anything() };
    rehearsal.by_hand(put).unwrap();
    let text = palisade_cli::plan_text(&rehearsal.plan(stack));
    assert!(text.contains(r#"\"Action\":\"*\""#), "{text}");
}

#[test]
fn a_flow_log_waits_until_its_role_is_known() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(stack);
    let calls = rehearsal.emulator().calls();
    let times = calls.iter().filter(|call| **call == "CreateFlowLogs").count();
    assert!(times > 1, "the account refuses a new role at first: {calls:?}");
    assert_eq!(rehearsal.emulator().inventory().iter().filter(|item| item.kind == "FlowLog").count(), 1);
}

#[test]
fn a_role_that_flow_logs_cannot_take_on_is_an_error_in_the_end() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let stranger = |stack: &mut Stack| {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let role = role_arn!("arn:aws:iam::123456789012:role/none");
        stack.add("main", FlowLog::builder().vpc_id(&vpc).log_group(LOG_GROUP).role(role));
    };
    let report = rehearsal.try_apply(&palisade_testing::graph(stranger)).unwrap();
    let [failure] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    assert_eq!((failure.error.kind, failure.error.code.as_str()), (ErrorKind::Transitional, "InvalidParameter"));
    assert_eq!(failure.error.help, "let the role trust `vpc-flow-logs.amazonaws.com`, as a `FlowLogRole` does");
}

#[test]
fn a_role_with_a_policy_of_somebody_elses_stays_and_says_why() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let only_the_role = |stack: &mut Stack| {
        role(stack);
    };
    rehearsal.apply(only_the_role);
    let put = PutRolePolicy { role_name: id(), policy_name: "theirs".to_owned(), policy: anything() };
    rehearsal.by_hand(put).unwrap();
    let report = rehearsal.try_apply(&palisade_testing::graph(|_| {})).unwrap();
    let [failure] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    assert_eq!(failure.error.code, "DeleteConflict");
    assert!(failure.error.help.contains("another policy"), "{}", failure.error.help);

    rehearsal.by_hand(DeleteRolePolicy { role_name: id(), policy_name: "theirs".to_owned() }).unwrap();
    rehearsal.apply(|_| {});
    assert!(rehearsal.emulator().inventory().is_empty());
}

#[test]
fn a_change_that_takes_aws_a_while_to_show_is_made_once() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.emulator().lag(Duration::from_secs(20));
    rehearsal.apply(stack);
    let calls = rehearsal.emulator().calls();
    assert_eq!(calls.iter().filter(|call| **call == "PutRolePolicy").count(), 1);
    assert!(changed(&rehearsal).is_empty());
}

#[test]
fn a_change_that_aws_does_not_show_is_not_taken_for_done() {
    for is_trust in [true, false] {
        let rehearsal = applied();
        rehearsal.emulator().lag(Duration::from_secs(200));
        let (role, id): (FlowLogRole, _) = current(&rehearsal, "flow-logs");
        let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
        let answer = run_later(async {
            if is_trust {
                aws.call(UpdateAssumeRolePolicy { role_name: id.clone(), policy: anything() }).await.unwrap();
            } else {
                let put = PutRolePolicy { role_name: id.clone(), policy_name: policy_name(), policy: anything() };
                aws.call(put).await.unwrap();
            }
            tokio::time::sleep(Duration::from_secs(300)).await;
            role.converge(&aws, &id, Some(&role)).await
        });
        let error = answer.unwrap_err();
        assert!(error.kind == ErrorKind::TimedOut && error.message.contains("does not show it"), "{error}");
    }
}
