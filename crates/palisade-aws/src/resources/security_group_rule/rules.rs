//! What makes a [`SecurityGroupRule`] safe.

use palisade_core::{Control, Declared, Hold, Node, Risk, Rule, Stack, Violation};

use super::SecurityGroupRule;
use crate::{
    resources::ReplicationGroup,
    types::{Direction, Port, Protocol},
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
        title: "a rule of a cache's group opens the port of the cache for TCP, and nothing else",
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
    Rule {
        id: "no-way-out-of-a-cache",
        title: "a cache's group has no rule that lets anything out",
        why: "a cache answers, and opens no connection of its own: what is let out serves only who has broken in",
        controls: &[],
        hold: Hold::Risk { check: no_way_out, path: "SecurityGroupRule::EGRESS_OF_A_CACHE" },
    },
    Rule {
        id: "one-port",
        title: "the rule opens one port",
        why: "whatever starts to listen within a range is open from its first moment, and nobody has decided so",
        controls: &[],
        hold: Hold::Risk { check: one_port, path: "SecurityGroupRule::PORT_RANGE" },
    },
    Rule {
        id: "one-network",
        title: "the two groups of a rule are in one VPC",
        why: "AWS takes a group of another VPC only where the two are peered, and no resource here peers them",
        controls: &[],
        hold: Hold::Risk { check: one_network, path: "SecurityGroupRule::PEERED_NETWORK" },
    },
];

impl SecurityGroupRule {
    /// The rule names a group of another VPC, with which something else has peered that of its own.
    pub const PEERED_NETWORK: Risk<Self> = Risk::named(RULES, "one-network");

    /// The rule lets in addresses outside of the VPC, as those of a network that is peered with it.
    pub const OUTSIDE_THE_NETWORK: Risk<Self> = Risk::named(RULES, "inside-the-network");

    /// The rule lets the members of a cache's group open connections.
    pub const EGRESS_OF_A_CACHE: Risk<Self> = Risk::named(RULES, "no-way-out-of-a-cache");

    /// The rule opens a range of ports, as a client does that is called back on any of them.
    pub const PORT_RANGE: Risk<Self> = Risk::named(RULES, "one-port");
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
    let caches = caches_of(rule);
    let ports: Vec<_> = caches.iter().filter_map(|cache| cache.port().known()).collect();
    let (first, last) = (rule.from_port().known()?, rule.to_port().known()?);
    if ports.is_empty() || !is_ingress(rule) {
        return None;
    }
    let is_udp = rule.ip_protocol().known() == Some(Protocol::Udp);
    let mut wrong = Vec::new();
    if first != last || !ports.contains(&first) {
        let cache = ports.iter().map(Port::to_string).collect::<Vec<_>>().join(", ");
        wrong.push((format!("listens on {cache}"), format!("call `.port(port!({}))`", ports[0])));
    }
    if is_udp {
        wrong.push((
            "speaks TCP only".to_owned(),
            "leave `.ip_protocol(..)` out, as a rule is for TCP by itself".to_owned(),
        ));
    }
    let mut opened = if first == last { format!("port {first}") } else { format!("ports {first} to {last}") };
    if is_udp {
        opened += " for UDP";
    }
    let (is, write): (Vec<_>, Vec<_>) = wrong.into_iter().unzip();
    (!is.is_empty()).then(|| {
        Violation::new(format!("the rule opens {opened}, and the cache {}", is.join(" and ")), write.join(", and "))
    })
}

fn no_way_out(node: &Node, stack: &Stack) -> Option<Violation> {
    let rule = stack.declared::<SecurityGroupRule>(node)?;
    let is_egress = rule.direction().known() == Some(Direction::Egress);
    let cache = is_egress.then(|| caches_of(rule).into_iter().next())??;
    Some(Violation::new(
        format!("the rule lets {} open connections", cache.address()),
        "remove the rule: answers to clients need none",
    ))
}

fn one_port(node: &Node, stack: &Stack) -> Option<Violation> {
    let rule = stack.declared::<SecurityGroupRule>(node)?;
    let (first, last) = (rule.from_port().known()?, rule.to_port().known()?);
    // Of the group of a cache, it is another rule that is broken.
    (is_ingress(rule) && first < last && caches_of(rule).is_empty()).then(|| {
        Violation::new(
            format!("the rule opens the ports {first} to {last}"),
            "call `.port(..)` with the one that is used, and add a rule for each further one",
        )
    })
}

/// The caches of the stack that the group of the rule protects, which need not be of the stack itself.
fn caches_of<'a>(rule: Declared<'a, SecurityGroupRule>) -> Vec<Declared<'a, ReplicationGroup>> {
    let group = rule.security_group_id();
    match group.target() {
        Some(group) => group.referrers::<ReplicationGroup>().collect(),
        None => {
            let is_of = |cache: &Declared<'a, ReplicationGroup>| {
                cache.security_group_ids().items().is_some_and(|groups| groups.contains(&group))
            };
            rule.stack().resources::<ReplicationGroup>().filter(is_of).collect()
        }
    }
}

fn is_ingress(rule: Declared<'_, SecurityGroupRule>) -> bool {
    rule.direction().known() == Some(Direction::Ingress)
}

fn one_network(node: &Node, stack: &Stack) -> Option<Violation> {
    let rule = stack.declared::<SecurityGroupRule>(node)?;
    let (own, peer) = (rule.security_group_id().target()?, rule.referenced_security_group_id().target()?);
    let is_of_stack = own.vpc_id().target().or(peer.vpc_id().target()).is_some();
    (is_of_stack && own.vpc_id() != peer.vpc_id()).then(|| {
        Violation::new(
            format!("{} and {} are in two VPCs", own.address(), peer.address()),
            "name a group of the same VPC, or the addresses of the other with `.peer(private_range!(..))`",
        )
    })
}
