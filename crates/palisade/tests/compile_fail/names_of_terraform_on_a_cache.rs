//! What Terraform has an argument for, and a cache always has or says in another way, is told where it is written.

use palisade::prelude::*;

fn main() {
    let _ = ReplicationGroup::builder()
        .at_rest_encryption_enabled(true)
        .transit_encryption_enabled(true)
        .transit_encryption_mode("preferred")
        .kms_key_id("alias/redis")
        .auth_token("correct-horse-battery-staple")
        .user_group_ids(["users"])
        .engine_version("7.1")
        .num_cache_clusters(2)
        .automatic_failover_enabled(true)
        .multi_az_enabled(true)
        .num_node_groups(2)
        .replicas_per_node_group(1)
        .snapshot_window("03:00-04:00")
        .maintenance_window("sun:05:00-sun:06:00")
        .preferred_cache_cluster_azs(["us-east-1a"])
        .cluster_mode("enabled")
        .data_tiering_enabled(false)
        .apply_immediately(true);
}
