//! What makes a [`SecurityGroupRule`] safe.

use palisade_core::{Control, Hold, Json, Node, Resource, Risk, Rule, Stack, Violation};

use super::SecurityGroupRule;
use crate::{
    resources::ReplicationGroup,
    types::{Cidr, Direction, PrivateRange},
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "inside-the-network",
        title: "addresses that are let in are inside the VPC",
        why: "a range that is wider than the network lets in whatever is ever connected to it",
        controls: &[],
        hold: Hold::Risk { check: inside, path: "SecurityGroupRule::OUTSIDE_THE_NETWORK" },
    },
    Rule {
        id: "port-of-the-cache",
        title: "a rule of a cache's group opens the port of the cache, and no other",
        why: "clients of another port wait until they give up, and what else is open serves nobody",
        controls: &[Control::fsbp("EC2.18")],
        hold: Hold::Check(port_of_the_cache),
    },
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

impl SecurityGroupRule {
    /// The rule lets in addresses outside of the VPC, as those of a network that is peered with it.
    pub const OUTSIDE_THE_NETWORK: Risk<Self> = Risk::new(&RULES[0]);
}

fn inside(node: &Node, stack: &Stack) -> Option<Violation> {
    let range = PrivateRange::reported(node.text("cidr_ipv4")?)?;
    let group = *node.targets(stack, "security_group_id").first()?;
    let network = Cidr::reported(group.targets(stack, "vpc_id").first()?.text("cidr_block")?)?;
    (is_ingress(node) && !network.contains(range.cidr())).then(|| {
        Violation::new(
            format!("the addresses {range} are not all inside of the network {network}"),
            format!("name a security group, or addresses inside of {network}"),
        )
    })
}

fn port_of_the_cache(node: &Node, stack: &Stack) -> Option<Violation> {
    let group = node.targets(stack, "security_group_id").first()?.address.clone();
    let is_member = |other: &&Node| {
        other.schema.kind == ReplicationGroup::SCHEMA.kind
            && other.targets(stack, "security_group_ids").iter().any(|member| member.address == group)
    };
    let port = |node: &Node, field: &str| node.json(field).and_then(Json::as_u64);
    let ports: Vec<_> = stack.nodes().iter().filter(is_member).filter_map(|cache| port(cache, "port")).collect();
    let (first, last) = port(node, "from_port").zip(port(node, "to_port"))?;
    let is_right = ports.is_empty() || first == last && ports.contains(&first);
    (is_ingress(node) && !is_right).then(|| {
        let opened = if first == last { format!("port {first}") } else { format!("ports {first} to {last}") };
        let cache = ports.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        Violation::new(
            format!("the rule opens {opened}, and the cache listens on {cache}"),
            format!("call `.port(port!({}))`", ports[0]),
        )
    })
}

fn is_ingress(node: &Node) -> bool {
    node.text("direction") == Some(Direction::Ingress.as_str())
}
