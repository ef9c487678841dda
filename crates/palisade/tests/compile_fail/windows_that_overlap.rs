//! Snapshots are not taken while AWS works on the nodes.
//!
//! Rules: ReplicationGroup/windows-apart

use palisade::prelude::*;

fn main() {
    let windows = windows!(snapshot: "05:30-06:30", maintenance: "sun:05:00-sun:06:00");
    println!("{windows:?}");
}
