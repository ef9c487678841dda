//! Tags of ElastiCache objects, which take a call for each object to read: they are read where they change, and nowhere else.

use palisade::prelude::*;
use palisade_aws::operations::{AddTagsToResource, CreateTags, ListTagsForResource};
use palisade_core::Address;
use palisade_emulator::Fault;
use palisade_testing::Rehearsal;

use crate::schema_changes::cases::declare;

/// The kinds whose tags no description has.
const KINDS: [&str; 5] = ["CacheParameterGroup", "CacheSubnetGroup", "RedisUser", "ReplicationGroup", "UserGroup"];

fn arn(rehearsal: &Rehearsal, kind: &str) -> Arn {
    let arn = rehearsal.state().attribute(&Address::new(kind, "it"), "arn").unwrap();
    Arn::new(arn.as_str().unwrap()).unwrap()
}

fn tags(rehearsal: &Rehearsal, kind: &str) -> Tags {
    rehearsal.by_hand(ListTagsForResource { arn: arn(rehearsal, kind) }).unwrap().tags.declared()
}

fn reads(rehearsal: &Rehearsal) -> usize {
    rehearsal.emulator().calls().iter().filter(|call| **call == "ListTagsForResource").count()
}

/// The tags that the program declares for the object.
fn declared(kind: &str, field: &str) -> Tags {
    let graph = palisade_testing::graph(|stack| declare(stack, kind, field));
    let tags = graph.node(&Address::new(kind, "it")).unwrap().json("tags").unwrap().clone();
    serde_json::from_value(tags).unwrap()
}

#[test]
fn they_are_read_only_where_they_change() {
    for kind in KINDS {
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.apply(|stack| declare(stack, kind, ""));
        assert!(!rehearsal.plan(|stack| declare(stack, kind, "")).has_changes());
        assert_eq!(reads(&rehearsal), 0, "{kind}: a creation carries its tags");
        assert_eq!(tags(&rehearsal, kind), declared(kind, ""), "{kind}");

        let by_us = reads(&rehearsal);
        rehearsal.apply(|stack| declare(stack, kind, "tags"));
        assert_eq!(reads(&rehearsal) - by_us, 1, "{kind}");
        assert_ne!(declared(kind, "tags"), declared(kind, ""), "{kind}");
        assert_eq!(tags(&rehearsal, kind), declared(kind, "tags"), "{kind}");
    }
}

#[test]
fn a_change_that_was_interrupted_is_finished_by_the_next_apply() {
    for kind in KINDS {
        for fault in [Fault::Unavailable, Fault::AnswerLost] {
            let mut rehearsal = Rehearsal::new().without_rules();
            rehearsal.apply(|stack| declare(stack, kind, ""));
            rehearsal.emulator().inject(1, fault);
            let changed = palisade_testing::graph(|stack| declare(stack, kind, "tags"));
            assert!(!rehearsal.try_apply(&changed).unwrap().is_complete(), "{kind}");

            let plan = rehearsal.plan(|stack| declare(stack, kind, "tags"));
            let step = plan.step(&Address::new(kind, "it")).unwrap();
            assert_eq!(step.changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), ["tags"], "{kind}");
            rehearsal.apply(|stack| declare(stack, kind, "tags"));
            assert_eq!(tags(&rehearsal, kind), declared(kind, "tags"), "{kind}");
        }
    }
}

/// `docs/decisions/0014-tags-of-caches-are-not-read-back.md` says so.
#[test]
fn what_others_change_is_seen_only_where_the_description_has_it() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| declare(stack, "CacheSubnetGroup", ""));
    let theirs = tags! { "theirs" = "1" };
    let arn = arn(&rehearsal, "CacheSubnetGroup");
    rehearsal.by_hand(AddTagsToResource { arn, tags: theirs.clone() }).unwrap();
    assert!(!rehearsal.plan(|stack| declare(stack, "CacheSubnetGroup", "")).has_changes());
    rehearsal.apply(|stack| declare(stack, "CacheSubnetGroup", "tags"));
    assert_eq!(tags(&rehearsal, "CacheSubnetGroup"), declared("CacheSubnetGroup", "tags"), "the next change clears up");

    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| declare(stack, "Vpc", ""));
    let resource_id = rehearsal.state().resources[&Address::new("Vpc", "it")].current.clone().unwrap().id.unwrap();
    rehearsal.by_hand(CreateTags { resource_id, tags: theirs }).unwrap();
    assert!(rehearsal.plan(|stack| declare(stack, "Vpc", "")).has_changes());
}

#[test]
fn the_short_ways_to_declare_users_and_groups_keep_their_tags() {
    let wanted = tags! { "team" = "data" };
    let graph = palisade_testing::graph(|stack| {
        let default = RedisUser::disabled_default(name!("redis-default")).tags(wanted.clone());
        let default = stack.add("default", default);
        stack.add("users", UserGroup::redis(name!("redis-users"), &default).tags(wanted.clone()));
    });
    for (kind, name) in [("RedisUser", "default"), ("UserGroup", "users")] {
        let tags = graph.node(&Address::new(kind, name)).unwrap().json("tags").unwrap().clone();
        assert_eq!(serde_json::from_value::<Tags>(tags).unwrap(), wanted, "{kind}");
    }
}

/// AWS takes 50 tags, of which three are the tool's.
#[test]
fn all_tags_can_be_given_other_keys() {
    let many = |begin: &str| {
        let tags: serde_json::Map<_, _> =
            (0..47).map(|number| (format!("{begin}{number}"), "a value".to_owned().into())).collect();
        serde_json::from_value::<Tags>(tags.into()).unwrap()
    };
    let program = |begin: &'static str| {
        move |stack: &mut Stack| {
            let vpc = stack.add("it", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).tags(many(begin)));
            let subnet = Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a"));
            let subnet = stack.add("it", subnet.tags(many(begin)));
            let group = CacheSubnetGroup::builder().name(name!("it")).subnet_ids([&subnet]);
            stack.add("it", group.tags(many(begin)));
            stack.add("it", Secret::builder().name(secret_name!("it")).generated().tags(many(begin)));
            stack.add("it", KmsKey::builder().alias(kms_alias!("alias/it")).tags(many(begin)));
            let group = stack.add("it", LogGroup::builder().name(log_group_name!("/it")).tags(many(begin)));
            let role = FlowLogRole::builder().name(name!("it")).log_group(&group);
            stack.add("it", role.tags(many(begin)));
        }
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(program("one"));
    rehearsal.apply(program("other"));
    assert_eq!(tags(&rehearsal, "CacheSubnetGroup"), many("other"));
    assert!(!rehearsal.plan(program("other")).has_changes());
}
