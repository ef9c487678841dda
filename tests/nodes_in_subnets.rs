//! AWS does not move a node to another subnet. So where a subnet that has one leaves its group, or is made anew, the group and the
//! cache are made anew with it, and the plan says so.

use palisade::prelude::*;
use palisade_core::Address;
use palisade_engine::{Action, PlanError, ReplaceOrder};
use palisade_testing::Rehearsal;

/// A cache of two nodes, and three subnets, each in a zone of its own.
#[derive(Clone)]
struct Network {
    block: Cidr,
    /// The block of the first subnet, and its zone.
    first: (Cidr, AvailabilityZone),
    /// Those of the last subnet.
    last: (Cidr, AvailabilityZone),
    /// Which of the subnets are in the group.
    members: &'static [usize],
    /// Whether those that are not are no more.
    has_all: bool,
    group: Name,
    cache: Option<Name>,
}

impl Network {
    fn new() -> Self {
        Self {
            block: cidr!("10.0.0.0/16"),
            first: (cidr!("10.0.1.0/24"), az!("us-east-1a")),
            last: (cidr!("10.0.3.0/24"), az!("us-east-1c")),
            members: &[0, 1, 2],
            has_all: true,
            group: name!("redis"),
            cache: Some(name!("redis")),
        }
    }

    fn declare(&self, stack: &mut Stack) {
        let vpc = stack.add("main", Vpc::builder().cidr_block(self.block));
        let ((block, zone), (last, last_zone)) = (self.first.clone(), self.last.clone());
        let places = [("a", block, zone), ("b", cidr!("10.0.2.0/24"), az!("us-east-1b")), ("c", last, last_zone)];
        let mut subnets = Vec::new();
        for (number, (name, block, zone)) in places.into_iter().enumerate() {
            let is_member = self.members.contains(&number);
            if is_member || self.has_all {
                let subnet = stack.add(name, Subnet::private(&vpc, block, zone));
                subnets.extend(is_member.then_some(subnet));
            }
        }
        let group = CacheSubnetGroup::builder().name(self.group.clone()).subnet_ids(&subnets);
        let group = stack.add("redis", group);
        let firewall = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
        let firewall = stack.add("redis", firewall.description(description!("The cache")));
        let token = stack.add("redis", Secret::builder().name(secret_name!("redis/token")).generated());
        if let Some(id) = self.cache.clone() {
            let cache = ReplicationGroup::builder()
                .replication_group_id(id)
                .engine(Engine::REDIS_7_1)
                .node_type(node_type!("cache.t4g.small"))
                .multi_az(replicas!(1))
                .subnet_group_name(&group)
                .security_group_ids([&firewall])
                .authentication(&token);
            stack.add("redis", cache.encrypted(AtRest::default(), InTransit::Required));
        }
    }
}

const IN_PLACE: Action = Action::Update;
const REPLACED: Action = Action::Replace(ReplaceOrder::DeleteFirst);
const STAYS: Action = Action::Nothing;
const BESIDE: Action = Action::Replace(ReplaceOrder::CreateFirst);

/// The two nodes are in the zones a and b.
#[test]
fn what_a_node_stands_in_is_made_anew_with_the_cache() {
    let was = Network::new();
    let cases = [
        ("another zone's subnet leaves", Network { members: &[0, 1], ..was.clone() }, IN_PLACE, STAYS),
        (
            "another zone's subnet is no more",
            Network { members: &[0, 1], has_all: false, ..was.clone() },
            IN_PLACE,
            STAYS,
        ),
        ("a node's subnet leaves", Network { members: &[1, 2], ..was.clone() }, REPLACED, REPLACED),
        ("a node's subnet is no more", Network { members: &[1, 2], has_all: false, ..was.clone() }, REPLACED, REPLACED),
        (
            "a node's subnet has another block",
            Network { first: (cidr!("10.0.9.0/24"), az!("us-east-1a")), ..was.clone() },
            REPLACED,
            REPLACED,
        ),
        (
            "a node's subnet has a part of its block",
            Network { first: (cidr!("10.0.1.0/25"), az!("us-east-1a")), ..was.clone() },
            REPLACED,
            REPLACED,
        ),
        (
            "a node's subnet has another zone",
            Network { first: (cidr!("10.0.1.0/24"), az!("us-east-1d")), ..was.clone() },
            REPLACED,
            REPLACED,
        ),
        ("the network has another block", Network { block: cidr!("10.0.0.0/17"), ..was.clone() }, REPLACED, REPLACED),
        (
            "the group has another name as well",
            Network { members: &[1, 2], group: name!("other"), ..was.clone() },
            BESIDE,
            REPLACED,
        ),
        (
            "the cache has another id as well",
            Network { members: &[1, 2], cache: Some(name!("other")), ..was.clone() },
            REPLACED,
            REPLACED,
        ),
        ("the cache is no more", Network { members: &[1, 2], cache: None, ..was.clone() }, IN_PLACE, Action::Delete),
    ];
    for (change, network, group, cache) in cases {
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.apply(|stack| was.declare(stack));
        let plan = rehearsal.plan(|stack| network.declare(stack));
        let action = |kind| plan.step(&Address::new(kind, "redis")).unwrap().action;
        assert_eq!((action("CacheSubnetGroup"), action("ReplicationGroup")), (group, cache), "{change}");
        let report = rehearsal.try_apply(&palisade_testing::graph(|stack| network.declare(stack))).unwrap();
        assert!(report.is_complete(), "{change}: {:?}", report.failures);
        let plan = rehearsal.plan(|stack| network.declare(stack));
        assert!(!plan.has_changes() && plan.drift.is_empty(), "{change}: {plan:?}");
        rehearsal.destroy();
        assert!(rehearsal.emulator().inventory().iter().all(|item| item.kind == "Snapshot"), "{change}");
    }
}

