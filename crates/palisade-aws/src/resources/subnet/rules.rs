//! What makes a [`Subnet`] safe.

use palisade_core::{Control, Hold, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "no-public-addresses",
        title: "nothing in the subnet gets a public address",
        why: "what has a public address can be reached from the internet as soon as a route and a rule allow it",
        controls: &[Control::fsbp("EC2.15"), Control::checkov("CKV_AWS_130")],
        hold: Hold::Compile("`Subnet` has no setter for it"),
    },
    Rule {
        id: "inside-the-network",
        title: "the addresses are inside those of the VPC, and apart from those of the other subnets",
        why: "AWS refuses the subnet when the network is made already",
        controls: &[],
        hold: Hold::Declare("`Subnet` is checked against its VPC and the other subnets"),
    },
];
