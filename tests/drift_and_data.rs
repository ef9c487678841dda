//! What others do in the account never costs a cache: the plan blocks what would, says what to do, and does the rest.

use std::time::Duration;

use palisade::prelude::*;
use palisade_aws::{
    operations::{ModifyCacheSubnetGroup, ModifyReplicationGroup, ScheduleKeyDeletion},
    types::EngineVersion,
};
use palisade_core::{Address, Graph, provider::ErrorKind};
use palisade_engine::{Action, Blocked, PlanError, PlanOptions, Step};
use palisade_testing::Rehearsal;

use crate::current;

/// A cache with a key of its own that AWS does not upgrade by itself.
#[derive(Clone, Copy)]
struct Program {
    engine: Engine,
    port: u16,
    has_third_subnet: bool,
    is_tagged: bool,
}

const PROGRAM: Program =
    Program { engine: Engine::REDIS_7_0.erased(), port: 6379, has_third_subnet: false, is_tagged: false };

impl Program {
    fn declare(self, stack: &mut Stack) {
        let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/16"));
        let vpc = stack.add("main", if self.is_tagged { vpc.tags(tags! { "tag" = "new" }) } else { vpc });
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
        let c = stack.add("c", Subnet::private(&vpc, cidr!("10.0.3.0/24"), az!("us-east-1c")));
        let subnets = CacheSubnetGroup::builder().name(name!("redis"));
        let subnets =
            if self.has_third_subnet { subnets.subnet_ids([&a, &b, &c]) } else { subnets.subnet_ids([&a, &b]) };
        let subnets = stack.add("it", subnets);
        let firewall = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
        let firewall = stack.add("it", firewall.description(description!("The cache")));
        let token = stack.add("it", Secret::builder().name(secret_name!("redis/token")).generated());
        let policy = KeyPolicy::administered().elasticache();
        let key = stack.add("it", KmsKey::builder().alias(kms_alias!("alias/redis")).policy(policy));
        let cache = ReplicationGroup::builder()
            .replication_group_id(name!("redis"))
            .engine(self.engine)
            .node_type(node_type!("cache.t4g.small"))
            .multi_az(replicas!(1))
            .subnet_group_name(&subnets)
            .security_group_ids([&firewall])
            .authentication(&token)
            .port(Port::new(self.port).unwrap())
            .auto_minor_version_upgrade(false);
        stack.add("it", cache.encrypted(AtRest::key(&key), InTransit::Required));
    }

    fn graph(self) -> Graph {
        palisade_testing::graph(|stack| self.declare(stack))
    }
}

fn cache() -> Address {
    Address::new("ReplicationGroup", "it")
}

/// Changes the cache by hand, and waits until it is done.
fn modify(rehearsal: &Rehearsal, change: impl Fn(ModifyReplicationGroup) -> ModifyReplicationGroup) {
    let unchanged = ModifyReplicationGroup::unchanged(&Id::reported("redis").unwrap());
    rehearsal.by_hand(change(unchanged.clone())).unwrap();
    let description = Some("Managed by Palisade".to_owned());
    let refused = rehearsal.by_hand(ModifyReplicationGroup { description, ..unchanged }).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NothingToDo);
}

type Hand = fn(&Rehearsal);

/// What others do; what the program says then to keep the cache, where it can; and what is blocked.
fn cases() -> [(&'static str, Hand, Option<Program>, &'static [&'static str]); 4] {
    [
        (
            "the version is upgraded",
            |it| {
                modify(it, |change| ModifyReplicationGroup {
                    engine_version: Some(EngineVersion::reported("7.1")),
                    ..change
                })
            },
            Some(Program { engine: Engine::REDIS_7_1.erased(), ..PROGRAM }),
            &["ReplicationGroup.it"],
        ),
        (
            "the engine becomes Valkey",
            |it| {
                modify(it, |change| ModifyReplicationGroup {
                    engine: Some(EngineKind::Valkey),
                    engine_version: Some(EngineVersion::reported("7.2")),
                    parameter_group_name: Some(Id::reported("default.valkey7").unwrap()),
                    ..change
                });
            },
            Some(Program { engine: Engine::VALKEY_7_2.erased(), ..PROGRAM }),
            &["ReplicationGroup.it"],
        ),
        (
            "the key is about to be deleted",
            |it| {
                let (_, key_id): (KmsKey, _) = current(it, "it");
                it.by_hand(ScheduleKeyDeletion { key_id, window: deletion_days!(7) }).unwrap();
            },
            None,
            &["KmsKey.it", "ReplicationGroup.it"],
        ),
        (
            "a subnet group gets other subnets, in which there are no nodes, and has some besides",
            |it| {
                let (group, name): (CacheSubnetGroup, _) = current(it, "it");
                let (_, third): (Subnet, _) = current(it, "c");
                let subnet_ids = group.subnet_ids.into_iter().chain([third]).collect();
                it.by_hand(ModifyCacheSubnetGroup { name, description: group.description, subnet_ids }).unwrap();
            },
            Some(Program { has_third_subnet: true, ..PROGRAM }),
            &[],
        ),
    ]
}

fn applied(by_hand: Hand) -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| PROGRAM.declare(stack));
    rehearsal.emulator().lag(Duration::ZERO);
    by_hand(&rehearsal);
    rehearsal
}

