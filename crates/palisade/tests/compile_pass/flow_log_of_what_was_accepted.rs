use palisade::prelude::*;

fn main() {
    let mut stack = Stack::new("test");
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let log_group = log_group_arn!("arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs");
    let role = role_arn!("arn:aws:iam::111122223333:role/flow-logs");
    let log = FlowLog::builder().vpc_id(&vpc).log_group(log_group).role(role);
    stack.add("main", log.traffic_type(TrafficType::Reject));
}
