//! [`UserGroup`].

use std::collections::BTreeSet;

use palisade_core::{
    Attributes, Id, Resource,
    provider::{ProviderError, Token},
};
use serde::{Deserialize, Serialize};

use super::{RedisUser, replication_group};
use crate::{
    Aws, Lifecycle, Snapshot, Snapshots,
    observe::{GROUP_SETTLED, cache_tags, gone, in_order, named, not_ours, once_seen, sync_cache_tags},
    operations::{CreateUserGroup, DeleteUserGroup, DescribeUserGroups, ModifyUserGroup},
    shapes::{Select, UserGroupDescription},
    types::{Arn, EngineKind, Name, Tags},
};

/// The users that may log in to the caches which use the group: up to 100, no two with one user name. A group for Redis
/// must have a user named `default`, for which there is [`RedisUser::disabled_default`].
///
/// AWS: [CreateUserGroup](https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUserGroup.html)
///
/// ```
/// use palisade_aws::{name, resources::{RedisUser, UserGroup}, types::EngineKind};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
/// let users = stack.add(
///     "redis",
///     UserGroup::builder().user_group_id(name!("redis-users")).engine(EngineKind::Redis).user_ids([&default]),
/// );
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(terraform = "aws_elasticache_user_group", attributes = UserGroupAttributes)]
pub struct UserGroup {
    /// The id.
    #[field(replace, identity)]
    pub user_group_id: Name,
    /// The engine. A Redis group has Redis users; a Valkey group may have both.
    pub engine: EngineKind,
    /// The users.
    #[field(released)]
    pub user_ids: BTreeSet<Id<RedisUser>>,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`UserGroup`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct UserGroupAttributes {
    /// The ARN.
    pub arn: Arn,
}

impl Lifecycle for UserGroup {
    type Observed = UserGroupObserved;

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { user_group_id, engine, user_ids, tags } = self;
        let request = CreateUserGroup {
            user_group_id: user_group_id.clone(),
            engine: *engine,
            user_ids: user_ids.clone(),
            tags: tags.owned_by(token),
        };
        aws.call(request).await.map_err(not_ours)?;
        named(user_group_id.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Option<Id<Self>>, ProviderError> {
        let id = named(self.user_group_id.as_str())?;
        match describe(aws, &id).await? {
            Some(group) if cache_tags(aws, &group.arn).await?.are_of(token) => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let found = aws.call(DescribeUserGroups { select: Select::Ids(ids.to_vec()) }).await?.groups;
        let mut snapshots = Vec::new();
        for group in in_order(ids, found, |group| &group.id) {
            snapshots.push(match group {
                Some(group) if group.status != "deleting" => Some(Snapshot {
                    fields: UserGroupObserved {
                        user_group_id: Some(Name::reported(group.id.as_str())),
                        engine: Some(group.engine),
                        user_ids: Some(group.user_ids),
                        tags: Some(cache_tags(aws, &group.arn).await?.declared()),
                    },
                    attributes: UserGroupAttributes { arn: group.arn },
                }),
                _ => None,
            });
        }
        Ok(snapshots)
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, _: Option<&Self>) -> Result<(), ProviderError> {
        // What is no member any more must not be in the call, which AWS refuses as a whole: so the members are read just
        // before it, and one call says all.
        let group = settled(aws, id).await?;
        let request = ModifyUserGroup {
            user_group_id: id.clone(),
            engine: (group.engine != self.engine).then_some(self.engine),
            add: self.user_ids.difference(&group.user_ids).cloned().collect(),
            remove: group.user_ids.difference(&self.user_ids).cloned().collect(),
        };
        if request.engine.is_some() || !request.add.is_empty() || !request.remove.is_empty() {
            aws.call_until_settled(GROUP_SETTLED, request).await?;
            let is_seen = |group: &UserGroupDescription| group.engine == self.engine && group.user_ids == self.user_ids;
            once_seen(async || settled(aws, id).await, is_seen).await?;
        }
        sync_cache_tags(aws, &group.arn, &self.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        gone(aws.call_until_settled(GROUP_SETTLED, DeleteUserGroup { user_group_id: id.clone() }).await)?;
        aws.wait(&format!("the user group {id} to be gone"), GROUP_SETTLED, async || {
            Ok(describe(aws, id).await?.is_none().then_some(()))
        })
        .await
    }
}

async fn describe(aws: &Aws, id: &Id<UserGroup>) -> Result<Option<UserGroupDescription>, ProviderError> {
    Ok(aws.call(DescribeUserGroups { select: Select::Ids(vec![id.clone()]) }).await?.groups.pop())
}

/// Waits until the group is active, and the caches that use it are available.
pub(super) async fn settled(aws: &Aws, id: &Id<UserGroup>) -> Result<UserGroupDescription, ProviderError> {
    let group = aws
        .wait(&format!("the user group {id} to be active"), GROUP_SETTLED, async || {
            Ok(describe(aws, id).await?.filter(|group| group.status == "active"))
        })
        .await?;
    for cache in &group.replication_groups {
        replication_group::available(aws, cache).await?;
    }
    Ok(group)
}