#[test]
fn the_unchanged_program_blocks_what_would_cost_the_cache_and_does_the_rest() {
    for (what, by_hand, _, blocked) in cases() {
        let mut rehearsal = applied(by_hand);
        let program = Program { is_tagged: true, ..PROGRAM };
        let plan = rehearsal.plan(|stack| program.declare(stack));
        let found: Vec<_> = plan.steps.iter().filter(|step| step.blocked.is_some()).collect();
        let mut names: Vec<_> = found.iter().map(|step| step.address.to_string()).collect();
        names.sort();
        assert_eq!(names, blocked, "{what}");
        let is_cause = |step: &&&Step| step.blocked == Some(Blocked::ByDrift);
        assert!(found.iter().filter(is_cause).all(|step| step.address == cache()), "{what}");
        assert_eq!(plan.step(&Address::new("Vpc", "main")).unwrap().action, Action::Update, "{what}");
        let report = rehearsal.carry_out(&program.graph(), &plan);
        assert!(report.is_complete() && report.destroyed == 0, "{what}: {:?}", report.failures);
        let calls = rehearsal.emulator().calls();
        assert!(!calls.contains(&"DeleteReplicationGroup"), "{what}");
        let again = rehearsal.plan(|stack| program.declare(stack));
        assert!(!again.does_anything() && again.has_changes() != blocked.is_empty(), "{what}: {again:?}");
    }
}

/// The two ways out that the plan names.
#[test]
fn what_the_plan_says_to_do_leads_to_an_applied_stack() {
    for (what, by_hand, kept, blocked) in cases() {
        if let Some(kept) = kept {
            let mut rehearsal = applied(by_hand);
            let report = rehearsal.apply(|stack| kept.declare(stack));
            assert_eq!(report.destroyed, 0, "{what}");
            assert!(!rehearsal.plan(|stack| kept.declare(stack)).has_changes(), "{what}");
        }
        if !blocked.is_empty() {
            let mut rehearsal = applied(by_hand);
            let graph = PROGRAM.graph();
            let plan = rehearsal.try_plan_with(&graph, &PlanOptions { replace: [cache()].into() }).unwrap();
            let report = rehearsal.carry_out(&graph, &plan);
            assert!(report.is_complete(), "{what}: {:?}", report.failures);
            assert!(!rehearsal.plan(|stack| PROGRAM.declare(stack)).has_changes(), "{what}");
        }
    }
}

/// What the program itself asks for is no matter of drift: it needs consent, and nothing else.
#[test]
fn a_replacement_that_the_program_asks_for_is_not_blocked() {
    for (what, by_hand, ..) in cases() {
        let rehearsal = applied(by_hand);
        let plan = rehearsal.plan(|stack| Program { port: 6380, ..PROGRAM }.declare(stack));
        let step = plan.step(&cache()).unwrap();
        assert!(matches!(step.action, Action::Replace(_)) && step.loss.is_some(), "{what}: {step:?}");
    }
}

#[test]
fn a_replacement_that_was_asked_for_and_is_not_possible_says_why() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| PROGRAM.declare(stack));
    let options = PlanOptions { replace: [Address::new("SecurityGroup", "it")].into() };
    let Err(PlanError::Impossible(findings)) = rehearsal.try_plan_with(&PROGRAM.graph(), &options) else {
        panic!("a security group of this name cannot be made beside the old one, which the cache holds")
    };
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(
        finding.message,
        "SecurityGroup.it cannot be replaced while ReplicationGroup.it refers to it: its replacement was asked for, and two \
         objects with the same `vpc_id` and `group_name` cannot exist at a time"
    );
}
