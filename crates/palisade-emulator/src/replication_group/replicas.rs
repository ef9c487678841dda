//! How a replication group gets more replicas, and fewer.

use palisade_aws::operations::{
    DecreaseReplicaCount, DecreaseReplicaCountOutput, IncreaseReplicaCount, IncreaseReplicaCountOutput,
};

use crate::{
    account::Account,
    clock::{MEMBERS_LATER, Millis, Phase, REPLICA},
    ids::ReplicationGroupId,
    refusal::{Answer, refuse, require},
};

/// How many replicas a primary has at most.
const MOST: usize = 5;

impl Account {
    pub(crate) fn increase_replica_count(&mut self, call: IncreaseReplicaCount) -> Answer<IncreaseReplicaCountOutput> {
        let (id, wanted) = (call.replication_group_id, usize::from(call.new_replica_count));
        let present = self.replicas_to_change(&id, wanted)?;
        require(wanted > present, "InvalidParameterValue", || {
            format!("The new replica count {wanted} must be greater than the current replica count {present}.")
        })?;
        require(wanted <= MOST, "InvalidParameterValue", || format!("A primary can have at most {MOST} replicas."))?;
        let added = wanted - present;
        let group = self.replication_group(&id)?;
        let shards: Vec<u16> = group.shards().into_keys().collect();
        let subnets = self.places(&group.subnet_group, &group.members, added * shards.len())?;
        let until = self.now + steps(added);
        if let Some(mut group) = self.replication_groups.remove(&id) {
            group.phase = group.phase.modified(self.now, until);
            // The group is said to be available before its new nodes are.
            self.add_members(
                id.as_str(),
                &mut group,
                &shards,
                subnets,
                Phase::Creating { until: until + MEMBERS_LATER },
            );
            self.replication_groups.insert(id, group);
        }
        Ok(IncreaseReplicaCountOutput {})
    }

    pub(crate) fn decrease_replica_count(&mut self, call: DecreaseReplicaCount) -> Answer<DecreaseReplicaCountOutput> {
        let (id, wanted) = (call.replication_group_id, usize::from(call.new_replica_count));
        let present = self.replicas_to_change(&id, wanted)?;
        require(wanted < present, "InvalidParameterValue", || {
            format!("The new replica count {wanted} must be less than the current replica count {present}.")
        })?;
        let needs_one = self.replication_group(&id)?.settings.automatic_failover;
        require(wanted >= 1 || !needs_one, "InvalidParameterValue", || {
            "At least one replica is needed while automatic failover is enabled.".to_owned()
        })?;
        let removed = present - wanted;
        let until = self.now + steps(removed);
        if let Some(group) = self.replication_groups.get_mut(&id) {
            group.phase = group.phase.modified(self.now, until);
            for shard in group.shards().into_keys() {
                let members = group.members.values_mut().filter(|member| member.shard == shard);
                for member in members.rev().take(removed) {
                    member.phase = Phase::Deleting { until };
                }
            }
        }
        Ok(DecreaseReplicaCountOutput {})
    }

    /// How many replicas there are, if their number can be changed to `wanted` now.
    fn replicas_to_change(&self, id: &ReplicationGroupId, wanted: usize) -> Answer<usize> {
        let group = self.replication_group_to_change(id)?;
        if let Some((cluster, _)) = group.members.iter().find(|(_, member)| !member.phase.is_stable()) {
            return refuse("InvalidCacheClusterState", format!("Cache cluster {cluster} is not in available state."));
        }
        let present = group.replicas();
        require(wanted != present, "NoOperationFault", || {
            "The operation was not performed because no changes were required.".to_owned()
        })?;
        Ok(present)
    }
}

fn steps(replicas: usize) -> Millis {
    Millis::try_from(replicas).unwrap_or(1) * REPLICA
}
