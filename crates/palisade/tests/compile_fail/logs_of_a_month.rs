//! Logs are kept for a year at least.
//!
//! Rules: LogGroup/retention

use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let logs = LogGroup::builder().name(log_group_name!("/vpc/flow-logs"));
    stack.add("flow-logs", logs.retention(LogRetention::DAYS_30));
}
