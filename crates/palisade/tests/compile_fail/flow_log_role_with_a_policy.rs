//! The role of flow logs writes to one log group, and does nothing else.
//!
//! Rules: FlowLogRole/least-privilege

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let log_group = log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs");
    let role = FlowLogRole::builder().name(role_name!("flow-logs")).log_group(log_group);
    stack.add("flow-logs", role.policy(r#"{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}"#));
}
