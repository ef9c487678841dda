//! What is wrong with the declaration of a replication group that no type holds.

use std::collections::BTreeSet;

use palisade_core::{Declared, DeclaredField, Finding, Node, Reference, Span, Stack};

use super::ReplicationGroup;
use crate::{
    resources::{abroad, kms_key},
    types::{Engine, EngineKind, IpDiscovery, KmsKeyArn, NetworkType, Tenancy, TopicArn, tells_a_password},
};

pub(super) fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(cache) = stack.declared(node) else { return Vec::new() };
    let checks = [
        authentication,
        description,
        windows,
        log_delivery,
        security_groups,
        zones,
        parameter_group,
        user_group,
        key_policy,
        key_abroad,
        topic_abroad,
        number_of_nodes,
        addresses,
        failover,
        number_of_security_groups,
        tiered_eviction,
        shared_hardware,
        discovery,
        default_parameters,
        endpoints,
    ];
    checks.into_iter().filter_map(|check| check(cache)).collect()
}

/// The builder leaves no other choice; a declaration that was made without it is held to the same.
fn authentication(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    (cache.user_group_id().is_set() == cache.auth_token().is_set()).then(|| {
        cache.finding(
            "there must be one authentication, a user group or an AUTH token",
            "declare the cache with `ReplicationGroup::builder()`, and call `.authentication(..)`",
        )
    })
}

fn description(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let description = cache.description().known()?;
    let length = description.chars().count();
    let message = if !(1..=255).contains(&length) {
        "the description must have 1 to 255 characters"
    } else if tells_a_password(description.as_bytes()) {
        "the description tells a password to all who may list caches"
    } else {
        return None;
    };
    Some(cache.finding(message, "say in a few words what the cache is for"))
}

/// `Windows` has two that do not overlap; two calls of the setter may bring others together.
fn windows(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let (daily, weekly) = (cache.snapshot_window().known()?, cache.maintenance_window().known()?);
    weekly.overlaps(&daily).then(|| {
        cache.finding(
            &format!("the snapshot window {daily} falls into the maintenance window {weekly}"),
            "AWS refuses windows that overlap: say both in one `.windows(windows!(snapshot: .., maintenance: ..))`",
        )
    })
}

fn log_delivery(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let deliveries = cache.log_delivery().known()?;
    let logs: BTreeSet<_> = deliveries.iter().map(|delivery| delivery.log_type).collect();
    (logs.len() < deliveries.len())
        .then(|| cache.finding("one log has two places", "AWS delivers each log to one place: keep one of the two"))
}

fn security_groups(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    if cache.security_group_ids().items()?.is_empty() {
        return Some(cache.finding(
            "there is no security group",
            "AWS would use the VPC's default group, which is open to its members: name one with `.security_group_ids([&group])`",
        ));
    }
    // The VPC of the first subnet is that of all; the subnet group is held to that.
    let vpc = cache.subnet_group_name().target()?.subnet_ids().targets().next()?.vpc_id();
    let other = cache.security_group_ids().targets().find(|group| group.vpc_id() != vpc)?;
    let message = format!("{} is in another VPC than the subnets", other.address());
    let finding = cache.finding(&message, "name a security group of the subnets' VPC");
    Some(finding.also(&other, "this group is in another VPC"))
}

fn zones(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let group = cache.subnet_group_name().target()?;
    // A subnet of which the zone is not known may be in a second one.
    let subnets = group.subnet_ids().items()?;
    let subnets: Vec<_> = subnets.iter().map(DeclaredField::target).collect::<Option<_>>()?;
    let zones: BTreeSet<_> = subnets.iter().map(|subnet| subnet.availability_zone().known()).collect::<Option<_>>()?;
    (cache.multi_az_enabled().known()? && zones.len() == 1).then(|| {
        let finding = cache.finding(
            "a Multi-AZ cache needs subnets in two zones",
            "add a subnet in another zone to the group, or call `.single_az(..)`",
        );
        finding.also(&group, "all its subnets are in one zone")
    })
}

