//! User groups.

use aws_sdk_elasticache::{Client, types};
use palisade_aws::{
    operations::{
        CreateUserGroup, CreateUserGroupOutput, DeleteUserGroup, DeleteUserGroupOutput, DescribeUserGroups,
        DescribeUserGroupsOutput, ModifyUserGroup, ModifyUserGroupOutput,
    },
    resources::RedisUser,
    shapes::UserGroupDescription,
    types::Arn,
};
use palisade_core::Id;

use super::{ElastiCache, PAGE, describe, engine, tags};
use crate::{
    answer::{each, id, ids, known, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateUserGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<CreateUserGroupOutput, Failure> {
        let Self { user_group_id, engine, user_ids, tags } = self;
        let request = cache
            .sdk
            .create_user_group()
            .user_group_id(user_group_id.as_str())
            .engine(engine.as_str())
            .set_user_ids(some(&user_ids))
            .set_tags(tags::sent(&tags));
        cache.call(request.send()).await?;
        Ok(CreateUserGroupOutput {})
    }
}

impl Call for DescribeUserGroups {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DescribeUserGroupsOutput, Failure> {
        let ask = async |name, marker| {
            let request = cache.sdk.describe_user_groups().set_user_group_id(name);
            let page = cache.call(request.max_records(PAGE).set_marker(marker).send()).await?;
            Ok((page.user_groups, page.marker))
        };
        let found = describe(self.ids, ask, |group: &types::UserGroup| group.user_group_id.as_ref());
        Ok(DescribeUserGroupsOutput { groups: each(found.await?, description)? })
    }
}

fn description(group: types::UserGroup) -> Result<UserGroupDescription, Failure> {
    Ok(UserGroupDescription {
        id: id(group.user_group_id, "UserGroupId")?,
        status: present(group.status, "Status")?,
        engine: known(group.engine, "Engine", engine)?,
        user_ids: ids(group.user_ids, "UserIds")?,
        replication_groups: ids(group.replication_groups, "ReplicationGroups")?,
        arn: Arn::reported(present(group.arn, "ARN")?),
    })
}

impl Call for ModifyUserGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<ModifyUserGroupOutput, Failure> {
        let Self { user_group_id, engine, add, remove } = self;
        let request = cache
            .sdk
            .modify_user_group()
            .user_group_id(user_group_id.as_str())
            .set_engine(engine.map(|engine| engine.to_string()))
            .set_user_ids_to_add(some(&add))
            .set_user_ids_to_remove(some(&remove));
        cache.call(request.send()).await?;
        Ok(ModifyUserGroupOutput {})
    }
}

/// The ids; nothing where there are none, since ElastiCache refuses an empty list.
fn some<'a>(users: impl IntoIterator<Item = &'a Id<RedisUser>>) -> Option<Vec<String>> {
    Some(users.into_iter().map(Id::to_string).collect()).filter(|ids: &Vec<_>| !ids.is_empty())
}

impl Call for DeleteUserGroup {
    type Client = Client;

    async fn send(self, cache: &ElastiCache) -> Result<DeleteUserGroupOutput, Failure> {
        cache.call(cache.sdk.delete_user_group().user_group_id(self.user_group_id.as_str()).send()).await?;
        Ok(DeleteUserGroupOutput {})
    }
}
