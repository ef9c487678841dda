//! How a replication group is created, changed and deleted: the longest lifecycle, as ElastiCache changes one thing at a time.

use std::{collections::BTreeSet, time::Duration};

use palisade_core::{
    Id,
    provider::{ErrorKind, Obstacle, ProviderError, Repeated, Token},
};

use super::super::CacheParameterGroup;
use super::{ReplicationGroup, ReplicationGroupAttributes, ReplicationGroupObserved, snapshots};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    aws::is_transitional,
    calls::Calls,
    lifecycle::{check_in_place, delete, with_kept},
    observe::{
        self, create_named, in_order, lost, named, not_shown, once_seen, secret_value, settle, sighted, sync_cache_tags,
    },
    operations::{
        AddTagsToResource, CreateReplicationGroup, DecreaseReplicaCount, DeleteReplicationGroup, DescribeCacheClusters,
        DescribeReplicationGroups, GetSecretValue, IncreaseReplicaCount, ListTagsForResource, ModifyReplicationGroup,
        ModifyReplicationGroupShardConfiguration, Operation, RemoveTagsFromResource,
    },
    shapes::{CacheClusterDescription, LogDeliveryChange, ReplicationGroupDescription, TokenStrategy},
    types::{
        Engine, EngineVersion, LogDelivery, MaintenanceWindow, Name, NodeCount, NodeType, Port, Replicas, Shards,
        SnapshotRetention, SnapshotWindow, is_minor_upgrade,
    },
};

/// How long a creation or a change of a replication group may take.
const AVAILABLE: Duration = Duration::from_mins(90);
/// The status of a group that will never be there.
const CREATE_FAILED: &str = "create-failed";
/// The status of a group that is about to be gone.
const DELETING: &str = "deleting";
/// How long a deletion may take, with the final snapshot.
const DELETED: Duration = Duration::from_hours(1);

/// The fields that say how many replicas there are.
const REPLICAS: &[&str] = &["num_cache_clusters", "replicas_per_node_group"];

