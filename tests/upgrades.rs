//! AWS upgrades the minor version of a cache by itself, where the program lets it. That is no difference.

use std::time::Duration;

use palisade::prelude::*;
use palisade_aws::{operations::ModifyReplicationGroup, types::EngineVersion};
use palisade_core::{Address, provider::ErrorKind};
use palisade_engine::Action;
use palisade_testing::Rehearsal;

/// A cache of an engine, with what else is said of it.
fn cache(engine: Engine, is_upgraded: bool, about: &'static str) -> impl Fn(&mut Stack) {
    move |stack: &mut Stack| {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
        let subnets = stack.add("it", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
        let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
        let group = stack.add("it", group.description(description!("The cache")));
        let token = stack.add("it", Secret::builder().name(secret_name!("redis/token")).generated());
        let cache = ReplicationGroup::builder()
            .replication_group_id(name!("redis"))
            .description(about)
            .engine(engine)
            .node_type(node_type!("cache.t4g.small"))
            .multi_az(replicas!(1))
            .subnet_group_name(&subnets)
            .security_group_ids([&group])
            .authentication(&token)
            .auto_minor_version_upgrade(is_upgraded);
        stack.add("it", cache.encrypted(AtRest::default(), InTransit::Required));
    }
}

/// A stack whose cache AWS has upgraded from one engine to the version `to`.
fn upgraded(from: Engine, is_upgraded: bool, to: &str) -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(cache(from, is_upgraded, "before"));
    rehearsal.emulator().lag(Duration::ZERO);
    let unchanged = ModifyReplicationGroup::unchanged(&Id::reported("redis").unwrap());
    let engine_version = Some(EngineVersion::reported(to));
    rehearsal.by_hand(ModifyReplicationGroup { engine_version, ..unchanged.clone() }).unwrap();
    // Refused until the upgrade is done; and then, as it changes nothing.
    let description = Some("before".to_owned());
    let refused = rehearsal.by_hand(ModifyReplicationGroup { description, ..unchanged }).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NothingToDo);
    rehearsal
}

fn version(rehearsal: &Rehearsal) -> String {
    let contents = rehearsal.emulator().contents();
    contents["replication_groups"]["redis"]["settings"]["engine_version"].as_str().unwrap().to_owned()
}

const UPGRADES: [(Engine, Engine, &str); 3] = [
    (Engine::REDIS_7_0.erased(), Engine::REDIS_7_1.erased(), "REDIS_7_1"),
    (Engine::VALKEY_8_0.erased(), Engine::VALKEY_8_1.erased(), "VALKEY_8_1"),
    (Engine::VALKEY_8_0.erased(), Engine::VALKEY_8_2.erased(), "VALKEY_8_2"),
];

#[test]
fn a_minor_version_that_comes_by_itself_is_a_note_and_nothing_to_do() {
    for (from, to, constant) in UPGRADES {
        let rehearsal = upgraded(from, true, to.version().as_str());
        let plan = rehearsal.plan(cache(from, true, "before"));
        assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");
        let [note] = plan.step(&Address::new("ReplicationGroup", "it")).unwrap().notes.as_slice() else {
            panic!("{plan:?}")
        };
        let says = format!(
            "AWS has upgraded it from {} to {}, as `auto_minor_version_upgrade` lets it; nothing is changed. Write \
             `.engine(Engine::{constant})` to say so",
            from.version(),
            to.version()
        );
        assert_eq!(*note, says);
    }
}

/// What the note says to write is what the account has: nothing is sent.
#[test]
fn what_the_note_says_to_write_is_taken_over() {
    for (from, to, _) in UPGRADES {
        let mut rehearsal = upgraded(from, true, to.version().as_str());
        let plan = rehearsal.plan(cache(to, true, "before"));
        let step = plan.step(&Address::new("ReplicationGroup", "it")).unwrap();
        assert_eq!((step.action, step.changes.len(), step.notes.len()), (Action::Update, 0, 0));
        let first = rehearsal.emulator().calls().len();
        rehearsal.apply(cache(to, true, "before"));
        let calls = rehearsal.emulator().calls().split_off(first);
        assert!(!calls.contains(&"ModifyReplicationGroup"), "{calls:?}");
        assert!(!rehearsal.plan(cache(to, true, "before")).has_changes());
    }
}

#[test]
fn another_change_leaves_the_version_as_aws_has_made_it() {
    for (from, to, _) in UPGRADES {
        let mut rehearsal = upgraded(from, true, to.version().as_str());
        let report = rehearsal.apply(cache(from, true, "after"));
        assert_eq!((report.added, report.changed, report.destroyed), (0, 1, 0));
        assert_eq!(version(&rehearsal), to.version().as_str());
        let plan = rehearsal.plan(cache(from, true, "after"));
        assert_eq!((plan.has_changes(), plan.drift.len()), (false, 0));
        assert_eq!(plan.step(&Address::new("ReplicationGroup", "it")).unwrap().notes.len(), 1);
    }
}

/// Neither a downgrade that the program asks for nor one after it has taken the version over is an upgrade of AWS.
#[test]
fn a_version_that_the_program_has_had_itself_is_a_difference() {
    let [old, new] = [Engine::VALKEY_8_0.erased(), Engine::VALKEY_8_1.erased()];
    let mut rehearsal = upgraded(old, true, "8.1");
    rehearsal.apply(cache(new, true, "before"));
    let plan = rehearsal.plan(cache(old, true, "before"));
    assert!(matches!(plan.step(&Address::new("ReplicationGroup", "it")).unwrap().action, Action::Replace(_)));
    // An upgrade that the program asks for goes on from the version that there is.
    let mut rehearsal = upgraded(old, true, "8.1");
    rehearsal.apply(cache(Engine::VALKEY_8_2.erased(), true, "before"));
    assert_eq!(version(&rehearsal), "8.2");
}
