//! The security group that AWS makes with each VPC is closed, and stays so.

use std::time::Duration;

use palisade::prelude::*;
use palisade_aws::{
    operations::{AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, DescribeSecurityGroupRules},
    shapes::{RuleSpecification, SelectRules},
};
use palisade_core::Address;
use palisade_testing::Rehearsal;

fn stack(stack: &mut Stack) {
    stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
}

fn group(rehearsal: &Rehearsal) -> Id<SecurityGroup> {
    let state = rehearsal.state();
    let known = palisade_engine::existing(&palisade_testing::graph(stack), &state);
    let vpc = &known[&Address::new("Vpc", "main")];
    Id::reported(vpc["default_security_group_id"].as_str().unwrap()).unwrap()
}

fn rules(rehearsal: &Rehearsal) -> usize {
    let select = SelectRules::OfGroups(vec![group(rehearsal)]);
    rehearsal.by_hand(DescribeSecurityGroupRules { select }).unwrap().rules.len()
}

fn ssh_from_anywhere() -> RuleSpecification {
    RuleSpecification {
        ip_protocol: "tcp".to_owned(),
        from_port: Some(22),
        to_port: Some(22),
        cidr_ipv4: PrivateRange::reported("0.0.0.0/0"),
        referenced_group_id: None,
        description: None,
    }
}

#[test]
fn it_is_closed_at_the_creation_and_closed_again_once_somebody_opens_it() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(stack);
    rehearsal.emulator().lag(Duration::ZERO);
    assert_eq!(rules(&rehearsal), 0);
    let plan = rehearsal.plan(stack);
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");

    let group_id = group(&rehearsal);
    let (rule, tags) = (ssh_from_anywhere(), Tags::default());
    let request = AuthorizeSecurityGroupIngress { group_id: group_id.clone(), rule: rule.clone(), tags: tags.clone() };
    let ingress = rehearsal.by_hand(request).unwrap().rule_id;
    let egress = rehearsal.by_hand(AuthorizeSecurityGroupEgress { group_id, rule, tags }).unwrap().rule_id;
    let plan = rehearsal.plan(stack);
    let step = plan.step(&Address::new("Vpc", "main")).unwrap();
    let [change] = step.changes.as_slice() else { panic!("{:?}", step.changes) };
    assert_eq!(change.field, "default_security_group_rules");
    let mut open = vec![format!("{ingress}: ingress tcp 22, 0.0.0.0/0"), format!("{egress}: egress tcp 22, 0.0.0.0/0")];
    open.sort();
    assert_eq!(change.before, Some(open.into()), "the plan shows what is open");

    let report = rehearsal.apply(stack);
    assert_eq!((report.added, report.changed, report.destroyed), (0, 1, 0));
    assert_eq!(rules(&rehearsal), 0);
    assert!(!rehearsal.plan(stack).has_changes());
    rehearsal.destroy();
    assert!(rehearsal.emulator().inventory().is_empty());
}

#[test]
fn a_rule_in_the_default_group_of_one_network_changes_no_other() {
    let networks = |stack: &mut Stack| {
        self::stack(stack);
        stack.add("other", Vpc::builder().cidr_block(cidr!("10.1.0.0/16")));
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(networks);
    rehearsal.emulator().lag(Duration::ZERO);
    let (group_id, rule, tags) = (group(&rehearsal), ssh_from_anywhere(), Tags::default());
    rehearsal.by_hand(AuthorizeSecurityGroupIngress { group_id, rule, tags }).unwrap();
    let plan = rehearsal.plan(networks);
    let changes = ["main", "other"].map(|name| plan.step(&Address::new("Vpc", name)).unwrap().changes.len());
    assert_eq!(changes, [1, 0], "{plan:?}");
}