impl Lifecycle for ReplicationGroup {
    type Observed = ReplicationGroupObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeReplicationGroups::CALL.together(), DescribeCacheClusters::CALL.together()],
        find: &[DescribeReplicationGroups::CALL.as_needed(), ListTagsForResource::CALL.as_needed()],
        create: &[GetSecretValue::CALL.up_to(1).on(&["auth_token"]), CreateReplicationGroup::CALL.once()],
        converge: &[
            DescribeReplicationGroups::CALL.as_needed(),
            DescribeCacheClusters::CALL.as_needed(),
            ModifyReplicationGroupShardConfiguration::CALL.up_to(1).carried(&["num_node_groups"]),
            IncreaseReplicaCount::CALL.up_to(1).carried(REPLICAS),
            ModifyReplicationGroup::CALL.up_to(3),
            GetSecretValue::CALL.up_to(1).carried(&["auth_token"]),
            DecreaseReplicaCount::CALL.up_to(1).carried(REPLICAS),
            ListTagsForResource::CALL.as_needed().carried(&["tags"]),
            AddTagsToResource::CALL.up_to(1).carried(&["tags"]),
            RemoveTagsFromResource::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DescribeReplicationGroups::CALL.as_needed(), DeleteReplicationGroup::CALL.once()],
        untracked: &[],
        obstacles: snapshots::CALLS,
    };
    const REPEATED: Repeated = Repeated::IsRefused;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(600, 300, 420);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self {
            replication_group_id,
            description,
            engine,
            engine_version,
            node_type,
            num_cache_clusters,
            num_node_groups,
            replicas_per_node_group,
            automatic_failover_enabled,
            multi_az_enabled,
            parameter_group_name: _,
            subnet_group_name,
            security_group_ids,
            port,
            kms_key_id,
            user_group_id,
            auth_token,
            snapshot_retention_limit,
            snapshot_window,
            final_snapshot_identifier: _,
            maintenance_window,
            auto_minor_version_upgrade,
            notification_topic_arn,
            data_tiering_enabled,
            network_type,
            ip_discovery,
            log_delivery,
            tags,
        } = self.clone();
        let auth_token = match &auth_token {
            Some(secret) => Some(secret_value(aws, secret).await?),
            None => None,
        };
        let request = CreateReplicationGroup {
            replication_group_id: replication_group_id.clone(),
            description,
            engine,
            engine_version,
            node_type,
            num_cache_clusters,
            num_node_groups,
            replicas_per_node_group,
            automatic_failover_enabled,
            multi_az_enabled,
            parameter_group_name: self.parameter_group()?,
            subnet_group_name,
            security_group_ids,
            port,
            kms_key_id,
            auth_token,
            user_group_id,
            snapshot_retention_limit,
            snapshot_window,
            maintenance_window,
            auto_minor_version_upgrade,
            notification_topic_arn,
            data_tiering_enabled,
            network_type,
            ip_discovery,
            log_delivery,
            tags: tags.owned_by(token),
        };
        let id = named(replication_group_id.as_str())?;
        let is_going = async || Ok(describe(aws, &id).await?.map(|group| group.status == DELETING));
        // The user group may still be on its way to `active`.
        create_named(aws, DELETED, request, is_going).await?;
        named(replication_group_id.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let id = named(self.replication_group_id.as_str())?;
        match describe(aws, &id).await? {
            // Its tags cannot be read. But the name was free before the creation began, so this is what has become of it.
            Some(group) if group.status == CREATE_FAILED => Ok(Sighting::Seen(id)),
            // While the group is being created, changed or deleted, they cannot be read either, and it is unclear.
            Some(group) => sighted(aws, id, &group.arn, token).await,
            None => Ok(Sighting::Nothing),
        }
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let found = aws.call(DescribeReplicationGroups { ids: ids.to_vec() }).await?.groups;
        let first_members: Vec<_> = found.iter().filter_map(|group| group.member_clusters.first().cloned()).collect();
        let members = aws.call(DescribeCacheClusters { ids: first_members }).await?.clusters;
        let snapshot = |group: ReplicationGroupDescription| {
            let member = group.member_clusters.first();
            snapshot(&group, members.iter().find(|cluster| Some(&cluster.id) == member))
        };
        let groups = in_order(ids, found, |group| &group.id).into_iter();
        Ok(groups.map(|group| group.filter(|group| group.status != DELETING).map(snapshot)).collect())
    }

    /// The order is ElastiCache's: more replicas, then all plain attributes in one call, then the authentication, then fewer
    /// replicas; and it is available again before each.
    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let group = match available(aws, id, previous.is_some()).await {
            Err(error) if error.code == CREATE_FAILED => {
                // It never was a cache, and AWS makes none of it any more. While it is there, nothing else has its name.
                delete(aws, self, id, None).await?;
                return Err(ProviderError { kind: ErrorKind::CreateFailed, ..error });
            }
            answer => answer?,
        };
        self.converge_shards(aws, id, &group).await?;
        let (wanted, observed) = (self.replicas(), replicas(&group));
        if wanted > observed {
            let request = IncreaseReplicaCount { replication_group_id: id.clone(), new_replica_count: wanted };
            aws.call_until_settled(AVAILABLE, request).await?;
            changed(aws, id, |group| replicas(group) == wanted).await?;
        }
        self.converge_attributes(aws, id, &group).await?;
        self.converge_authentication(aws, id, previous).await?;
        if wanted < observed {
            let request = DecreaseReplicaCount { replication_group_id: id.clone(), new_replica_count: wanted };
            aws.call_until_settled(AVAILABLE, request).await?;
            changed(aws, id, |group| replicas(group) == wanted).await?;
        }
        sync_cache_tags(aws, &group.arn, &self.tags, previous.map(|previous| &previous.tags)).await
    }

    async fn obstacles(aws: &Aws, objects: &[(Self, Id<Self>)]) -> Result<Vec<Option<Obstacle>>, ProviderError> {
        snapshots::obstacles(aws, objects).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        let attempt = async || {
            let group = describe(aws, id).await?.ok_or_else(|| lost(id.as_str(), "is gone"))?;
            if group.status == DELETING {
                return Ok(());
            }
            let request = DeleteReplicationGroup {
                replication_group_id: id.clone(),
                final_snapshot_identifier: self.final_snapshot_identifier.clone().filter(|_| has_data(&group)),
            };
            aws.call(request).await.map(drop)
        };
        aws.until_accepted(DELETED, is_transitional, attempt).await?;
        until_gone(aws, id).await
    }
}

