//! What is kept of an object that is deleted: the final snapshot of a cache, and the days in which a secret or a key can be recovered.

use palisade::prelude::*;
use palisade_aws::operations::DeleteReplicationGroup;
use palisade_core::{Address, Finding, Graph, Id, Resource};
use palisade_emulator::Fault;
use palisade_engine::{Action, Plan, PlanError, ReplaceOrder};
use palisade_testing::Rehearsal;

use crate::schema_changes;

/// A cache of a program: its address, its id, its port, and the name of its final snapshot. Another id or port replaces it.
type Cache = (&'static str, &'static str, u16, Option<&'static str>);

/// A cache `main` whose final snapshot gets this name.
const fn main(id: &'static str, port: u16, last: &'static str) -> Cache {
    ("main", id, port, Some(last))
}

fn program(caches: &[Cache]) -> Graph {
    palisade_testing::graph(|stack| {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let subnet = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("caches"));
        let group = stack.add("caches", group.description(description!("The nodes of the caches")));
        let subnets = stack.add("caches", CacheSubnetGroup::builder().name(name!("caches")).subnet_ids([&subnet]));
        let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
        for &(address, id, port, last) in caches {
            let cache = ReplicationGroup::builder()
                .replication_group_id(Name::new(id).unwrap())
                .engine(Engine::REDIS_7_1)
                .node_type(node_type!("cache.t4g.micro"))
                .single_node()
                .subnet_group_name(&subnets)
                .security_group_ids([&group])
                .authentication(&token)
                .port(Port::new(port).unwrap());
            let cache = match last {
                Some(last) => cache.final_snapshot_identifier(Name::new(last).unwrap()),
                None => cache,
            };
            stack.add(address, cache.encrypted(AtRest::default(), InTransit::Required));
        }
    })
}

/// An account in which the programs were applied, one after the other.
fn applied(programs: &[&[Cache]]) -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    programs.iter().for_each(|caches| apply(&mut rehearsal, caches));
    rehearsal
}

#[track_caller]
fn apply(rehearsal: &mut Rehearsal, caches: &[Cache]) {
    let graph = program(caches);
    let report = rehearsal.try_apply(&graph).unwrap_or_else(|error| panic!("{caches:?}: {error:?}"));
    assert!(report.is_complete(), "{caches:?}: {:?}", report.failures);
    assert!(!rehearsal.try_plan(&graph).unwrap().has_changes(), "{caches:?}");
}

fn snapshots(rehearsal: &Rehearsal) -> Vec<String> {
    let items = rehearsal.emulator().inventory().into_iter();
    items.filter(|item| item.kind == "Snapshot").map(|item| item.id).collect()
}

fn step<'p>(plan: &'p Plan, name: &str) -> &'p palisade_engine::Step {
    plan.step(&Address::new("ReplicationGroup", name)).unwrap()
}

const FIRST: Action = Action::Replace(ReplaceOrder::CreateFirst);
const AFTERWARDS: Action = Action::Replace(ReplaceOrder::DeleteFirst);

#[test]
fn a_cache_is_deleted_as_the_program_says_with_the_change() {
    let before: &[Cache] = &[main("redis", 6379, "early")];
    let none: &[Cache] = &[("main", "redis", 6379, None)];
    for (before, change, action, snapshots) in [
        // The name is declared in the change that replaces the cache.
        (none, &[main("redis", 6380, "late")][..], AFTERWARDS, &["late"][..]),
        (none, &[main("other", 6379, "late")], FIRST, &["late"]),
        // It changes with it.
        (before, &[main("redis", 6380, "late")], AFTERWARDS, &["late"]),
        (before, &[main("other", 6379, "late")], FIRST, &["late"]),
        // It goes with it.
        (before, &[("main", "redis", 6380, None)], AFTERWARDS, &[]),
        (before, &[("main", "other", 6379, None)], FIRST, &[]),
        // It stays.
        (before, &[main("redis", 6380, "early")], AFTERWARDS, &["early"]),
        (before, &[main("other", 6379, "early")], FIRST, &["early"]),
        // The program says nothing of the cache any more.
        (before, &[], Action::Delete, &["early"]),
        (none, &[], Action::Delete, &[]),
    ] {
        let mut rehearsal = applied(&[before]);
        assert_eq!(step(&rehearsal.try_plan(&program(change)).unwrap(), "main").action, action, "{change:?}");
        apply(&mut rehearsal, change);
        assert_eq!(self::snapshots(&rehearsal), snapshots, "{before:?} {change:?}");
    }
}

