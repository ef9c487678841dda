//! What makes a [`SecurityGroup`] safe.

use palisade_core::{Control, Declared, Hold, Node, Risk, Rule, Stack, Violation};

use super::SecurityGroup;
use crate::{
    resources::{ReplicationGroup, SecurityGroupRule},
    types::Direction,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "used",
        title: "something uses the group",
        why: "a group that nothing uses is opened by accident, and found by nobody",
        controls: &[Control::checkov("CKV2_AWS_5")],
        hold: Hold::Risk { check: used, path: "SecurityGroup::UNUSED" },
    },
    Rule {
        id: "described",
        title: "the group says what it is for",
        why: "nobody dares to remove a group that says nothing",
        controls: &[Control::checkov("CKV_AWS_23")],
        hold: Hold::Compile("`.description(..)` is required"),
    },
    Rule {
        id: "closed-at-first",
        title: "the group allows nothing by itself",
        why: "AWS gives every new group a rule that lets everything out",
        controls: &[Control::checkov("CKV_AWS_382")],
        hold: Hold::Compile("the rule is revoked when the group is made, before anything uses it"),
    },
    Rule {
        id: "within-the-quota",
        title: "there are no more rules than an account can have at first",
        why: "AWS refuses the rules beyond the quota when the first ones are made already",
        controls: &[],
        hold: Hold::Risk { check: within_the_quota, path: "SecurityGroup::RAISED_QUOTA" },
    },
];

impl SecurityGroup {
    /// No cache of the stack uses the group.
    pub const UNUSED: Risk<Self> = Risk::named(RULES, "used");

    /// The quota of rules is raised in the account.
    pub const RAISED_QUOTA: Risk<Self> = Risk::named(RULES, "within-the-quota");
}

/// How many rules of a direction an account can have at first: its
/// [quota](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
pub(in super::super) const QUOTA: usize = 60;

fn within_the_quota(node: &Node, stack: &Stack) -> Option<Violation> {
    let group = stack.declared::<SecurityGroup>(node)?;
    let rules = |way| {
        let rules =
            group.referrers::<SecurityGroupRule>().filter(|rule| rule.security_group_id().target() == Some(group));
        rules.filter(|rule| rule.direction().known() == Some(way)).count()
    };
    [Direction::Ingress, Direction::Egress].into_iter().find_map(|way| {
        let count = rules(way);
        (count > QUOTA).then(|| {
            Violation::new(
                format!("the group has {count} {way} rules, and an account can have {QUOTA} at first"),
                "name a security group instead of many addresses, or one range instead of many, or have the quota raised",
            )
        })
    })
}

/// What is the peer of a rule is the group of clients, which other programs start.
fn used(node: &Node, stack: &Stack) -> Option<Violation> {
    let group = stack.declared::<SecurityGroup>(node)?;
    let mut rules = group.referrers::<SecurityGroupRule>();
    let is_peer = |rule: Declared<'_, SecurityGroupRule>| {
        rule.referenced_security_group_id().target().is_some_and(|peer| peer.address() == group.address())
    };
    let is_used = group.referrers::<ReplicationGroup>().next().is_some() || rules.any(is_peer);
    (!is_used).then(|| {
        Violation::new(
            "nothing in this stack uses the group",
            "name it in `.security_group_ids([&group])` of a cache, or as the `.peer(&group)` of a rule, or remove it",
        )
    })
}