/// Whether a deletion takes a final snapshot. One whose creation has failed has nothing to keep, and is in no state for one.
pub(super) fn has_data(group: &ReplicationGroupDescription) -> bool {
    ![CREATE_FAILED, DELETING].contains(&group.status.as_str())
}

impl ReplicationGroup {
    /// The replicas of each primary.
    fn replicas(&self) -> u8 {
        let replicas = self.replicas_per_node_group.map(Replicas::get);
        replicas.or_else(|| Some(self.num_cache_clusters?.get() - 1)).unwrap_or_default()
    }

    /// The parameter group to ask for. With shards there must be one that says so.
    fn parameter_group(&self) -> Result<Option<Id<CacheParameterGroup>>, ProviderError> {
        if self.parameter_group_name.is_some() || self.num_node_groups.is_none() {
            return Ok(self.parameter_group_name.clone());
        }
        named(Engine::default_cluster_parameter_group(self.engine, &self.engine_version)).map(Some)
    }

    /// Divides the keys between as many shards as there should be; the last ones go first.
    async fn converge_shards(
        &self,
        aws: &Aws,
        id: &Id<Self>,
        group: &ReplicationGroupDescription,
    ) -> Result<(), ProviderError> {
        let Some(wanted) = self.num_node_groups.filter(|wanted| usize::from(wanted.get()) != group.node_groups.len())
        else {
            return Ok(());
        };
        let mut ids: Vec<_> = group.node_groups.iter().map(|node_group| node_group.id.clone()).collect();
        ids.sort();
        let request = ModifyReplicationGroupShardConfiguration {
            replication_group_id: id.clone(),
            node_group_count: wanted,
            node_groups_to_remove: ids.into_iter().skip(usize::from(wanted.get())).collect(),
        };
        aws.call_until_settled(AVAILABLE, request).await?;
        changed(aws, id, |group| group.node_groups.len() == usize::from(wanted.get())).await
    }

    /// All that one call can change.
    async fn converge_attributes(
        &self,
        aws: &Aws,
        id: &Id<Self>,
        group: &ReplicationGroupDescription,
    ) -> Result<(), ProviderError> {
        let Some(request) = self.changes(aws, id, group).await? else { return Ok(()) };
        modify(aws, request).await?;
        let differences = async || {
            let group = available(aws, id, true).await?;
            self.changes(aws, id, &group).await
        };
        match once_seen(aws, differences, Option::is_none).await? {
            None => Ok(()),
            Some(_) => Err(not_shown(id.as_str())),
        }
    }

