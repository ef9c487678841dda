//! The windows of a cache that the program leaves to AWS give way to the one that it names, and stay otherwise.

use std::time::Duration;

use palisade::prelude::*;
use palisade_aws::operations::ModifyReplicationGroup;
use palisade_testing::Rehearsal;

use crate::schema_changes::cases::cache;

fn windows(rehearsal: &Rehearsal) -> [String; 2] {
    let settings = rehearsal.emulator().contents()["replication_groups"]["redis"]["settings"].take();
    ["snapshot_window", "maintenance_window"].map(|window| settings[window].as_str().unwrap().to_owned())
}

#[test]
fn a_window_that_aws_has_chosen_gives_way_where_it_overlaps_and_stays_otherwise() {
    let first = ("05:30-06:30", "mon:03:00-mon:04:00");
    let second = ("12:00-13:00", "thu:10:00-thu:11:00");
    for ((snapshot, maintenance), named, after) in [
        (first, windows!(maintenance: "wed:05:30-wed:06:30"), ["17:00-18:00", "wed:05:30-wed:06:30"]),
        (second, windows!(maintenance: "wed:12:30-wed:13:30"), ["05:00-06:00", "wed:12:30-wed:13:30"]),
        (second, windows!(maintenance: "wed:05:30-wed:06:30"), ["12:00-13:00", "wed:05:30-wed:06:30"]),
        (first, windows!(snapshot: "03:30-04:30"), ["03:30-04:30", "mon:15:00-mon:16:00"]),
        (second, windows!(snapshot: "10:30-11:30"), ["10:30-11:30", "mon:03:00-mon:04:00"]),
        (second, windows!(snapshot: "03:30-04:30"), ["03:30-04:30", "thu:10:00-thu:11:00"]),
    ] {
        let program = |named: Option<Windows>| {
            move |stack: &mut Stack| {
                cache(stack, Engine::REDIS_7_1.erased(), |cache| match named {
                    Some(named) => cache.multi_az(replicas!(1)).windows(named),
                    None => cache.multi_az(replicas!(1)),
                });
            }
        };
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.apply(program(None));
        rehearsal.emulator().lag(Duration::ZERO);
        let chosen = ModifyReplicationGroup {
            snapshot_window: Some(SnapshotWindow::reported(snapshot)),
            maintenance_window: Some(MaintenanceWindow::reported(maintenance)),
            ..ModifyReplicationGroup::unchanged(&id!(ReplicationGroup, "redis"))
        };
        rehearsal.by_hand(chosen).unwrap();
        rehearsal.apply(program(Some(named.clone())));
        assert_eq!(windows(&rehearsal), after);
        assert!(!rehearsal.plan(program(Some(named))).has_changes());
    }
}
