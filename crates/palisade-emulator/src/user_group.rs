//! User groups, which is what a cache has its users from.

use std::collections::BTreeSet;

use palisade_aws::{
    operations::{
        CreateUserGroup, CreateUserGroupOutput, DeleteUserGroup, DeleteUserGroupOutput, DescribeUserGroups,
        DescribeUserGroupsOutput, ModifyUserGroup, ModifyUserGroupOutput,
    },
    shapes::UserGroupDescription,
    types::{Arn, EngineKind, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    clock::{ATTACHED, DETACHED_GROUP, Millis, PASSED_ON, Phase},
    ids::{ReplicationGroupId, UserGroupId, UserId, cache_arn, id, identifier},
    refusal::{Answer, known, refuse, require},
    tags,
    user::check_member,
};

/// How many user groups a region has at most.
const QUOTA: usize = 100;
/// How many users a group has at most.
const MEMBERS: usize = 100;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct UserGroup {
    pub(crate) settings: GroupSettings,
    /// What the settings will be once the change that is under way is done.
    pub(crate) pending: Option<GroupSettings>,
    pub(crate) phase: Phase,
    pub(crate) arn: Arn,
    pub(crate) tags: Tags,
}

/// What can be changed about a user group.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct GroupSettings {
    pub(crate) engine: EngineKind,
    pub(crate) users: BTreeSet<UserId>,
}

impl UserGroup {
    pub(crate) fn settle(&mut self, now: Millis) {
        self.phase = self.phase.at(now);
        if self.phase.is_stable()
            && let Some(settings) = self.pending.take()
        {
            self.settings = settings;
        }
    }

    /// The settings as they are, or will be once the change that is under way is done.
    pub(crate) fn latest(&self) -> &GroupSettings {
        self.pending.as_ref().unwrap_or(&self.settings)
    }

    /// Whether the user is in the group, or about to be.
    pub(crate) fn has(&self, user: &UserId) -> bool {
        self.settings.users.contains(user) || self.latest().users.contains(user)
    }

    /// Takes a user out that is deleted.
    pub(crate) fn forget(&mut self, user: &UserId) {
        for settings in std::iter::once(&mut self.settings).chain(&mut self.pending) {
            settings.users.remove(user);
        }
    }
}

impl Account {
    pub(crate) fn create_user_group(&mut self, call: CreateUserGroup) -> Answer<CreateUserGroupOutput> {
        let CreateUserGroup { user_group_id, engine, user_ids, tags } = call;
        tags::check_cache(&tags)?;
        let name = identifier("UserGroupId", &user_group_id, 40)?;
        let key: UserGroupId = id(name.as_str());
        require(!self.user_groups.contains_key(&key), "UserGroupAlreadyExists", || {
            format!("User Group {name} already exists.")
        })?;
        require(self.user_groups.len() < QUOTA, "UserGroupQuotaExceeded", || {
            "The quota of user groups has been exceeded.".to_owned()
        })?;
        let settings = GroupSettings { engine, users: user_ids };
        self.check_membership(&settings)?;
        let group = UserGroup {
            settings,
            pending: None,
            phase: Phase::Creating { until: self.now + DETACHED_GROUP },
            arn: cache_arn(&self.region, "usergroup", &name),
            tags,
        };
        self.user_groups.insert(key, group);
        Ok(CreateUserGroupOutput {})
    }

    pub(crate) fn describe_user_groups(&mut self, call: DescribeUserGroups) -> Answer<DescribeUserGroupsOutput> {
        let groups = self.user_groups.iter().filter(|(id, _)| call.ids.contains(id));
        let describe = |(id, group): (&UserGroupId, &UserGroup)| UserGroupDescription {
            id: id.clone(),
            status: group.phase.status(self.now, self.lag, "active").to_owned(),
            engine: group.settings.engine,
            user_ids: group.settings.users.clone(),
            replication_groups: self.caches_of(id),
            arn: group.arn.clone(),
        };
        Ok(DescribeUserGroupsOutput { groups: groups.map(describe).collect() })
    }