    /// The request that leads from `group` to what it should be, if anything differs. Only what differs is in it: AWS
    /// refuses some attributes even where they stay the same.
    async fn changes(
        &self,
        aws: &Aws,
        id: &Id<Self>,
        group: &ReplicationGroupDescription,
    ) -> Result<Option<ModifyReplicationGroup>, ProviderError> {
        let Some(member) = first_member(aws, group).await? else { return Ok(None) };
        let version = EngineVersion::reported(minor_version(&member.engine_version));
        // What AWS has upgraded by itself, it does not take back.
        let is_ahead =
            self.auto_minor_version_upgrade && is_minor_upgrade(self.engine_version.as_str(), version.as_str());
        let engine_version = if is_ahead { version.clone() } else { self.engine_version.clone() };
        let wanted = Self { engine_version: engine_version.clone(), ..self.clone() };
        let observed = snapshot(group, Some(&member)).fields;
        check_in_place(id, &wanted, &observed)?;
        let Self { snapshot_window, maintenance_window, .. } = with_kept(self, &observed)?;
        let mut changed = false;
        let mut differs = |differs: bool| {
            changed |= differs;
            differs
        };
        let engine = differs(group.engine != self.engine);
        let changes_version = differs(version != engine_version) || engine;
        // A new major version needs a group of its family, which for caches with shards AWS does not find by itself. What the program
        // names no more may be about to be deleted.
        let parameter_group = match self.parameter_group()? {
            None => named(Engine::default_parameter_group(self.engine, &engine_version))?,
            Some(wanted) => wanted,
        };
        let parameter_group = Some(parameter_group).filter(|name| *name != member.parameter_group_name);
        let topic = differs(member.notification_topic_arn != self.notification_topic_arn);
        let snapshot_window =
            snapshot_window.filter(|window| Some(window.as_str()) != group.snapshot_window.as_deref());
        let maintenance_window = maintenance_window.filter(|window| window.as_str() != member.maintenance_window);
        let log_delivery = log_changes(&group.log_delivery, &self.log_delivery);
        differs(!log_delivery.is_empty());
        let request = ModifyReplicationGroup {
            replication_group_id: id.clone(),
            description: differs(group.description != self.description).then(|| self.description.clone()),
            engine: engine.then_some(self.engine),
            engine_version: changes_version.then_some(engine_version),
            node_type: differs(group.node_type != self.node_type.as_str()).then(|| self.node_type.clone()),
            automatic_failover_enabled: differs(group.automatic_failover_enabled != self.automatic_failover_enabled)
                .then_some(self.automatic_failover_enabled),
            multi_az_enabled: differs(group.multi_az_enabled != self.multi_az_enabled).then_some(self.multi_az_enabled),
            parameter_group_name: differs(parameter_group.is_some()).then_some(parameter_group).flatten(),
            security_group_ids: differs(member.security_group_ids != self.security_group_ids)
                .then(|| self.security_group_ids.clone()),
            auth_token: None,
            add_user_group: None,
            remove_user_group: None,
            snapshot_retention_limit: differs(group.snapshot_retention_limit != self.snapshot_retention_limit.get())
                .then_some(self.snapshot_retention_limit),
            snapshot_window: differs(snapshot_window.is_some()).then_some(snapshot_window).flatten(),
            maintenance_window: differs(maintenance_window.is_some()).then_some(maintenance_window).flatten(),
            auto_minor_version_upgrade: differs(group.auto_minor_version_upgrade != self.auto_minor_version_upgrade)
                .then_some(self.auto_minor_version_upgrade),
            notification_topic: topic.then(|| self.notification_topic_arn.clone()),
            ip_discovery: differs(group.ip_discovery != self.ip_discovery).then_some(self.ip_discovery),
            log_delivery,
        };
        Ok(changed.then_some(request))
    }

    /// Leads from one way to prove who a client is to another, with no moment in which there is none.
    async fn converge_authentication(
        &self,
        aws: &Aws,
        id: &Id<Self>,
        previous: Option<&Self>,
    ) -> Result<(), ProviderError> {
        let group = available(aws, id, true).await?;
        let attached = group.user_group_ids.first().cloned();
        let request = ModifyReplicationGroup::unchanged(id);
        match (&self.user_group_id, &self.auth_token) {
            (Some(wanted), _) if attached.as_ref() != Some(wanted) => {
                // The token may go only in the call that brings the user group.
                let auth_token = group.auth_token_enabled.then_some((TokenStrategy::Delete, None));
                let add_user_group = Some(wanted.clone());
                let request =
                    ModifyReplicationGroup { auth_token, add_user_group, remove_user_group: attached, ..request };
                modify(aws, request).await?;
                changed(aws, id, |group| group.user_group_ids.first() == Some(wanted) && !group.auth_token_enabled)
                    .await
            }
            (None, Some(secret)) => {
                let rotates = previous.is_some_and(|previous| previous.auth_token.as_ref() != Some(secret));
                if group.auth_token_enabled && !rotates {
                    return Ok(());
                }
                let token = secret_value(aws, secret).await?;
                if attached.is_none() {
                    // With ROTATE both the old and the new token are accepted; SET ends that.
                    let auth_token = Some((TokenStrategy::Rotate, Some(token.clone())));
                    change_token(aws, ModifyReplicationGroup { auth_token, ..request.clone() }).await?;
                }
                let auth_token = Some((TokenStrategy::Set, Some(token)));
                let is_rotated_in = attached.is_none();
                let request = ModifyReplicationGroup { auth_token, remove_user_group: attached, ..request };
                match change_token(aws, request).await {
                    // The token was taken a moment ago, so what AWS refuses is to let go of another one: there is none. An
                    // earlier attempt came so far, or the new secret has the value of the old one.
                    Err(error) if is_rotated_in && error.code == "InvalidParameterCombination" => {}
                    answer => answer?,
                }
                changed(aws, id, |group| group.user_group_ids.is_empty() && group.auth_token_enabled).await
            }
            _ => Ok(()),
        }
    }
}

