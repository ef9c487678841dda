//! What makes a [`Vpc`] safe.

use palisade_core::{Control, Hold, Node, Risk, Rule, Stack, Violation};

use super::Vpc;
use crate::resources::FlowLog;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "flow-log",
        title: "a flow log records the traffic of the VPC",
        why: "without it, nobody can tell afterwards who reached the cache, or tried to",
        controls: &[Control::fsbp("EC2.6"), Control::cis("3.7"), Control::checkov("CKV2_AWS_11")],
        hold: Hold::Risk { check: flow_log, path: "Vpc::NO_FLOW_LOG" },
    },
    Rule {
        id: "own-network",
        title: "the VPC is not the default one of the account",
        why: "the default VPC has a route to the internet, and public addresses for whatever starts in it",
        controls: &[Control::checkov("CKV_AWS_148")],
        hold: Hold::Compile("there is no resource for it"),
    },
    Rule {
        id: "default-group-closed",
        title: "the security group that AWS makes with the VPC has no rule",
        why: "whatever starts without a group of its own gets this one, which lets its members reach each other and everything else",
        controls: &[Control::fsbp("EC2.2"), Control::cis("5.4"), Control::checkov("CKV2_AWS_12")],
        hold: Hold::Compile(
            "each VPC is created with the group closed, no method opens it, and nothing takes it as its group",
        ),
    },
    Rule {
        id: "private-addresses",
        title: "the addresses of the VPC are private ones",
        why: "public addresses are somebody's: whoever has them on the internet cannot be reached from the network any more",
        controls: &[],
        hold: Hold::Risk { check: private_addresses, path: "Vpc::PUBLIC_ADDRESSES" },
    },
];

impl Vpc {
    /// Nobody records who talks to whom in the VPC.
    pub const NO_FLOW_LOG: Risk<Self> = Risk::named(RULES, "flow-log");

    /// The network has public addresses, as those that the organisation owns.
    pub const PUBLIC_ADDRESSES: Risk<Self> = Risk::named(RULES, "private-addresses");
}

fn private_addresses(node: &Node, stack: &Stack) -> Option<Violation> {
    let block = stack.declared::<Vpc>(node)?.cidr_block().known()?;
    (!block.is_private()).then(|| {
        Violation::new(
            format!("the addresses {block} are public ones"),
            "choose a block within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10",
        )
    })
}

fn flow_log(node: &Node, stack: &Stack) -> Option<Violation> {
    let vpc = stack.declared::<Vpc>(node)?;
    vpc.referrers::<FlowLog>().next().is_none().then(|| {
        Violation::new(
            "no flow log records the traffic of this network",
            "add a `FlowLog::builder().vpc_id(&vpc)`, with a `LogGroup` and a `FlowLogRole`",
        )
    })
}
