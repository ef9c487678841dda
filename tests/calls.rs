//! How many calls it takes: reads that are wanted at about the same time are one.

use std::collections::BTreeMap;

use many_objects::{SECURITY_GROUPS, SUBNETS, USERS};
use palisade::Stack;
use palisade_core::{
    Json,
    calls::{Count, Work},
};
use palisade_engine::{Action, FieldChange, Plan, StepKind};
use palisade_testing::Rehearsal;

use crate::schema_changes::cases::{declare, fields};

/// How often each call was made.
fn counted(calls: &[&'static str]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(*call).or_default() += 1;
    }
    counts
}

#[test]
fn many_objects_take_few_reads() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(many_objects::stack);
    let applied = rehearsal.emulator().calls();
    let counts = counted(&applied);
    let writes = BTreeMap::from([
        ("CreateVpc", 1),
        ("CreateSubnet", SUBNETS),
        ("CreateSecurityGroup", SECURITY_GROUPS),
        // With those of the VPC's default group.
        ("RevokeSecurityGroupEgress", SECURITY_GROUPS + 1),
        ("RevokeSecurityGroupIngress", 1),
        ("AuthorizeSecurityGroupIngress", SECURITY_GROUPS),
        ("CreateUser", USERS),
    ]);
    assert!(writes.iter().all(|(call, count)| counts[call] == *count), "{counts:?}");
    // With the pre-flight, which the emulated account does not have, it is 900 at most, and below it is 10.
    assert!(applied.len() < 900, "{}: {counts:?}", applied.len());

    let before = applied.len();
    assert!(!rehearsal.plan(many_objects::stack).has_changes());
    let planned = rehearsal.emulator().calls().split_off(before);
    assert!(planned.len() < 10, "{planned:?}");
    let expected = [
        // One for the rules of the stack, and one for those that the default group should not have.
        ("DescribeSecurityGroupRules", 2),
        ("DescribeSecurityGroups", 1),
        ("DescribeSubnets", 1),
        ("DescribeUsers", 1),
        ("DescribeVpcAttribute", 3),
        ("DescribeVpcs", 1),
    ];
    assert_eq!(counted(&planned), BTreeMap::from(expected));
}

/// How often the steps of the plan make each call that changes something, at least and at most.
fn foreseen(plan: &Plan) -> BTreeMap<&'static str, (usize, usize)> {
    let mut foreseen = BTreeMap::new();
    for step in &plan.steps {
        let null = Json::Null;
        let fields = |value: fn(&FieldChange) -> Option<&Json>| -> Vec<_> {
            step.changes.iter().map(|change| (change.field.as_str(), value(change).unwrap_or(&null))).collect()
        };
        let after = || fields(|change| change.after.as_ref()?.as_json());
        let works = match step.action {
            Action::Create => vec![(StepKind::Create, after())],
            Action::Update => vec![(StepKind::Update, after())],
            Action::Replace(_) => vec![(StepKind::Create, Vec::new()), (StepKind::Delete, Vec::new())],
            Action::Delete => vec![(StepKind::Delete, fields(|change| change.before.as_ref()))],
            Action::Nothing => Vec::new(),
        };
        for (kind, fields) in works {
            let work = Work::Step { kind: step.address.kind(), step: kind, fields: &fields };
            for call in palisade_aws::calls_for(work).into_iter().filter(|call| call.writes) {
                let (least, most) = match call.count {
                    Count::Exactly(times) => (times, times),
                    Count::UpTo(times) => (0, times),
                    Count::AsNeeded => (0, usize::MAX),
                };
                let sum: &mut (usize, usize) = foreseen.entry(call.action).or_default();
                *sum = (sum.0 + least, sum.1.saturating_add(most));
            }
        }
    }
    foreseen
}

/// Applies, and compares the writes with those that were foreseen. A write that is refused for as long as something is between
/// two states is made again, which nothing can be on an account that `is_new`.
fn applies_as_foreseen(rehearsal: &mut Rehearsal, is_new: bool, declare: impl Fn(&mut Stack)) -> Result<(), String> {
    let foreseen = foreseen(&rehearsal.plan(&declare));
    let before = rehearsal.emulator().calls().len();
    rehearsal.apply(&declare);
    let mut made = counted(&rehearsal.emulator().calls().split_off(before));
    made.retain(|call, _| !["Describe", "List", "Get"].iter().any(|reads| call.starts_with(reads)));
    let surprise = made.iter().find(|(call, times)| match foreseen.get(*call) {
        None => true,
        Some((_, most)) => is_new && *times > most,
    });
    let missing = foreseen.iter().find(|(call, (least, _))| made.get(*call).unwrap_or(&0) < least);
    if surprise.is_none() && missing.is_none() {
        return Ok(());
    }
    Err(format!("not foreseen {surprise:?}, not made {missing:?}"))
}

#[test]
fn the_calls_of_every_change_are_those_that_were_foreseen() {
    let mut failures = Vec::new();
    for (schema, field) in fields() {
        let mut rehearsal = Rehearsal::new().without_rules();
        let mut check = |is_new, declare: &dyn Fn(&mut Stack)| {
            if let Err(failure) = applies_as_foreseen(&mut rehearsal, is_new, declare) {
                failures.push(format!("{}.{field}: {failure}", schema.kind));
            }
        };
        check(true, &|stack| declare(stack, schema.kind, ""));
        check(false, &|stack| declare(stack, schema.kind, field));
        check(false, &|_| {});
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