/// What leads from where the logs are delivered to, to where they should be.
fn log_changes(observed: &BTreeSet<LogDelivery>, wanted: &BTreeSet<LogDelivery>) -> Vec<LogDeliveryChange> {
    let gone = observed.iter().filter(|old| wanted.iter().all(|new| new.log_type != old.log_type));
    let enable = wanted.difference(observed).cloned().map(LogDeliveryChange::Enable);
    enable.chain(gone.map(|old| LogDeliveryChange::Disable(old.log_type))).collect()
}

/// Makes a change, and waits until it is done.
async fn modify(aws: &Aws, request: ModifyReplicationGroup) -> Result<(), ProviderError> {
    let id = request.replication_group_id.clone();
    match aws.call_until_settled(AVAILABLE, request).await {
        Err(error) if error.kind != ErrorKind::NothingToDo => return Err(error),
        _ => {}
    }
    available(aws, &id, true).await.map(|_| ())
}

/// Changes the token, and waits until that is done. No description shows which token a cache accepts, so only the status shows
/// that the change has begun. Read right after the call, the status is still that from before.
async fn change_token(aws: &Aws, request: ModifyReplicationGroup) -> Result<(), ProviderError> {
    let id = request.replication_group_id.clone();
    aws.call_until_settled(AVAILABLE, request).await?;
    let has_begun = |group: &Option<ReplicationGroupDescription>| {
        group.as_ref().is_none_or(|group| group.status != "available" || !group.pending_modified_values.is_empty())
    };
    once_seen(aws, async || describe(aws, &id).await, has_begun).await?;
    available(aws, &id, true).await.map(|_| ())
}

/// Waits until a change that was accepted shows, and is done.
async fn changed(
    aws: &Aws,
    id: &Id<ReplicationGroup>,
    is_seen: impl Fn(&ReplicationGroupDescription) -> bool,
) -> Result<(), ProviderError> {
    let group = once_seen(aws, async || available(aws, id, true).await, &is_seen).await?;
    if is_seen(&group) { Ok(()) } else { Err(not_shown(id.as_str())) }
}

/// Waits until the group and all its members are available and nothing is pending. AWS calls the group available while
/// members are still being made. `exists` says whether the group was seen before.
async fn available(
    aws: &Aws,
    id: &Id<ReplicationGroup>,
    exists: bool,
) -> Result<ReplicationGroupDescription, ProviderError> {
    let what = format!("the replication group {id}");
    let ask = async || {
        let Some(group) = describe(aws, id).await? else { return Ok(None) };
        if group.status != "available" {
            return Ok(Some((group, Vec::new())));
        }
        let members = aws.call(DescribeCacheClusters { ids: group.member_clusters.clone() }).await?.clusters;
        Ok(Some((group, members)))
    };
    let is_available = |(group, members): (ReplicationGroupDescription, Vec<CacheClusterDescription>)| {
        // A member that is not described yet says nothing of what it is.
        let serves = |id: &String| members.iter().any(|member| member.id == *id && member.status == "available");
        let settled = group.pending_modified_values.is_empty()
            && !group.member_clusters.is_empty()
            && group.member_clusters.iter().all(serves);
        match group.status.as_str() {
            CREATE_FAILED => Err(create_failed(id)),
            "deleting" => Err(lost(&what, "is being deleted")),
            "available" if settled => Ok(Some(group)),
            _ => Ok(None),
        }
    };
    settle(aws, (&what, "to be available"), AVAILABLE, exists, ask, is_available).await
}

/// Waits until a group that uses another object does not change any more: it is available, or gone after a deletion that an
/// earlier run has begun, or will never be available.
pub(in crate::resources) async fn at_rest(aws: &Aws, id: &Id<ReplicationGroup>) -> Result<(), ProviderError> {
    let settled = async || match available(aws, id, true).await {
        Err(error) if error.code == CREATE_FAILED => Ok(()),
        answer => answer.map(|_| ()),
    };
    observe::at_rest(aws, &format!("the replication group {id}"), AVAILABLE, settled, async || describe(aws, id).await)
        .await
}

