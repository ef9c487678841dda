//! What makes a [`SecurityGroupRule`] safe.

use palisade_core::{Control, Declared, Hold, Node, Risk, Rule, Stack, Violation};

use super::SecurityGroupRule;
use crate::{
    resources::ReplicationGroup,
    types::{Direction, Port},
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
    let rule = stack.declared::<SecurityGroupRule>(node)?;
    let range = rule.cidr_ipv4().known()?;
    let network = rule.security_group_id().target()?.vpc_id().target()?.cidr_block().known()?;
    (is_ingress(rule) && !network.contains(range.cidr())).then(|| {
        Violation::new(
            format!("the addresses {range} are not all inside of the network {network}"),
            format!("name a security group, or addresses inside of {network}"),
        )
    })
}

fn port_of_the_cache(node: &Node, stack: &Stack) -> Option<Violation> {
    let rule = stack.declared::<SecurityGroupRule>(node)?;
    let caches = rule.security_group_id().target()?.referrers::<ReplicationGroup>();
    let ports: Vec<_> = caches.filter_map(|cache| cache.port().known()).collect();
    let (first, last) = (rule.from_port().known()?, rule.to_port().known()?);
    let is_right = ports.is_empty() || first == last && ports.contains(&first);
    (is_ingress(rule) && !is_right).then(|| {
        let opened = if first == last { format!("port {first}") } else { format!("ports {first} to {last}") };
        let cache = ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
        Violation::new(
            format!("the rule opens {opened}, and the cache listens on {cache}"),
            format!("call `.port(port!({}))`", ports[0]),
        )
    })
}

fn is_ingress(rule: Declared<'_, SecurityGroupRule>) -> bool {
    rule.direction().known() == Some(Direction::Ingress)
}