    pub(crate) fn modify_user_group(&mut self, call: ModifyUserGroup) -> Answer<ModifyUserGroupOutput> {
        let ModifyUserGroup { user_group_id, engine, add, remove } = call;
        let group = self.user_group_to_change(&user_group_id, "modified")?;
        require(engine.is_some() || !add.is_empty() || !remove.is_empty(), "InvalidParameterCombination", || {
            "No modifications were requested".to_owned()
        })?;
        let mut settings = group.settings.clone();
        // One that is not a member spoils the whole call.
        if let Some(stranger) = remove.iter().find(|user| !settings.users.contains(*user)) {
            return refuse(
                "InvalidParameterValue",
                format!("User {stranger} is not a member of user group {user_group_id}."),
            );
        }
        if let Some(member) = add.iter().find(|user| settings.users.contains(*user)) {
            return refuse(
                "InvalidParameterValue",
                format!("User {member} is already a member of user group {user_group_id}."),
            );
        }
        settings.users.retain(|user| !remove.contains(user));
        settings.users.extend(add);
        settings.engine = engine.unwrap_or(settings.engine);
        self.check_membership(&settings)?;
        let caches = self.caches_of(&user_group_id);
        let is_redis = |cache: &ReplicationGroupId| {
            self.replication_groups.get(cache).is_some_and(|cache| cache.latest().engine == EngineKind::Redis)
        };
        if settings.engine == EngineKind::Valkey
            && let Some(cache) = caches.iter().find(|cache| is_redis(cache))
        {
            return refuse(
                "InvalidParameterCombination",
                format!(
                    "User group {user_group_id} is attached to {cache}, whose engine redis takes no user group of valkey."
                ),
            );
        }
        let until = self.now + if caches.is_empty() { DETACHED_GROUP } else { ATTACHED };
        self.keep_busy(&user_group_id, until);
        if let Some(group) = self.user_groups.get_mut(&user_group_id) {
            group.pending = Some(settings);
        }
        Ok(ModifyUserGroupOutput {})
    }

    pub(crate) fn delete_user_group(&mut self, call: DeleteUserGroup) -> Answer<DeleteUserGroupOutput> {
        let id = call.user_group_id;
        self.user_group_to_change(&id, "deleted")?;
        if let Some(cache) = self.caches_of(&id).first() {
            return refuse(
                "InvalidUserGroupState",
                format!("User group {id} is attached to replication group {cache}. Detach it before it is deleted."),
            );
        }
        let until = self.now + DETACHED_GROUP;
        if let Some(group) = self.user_groups.get_mut(&id) {
            group.phase = Phase::Deleting { until };
        }
        Ok(DeleteUserGroupOutput {})
    }

    /// The user group `id`.
    pub(crate) fn user_group(&self, id: &UserGroupId) -> Answer<&UserGroup> {
        known(self.user_groups.get(id), "UserGroupNotFound", || format!("User Group {id} not found."))
    }

    fn user_group_to_change(&self, id: &UserGroupId, change: &str) -> Answer<&UserGroup> {
        let group = self.user_group(id)?;
        require(group.phase.is_stable(), "InvalidUserGroupState", || {
            let status = group.phase.status(self.now, 0, "active");
            format!("User group {id} has status {status}. Only active user groups can be {change}.")
        })?;
        self.is_held_by_no_deletion(id, "InvalidUserGroupState")?;
        Ok(group)
    }

    /// Refuses a change of the group, or of one of its users, while a cache that uses the group is being deleted.
    pub(crate) fn is_held_by_no_deletion(&self, group: &UserGroupId, code: &'static str) -> Answer<()> {
        let is_going = |id: &&ReplicationGroupId| {
            self.replication_groups.get(*id).is_some_and(|cache| matches!(cache.phase, Phase::Deleting { .. }))
        };
        match self.caches_of(group).iter().find(is_going) {
            None => Ok(()),
            Some(cache) => refuse(code, format!("User group {group} is attached to {cache}, which is being deleted.")),
        }
    }

    /// Refuses what no group can be.
    fn check_membership(&self, settings: &GroupSettings) -> Answer<()> {
        let GroupSettings { engine, users } = settings;
        require(users.len() <= MEMBERS, "UserGroupQuotaExceeded", || {
            format!("The quota of {MEMBERS} users in a user group has been exceeded.")
        })?;
        let mut names = BTreeSet::new();
        for id in users {
            let user = self.user(id)?;
            require(names.insert(user.name.as_str()), "DuplicateUserName", || {
                format!("User group cannot contain two users with the user name {}.", user.name)
            })?;
            check_member(*engine, id, user.latest())?;
        }
        require(*engine == EngineKind::Valkey || names.contains("default"), "DefaultUserRequired", || {
            "User group needs to contain a user with the user name default.".to_owned()
        })
    }

    /// The caches that have their users from the group, or are about to.
    pub(crate) fn caches_of(&self, group: &UserGroupId) -> Vec<ReplicationGroupId> {
        let caches = self.replication_groups.iter().filter(|(_, cache)| cache.uses_user_group(group));
        caches.map(|(id, _)| id.clone()).collect()
    }

    /// Lets the group be `modifying` until `until`, and the caches that use it a little longer.
    pub(crate) fn keep_busy(&mut self, group: &UserGroupId, until: Millis) {
        for cache in self.caches_of(group) {
            if let Some(cache) = self.replication_groups.get_mut(&cache) {
                cache.phase = cache.phase.modified(self.now, until + PASSED_ON);
            }
        }
        if let Some(group) = self.user_groups.get_mut(group) {
            group.phase = group.phase.modified(self.now, until);
        }
    }
}