async fn until_gone(aws: &Aws, id: &Id<ReplicationGroup>) -> Result<(), ProviderError> {
    aws.wait(&format!("the replication group {id} to be gone"), DELETED, async || {
        Ok(describe(aws, id).await?.is_none().then_some(()))
    })
    .await
}

fn create_failed(id: &Id<ReplicationGroup>) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        operation: "CreateReplicationGroup".to_owned(),
        code: CREATE_FAILED.to_owned(),
        message: format!("AWS could not create the replication group {id}"),
        help: "see its events in the console; what there was of it is deleted, so run the same command again"
            .to_owned(),
    }
}

async fn describe(aws: &Aws, id: &Id<ReplicationGroup>) -> Result<Option<ReplicationGroupDescription>, ProviderError> {
    Ok(aws.call(DescribeReplicationGroups { ids: vec![id.clone()] }).await?.groups.pop())
}

async fn first_member(
    aws: &Aws,
    group: &ReplicationGroupDescription,
) -> Result<Option<CacheClusterDescription>, ProviderError> {
    let Some(first) = group.member_clusters.first() else { return Ok(None) };
    Ok(aws.call(DescribeCacheClusters { ids: vec![first.clone()] }).await?.clusters.pop())
}

/// The replicas of each primary; where shards differ, those of the smallest.
fn replicas(group: &ReplicationGroupDescription) -> u8 {
    let smallest = group.node_groups.iter().map(|node_group| node_group.nodes).min();
    smallest.unwrap_or_default().saturating_sub(1)
}

/// `7.1.0` as `7.1`: the patch level is AWS's own matter.
fn minor_version(version: &str) -> &str {
    let end = version.match_indices('.').nth(1).map_or(version.len(), |(index, _)| index);
    &version[..end]
}

