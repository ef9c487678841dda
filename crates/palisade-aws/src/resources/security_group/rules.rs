//! What makes a [`SecurityGroup`] safe.

use palisade_core::{Control, Hold, Node, Risk, Rule, Stack, Violation};

use super::SecurityGroup;
use crate::resources::ReplicationGroup;

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
];

impl SecurityGroup {
    /// No cache of the stack uses the group.
    pub const UNUSED: Risk<Self> = Risk::new(&RULES[0]);
}

fn used(node: &Node, stack: &Stack) -> Option<Violation> {
    let group = stack.declared::<SecurityGroup>(node)?;
    group.referrers::<ReplicationGroup>().next().is_none().then(|| {
        Violation::new(
            "nothing in this stack uses the group",
            "name it in `.security_group_ids([&group])` of a cache, or remove it",
        )
    })
}