#[test]
fn the_plan_says_what_stands_where() {
    let was = Network::new();
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| was.declare(stack));
    let plan = rehearsal.plan(|stack| Network { members: &[1, 2], ..was.clone() }.declare(stack));
    let step = plan.step(&Address::new("CacheSubnetGroup", "redis")).unwrap();
    let why = "it cannot let go of Subnet.a in place, as ReplicationGroup.redis stands there, and cannot be moved";
    assert_eq!(step.reason.as_deref(), Some(why));
    assert!(step.changes.iter().all(|change| change.forces_replacement == (change.field == "subnet_ids")));
}

/// A subnet in which no node stands gets another zone, and keeps its addresses: the group would have to let go of it first, and needs
/// the new one. The cache stays, so the group is not made anew.
#[test]
fn a_subnet_beside_those_of_the_nodes_gets_other_addresses_too() {
    let was = Network::new();
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| was.declare(stack));
    let moved = Network { last: (cidr!("10.0.3.0/24"), az!("us-east-1d")), ..was.clone() };
    let graph = palisade_testing::graph(|stack| moved.declare(stack));
    let Err(PlanError::Impossible(findings)) = rehearsal.try_plan(&graph) else { panic!("it is not refused") };
    assert_eq!(
        findings[0].help,
        "give Subnet.c another `cidr_block`, so that its new object can be created before the old one is deleted"
    );
    let cure = Network { last: (cidr!("10.0.4.0/24"), az!("us-east-1d")), ..was };
    let report = rehearsal.apply(|stack| cure.declare(stack));
    assert_eq!((report.added, report.changed, report.destroyed), (1, 1, 1));
    assert!(!rehearsal.plan(|stack| cure.declare(stack)).has_changes());
}

/// Subnets of a group that no cache uses, each with its name, block and zone.
type Subnets = &'static [(&'static str, &'static str, &'static str)];

/// A new subnet has addresses of an old one, which the group has to let go of before; and the group needs the new one.
#[test]
fn a_group_that_no_cache_uses_is_made_anew_with_subnets_that_cannot_be_beside_the_old_ones() {
    let group = |subnets: Subnets| {
        move |stack: &mut Stack| {
            let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
            let subnets = subnets.iter().map(|(name, block, zone)| {
                let zone = AvailabilityZone::new(*zone).unwrap();
                stack.add(name, Subnet::private(&vpc, Cidr::new(block).unwrap(), zone))
            });
            let subnets: Vec<_> = subnets.collect();
            stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids(&subnets));
        }
    };
    const A: (&str, &str, &str) = ("a", "10.0.0.0/24", "us-east-1a");
    let cases: [(&str, Subnets, Subnets); 6] = [
        ("another zone", &[A], &[("a", "10.0.0.0/24", "us-east-1b")]),
        ("more addresses", &[A], &[("a", "10.0.0.0/23", "us-east-1a")]),
        ("another name in the program as well", &[A], &[("b", "10.0.0.0/23", "us-east-1a")]),
        ("a part goes to another", &[A], &[("a", "10.0.1.0/24", "us-east-1a"), ("b", "10.0.0.0/25", "us-east-1a")]),
        (
            "each gets addresses of the other",
            &[A, ("b", "10.0.2.0/24", "us-east-1a")],
            &[("a", "10.0.2.0/23", "us-east-1a"), ("b", "10.0.0.0/23", "us-east-1a")],
        ),
        (
            "two exchange their addresses, and stay in their zones",
            &[A, ("b", "10.0.1.0/24", "us-east-1b")],
            &[("a", "10.0.1.0/24", "us-east-1a"), ("b", "10.0.0.0/24", "us-east-1b")],
        ),
    ];
    for (what, before, after) in cases {
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.apply(group(before));
        let plan = rehearsal.plan(group(after));
        let step = plan.step(&Address::new("CacheSubnetGroup", "redis")).unwrap();
        assert_eq!(step.action, REPLACED, "{what}");
        assert!(step.reason.as_ref().is_some_and(|why| why.starts_with("it cannot let go of Subnet.")), "{step:?}");
        rehearsal.apply(group(after));
        assert!(!rehearsal.plan(group(after)).has_changes(), "{what}");
        rehearsal.destroy();
        assert!(rehearsal.emulator().inventory().is_empty(), "{what}");
    }
}

/// A subnet group without a cache is changed in place, whatever leaves it.
#[test]
fn a_group_that_no_cache_uses_changes_in_place() {
    let was = Network { cache: None, ..Network::new() };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| was.declare(stack));
    for members in [&[1, 2][..], &[0], &[0, 1, 2]] {
        let plan = rehearsal.plan(|stack| Network { members, ..was.clone() }.declare(stack));
        assert_eq!(plan.step(&Address::new("CacheSubnetGroup", "redis")).unwrap().action, IN_PLACE);
        rehearsal.apply(|stack| Network { members, ..was.clone() }.declare(stack));
    }
}
