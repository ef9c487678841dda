//! The windows of a cache that the program leaves to AWS give way to the one that it names, and stay otherwise. The plan shows it.

use std::{sync::Arc, time::Duration};

use palisade::prelude::*;
use palisade_aws::{Aws, AwsProvider, operations::ModifyReplicationGroup};
use palisade_core::{Address, Json};
use palisade_engine::{FieldChange, Origin, Plan, SavedPlan};
use palisade_testing::Rehearsal;

use crate::{orders::Nothing, run_later, schema_changes::cases::cache};

const WINDOWS: [&str; 2] = ["snapshot_window", "maintenance_window"];

fn windows(rehearsal: &Rehearsal) -> [String; 2] {
    let settings = rehearsal.emulator().contents()["replication_groups"]["redis"]["settings"].take();
    WINDOWS.map(|window| settings[window].as_str().unwrap().to_owned())
}

/// Waits until a change by hand is done: until then, AWS takes no other one.
fn wait_until_changed(rehearsal: &Rehearsal) {
    let unchanged = ModifyReplicationGroup::unchanged(&id!(ReplicationGroup, "redis"));
    _ = rehearsal.by_hand(unchanged);
}

/// What a plan changes of the cache: the fields, with their values before and after.
fn changes(plan: &Plan) -> Vec<(String, Json, Json)> {
    let step = plan.step(&Address::new("ReplicationGroup", "it")).unwrap();
    let known =
        |change: &FieldChange| Some((change.field.clone(), change.before.clone()?, change.after.clone()?.into_json()?));
    step.changes.iter().map(|change| known(change).unwrap()).collect()
}

/// The windows that are not the same before and after.
fn differences(before: [&str; 2], after: [&str; 2]) -> Vec<(String, Json, Json)> {
    let each = WINDOWS.into_iter().zip(before).zip(after);
    each.filter(|((_, before), after)| before != after)
        .map(|((window, before), after)| (window.to_owned(), before.into(), after.into()))
        .collect()
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
        wait_until_changed(&rehearsal);
        let untouched = rehearsal.plan(program(None));
        assert!(!untouched.has_changes() && untouched.drift.is_empty(), "the program leaves both windows to AWS");
        assert_eq!(changes(&rehearsal.plan(program(Some(named.clone())))), differences([snapshot, maintenance], after));
        rehearsal.apply(program(Some(named.clone())));
        assert_eq!(windows(&rehearsal), after);
        assert!(!rehearsal.plan(program(Some(named))).has_changes());
        assert!(!rehearsal.plan(program(None)).has_changes(), "both windows stay");
    }
}

/// The file names no window, so the plan has one to show that is not in the program.
#[test]
fn a_saved_plan_that_moves_a_window_can_be_applied_again_once_the_window_has_moved() {
    let program = |windows: Option<Windows>, description: &'static str| {
        palisade_testing::graph(|stack| {
            cache(stack, Engine::REDIS_7_1.erased(), |cache| {
                let cache = cache.multi_az(replicas!(1)).description(description);
                match windows {
                    Some(windows) => cache.windows(windows),
                    None => cache,
                }
            });
        })
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.try_apply(&program(None, "before")).unwrap();
    let moved = program(Some(windows!(maintenance: "wed:05:00-wed:06:00")), "after");
    let plan = rehearsal.try_plan(&moved).unwrap();
    assert_eq!(changes(&plan).len(), 3, "{plan:?}");
    let origin = Origin { lineage: None, account: "test".to_owned(), region: None, made_at: 0, is_destroy: false };
    let saved = SavedPlan::new(plan, &moved, origin);
    let snapshot_window = Some(SnapshotWindow::reported("17:00-18:00"));
    let unchanged = ModifyReplicationGroup::unchanged(&id!(ReplicationGroup, "redis"));
    rehearsal.by_hand(ModifyReplicationGroup { snapshot_window, ..unchanged }).unwrap();
    wait_until_changed(&rehearsal);
    let provider = AwsProvider::new(Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing)));
    let left = run_later(saved.rest(&provider, &moved, &rehearsal.state())).unwrap().plan;
    assert_eq!(
        changes(&left).into_iter().map(|(field, ..)| field).collect::<Vec<_>>(),
        ["description", "maintenance_window"]
    );
}
