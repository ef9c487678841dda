//! What a change of each field of each resource does: generated from the schemas, so that a new field without a case here
//! fails, and judged by AWS's rules, not by the schemas' own.

pub(crate) mod cases;

use std::collections::{BTreeMap, BTreeSet};

use palisade::prelude::*;
use palisade_aws::{operations::ModifyReplicationGroup, types::MaintenanceWindow};
use palisade_core::{Address, Json, Schema};
use palisade_engine::Action;
use palisade_testing::Rehearsal;

use cases::{DOWNGRADES, REPLACED, cache, change, downgrade, fields, named, observed};

#[test]
fn every_change_replaces_or_updates_as_aws_does_and_leaves_nothing_to_change() {
    let mut failures = Vec::new();
    for (schema, field) in fields() {
        let mut rehearsal = Rehearsal::new().without_rules();
        let changed = change(&mut rehearsal, schema, field).and_then(|[before, after]| {
            nothing_is_left(&rehearsal)?;
            is_made(schema, field, &before, &after)
        });
        if let Err(failure) = changed {
            failures.push(format!("{}.{field}: {failure}", schema.kind));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// That a plan has nothing left to change does not show that a change was made: AWS may write a value in another way, so what is
/// read after a change is taken for it. But a field that is read does not stay as it was, and the object becomes what a
/// creation makes.
fn is_made(schema: &Schema, field: &str, before: &Json, after: &Json) -> Result<(), String> {
    if let Some(value) = before.get(field)
        && after.get(field) == Some(value)
    {
        return Err(format!("it stays {value}"));
    }
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| cases::declare(stack, schema.kind, field));
    let created = observed(&rehearsal, schema.kind);
    if *after == created { Ok(()) } else { Err(format!("it becomes {after}, and is created as {created}")) }
}

fn nothing_is_left(rehearsal: &Rehearsal) -> Result<(), String> {
    // A final snapshot outlives its cache: that is what it is for.
    let mut left = rehearsal.emulator().inventory();
    left.retain(|item| item.kind != "Snapshot");
    if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}")) }
}

/// As long as an object is read as it was after its creation, it is taken for what it was given. So a field that is always read
/// wrong is noticed here alone.
#[test]
fn what_is_read_of_an_object_is_what_it_was_given() {
    let mut written_otherwise = BTreeSet::new();
    for (schema, field) in fields() {
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.apply(|stack| cases::declare(stack, schema.kind, field));
        let object = rehearsal.state().resources[&Address::new(schema.kind, "it")].current.clone().unwrap();
        for (name, read) in object.observed.expect("it is finished").fields.clone() {
            let given = object.inputs.get(&name).unwrap_or(&Json::Null);
            let value = |json: &Json| named(json.clone(), &BTreeMap::new());
            if value(&read) != value(given) {
                written_otherwise.insert(format!("{}.{name}: {given} is read as {read}", schema.kind));
            }
        }
    }
    insta::assert_snapshot!(written_otherwise.into_iter().collect::<Vec<_>>().join("\n"), @r#"
    RedisUser.access_string: "on ~a:* +get" is read as "on ~a:* -@all +get"
    ReplicationGroup.maintenance_window: null is read as "mon:03:00-mon:04:00"
    ReplicationGroup.parameter_group_name: null is read as "default.redis7"
    ReplicationGroup.parameter_group_name: null is read as "default.redis7.cluster.on"
    ReplicationGroup.parameter_group_name: null is read as "default.valkey8"
    ReplicationGroup.snapshot_window: null is read as "05:00-06:00"
    "#);
}

/// No object is replaced for a word that the cloud never sees.
#[test]
fn a_resource_that_changes_along_with_its_name_in_the_program_keeps_its_object() {
    for (schema, field) in fields() {
        let kind = schema.kind;
        if REPLACED.iter().any(|(it, replaced)| *it == kind && replaced.contains(&field)) {
            continue;
        }
        let mut rehearsal = Rehearsal::new().without_rules();
        let id = |rehearsal: &Rehearsal, name| {
            rehearsal.state().resources[&Address::new(kind, name)].current.clone().expect("it is there").id
        };
        rehearsal.apply(|stack| cases::declare_as(stack, kind, "it", ""));
        let before = id(&rehearsal, "it");
        let renamed = |stack: &mut Stack| cases::declare_as(stack, kind, "renamed", field);
        let plan = rehearsal.plan(renamed);
        let step = plan.step(&Address::new(kind, "renamed")).unwrap();
        let was = Some(Address::new(kind, "it"));
        assert_eq!((step.action, &step.moved_from), (Action::Update, &was), "{kind}.{field}");
        rehearsal.apply(renamed);
        assert_eq!(id(&rehearsal, "renamed"), before, "{kind}.{field}");
        assert!(!rehearsal.plan(renamed).has_changes(), "{kind}.{field}");
    }
}

/// What waits for a description to show a change gives up after a minute, and takes the change for done.
#[test]
fn a_change_in_place_is_not_waited_for_longer_than_it_takes() {
    let mut late = Vec::new();
    for (kind, seconds) in
        [("FlowLogRole", 30), ("KmsKey", 30), ("LogGroup", 30), ("RedisUser", 30), ("Secret", 30), ("UserGroup", 90)]
    {
        let in_place = |field: &str| !REPLACED.iter().any(|(it, replaced)| *it == kind && replaced.contains(&field));
        for (_, field) in fields().filter(|(schema, field)| schema.kind == kind && in_place(field)) {
            let mut rehearsal = Rehearsal::new().without_rules();
            let now = |rehearsal: &Rehearsal| rehearsal.emulator().contents()["now"].as_u64().unwrap();
            rehearsal.apply(|stack| cases::declare(stack, kind, ""));
            let before = now(&rehearsal);
            rehearsal.apply(|stack| cases::declare(stack, kind, field));
            let took = (now(&rehearsal) - before) / 1000;
            if took >= seconds {
                late.push(format!("{kind}.{field}: {took} s"));
            }
        }
    }
    assert!(late.is_empty(), "{}", late.join("\n"));
}

#[test]
fn the_table_of_replacements_names_only_what_exists() {
    let kinds: BTreeSet<_> = palisade_aws::schemas().map(|schema| schema.kind).collect();
    assert_eq!(kinds, REPLACED.iter().map(|(kind, _)| *kind).collect());
    for (kind, fields) in REPLACED {
        let schema = palisade_aws::schemas().find(|schema| schema.kind == *kind).unwrap();
        assert!(fields.iter().all(|field| schema.field(field).is_some()), "{kind}");
    }
}

#[test]
fn a_downgrade_and_the_way_back_from_valkey_replace_the_cache() {
    for (from, to) in DOWNGRADES {
        downgrade(&mut Rehearsal::new().without_rules(), from, to);
    }
}

#[test]
fn the_shards_of_a_cache_and_their_replicas_change_in_place() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let divided = |stack: &mut Stack, shards, replicas| {
        cache(stack, Engine::VALKEY_8_0.erased(), |cache| cache.sharded(shards, replicas));
    };
    rehearsal.apply(|stack| divided(stack, shards!(3), replicas!(1)));
    for (shards, replicas) in
        [(shards!(3), replicas!(2)), (shards!(5), replicas!(2)), (shards!(2), replicas!(1)), (shards!(2), replicas!(2))]
    {
        let report = rehearsal.apply(|stack| divided(stack, shards, replicas));
        assert_eq!((report.added, report.changed, report.destroyed), (0, 1, 0), "{shards} {replicas}");
        let plan = rehearsal.plan(|stack| divided(stack, shards, replicas));
        assert!(!plan.has_changes() && plan.drift.is_empty(), "{shards} {replicas}: {plan:?}");
    }
    let state = rehearsal.state();
    let attribute = |name| state.attribute(&Address::new("ReplicationGroup", "it"), name).expect("it was read");
    assert_eq!(attribute("member_clusters").as_array().map(Vec::len), Some(6));
    assert_eq!(attribute("primary_endpoint"), "");
    assert!(attribute("configuration_endpoint").as_str().is_some_and(|endpoint| endpoint.contains("clustercfg")));
    rehearsal.destroy();
    assert!(rehearsal.emulator().inventory().iter().all(|item| item.kind == "Snapshot"));
}

/// A group itself tells neither of its versions nor of its security groups and its maintenance window.
#[test]
fn what_only_the_members_of_a_cache_tell_is_read() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let program = |stack: &mut Stack| cases::declare(stack, "ReplicationGroup", "maintenance_window");
    rehearsal.apply(program);
    let unchanged = ModifyReplicationGroup::unchanged(&Id::reported("redis").unwrap());
    let maintenance_window = Some(MaintenanceWindow::literal("tue:10:00-tue:11:00"));
    rehearsal.by_hand(ModifyReplicationGroup { maintenance_window, ..unchanged.clone() }).unwrap();
    // This one is refused until the other one is done.
    let description = Some("by hand".to_owned());
    rehearsal.by_hand(ModifyReplicationGroup { description, ..unchanged }).unwrap();
    let plan = rehearsal.plan(program);
    let drift: Vec<_> = plan.drift.iter().filter_map(|drift| drift.field.as_deref()).collect();
    assert_eq!(drift, ["maintenance_window"], "the second change is still under way");
}

/// Host names need support, so it comes before them, and goes after them.
#[test]
fn support_and_host_names_of_a_vpc_come_and_go_together() {
    let mut rehearsal = Rehearsal::new().without_rules();
    for is_on in [false, true, false] {
        rehearsal.apply(|stack| {
            let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/16"));
            stack.add("it", vpc.enable_dns_support(is_on).enable_dns_hostnames(is_on));
        });
        let observed = observed(&rehearsal, "Vpc");
        assert_eq!([&observed["enable_dns_support"], &observed["enable_dns_hostnames"]], [is_on, is_on]);
    }
}

#[test]
fn a_tenancy_that_becomes_shared_is_changed_in_place() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let vpc = |stack: &mut Stack, tenancy| {
        stack.add("it", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).instance_tenancy(tenancy));
    };
    rehearsal.apply(|stack| vpc(stack, Tenancy::Dedicated));
    assert_eq!(rehearsal.apply(|stack| vpc(stack, Tenancy::Default)).changed, 1);
    assert!(!rehearsal.plan(|stack| vpc(stack, Tenancy::Default)).has_changes());
    rehearsal.destroy();
}
