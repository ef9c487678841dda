//! What makes a [`FlowLog`](super::FlowLog) safe.

use palisade_core::{Control, Hold, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "rejected-traffic",
    title: "rejected traffic is recorded",
    why: "attempts to get in are what is looked for afterwards",
    controls: &[Control::fsbp("EC2.6")],
    hold: Hold::Compile("`TrafficType` is all or what was rejected, never what was accepted alone"),
}];
