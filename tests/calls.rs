//! How many calls it takes: reads that are wanted at about the same time are one.

use std::collections::BTreeMap;

use many_objects::{SECURITY_GROUPS, SUBNETS, USERS};
use palisade_testing::Rehearsal;

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
    let mut rehearsal = Rehearsal::new();
    rehearsal.apply(many_objects::stack);
    let applied = rehearsal.emulator().calls();
    let counts = counted(&applied);
    let writes = BTreeMap::from([
        ("CreateVpc", 1),
        ("CreateSubnet", SUBNETS),
        ("CreateSecurityGroup", SECURITY_GROUPS),
        ("RevokeSecurityGroupEgress", SECURITY_GROUPS),
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
        ("DescribeSecurityGroupRules", 1),
        ("DescribeSecurityGroups", 1),
        ("DescribeSubnets", 1),
        ("DescribeUsers", 1),
        ("DescribeVpcAttribute", 3),
        ("DescribeVpcs", 1),
    ];
    assert_eq!(counted(&planned), BTreeMap::from(expected));
}