fn parameter_group(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let parameters = cache.parameter_group_name().target()?;
    let (engine, version) = (cache.engine().known()?, cache.engine_version().known()?);
    let (family, expected) = (parameters.family().known()?, Engine::family_of(engine, &version));
    if family.as_str() != expected {
        let finding = cache.finding(
            &format!("{engine} {version} needs a parameter group of the family {expected}"),
            "give the group the family of the engine, as in `.family(Engine::REDIS_7_1.family())`, and a name of its own",
        );
        return Some(finding.also(&parameters, format!("its family is {family}")));
    }
    let divides = parameters.parameters().known()?.get("cluster-enabled").is_some_and(|value| value == "yes");
    (divides != cache.num_node_groups().is_set()).then(|| {
        let (message, help, label) = if divides {
            (
                "a parameter group that divides the keys needs shards",
                "call `.sharded(..)` on the cache, or leave `cluster-enabled` out of the group",
                "sets cluster-enabled to yes",
            )
        } else {
            (
                "shards need a parameter group that divides the keys",
                "add `.parameter(\"cluster-enabled\", \"yes\")` to the group, or leave the group out for AWS's own",
                "does not set cluster-enabled to yes",
            )
        };
        cache.finding(message, help).also(&parameters, label)
    })
}

fn user_group(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let group = cache.user_group_id().target()?;
    (cache.engine().known()? == EngineKind::Redis && group.engine().known()? == EngineKind::Valkey).then(|| {
        let finding = cache.finding(
            "a Redis cache takes no user group for Valkey",
            "begin the group with `UserGroup::redis(..)`, and give its users `.engine(Redis)`",
        );
        finding.also(&group, "a group for Valkey")
    })
}

fn key_policy(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    kms_key::policy_lacks(cache.node(), cache.stack(), "elasticache", ".elasticache()")
}

fn key_abroad(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let key = cache.kms_key_id().known();
    abroad(cache.node(), cache.stack(), key.as_ref().map(KmsKeyArn::as_str))
}

fn topic_abroad(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let topic = cache.notification_topic_arn().known();
    abroad(cache.node(), cache.stack(), topic.as_ref().map(TopicArn::as_str))
}

/// How many nodes a cache has at most; in a new account it is 90 until AWS raises it.
const MOST_NODES: u64 = 500;

fn number_of_nodes(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let nodes = nodes(cache)?;
    (nodes > MOST_NODES).then(|| {
        cache.finding(
            &format!("a cache has at most {MOST_NODES} nodes, and this one has {nodes}"),
            "take fewer shards, or fewer replicas for each",
        )
    })
}

/// A subnet lends no more addresses than it has, and AWS keeps five of each for itself.
fn addresses(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let group = cache.subnet_group_name().target()?;
    let subnets = group.subnet_ids().items()?;
    let free = subnets.iter().map(|subnet| Some(subnet.target()?.cidr_block().known()?.usable_addresses()));
    let free: u64 = free.sum::<Option<u64>>()?;
    let wanted: u64 = group.referrers::<ReplicationGroup>().filter_map(nodes).sum();
    (wanted > free).then(|| {
        let message =
            format!("the caches in {} have {wanted} nodes, and its subnets {free} addresses for them", group.address());
        let help = "AWS keeps five addresses of each subnet: make the subnets larger, as in `cidr!(\"10.0.1.0/24\")`, or add one";
        cache.finding(&message, help).also(&group, format!("its subnets have {free} addresses for nodes"))
    })
}

/// How many nodes the cache has.
fn nodes(cache: Declared<'_, ReplicationGroup>) -> Option<u64> {
    match cache.num_cache_clusters().known() {
        Some(nodes) => Some(nodes.get().into()),
        None => {
            let replicas = u64::from(cache.replicas_per_node_group().known()?.get());
            Some(u64::from(cache.num_node_groups().known()?.get()) * (replicas + 1))
        }
    }
}

/// A number of nodes that was made without its check is held to the same.
fn failover(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let nodes = cache.num_cache_clusters().known()?.get();
    (cache.automatic_failover_enabled().known()? && nodes < 2)
        .then(|| cache.finding("failover needs a replica", "call `.multi_az(replicas!(1))`, or `.single_node()`"))
}

/// How many security groups a network interface has at most.
const MOST_SECURITY_GROUPS: usize = 5;

