//! What makes a [`NetworkAcl`] safe.

use std::collections::BTreeSet;

use palisade_core::{Control, Declared, Hold, Node, Risk, Rule, Stack, Violation};

use super::NetworkAcl;
use crate::{
    resources::{ReplicationGroup, Subnet},
    types::{Cidr, NetworkAclEntry, RuleAction},
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "inside-the-network",
        title: "addresses that are let in are inside the VPC",
        why: "a range that is wider than the network lets in whatever is ever connected to it",
        controls: &[],
        hold: Hold::Risk { check: inside, path: "NetworkAcl::OUTSIDE_THE_NETWORK" },
    },
    Rule {
        id: "nodes-of-the-cache",
        title: "the nodes of a cache reach each other from subnet to subnet",
        why: "a replica that does not reach its primary holds nothing, and cannot take over",
        controls: &[],
        hold: Hold::Risk { check: nodes_of_the_cache, path: "NetworkAcl::NODES_APART" },
    },
    Rule {
        id: "within-the-quota",
        title: "there are no more rules than an account can have at first",
        why: "AWS refuses the rules beyond the quota when the first ones are made already",
        controls: &[],
        hold: Hold::Risk { check: within_the_quota, path: "NetworkAcl::RAISED_QUOTA" },
    },
    Rule {
        id: "port-of-the-cache",
        title: "clients are let in to the port of a cache in the subnets",
        why: "they wait until they give up, and nothing tells them why",
        controls: &[],
        hold: Hold::Check(port_of_the_cache),
    },
    Rule {
        id: "closed-to-the-world",
        title: "the rules name private addresses",
        why: "whatever is open to 0.0.0.0/0 or ::/0, or to halves of it, is found within minutes",
        controls: &[
            Control::fsbp("EC2.21"),
            Control::cis("5.1"),
            Control::checkov("CKV_AWS_229"),
            Control::checkov("CKV_AWS_230"),
            Control::checkov("CKV_AWS_231"),
            Control::checkov("CKV_AWS_232"),
        ],
        hold: Hold::Compile("a `NetworkRule` takes a `private_range!`, and there is no other peer"),
    },
    Rule {
        id: "one-protocol",
        title: "the rules let in TCP on ports that are named",
        why: "a rule for all ports and protocols opens what nobody thought of",
        controls: &[Control::checkov("CKV_AWS_352")],
        hold: Hold::Compile("a `NetworkRule` that allows has ports, and no protocol stands for all"),
    },
    Rule {
        id: "way-back",
        title: "what is let in can be answered",
        why: "a network ACL does not know an answer from a question, and drops it",
        controls: &[],
        hold: Hold::Compile("each `NetworkRule` makes the entry of the way back along with its own"),
    },
    Rule {
        id: "effective",
        title: "each rule has a number of its own, and none comes too late to count",
        why: "whoever reads that an address is denied believes it",
        controls: &[],
        hold: Hold::Declare(
            "the rules are checked against each other, by `network_rules!` when the program is compiled",
        ),
    },
    Rule {
        id: "attached",
        title: "the network ACL has subnets",
        why: "one without protects nothing, and looks as if it did",
        controls: &[Control::fsbp("EC2.16"), Control::checkov("CKV2_AWS_1")],
        hold: Hold::Declare("`.subnet_ids(..)` is required, and an empty list is refused"),
    },
];

impl NetworkAcl {
    /// The network ACL lets in addresses outside of the VPC, as those of a network that is peered with it.
    pub const OUTSIDE_THE_NETWORK: Risk<Self> = Risk::named(RULES, "inside-the-network");

    /// The nodes of a cache do not reach each other from subnet to subnet through the VPC.
    pub const NODES_APART: Risk<Self> = Risk::named(RULES, "nodes-of-the-cache");

    /// The quota of rules is raised in the account.
    pub const RAISED_QUOTA: Risk<Self> = Risk::named(RULES, "within-the-quota");
}

/// How many rules of a direction an account can have at first, beside AWS's own that denies the rest: that one counts too.
const QUOTA: usize = 19;

