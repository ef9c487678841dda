//! What makes a [`FlowLogRole`](super::FlowLogRole) safe.

use palisade_core::{Control, Hold, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "least-privilege",
    title: "the role writes to one log group, and serves flow logs of this account only",
    why: "a role that may do more does it for whoever takes it on",
    controls: &[
        Control::fsbp("IAM.1"),
        Control::cis("1.16"),
        Control::checkov("CKV_AWS_289"),
        Control::checkov("CKV_AWS_290"),
        Control::checkov("CKV_AWS_355"),
    ],
    hold: Hold::Compile("trust and policy are written from the log group, and have no setter"),
}];
