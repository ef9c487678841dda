//! What makes a [`ReplicationGroup`] safe.

use palisade_core::{Control, Declared, DeclaredField, Hold, Json, Node, Risk, Rule, Stack, Violation};

use super::ReplicationGroup;
use crate::{
    resources::{Secret, SecurityGroupRule, WHY_A_KEY_OF_ONES_OWN, is_unset},
    types::{Direction, NetworkType, Protocol},
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "customer-key",
        title: "a key of the account encrypts what is stored",
        why: WHY_A_KEY_OF_ONES_OWN,
        controls: &[Control::checkov("CKV_AWS_191")],
        hold: Hold::Risk { check: customer_key, path: "ReplicationGroup::AWS_OWNED_KEY" },
    },
    Rule {
        id: "replica",
        title: "a replica takes over by itself",
        why: "a cache of one node is gone with its node, and what it holds is lost",
        controls: &[Control::fsbp("ElastiCache.3"), Control::checkov("CKV2_AWS_50")],
        hold: Hold::Risk { check: replica, path: "ReplicationGroup::ONE_NODE" },
    },
    Rule {
        id: "several-zones",
        title: "the nodes stand in several zones",
        why: "all nodes are lost with their zone",
        controls: &[],
        hold: Hold::Risk { check: several_zones, path: "ReplicationGroup::ONE_ZONE" },
    },
    Rule {
        id: "snapshots",
        title: "automatic snapshots are kept",
        why: "what is deleted by mistake cannot be brought back",
        controls: &[Control::fsbp("ElastiCache.1")],
        hold: Hold::Compile("automatic snapshots are kept for 1 to 35 days, and for 7 if nothing is said"),
    },
    Rule {
        id: "minor-upgrades",
        title: "minor versions come by themselves",
        why: "a known hole stays open until somebody thinks of it",
        controls: &[Control::fsbp("ElastiCache.2")],
        hold: Hold::Risk { check: minor_upgrades, path: "ReplicationGroup::NO_MINOR_UPGRADES" },
    },
    Rule {
        id: "encrypted-at-rest",
        title: "what is stored is encrypted",
        why: "a copy of a disk or of a snapshot is a copy of the data",
        controls: &[Control::fsbp("ElastiCache.4"), Control::checkov("CKV_AWS_29")],
        hold: Hold::Compile("a stack takes `Encrypted<ReplicationGroup>` only"),
    },
    Rule {
        id: "encrypted-in-transit",
        title: "what is sent is encrypted, and clients that do not speak TLS are refused",
        why: "a client that falls back to plain text shows its password and the data to whoever listens",
        controls: &[Control::fsbp("ElastiCache.5"), Control::checkov("CKV_AWS_30")],
        hold: Hold::Compile("`InTransit` has the one value `Required`"),
    },
    Rule {
        id: "authenticated",
        title: "clients prove who they are",
        why: "whoever reaches an open cache reads and deletes all of it",
        controls: &[Control::fsbp("ElastiCache.6"), Control::checkov("CKV_AWS_31")],
        hold: Hold::Compile("`.encrypted(..)` needs `.authentication(..)`, a user group or a secret"),
    },
    Rule {
        id: "own-subnet-group",
        title: "the cache stands in subnets that were chosen for it",
        why: "the default subnet group is in the default VPC",
        controls: &[Control::fsbp("ElastiCache.7"), Control::checkov("CKV_AWS_323")],
        hold: Hold::Compile("`.subnet_group_name(..)` is required"),
    },
    Rule {
        id: "own-security-groups",
        title: "security groups of its own protect the cache",
        why: "without one, AWS takes the default group of the VPC",
        controls: &[Control::checkov("CKV_AWS_196")],
        hold: Hold::Compile("`.security_group_ids(..)` is required"),
    },
    Rule {
        id: "supported-engine",
        title: "the engine is one that AWS supports",
        why: "an engine without support gets no fixes",
        controls: &[],
        hold: Hold::Compile("`Engine` has supported versions only"),
    },
    Rule {
        id: "reachable",
        title: "a rule lets clients in on the port of the cache",
        why: "a group without a rule lets nobody in: clients wait until they give up",
        controls: &[],
        hold: Hold::Risk { check: reachable, path: "ReplicationGroup::CLOSED" },
    },
    Rule {
        id: "node-type",
        title: "the node type exists, and is none of a previous generation",
        why: "AWS refuses a type that does not exist only when the cache is created, and the old ones have no failover or TLS",
        controls: &[],
        hold: Hold::Compile("`node_type!(..)` knows the families and their sizes"),
    },
    Rule {
        id: "users-fit-the-engine",
        title: "the user group is one that the engine takes",
        why: "AWS refuses a user group for Valkey on a cache for Redis",
        controls: &[],
        hold: Hold::Compile(
            "`.authentication(..)` takes a group that fits the engine; one that is known at run time only is checked",
        ),
    },
    Rule {
        id: "parameters-fit-the-engine",
        title: "the parameter group is of the engine's family",
        why: "each major version of an engine has parameters of its own, and AWS refuses those of another",
        controls: &[],
        hold: Hold::Compile(
            "`.parameter_group_name(..)` takes a group of the engine's family; one that is known at run time only is checked",
        ),
    },
    Rule {
        id: "windows-apart",
        title: "snapshots are not taken while AWS works on the nodes",
        why: "AWS refuses windows that overlap",
        controls: &[],
        hold: Hold::Compile("`Windows` has two that do not overlap; what two calls bring together is checked"),
    },
    Rule {
        id: "own-token",
        title: "each AUTH token is that of one cache",
        why: "who has the token of one reads both, and neither can change it alone",
        controls: &[],
        hold: Hold::Risk { check: own_token, path: "ReplicationGroup::SHARED_TOKEN" },
    },
    Rule {
        id: "addresses-of-the-subnets",
        title: "the nodes have addresses of the kind that their subnets have",
        why: "AWS refuses a cache with IPv6 in subnets without it, when all else is made",
        controls: &[],
        hold: Hold::Risk { check: addresses_of_the_subnets, path: "ReplicationGroup::IPV6_BY_OTHERS" },
    },
];

