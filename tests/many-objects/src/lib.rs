//! A stack of many objects, by which calls are counted and time is measured: a VPC, subnets, security groups with a rule each,
//! and users.

use palisade::prelude::*;

/// How many subnets there are.
pub const SUBNETS: usize = 100;
/// How many security groups there are, each with a rule.
pub const SECURITY_GROUPS: usize = 200;
/// How many users there are.
pub const USERS: usize = 100;

/// Declares the stack.
///
/// # Panics
/// Never: every number makes a value that its type takes.
pub fn stack(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("the objects are counted, and carry no traffic"));
    for number in 0..SUBNETS {
        let block = Cidr::new(&format!("10.0.{number}.0/24")).expect("there are 256 of them in the VPC");
        stack.add(&format!("subnet-{number}"), Subnet::private(&vpc, block, az!("us-east-1a")));
    }
    for number in 0..SECURITY_GROUPS {
        let name = format!("group-{number}");
        let group = SecurityGroup::builder()
            .vpc_id(&vpc)
            .group_name(SecurityGroupName::new(name.as_str()).expect("letters and digits make a name"))
            .description(description!("One of many"));
        let group = stack.add(&name, group);
        stack.accept_risk(&group, SecurityGroup::UNUSED, reason!("the objects are counted, and protect nothing"));
        let rule = SecurityGroupRule::ingress(&group).peer(private_range!("10.0.0.0/16")).port(port!(6379));
        stack.add(&name, rule.description(description!("Redis over TLS from inside the VPC")));
    }
    for number in 0..USERS {
        let name = Name::new(format!("user-{number}")).expect("letters and digits make a name");
        let user = RedisUser::iam(name.clone()).engine(EngineKind::Redis);
        let user = stack.add(name.as_str(), user.access_string(AccessString::read_only()));
        stack.accept_risk(&user, RedisUser::IN_NO_GROUP, reason!("the objects are counted, and nobody logs in"));
    }
}