fn inside(node: &Node, stack: &Stack) -> Option<Violation> {
    let acl = stack.declared::<NetworkAcl>(node)?;
    let network = acl.vpc_id().target()?.cidr_block().known()?;
    let is_outside =
        |entry: &NetworkAclEntry| entry.action == RuleAction::Allow && !network.contains(entry.cidr_block.cidr());
    let entry = acl.ingress().known()?.into_iter().find(is_outside)?;
    let NetworkAclEntry { cidr_block, rule_number, .. } = entry;
    Some(Violation::new(
        format!("the addresses {cidr_block} of rule {rule_number} are not all inside of the network {network}"),
        format!("name addresses inside of {network}"),
    ))
}

fn port_of_the_cache(node: &Node, stack: &Stack) -> Option<Violation> {
    let acl = stack.declared::<NetworkAcl>(node)?;
    let entries = acl.ingress().known()?;
    caches(acl).find_map(|(cache, _)| {
        let port = cache.port().known()?;
        (!entries.iter().any(|entry| entry.allows(port))).then(|| {
            Violation::new(
                format!("{} listens on port {port}, and no rule lets clients in there", cache.address()),
                format!(
                    "add `NetworkRule::serve(rule_number!(..), port!({port}), private_range!(..))` with the addresses of \
                     the clients"
                ),
            )
        })
    })
}

fn nodes_of_the_cache(node: &Node, stack: &Stack) -> Option<Violation> {
    let acl = stack.declared::<NetworkAcl>(node)?;
    let entries = [acl.ingress().known()?, acl.egress().known()?];
    let is_reached = |subnet: &Declared<'_, Subnet>| {
        let block = subnet.cidr_block().known();
        block.is_none_or(|block| entries.iter().all(|entries| are_among(entries, block)))
    };
    caches(acl).filter(|(cache, _)| has_several_nodes(*cache)).find_map(|(cache, here)| {
        let all: Vec<_> = cache.subnet_group_name().target()?.subnet_ids().targets().collect();
        let pairs = here.iter().flat_map(|one| all.iter().map(move |other| (one, other)));
        let (one, other) = pairs.into_iter().find(|(one, other)| one != other && !is_reached(other))?;
        let [cache, one, other] = [cache.address(), one.address(), other.address()];
        Some(Violation::new(
            format!("the nodes of {cache} in {one} and {other} do not reach each other"),
            "add `NetworkRule::among(rule_number!(..), private_range!(..))` with the addresses of the subnets",
        ))
    })
}

/// Whether what has an address of `block` passes on every port on which nodes speak to each other.
fn are_among(entries: &BTreeSet<NetworkAclEntry>, block: Cidr) -> bool {
    entries.iter().any(|entry| entry.cidr_block.cidr().contains(block) && entry.allows_all_ephemeral())
}

fn has_several_nodes(cache: Declared<'_, ReplicationGroup>) -> bool {
    cache.num_node_groups().is_set() || cache.num_cache_clusters().known().is_none_or(|nodes| nodes.get() > 1)
}

fn within_the_quota(node: &Node, stack: &Stack) -> Option<Violation> {
    let acl = stack.declared::<NetworkAcl>(node)?;
    let count = acl.ingress().known()?.len().max(acl.egress().known()?.len());
    (count > QUOTA).then(|| {
        Violation::new(
            format!("there are {count} rules of a direction, and an account can have {QUOTA} at first"),
            "put neighbouring addresses into one range, or have the quota raised",
        )
    })
}

/// The caches that have nodes in subnets of the network ACL, each with these subnets.
fn caches<'a>(
    acl: Declared<'a, NetworkAcl>,
) -> impl Iterator<Item = (Declared<'a, ReplicationGroup>, Vec<Declared<'a, Subnet>>)> {
    let own: Vec<_> = acl.subnet_ids().targets().collect();
    acl.stack().resources::<ReplicationGroup>().filter_map(move |cache| {
        let subnets = cache.subnet_group_name().target()?.subnet_ids().targets();
        let here: Vec<_> = subnets.filter(|subnet| own.contains(subnet)).collect();
        (!here.is_empty()).then_some((cache, here))
    })
}