impl ReplicationGroup {
    /// The key that encrypts what is stored is one that AWS owns.
    pub const AWS_OWNED_KEY: Risk<Self> = Risk::named(RULES, "customer-key");

    /// There is no replica: the loss of the node is the loss of what it holds.
    pub const ONE_NODE: Risk<Self> = Risk::named(RULES, "replica");

    /// All nodes may stand in one zone.
    pub const ONE_ZONE: Risk<Self> = Risk::named(RULES, "several-zones");

    /// Minor versions do not come by themselves.
    pub const NO_MINOR_UPGRADES: Risk<Self> = Risk::named(RULES, "minor-upgrades");

    /// Something else gives the subnets addresses of IPv6.
    pub const IPV6_BY_OTHERS: Risk<Self> = Risk::named(RULES, "addresses-of-the-subnets");

    /// Something else has the same AUTH token.
    pub const SHARED_TOKEN: Risk<Self> = Risk::named(RULES, "own-token");

    /// No rule of the stack lets clients in; another program has it, or nobody is to come in yet.
    pub const CLOSED: Risk<Self> = Risk::named(RULES, "reachable");
}

fn customer_key(node: &Node, _: &Stack) -> Option<Violation> {
    is_unset(node, "kms_key_id").then(|| {
        Violation::new(
            "no key of this account encrypts what is stored",
            "declare a `KmsKey`, and end the cache with `.encrypted(AtRest::key(&key), InTransit::Required)`",
        )
    })
}

fn replica(node: &Node, _: &Stack) -> Option<Violation> {
    is_off(node, "automatic_failover_enabled")
        .then(|| Violation::new("no replica takes over when the node is lost", "call `.multi_az(replicas!(1))`"))
}

fn several_zones(node: &Node, _: &Stack) -> Option<Violation> {
    is_off(node, "multi_az_enabled").then(|| {
        Violation::new(
            "all nodes may stand in one zone",
            "call `.multi_az(replicas!(1))`, with subnets of two zones in the subnet group",
        )
    })
}

fn minor_upgrades(node: &Node, _: &Stack) -> Option<Violation> {
    is_off(node, "auto_minor_version_upgrade").then(|| {
        Violation::new("minor versions do not come by themselves", "leave `.auto_minor_version_upgrade(..)` out")
    })
}

fn addresses_of_the_subnets(node: &Node, stack: &Stack) -> Option<Violation> {
    let cache = stack.declared::<ReplicationGroup>(node)?;
    let network = cache.network_type().known()?;
    let subnet = cache.subnet_group_name().target()?.subnet_ids().targets().next()?;
    (network != NetworkType::Ipv4).then(|| {
        Violation::new(
            format!("the nodes are to have {network} addresses, and {} has those of IPv4 only", subnet.address()),
            "leave `.network_type(..)` out",
        )
    })
}

fn own_token(node: &Node, stack: &Stack) -> Option<Violation> {
    let token = stack.declared::<ReplicationGroup>(node)?.auth_token().refers_to::<Secret>().next()?;
    let other = stack.referrers(token.address()).find(|other| other.address != node.address)?;
    Some(Violation::new(
        format!("its AUTH token, {}, is the secret of {} too", token.address(), other.address),
        "declare a `Secret` for each of them",
    ))
}

/// Of groups that are outside of the stack, the rules are not known.
fn reachable(node: &Node, stack: &Stack) -> Option<Violation> {
    let cache = stack.declared::<ReplicationGroup>(node)?;
    let port = cache.port().known()?;
    let groups = cache.security_group_ids().items()?;
    let groups: Vec<_> = groups.iter().map(DeclaredField::target).collect::<Option<_>>()?;
    let opens = |rule: Declared<'_, SecurityGroupRule>| {
        rule.direction().known() == Some(Direction::Ingress)
            && rule.ip_protocol().known() == Some(Protocol::Tcp)
            && rule.from_port().known() == Some(port)
    };
    let mut rules = groups.iter().flat_map(|group| {
        let rules = group.referrers::<SecurityGroupRule>();
        rules.filter(|rule| rule.security_group_id().target() == Some(*group))
    });
    (!groups.is_empty() && !rules.any(opens)).then(|| {
        Violation::new(
            format!("no rule of its security groups lets clients in on port {port}"),
            format!(
                "add `SecurityGroupRule::ingress(&group).peer(..).port(port!({port}))` for those who use the cache"
            ),
        )
    })
}

fn is_off(node: &Node, field: &str) -> bool {
    node.json(field).and_then(Json::as_bool) == Some(false)
}
