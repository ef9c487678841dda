//! How the keys of a replication group are divided between shards.

use palisade_aws::{
    operations::{ModifyReplicationGroupShardConfiguration, ModifyReplicationGroupShardConfigurationOutput},
    shapes::NodeGroupDescription,
};

use super::Settings;
use crate::{
    account::Account,
    clock::{Millis, Phase, SHARD},
    refusal::{Answer, refuse, require},
};

/// A shard as AWS tells it.
pub(super) fn describe((number, nodes): (u16, u8)) -> NodeGroupDescription {
    NodeGroupDescription { id: id(number), nodes }
}

fn id(number: u16) -> String {
    format!("{number:04}")
}

impl Account {
    /// Refuses a parameter group that says otherwise of shards than the group does.
    pub(super) fn check_cluster_mode(&self, settings: &Settings, has_shards: bool) -> Answer<()> {
        let parameters = self.parameter_group(&settings.parameter_group)?;
        let enabled = parameters.has_shards();
        require(enabled == has_shards, "InvalidParameterCombination", || {
            format!(
                "The parameter group {} has cluster-enabled={}, which does not fit the number of node groups.",
                settings.parameter_group,
                if enabled { "yes" } else { "no" }
            )
        })?;
        require(!has_shards || settings.automatic_failover, "InvalidParameterCombination", || {
            "Automatic failover must be enabled for a cluster mode enabled replication group.".to_owned()
        })
    }

    pub(crate) fn modify_shard_configuration(
        &mut self,
        call: ModifyReplicationGroupShardConfiguration,
    ) -> Answer<ModifyReplicationGroupShardConfigurationOutput> {
        let name = call.replication_group_id;
        let group = self.replication_group_to_change(&name)?;
        require(group.cluster_enabled, "InvalidParameterCombination", || {
            format!("Replication group {name} is not cluster mode enabled.")
        })?;
        let (shards, wanted) = (group.shards(), usize::from(call.node_group_count.get()));
        require(wanted != shards.len(), "NoOperationFault", || {
            "The operation was not performed because no changes were required.".to_owned()
        })?;
        let changed = shards.len().abs_diff(wanted);
        let until = self.now + Millis::try_from(changed).unwrap_or(1) * SHARD;
        if wanted > shards.len() {
            let nodes = group.replicas() + 1;
            let subnets = self.places(&group.subnet_group, &group.members, changed * nodes)?;
            let new: Vec<u16> = (1..).filter(|number| !shards.contains_key(number)).take(changed).collect();
            if let Some(mut group) = self.replication_groups.remove(&name) {
                group.phase = group.phase.modified(self.now, until);
                self.add_members(name.as_str(), &mut group, &new, subnets, Phase::Creating { until });
                self.replication_groups.insert(name, group);
            }
            return Ok(ModifyReplicationGroupShardConfigurationOutput {});
        }
        let removed = call.node_groups_to_remove;
        if removed.len() != changed || !removed.iter().all(|one| shards.keys().any(|number| id(*number) == *one)) {
            return refuse(
                "InvalidParameterValue",
                "NodeGroupsToRemove must name the node groups to remove when their number is decreased.".to_owned(),
            );
        }
        if let Some(group) = self.replication_groups.get_mut(&name) {
            group.phase = group.phase.modified(self.now, until);
            for member in group.members.values_mut().filter(|member| removed.contains(&id(member.shard))) {
                member.phase = Phase::Deleting { until };
            }
        }
        Ok(ModifyReplicationGroupShardConfigurationOutput {})
    }
}