#[test]
fn a_secret_can_be_restored_as_long_as_the_program_says_with_the_change() {
    let program = |name: SecretName, days: RecoveryWindow| {
        move |stack: &mut Stack| {
            stack.add("it", Secret::builder().name(name.clone()).generated().recovery_window(days));
        }
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(program(secret_name!("before"), recovery_days!(30)));
    rehearsal.apply(program(secret_name!("after"), recovery_days!(7)));
    let contents = rehearsal.emulator().contents();
    let purged = contents["secrets"].as_object().unwrap().values().find_map(|secret| secret["purged_at"].as_u64());
    let days = (purged.unwrap() - contents["now"].as_u64().unwrap()).div_ceil(24 * 60 * 60 * 1000);
    assert_eq!(days, 7);
}

/// The first findings of a refused plan, as a user reads them.
fn refusal(rehearsal: &Rehearsal, graph: &Graph) -> Vec<String> {
    let Err(PlanError::Impossible(findings)) = rehearsal.try_plan(graph) else { panic!("the plan is not refused") };
    findings.into_iter().map(|Finding { message, help, .. }| format!("{message}\nhelp: {help}")).collect()
}

/// In each account, a snapshot of the name `last` exists, or is about to.
#[test]
fn a_name_of_a_final_snapshot_that_is_used_up_is_found_in_the_plan() {
    let one = ("one", "one", 6379, Some("last"));
    let two = ("two", "two", 6379, Some("last"));
    let taken: &[&[Cache]] = &[&[one], &[], &[main("redis", 6379, "last")]];
    for (programs, change, refusals, cure) in [
        // The cache is removed.
        (
            taken,
            &[][..],
            vec![
                "ReplicationGroup.main cannot be deleted: its final snapshot would be named `last`, and a snapshot of that name exists\n\
                 help: declare it with `.final_snapshot_identifier(name!(\"last-2\"))`, and apply that before you delete it; or delete it \
                 by hand, and run the same command again: `aws elasticache delete-replication-group --replication-group-id redis \
                 --final-snapshot-identifier last-2`",
            ],
            &[&[main("redis", 6379, "last-2")][..], &[]][..],
        ),
        // The cache is replaced.
        (
            taken,
            &[main("redis", 6380, "last")],
            vec![
                "ReplicationGroup.main cannot be replaced: its final snapshot would be named `last`, and a snapshot of that name exists\n\
                 help: write `.final_snapshot_identifier(name!(\"last-2\"))`",
            ],
            &[&[main("redis", 6380, "last-2")]],
        ),
        (
            taken,
            &[main("other", 6379, "last")],
            vec![
                "ReplicationGroup.main cannot be replaced: its final snapshot would be named `last`, and a snapshot of that name exists\n\
                 help: write `.final_snapshot_identifier(name!(\"last-2\"))`",
            ],
            &[&[main("other", 6379, "last-2")]],
        ),
        // Its predecessor has used the name up.
        (
            &[&[main("redis", 6379, "last")], &[main("redis", 6380, "last")]],
            &[main("redis", 6381, "last")],
            vec![
                "ReplicationGroup.main cannot be replaced: its final snapshot would be named `last`, and a snapshot of that name exists\n\
                 help: write `.final_snapshot_identifier(name!(\"last-2\"))`",
            ],
            &[&[main("redis", 6381, "last-2")]],
        ),
        // Two caches have the name, and each needs another one.
        (
            &[&[one], &[], &[one, two]],
            &[("one", "one", 6380, Some("last")), ("two", "two", 6380, Some("last"))],
            vec![
                "ReplicationGroup.one cannot be replaced: its final snapshot would be named `last`, and a snapshot of that name exists\n\
                 help: write `.final_snapshot_identifier(name!(\"last-2\"))`",
                "ReplicationGroup.two cannot be replaced: its final snapshot would be named `last`, and a snapshot of that name exists\n\
                 help: write `.final_snapshot_identifier(name!(\"last-3\"))`",
            ],
            &[&[("one", "one", 6380, Some("last-2")), ("two", "two", 6380, Some("last-3"))]],
        ),
        // Two caches have the same name for it.
        (
            &[&[one, two]],
            &[],
            vec![
                "ReplicationGroup.one cannot be deleted: its final snapshot would be named `last`, as that of two, which is deleted too\n\
                 help: declare it with `.final_snapshot_identifier(name!(\"last-2\"))`, and apply that before you delete it; or delete it \
                 by hand, and run the same command again: `aws elasticache delete-replication-group --replication-group-id one \
                 --final-snapshot-identifier last-2`",
            ],
            &[&[("one", "one", 6379, Some("last-2")), two], &[]],
        ),
        (
            &[&[one, two]],
            &[("one", "one", 6380, Some("last")), ("two", "two", 6380, Some("last"))],
            vec![
                "ReplicationGroup.two cannot be replaced: its final snapshot would be named `last`, as that of one, which is deleted too\n\
                 help: write `.final_snapshot_identifier(name!(\"last-2\"))`",
            ],
            &[&[("one", "one", 6380, Some("last")), ("two", "two", 6380, Some("last-2"))]],
        ),
    ] {
        let mut rehearsal = applied(programs);
        let before = rehearsal.emulator().writes();
        assert_eq!(refusal(&rehearsal, &program(change)), refusals, "{change:?}");
        assert_eq!(rehearsal.emulator().writes(), before);
        cure.iter().for_each(|caches| apply(&mut rehearsal, caches));
        assert!(snapshots(&rehearsal).contains(&"last-2".to_owned()));
    }
}

/// How many writes of the change come before the one that deletes the cache.
fn writes_before_deletion(before: &[Cache], change: &[Cache]) -> u64 {
    let mut rehearsal = applied(&[before]);
    let first = rehearsal.emulator().calls().len();
    apply(&mut rehearsal, change);
    let calls = rehearsal.emulator().calls().split_off(first);
    let writes = calls.iter().filter(|call| !["Describe", "List", "Get"].iter().any(|verb| call.starts_with(verb)));
    writes.take_while(|call| **call != "DeleteReplicationGroup").count().try_into().unwrap()
}

/// The run that began it hears no answer: the cache is on its way out, or is gone, and the snapshot is its own.
#[test]
fn a_deletion_that_has_taken_its_snapshot_is_not_in_its_own_way() {
    let before: &[Cache] = &[main("redis", 6379, "early")];
    for (change, then) in [
        (&[][..], &[][..]),
        (&[main("redis", 6380, "late")], &[main("redis", 6380, "late")]),
        (&[main("redis", 6380, "late")], &[]),
        (&[main("other", 6379, "late")], &[main("other", 6379, "late")]),
    ] {
        let mut rehearsal = applied(&[before]);
        let nth = writes_before_deletion(before, change) + 1;
        rehearsal.emulator().inject(nth, Fault::AnswerLost);
        assert!(!rehearsal.try_apply(&program(change)).unwrap().is_complete(), "{change:?}");
        rehearsal.emulator().clear_faults();
        apply(&mut rehearsal, then);
        assert_eq!(snapshots(&rehearsal), [if change.is_empty() { "early" } else { "late" }], "{change:?}");
    }
}

/// Its successor exists, and somebody takes a snapshot of the name that was meant. No declaration is about it any more.
#[test]
fn a_cache_that_was_replaced_and_whose_name_is_used_up_is_deleted_by_hand() {
    let by_hand = |rehearsal: &Rehearsal, id: &str, last: Name| {
        let final_snapshot_identifier = Some(last);
        let call =
            DeleteReplicationGroup { replication_group_id: Id::reported(id).unwrap(), final_snapshot_identifier };
        rehearsal.by_hand(call).unwrap();
    };
    let second = ("second", "second", 6379, None);
    let (before, change) = ([main("redis", 6379, "early"), second], [main("other", 6379, "late"), second]);
    let mut rehearsal = applied(&[&before]);
    rehearsal.emulator().inject(writes_before_deletion(&before, &change) + 1, Fault::Quota);
    assert!(!rehearsal.try_apply(&program(&change)).unwrap().is_complete());
    by_hand(&rehearsal, "second", name!("late"));
    assert_eq!(
        refusal(&rehearsal, &program(&change)),
        [
            "the earlier object redis of ReplicationGroup.main cannot be deleted: its final snapshot would be named `late`, and a snapshot \
          of that name exists\n\
          help: delete it by hand, and run the same command again: `aws elasticache delete-replication-group --replication-group-id \
          redis --final-snapshot-identifier late-2`"
        ]
    );
    by_hand(&rehearsal, "redis", name!("late-2"));
    apply(&mut rehearsal, &change);
    assert_eq!(snapshots(&rehearsal), ["late", "late-2"]);
}

/// Its final snapshot gets the name that was meant, so its successor needs another one.
#[test]
fn a_cache_that_was_replaced_keeps_its_name_from_its_successor() {
    let (before, change): (&[Cache], &[Cache]) = (&[main("redis", 6379, "early")], &[main("other", 6379, "late")]);
    let mut rehearsal = applied(&[before]);
    rehearsal.emulator().inject(writes_before_deletion(before, change) + 1, Fault::Quota);
    assert!(!rehearsal.try_apply(&program(change)).unwrap().is_complete());
    assert_eq!(
        refusal(&rehearsal, &program(&[main("third", 6379, "late")])),
        [
            "ReplicationGroup.main cannot be replaced: its final snapshot would be named `late`, as that of redis, which is deleted too\n\
             help: write `.final_snapshot_identifier(name!(\"late-2\"))`"
        ]
    );
    apply(&mut rehearsal, &[main("third", 6379, "late-2")]);
    assert_eq!(snapshots(&rehearsal), ["late", "late-2"]);
}

/// How often each plan asks for snapshots.
#[test]
fn only_a_plan_that_takes_a_final_snapshot_asks_for_the_snapshots_that_exist() {
    let before: &[Cache] = &[
        ("one", "one", 6379, Some("one-last")),
        ("two", "two", 6379, Some("two-last")),
        ("three", "three", 6379, None),
    ];
    let rehearsal = applied(&[before]);
    let asked = |caches: &[Cache]| {
        let first = rehearsal.emulator().calls().len();
        rehearsal.try_plan(&program(caches)).unwrap();
        rehearsal.emulator().calls()[first..].iter().filter(|call| **call == "DescribeSnapshots").count()
    };
    assert_eq!(asked(before), 0, "nothing is deleted");
    assert_eq!(asked(&before[..2]), 0, "what is deleted has no final snapshot");
    assert_eq!(asked(&before[1..]), 1);
    assert_eq!(asked(&[]), 1, "two take a snapshot");
}

#[test]
fn a_replacement_that_uses_the_name_up_says_so() {
    let note = "the final snapshot of this replacement gets the name `last`: write another `final_snapshot_identifier` before this cache is \
                replaced or deleted again";
    let rehearsal = applied(&[&[main("redis", 6379, "last")]]);
    for (change, notes) in [
        (&[main("redis", 6380, "last")][..], vec![note]),
        (&[main("other", 6379, "last")], vec![note]),
        (&[main("redis", 6379, "other")], vec![]),
        (&[("main", "redis", 6380, None)], vec![]),
        (&[], vec![]),
    ] {
        assert_eq!(step(&rehearsal.try_plan(&program(change)).unwrap(), "main").notes, notes, "{change:?}");
    }
}

#[test]
fn a_shorter_retention_says_what_it_deletes() {
    let cache = |days: u8| {
        palisade_testing::graph(move |stack| {
            schema_changes::cases::cache(stack, Engine::REDIS_7_1.erased(), |cache| {
                cache.single_node().snapshot_retention_limit(SnapshotRetention::new(days).unwrap())
            });
        })
    };
    let logs = |retention: LogRetention| {
        palisade_testing::graph(move |stack| {
            stack.add("it", LogGroup::builder().name(log_group_name!("/it")).retention(retention));
        })
    };
    for (before, after, note) in [
        (
            cache(14),
            cache(7),
            "automatic snapshots older than 7 days will be deleted (they were kept for 14 days); manual and final snapshots stay",
        ),
        (cache(7), cache(14), ""),
        (
            logs(LogRetention::YEARS_2),
            logs(LogRetention::YEARS_1),
            "log events older than 365 days will be deleted (they were kept for 731 days)",
        ),
        (logs(LogRetention::YEARS_1), logs(LogRetention::YEARS_2), ""),
    ] {
        let mut rehearsal = Rehearsal::new().without_rules();
        assert!(rehearsal.try_apply(&before).unwrap().is_complete());
        let plan = rehearsal.try_plan(&after).unwrap();
        let step = plan.steps.iter().find(|step| step.action == Action::Update).unwrap();
        assert_eq!(step.notes.concat(), note);
    }
    // No program has such a group. The account says 0 for one that keeps its events for ever.
    let note = LogGroup::SCHEMA.field("retention").unwrap().note.unwrap();
    let said = note(&0.into(), &365.into());
    assert_eq!(said.as_deref(), Some("log events older than 365 days will be deleted (they were kept for ever)"));
}