/// The group lacks what its members tell: versions, groups and the maintenance window.
fn snapshot(
    group: &ReplicationGroupDescription,
    member: Option<&CacheClusterDescription>,
) -> Snapshot<ReplicationGroupObserved, ReplicationGroupAttributes> {
    let shards = u16::try_from(group.node_groups.len()).unwrap_or(u16::MAX);
    let fields = ReplicationGroupObserved {
        replication_group_id: Some(Name::reported(group.id.as_str())),
        description: Some(group.description.clone()),
        engine: Some(group.engine),
        engine_version: member.map(|member| EngineVersion::reported(minor_version(&member.engine_version))),
        node_type: Some(NodeType::reported(group.node_type.as_str())),
        num_cache_clusters: Some((!group.cluster_enabled).then(|| NodeCount::reported(replicas(group) + 1))),
        num_node_groups: Some(group.cluster_enabled.then(|| Shards::reported(shards))),
        replicas_per_node_group: Some(group.cluster_enabled.then(|| Replicas::reported(replicas(group)))),
        automatic_failover_enabled: Some(group.automatic_failover_enabled),
        multi_az_enabled: Some(group.multi_az_enabled),
        parameter_group_name: member.map(|member| Some(member.parameter_group_name.clone())),
        subnet_group_name: member.map(|member| member.subnet_group_name.clone()),
        security_group_ids: member.map(|member| member.security_group_ids.clone()),
        port: group
            .primary_endpoint
            .as_ref()
            .or(group.configuration_endpoint.as_ref())
            .map(|endpoint| Port::reported(endpoint.port)),
        kms_key_id: Some(group.kms_key_id.clone()),
        user_group_id: Some(group.user_group_ids.first().cloned()),
        // The token itself cannot be read; that there is none can.
        auth_token: (!group.auth_token_enabled).then_some(None),
        snapshot_retention_limit: Some(SnapshotRetention::reported(group.snapshot_retention_limit)),
        snapshot_window: Some(group.snapshot_window.clone().map(SnapshotWindow::reported)),
        final_snapshot_identifier: None,
        maintenance_window: member.map(|member| Some(MaintenanceWindow::reported(member.maintenance_window.as_str()))),
        auto_minor_version_upgrade: Some(group.auto_minor_version_upgrade),
        notification_topic_arn: member.map(|member| member.notification_topic_arn.clone()),
        data_tiering_enabled: Some(group.data_tiering_enabled),
        network_type: Some(group.network_type),
        ip_discovery: Some(group.ip_discovery),
        log_delivery: Some(group.log_delivery.clone()),
        tags: None,
    };
    let address = |endpoint: &Option<crate::shapes::Endpoint>| {
        endpoint.as_ref().map(|endpoint| endpoint.address.clone()).unwrap_or_default()
    };
    let attributes = ReplicationGroupAttributes {
        arn: group.arn.clone(),
        primary_endpoint: address(&group.primary_endpoint),
        reader_endpoint: address(&group.reader_endpoint),
        configuration_endpoint: address(&group.configuration_endpoint),
        engine_version_actual: member.map(|member| member.engine_version.clone()).unwrap_or_default(),
        member_clusters: group.member_clusters.clone(),
        node_zones: group.node_zones.clone(),
    };
    Snapshot { fields, attributes }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use palisade_core::provider::BoxFuture;
    use secrecy::SecretString;

    use super::*;
    use crate::{
        Backend, Supplier,
        operations::{DescribeCacheClustersOutput, DescribeReplicationGroupsOutput, Request, Response},
        shapes::NodeGroupDescription,
        types::{Arn, EngineKind, IpDiscovery, NetworkType},
    };

    /// The descriptions of the one group in an account, one for each call; the last one stays.
    struct Told(Mutex<Vec<Moment>>);

    /// The status of the group, what is pending, and the status of its second member, or [`UNTOLD`] or [`NO_MEMBER`].
    type Moment = (&'static str, &'static [&'static str], &'static str);

    impl Told {
        fn group((status, pending, member): Moment) -> ReplicationGroupDescription {
            let members: &[_] = if member == NO_MEMBER { &[] } else { &["it-001", "it-002"] };
            ReplicationGroupDescription {
                id: named("it").unwrap(),
                status: status.to_owned(),
                description: String::new(),
                arn: Arn::reported("arn:aws:elasticache:us-east-1:123456789012:replicationgroup:it"),
                engine: EngineKind::Redis,
                member_clusters: members.iter().map(|&member| member.to_owned()).collect(),
                node_type: "cache.t4g.micro".to_owned(),
                automatic_failover_enabled: true,
                multi_az_enabled: true,
                cluster_enabled: false,
                node_groups: Vec::new(),
                node_zones: BTreeSet::new(),
                configuration_endpoint: None,
                primary_endpoint: None,
                reader_endpoint: None,
                snapshot_retention_limit: 7,
                snapshot_window: None,
                auth_token_enabled: true,
                user_group_ids: Vec::new(),
                at_rest_encryption_enabled: true,
                kms_key_id: None,
                transit_encryption_enabled: true,
                transit_encryption_mode: None,
                auto_minor_version_upgrade: true,
                data_tiering_enabled: false,
                network_type: NetworkType::Ipv4,
                ip_discovery: IpDiscovery::Ipv4,
                log_delivery: BTreeSet::new(),
                pending_modified_values: pending.iter().map(|name| (*name).to_owned()).collect(),
            }
        }

        fn member(id: String, status: &str) -> CacheClusterDescription {
            CacheClusterDescription {
                id,
                status: status.to_owned(),
                engine_version: "7.1.0".to_owned(),
                parameter_group_name: named("default.redis7").unwrap(),
                subnet_group_name: named("it").unwrap(),
                security_group_ids: BTreeSet::new(),
                maintenance_window: "sun:05:00-sun:06:00".to_owned(),
                notification_topic_arn: None,
            }
        }
    }

    impl Backend for Told {
        fn region(&self) -> &'static str {
            "us-east-1"
        }

        fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
            let mut moments = self.0.lock().unwrap();
            let now = *moments.last().unwrap();
            Box::pin(std::future::ready(Ok(match request {
                Request::DescribeReplicationGroups(_) => {
                    // The group's members are asked for only where it is available itself.
                    if now.0 != "available" && moments.len() > 1 {
                        moments.pop();
                    }
                    Response::DescribeReplicationGroups(DescribeReplicationGroupsOutput {
                        groups: vec![Self::group(now)],
                    })
                }
                Request::DescribeCacheClusters(call) => {
                    if moments.len() > 1 {
                        moments.pop();
                    }
                    let statuses = ["available", now.2];
                    let told = call.ids.into_iter().zip(statuses).filter(|(_, status)| *status != UNTOLD);
                    let clusters = told.map(|(id, status)| Self::member(id, status));
                    Response::DescribeCacheClusters(DescribeCacheClustersOutput { clusters: clusters.collect() })
                }
                other => unreachable!("{}", other.action()),
            })))
        }
    }

    impl Supplier for Told {
        fn supply(&self, _: &str) -> Option<SecretString> {
            None
        }
    }

    /// How many of the moments pass until the group counts as available, or as never so.
    async fn waited(moments: &[Moment]) -> (Result<(), String>, usize) {
        let told = Arc::new(Told(Mutex::new(moments.iter().rev().copied().collect())));
        let aws = Aws::new(told.clone(), told.clone());
        let result = available(&aws, &named("it").unwrap(), true).await;
        let left = told.0.lock().unwrap().len();
        (result.map(|_| ()).map_err(|error| error.message), moments.len() - left)
    }

    const UNTOLD: &str = "untold";
    const NO_MEMBER: &str = "no member";
    const DONE: Moment = ("available", &[], "available");

    #[tokio::test(start_paused = true)]
    async fn a_group_is_available_once_its_members_are_and_nothing_is_pending() {
        assert_eq!(waited(&[DONE, DONE]).await, (Ok(()), 1));
        for busy in [
            ("modifying", &[][..], "available"),
            ("creating", &[], "available"),
            ("snapshotting", &[], "available"),
            ("available", &[], "creating"),
            ("available", &[], "deleting"),
            ("available", &[], UNTOLD),
            ("available", &[], NO_MEMBER),
            ("available", &["UserGroups"], "available"),
            ("available", &["AuthTokenStatus", "CacheNodeType"], "available"),
        ] {
            assert_eq!(waited(&[busy, busy, DONE, DONE]).await, (Ok(()), 3), "{busy:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_will_never_be_available_is_not_waited_for() {
        for (status, message) in [
            ("create-failed", "AWS could not create the replication group it"),
            ("deleting", "the replication group it is being deleted"),
        ] {
            let busy = ("modifying", &[][..], "available");
            assert_eq!(waited(&[busy, (status, &[], "available"), DONE]).await, (Err(message.to_owned()), 2));
        }
    }

    #[test]
    fn a_cache_has_the_replicas_of_its_smallest_shard() {
        let shard = |nodes: u8| NodeGroupDescription { id: format!("000{nodes}"), nodes };
        let of = |shards: &[u8]| {
            let node_groups = shards.iter().copied().map(shard).collect();
            replicas(&ReplicationGroupDescription { node_groups, ..Told::group(DONE) })
        };
        assert_eq!((of(&[2, 3]), of(&[3, 2]), of(&[3, 3]), of(&[1]), of(&[])), (1, 1, 2, 0, 0));
    }

    #[test]
    fn the_patch_level_of_a_version_is_left_out() {
        for (version, minor) in [("7.1.0", "7.1"), ("7.1", "7.1"), ("6.x", "6.x"), ("8", "8"), ("7.0.7.1", "7.0")] {
            assert_eq!(minor_version(version), minor);
        }
    }

    #[test]
    fn a_log_moves_in_one_call_and_stops_only_where_no_place_is_wanted() {
        use crate::types::{LogGroupName, LogType};
        let to = |log_type, name| LogDelivery::to_log_group(log_type, LogGroupName::literal(name));
        let (slow, other, engine) =
            (to(LogType::SlowLog, "/a"), to(LogType::SlowLog, "/b"), to(LogType::EngineLog, "/e"));
        let set = |deliveries: &[&LogDelivery]| deliveries.iter().map(|it| (*it).clone()).collect::<BTreeSet<_>>();
        let enable = |delivery: &LogDelivery| LogDeliveryChange::Enable(delivery.clone());
        let changes = |from: &[&LogDelivery], to: &[&LogDelivery]| log_changes(&set(from), &set(to));
        assert_eq!(changes(&[&slow], &[&slow]), []);
        assert_eq!(changes(&[&slow], &[&other]), [enable(&other)], "a place for a log takes that of an earlier one");
        assert_eq!(changes(&[&slow, &engine], &[&engine]), [LogDeliveryChange::Disable(LogType::SlowLog)]);
        assert_eq!(changes(&[&slow], &[&engine]), [enable(&engine), LogDeliveryChange::Disable(LogType::SlowLog)]);
    }
}
