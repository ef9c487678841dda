//! What makes a [`SecurityGroupRule`] safe.

use palisade_core::{Control, Hold, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "closed-to-the-world",
        title: "the rule names a security group or private addresses",
        why: "whatever is open to 0.0.0.0/0 or ::/0, or to halves of it, is found within minutes",
        controls: &[
            Control::fsbp("EC2.13"),
            Control::fsbp("EC2.14"),
            Control::fsbp("EC2.18"),
            Control::fsbp("EC2.19"),
            Control::fsbp("EC2.53"),
            Control::fsbp("EC2.54"),
            Control::cis("5.2"),
            Control::cis("5.3"),
            Control::checkov("CKV_AWS_24"),
            Control::checkov("CKV_AWS_25"),
            Control::checkov("CKV_AWS_260"),
        ],
        hold: Hold::Compile("`.peer(..)` takes a security group or a `private_range!`, and there is no other peer"),
    },
    Rule {
        id: "one-protocol",
        title: "the rule allows TCP or UDP on named ports",
        why: "a rule for all protocols opens what nobody thought of",
        controls: &[Control::checkov("CKV_AWS_277"), Control::checkov("CKV_AWS_382")],
        hold: Hold::Compile("a rule has ports, and no protocol stands for all"),
    },
    Rule {
        id: "described-rule",
        title: "the rule says what it is for",
        why: "nobody dares to remove a rule that says nothing",
        controls: &[Control::checkov("CKV_AWS_23")],
        hold: Hold::Compile("`.description(..)` is required"),
    },
];
