//! The windows of a cache that its program leaves to AWS.

use palisade_core::{Json, JsonMap};

use crate::types::{MaintenanceWindow, SnapshotWindow};

/// The snapshot window of a cache that its program leaves to AWS. It moves where it overlaps the maintenance window of the program,
/// which AWS would refuse.
pub(super) fn keep_snapshot_window(now: &Json, wanted: &JsonMap) -> Json {
    let maintenance = wanted.get("maintenance_window").and_then(Json::as_str).map(MaintenanceWindow::reported);
    let overlaps = |snapshot: &str| {
        maintenance.as_ref().is_some_and(|maintenance| maintenance.overlaps(&SnapshotWindow::reported(snapshot)))
    };
    keep_window(now, ["05:00-06:00", "17:00-18:00"], overlaps)
}

/// The maintenance window of a cache that its program leaves to AWS, in the same way.
pub(super) fn keep_maintenance_window(now: &Json, wanted: &JsonMap) -> Json {
    let snapshot = wanted.get("snapshot_window").and_then(Json::as_str).map(SnapshotWindow::reported);
    let overlaps = |maintenance: &str| {
        snapshot.as_ref().is_some_and(|snapshot| MaintenanceWindow::reported(maintenance).overlaps(snapshot))
    };
    keep_window(now, ["mon:03:00-mon:04:00", "mon:15:00-mon:16:00"], overlaps)
}

fn keep_window(now: &Json, free: [&str; 2], overlaps: impl Fn(&str) -> bool) -> Json {
    match now.as_str() {
        Some(window) if overlaps(window) => {
            free.into_iter().find(|window| !overlaps(window)).map_or_else(|| now.clone(), Json::from)
        }
        _ => now.clone(),
    }
}