fn number_of_security_groups(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let groups = cache.security_group_ids().items()?.len();
    (groups > MOST_SECURITY_GROUPS).then(|| {
        let message = format!("a node has at most {MOST_SECURITY_GROUPS} security groups, and these are {groups}");
        cache.finding(&message, "add the rules of some of them to one group")
    })
}

/// What may be evicted, of nodes that keep what is seldom read on disk.
const TIERED_EVICTION: [&str; 3] = ["volatile-lru", "allkeys-lru", "noeviction"];

fn tiered_eviction(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let parameters = cache.parameter_group_name().target()?;
    let values = parameters.parameters().known()?;
    let policy = values.get("maxmemory-policy")?;
    (cache.data_tiering_enabled().known()? && !TIERED_EVICTION.contains(&policy.as_str())).then(|| {
        let message = format!("nodes with data tiering do not evict by {policy}");
        let help = format!("set maxmemory-policy to one of {}", TIERED_EVICTION.join(", "));
        cache.finding(&message, &help).also(&parameters, "sets maxmemory-policy")
    })
}

fn shared_hardware(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let subnets = cache.subnet_group_name().target()?.subnet_ids();
    let vpc = subnets.targets().next()?.vpc_id().target()?;
    (vpc.instance_tenancy().known()? == Tenancy::Dedicated).then(|| {
        let help = "leave `.instance_tenancy(..)` of the VPC out, or put the cache into another VPC";
        cache
            .finding("ElastiCache has no nodes in a VPC of dedicated hardware", help)
            .also(&vpc, "its hardware is dedicated")
    })
}

fn discovery(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let (network, discovery) = (cache.network_type().known()?, cache.ip_discovery().known()?);
    let fits = match network {
        NetworkType::Ipv4 => discovery == IpDiscovery::Ipv4,
        NetworkType::Ipv6 => discovery == IpDiscovery::Ipv6,
        NetworkType::DualStack => true,
    };
    (!fits).then(|| {
        let message = format!("clients are told {discovery} addresses, and the nodes have {network} addresses only");
        let help = match network {
            NetworkType::Ipv6 => "call `.ip_discovery(IpDiscovery::Ipv6)`",
            NetworkType::Ipv4 | NetworkType::DualStack => "leave `.ip_discovery(..)` out",
        };
        cache.finding(&message, help)
    })
}

/// The groups of AWS's own say in their names what they are for.
fn default_parameters(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let name = cache.parameter_group_name().known()?;
    let name = name.as_str().strip_prefix("default.").map(|_| name.as_str())?;
    let (engine, version) = (cache.engine().known()?, cache.engine_version().known()?);
    let expected = if cache.num_node_groups().is_set() {
        Engine::default_cluster_parameter_group(engine, &version)
    } else {
        Engine::default_parameter_group(engine, &version)
    };
    (name != expected).then(|| {
        let help = format!("leave the parameter group out, or write `id!(CacheParameterGroup, \"{expected}\")`");
        cache.finding(&format!("the parameter group {name} is not for this cache"), &help)
    })
}

/// A cache of shards is found by one endpoint, one without by the others; AWS leaves the wrong ones empty.
fn endpoints(cache: Declared<'_, ReplicationGroup>) -> Option<Finding> {
    let (empty, other): (&[&str], _) = if cache.num_node_groups().is_set() {
        (&["primary_endpoint", "reader_endpoint"], "configuration_endpoint")
    } else {
        (&["configuration_endpoint"], "primary_endpoint")
    };
    let is_empty =
        |reference: &&Reference| reference.address == *cache.address() && empty.contains(&reference.attribute.as_str());
    let stack = cache.stack();
    let outputs =
        stack.outputs().iter().flat_map(|output| output.value.references().into_iter().map(|it| (it, output.location)));
    let (used, location) = outputs.into_iter().find(|(it, _)| is_empty(it))?;
    let mut finding = cache.finding(
        &format!("the {} of this cache is empty", used.attribute.replace('_', " ")),
        &format!("clients find it by `.{other}()`"),
    );
    finding.spans.push(Span::new(location, "is given out here"));
    Some(finding)
}
