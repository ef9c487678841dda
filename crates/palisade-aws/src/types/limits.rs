//! Numbers with bounds.

checked_number! {
    /// The nodes of a replication group without shards, the primary included: 1 to 6.
    NodeCount(u8), "a number of nodes", check_nodes, node_count
}

checked_number! {
    /// The replicas of a primary: 1 to 5.
    Replicas(u8), "a number of replicas", check_replicas, replicas
}

checked_number! {
    /// The shards of a cluster, between which the keys are divided: 1 to 500.
    Shards(u16), "a number of shards", check_shards, shards
}

checked_number! {
    /// For how many days automatic snapshots are kept: 1 to 35.
    SnapshotRetention(u8), "a retention in days", check_retention, retention_days
}

checked_number! {
    /// For how many days a deleted secret can be restored: 7 to 30, or 0 to delete it at once.
    RecoveryWindow(u8), "a recovery window in days", check_recovery, recovery_days
}

checked_number! {
    /// After how many days the material of a key is replaced by new one, while what the old one encrypted stays readable: 90
    /// to 2560.
    RotationPeriod(u16), "a rotation period in days", check_rotation, rotation_days
}

checked_number! {
    /// For how many days the deletion of a key can be called off: 7 to 30.
    DeletionWindow(u8), "a deletion window in days", check_deletion, deletion_days
}

const fn check_nodes(number: u8) -> Option<&'static str> {
    if 1 <= number && number <= 6 { None } else { Some("a replication group has 1 to 6 nodes") }
}

const fn check_replicas(number: u8) -> Option<&'static str> {
    if 1 <= number && number <= 5 {
        None
    } else {
        Some("a primary has 1 to 5 replicas; a group without any is `.single_node()`")
    }
}

const fn check_shards(number: u16) -> Option<&'static str> {
    if 1 <= number && number <= 500 { None } else { Some("a cluster has 1 to 500 shards") }
}

const fn check_retention(number: u8) -> Option<&'static str> {
    if 1 <= number && number <= 35 { None } else { Some("automatic snapshots are kept for 1 to 35 days") }
}

const fn check_recovery(number: u8) -> Option<&'static str> {
    if number == 0 || 7 <= number && number <= 30 {
        None
    } else {
        Some("a deleted secret can be restored for 7 to 30 days, or not at all with 0")
    }
}

const fn check_rotation(number: u16) -> Option<&'static str> {
    if 90 <= number && number <= 2560 { None } else { Some("a key is rotated every 90 to 2560 days") }
}

const fn check_deletion(number: u8) -> Option<&'static str> {
    if 7 <= number && number <= 30 {
        None
    } else {
        Some("a key is deleted after 7 to 30 days, in which the deletion can be called off")
    }
}
