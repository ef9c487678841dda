//! [`UserGroup`].

mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
};

use palisade_core::{
    Attributes, Declaration, Declare, Declared, DeclaredField, Finding, Given, Handle, Id, Input, IntoInput, JsonMap,
    Node, Output, Resource, Stack,
    provider::{ProviderError, Repeated, Token},
};
use serde::{Deserialize, Serialize};

use super::{DisabledDefault, RedisUser, redis_user::DEFAULT_NAME, replication_group};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    aws::is_transitional,
    calls::Calls,
    observe::{
        self, GROUP_SETTLED, create_named, in_order, lost, named, not_shown, once_seen, settle, sighted,
        sync_cache_tags,
    },
    operations::{
        AddTagsToResource, CreateUserGroup, DeleteUserGroup, DescribeCacheClusters, DescribeReplicationGroups,
        DescribeUserGroups, ListTagsForResource, ModifyUserGroup, Operation, RemoveTagsFromResource,
    },
    shapes::UserGroupDescription,
    types::{Arn, AuthenticationType, EngineKind, IntoEngine, Name, Redis, Tags, Valkey},
};

/// The users that may log in to the caches which use the group: up to 100, no two with one user name. A group for Redis
/// must have a user named `default`, for which there is [`RedisUser::disabled_default`].
///
/// [`UserGroup::redis`] and [`UserGroup::valkey`] begin a group in which a user that does not fit does not compile.
/// [`UserGroup::builder`] is for a program that knows engine and users only when it runs: the same rules are checked before
/// the plan.
///
/// AWS: [CreateUserGroup](https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUserGroup.html)
///
/// ```
/// use palisade_aws::{name, resources::{RedisUser, UserGroup}, types::{AccessString, Redis}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
/// # let app = RedisUser::iam(name!("app")).engine(Redis).access_string(AccessString::read_only());
/// # let app = stack.add("app", app);
/// let users = stack.add("redis", UserGroup::redis(name!("redis-users"), &default).user(&app));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_elasticache_user_group",
    rules = rules::RULES,
    attributes = UserGroupAttributes,
    check = check
)]
pub struct UserGroup {
    /// The id.
    #[field(replace, identity)]
    pub user_group_id: Name,
    /// The engine. A Redis group has Redis users; a Valkey group may have both.
    #[field(late_if = crate::types::becomes_valkey)]
    pub engine: EngineKind,
    /// The users.
    #[field(released, held = is_default)]
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

impl UserGroup {
    /// A group for Redis. `default` is its user named `default`, which must be switched off: it is what a client is that gives
    /// no name. For one that has a password instead, there is [`UserGroup::builder`].
    pub fn redis(id: impl IntoInput<Name>, default: impl DefaultUser) -> GroupOf<Redis> {
        GroupOf::new(id, Redis, default.into_default())
    }

    /// A group for Valkey, with its first user. Valkey switches its default user off by itself.
    pub fn valkey(id: impl IntoInput<Name>, first: impl MemberOf<Valkey>) -> GroupOf<Valkey> {
        GroupOf::new(id, Valkey, first.into_member())
    }
}

/// The declaration of a [`UserGroup`] for the engine `E`, to which every user that is added fits.
#[derive(Debug)]
#[must_use = "a declaration does nothing until it is added to a stack"]
pub struct GroupOf<E> {
    group: UserGroupBuilder<Given<0b11>>,
    users: Vec<Input<Id<RedisUser>>>,
    engine: PhantomData<fn() -> E>,
}

impl<E> GroupOf<E> {
    fn new(id: impl IntoInput<Name>, engine: impl IntoEngine<Brand = E>, first: Input<Id<RedisUser>>) -> Self {
        let group = UserGroup::builder().user_group_id(id).engine(engine.into_engine());
        Self { group, users: vec![first], engine: PhantomData }
    }

    /// Adds a user.
    pub fn user(mut self, user: impl MemberOf<E>) -> Self {
        self.users.push(user.into_member());
        self
    }

    /// Adds each of the users.
    pub fn users<U: MemberOf<E>>(self, users: impl IntoIterator<Item = U>) -> Self {
        users.into_iter().fold(self, Self::user)
    }

    /// The tags.
    pub fn tags(self, tags: impl IntoInput<Tags>) -> Self {
        Self { group: self.group.tags(tags), ..self }
    }
}

impl<E> Declare for GroupOf<E> {
    type Resource = UserGroup;
    type Brand = E;

    fn declare(self) -> Declaration {
        self.group.user_ids(self.users).declare()
    }
}

/// A user that fits a [`UserGroup`] for the engine `E`: a Redis user fits both engines, a Valkey user fits Valkey alone. One
/// whose engine is only known when the program runs, or that is outside of the stack, is checked before the plan.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be in a user group for `{E}`",
    label = "does not fit a group for `{E}`",
    note = "ElastiCache refuses a Valkey user in a Redis group, and a user without a password in a Valkey group",
    note = "write `&user`, with `.engine(Redis)` where the user is declared: such a user fits groups of both engines",
    note = "the default user that is switched off is the second argument of `UserGroup::redis(..)`; a Valkey group has none"
)]
pub trait MemberOf<E> {
    /// The user's id.
    #[doc(hidden)]
    fn into_member(self) -> Input<Id<RedisUser>>;
}

/// The user named `default` of a group for Redis: one that [`RedisUser::disabled_default`] has switched off.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the default user of a group for Redis",
    label = "this is no default user that is switched off",
    note = "a client that gives no name is the user named `default`, so that one must have no rights",
    note = "declare it with `RedisUser::disabled_default(name!(\"redis-default\"))`, and write `&default`"
)]
pub trait DefaultUser {
    /// The user's id.
    #[doc(hidden)]
    fn into_default(self) -> Input<Id<RedisUser>>;
}

impl DefaultUser for &Handle<RedisUser, DisabledDefault> {
    fn into_default(self) -> Input<Id<RedisUser>> {
        self.into_input()
    }
}

macro_rules! members {
    ($($engine:ty: $($user:ty),+;)+) => {
        $($(#[diagnostic::do_not_recommend]
        impl MemberOf<$engine> for $user {
            fn into_member(self) -> Input<Id<RedisUser>> {
                self.into_input()
            }
        })+)+
    };
}

members! {
    Redis: &Handle<RedisUser, Redis>, &Handle<RedisUser>, Id<RedisUser>, Output<Id<RedisUser>>;
    Valkey: &Handle<RedisUser, Redis>, &Handle<RedisUser, Valkey>, &Handle<RedisUser>, Id<RedisUser>, Output<Id<RedisUser>>;
}

fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(group) = stack.declared(node) else { return Vec::new() };
    [built_in_user, number_of_users, default_user, engines, names]
        .into_iter()
        .filter_map(|check| check(group))
        .collect()
}

/// The user that AWS makes with every account has all rights and no password.
fn built_in_user(group: Declared<'_, UserGroup>) -> Option<Finding> {
    let mut ids = group.user_ids().items()?.into_iter().filter_map(|id| id.known());
    ids.any(|id| id.as_str() == "default").then(|| {
        group.finding(
            "the user `default` is AWS's own, with all rights and no password",
            "replace it by `RedisUser::disabled_default(name!(\"...\"))`",
        )
    })
}

/// How many users a group has at most.
const MOST_USERS: usize = 100;

fn number_of_users(group: Declared<'_, UserGroup>) -> Option<Finding> {
    let users = group.user_ids().items()?.len();
    (users > MOST_USERS).then(|| {
        let message = format!("a group has at most {MOST_USERS} users, and this one has {users}");
        group.finding(&message, "divide the users between caches, or let several clients log in as one user")
    })
}

/// A group for Redis never is without its default user, so AWS does not delete that one.
fn is_default(user: &JsonMap) -> bool {
    user.get("user_name").is_some_and(|name| name == DEFAULT_NAME)
}

/// A group for Redis needs a user named `default`. Where users come from outside of the stack, it may be among them.
fn default_user(group: Declared<'_, UserGroup>) -> Option<Finding> {
    let users = group.user_ids().items()?;
    let is_redis = group.engine().known() == Some(EngineKind::Redis);
    if users.is_empty() && !is_redis {
        return Some(group.finding("the group has no users", "name them with `.user_ids([&user])`"));
    }
    let users: Vec<_> = users.iter().map(DeclaredField::target).collect::<Option<_>>()?;
    let is_default =
        |user: &Declared<'_, RedisUser>| user.user_name().known().is_some_and(|name| name.as_str() == DEFAULT_NAME);
    (is_redis && !users.iter().any(is_default)).then(|| {
        group.finding(
            "a group for Redis needs a user named `default`",
            "add `RedisUser::disabled_default(name!(\"...\"))` to its users, so that whoever gives no name gets nothing",
        )
    })
}

/// A Redis group takes no Valkey users, and a Valkey group none without a password.
fn engines(group: Declared<'_, UserGroup>) -> Option<Finding> {
    let mut users = group.user_ids().targets();
    if group.engine().known() == Some(EngineKind::Valkey) {
        let open = Some(AuthenticationType::NoPassword);
        let user = users.find(|user| user.authentication_type().known() == open)?;
        let message = format!("a group for Valkey takes no user without a password, and {} is one", user.address());
        let help = "leave it out: Valkey switches its default user off by itself";
        return Some(group.finding(&message, help).also(&user, "has no password"));
    }
    let user = users.find(|user| user.engine().known() == Some(EngineKind::Valkey))?;
    let message = format!("a group for Redis takes no user for Valkey, and {} is one", user.address());
    let help = "give the user `.engine(Redis)`: it can be in groups for both";
    Some(group.finding(&message, help).also(&user, "a user for Valkey"))
}

/// Clients log in by the name, so each name stands for one user.
fn names(group: Declared<'_, UserGroup>) -> Option<Finding> {
    let mut seen = BTreeMap::new();
    let mut users = group.user_ids().targets();
    let (first, second) = users.find_map(|user| Some((seen.insert(user.user_name().known()?, user)?, user)))?;
    let message = format!("{} and {} have one user name", first.address(), second.address());
    let finding = group.finding(&message, "give each user of a group a name of its own");
    Some(finding.also(&second, "the second user of the name"))
}

impl Lifecycle for UserGroup {
    type Observed = UserGroupObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeUserGroups::CALL.together()],
        find: &[DescribeUserGroups::CALL.as_needed(), ListTagsForResource::CALL.as_needed()],
        create: &[CreateUserGroup::CALL.once()],
        converge: &[
            DescribeUserGroups::CALL.as_needed(),
            DescribeReplicationGroups::CALL.as_needed(),
            DescribeCacheClusters::CALL.as_needed(),
            ModifyUserGroup::CALL.up_to(1).carried(&["engine", "user_ids"]),
            ListTagsForResource::CALL.as_needed().carried(&["tags"]),
            AddTagsToResource::CALL.up_to(1).carried(&["tags"]),
            RemoveTagsFromResource::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteUserGroup::CALL.once(), DescribeUserGroups::CALL.as_needed()],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(60, 120, 60);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { user_group_id, engine, user_ids, tags } = self;
        let request = CreateUserGroup {
            user_group_id: user_group_id.clone(),
            engine: *engine,
            user_ids: user_ids.clone(),
            tags: tags.owned_by(token),
        };
        let id = named(user_group_id.as_str())?;
        let is_going = async || Ok(describe(aws, &id).await?.map(|group| group.status == "deleting"));
        create_named(aws, GROUP_SETTLED, request, is_going).await?;
        named(user_group_id.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let id = named(self.user_group_id.as_str())?;
        match describe(aws, &id).await? {
            Some(group) if group.status != "deleting" => sighted(aws, id, &group.arn, token).await,
            _ => Ok(Sighting::Nothing),
        }
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let found = aws.call(DescribeUserGroups { ids: ids.to_vec() }).await?.groups;
        let snapshot = |group: UserGroupDescription| Snapshot {
            fields: UserGroupObserved {
                user_group_id: Some(Name::reported(group.id.as_str())),
                engine: Some(group.engine),
                user_ids: Some(group.user_ids),
                tags: None,
            },
            attributes: UserGroupAttributes { arn: group.arn },
        };
        let groups = in_order(ids, found, |group| &group.id).into_iter();
        Ok(groups.map(|group| group.filter(|group| group.status != "deleting").map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let is_seen = |group: &UserGroupDescription| group.engine == self.engine && group.user_ids == self.user_ids;
        // What is no member any more must not be in the call, which AWS refuses as a whole: so the members are read just
        // before it, each time, and one call says all.
        let attempt = async || {
            let group = settled(aws, id, previous.is_some()).await?;
            if is_seen(&group) {
                return Ok(group);
            }
            let request = ModifyUserGroup {
                user_group_id: id.clone(),
                engine: (group.engine != self.engine).then_some(self.engine),
                add: self.user_ids.difference(&group.user_ids).cloned().collect(),
                remove: group.user_ids.difference(&self.user_ids).cloned().collect(),
            };
            aws.call(request).await?;
            let group = once_seen(aws, async || settled(aws, id, true).await, is_seen).await?;
            if is_seen(&group) { Ok(group) } else { Err(not_shown(id.as_str())) }
        };
        let group = aws.until_accepted(GROUP_SETTLED, is_outdated, attempt).await?;
        sync_cache_tags(aws, &group.arn, &self.tags, previous.map(|previous| &previous.tags)).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(GROUP_SETTLED, DeleteUserGroup { user_group_id: id.clone() }).await?;
        until_gone(aws, id).await
    }
}

/// Whether an earlier change of the group, of which its description did not tell yet, is why this one was refused.
fn is_outdated(error: &ProviderError) -> bool {
    is_transitional(error) || error.code == "InvalidParameterValue" && error.message.contains("member of user group")
}

async fn describe(aws: &Aws, id: &Id<UserGroup>) -> Result<Option<UserGroupDescription>, ProviderError> {
    Ok(aws.call(DescribeUserGroups { ids: vec![id.clone()] }).await?.groups.pop())
}

async fn until_gone(aws: &Aws, id: &Id<UserGroup>) -> Result<(), ProviderError> {
    aws.wait(&format!("the user group {id} to be gone"), GROUP_SETTLED, async || {
        Ok(describe(aws, id).await?.is_none().then_some(()))
    })
    .await
}

/// Waits until a group that has a user does not change any more: it is settled, or gone after a deletion that an earlier run
/// has begun.
pub(super) async fn at_rest(aws: &Aws, id: &Id<UserGroup>) -> Result<(), ProviderError> {
    let what = format!("the user group {id}");
    observe::at_rest(aws, &what, GROUP_SETTLED, || settled(aws, id, true), || describe(aws, id)).await
}

/// Waits until the group is active, and the caches that use it are at rest.
async fn settled(aws: &Aws, id: &Id<UserGroup>, exists: bool) -> Result<UserGroupDescription, ProviderError> {
    let what = format!("the user group {id}");
    let is_active = |group: UserGroupDescription| match group.status.as_str() {
        "active" => Ok(Some(group)),
        "deleting" => Err(lost(&what, "is being deleted")),
        _ => Ok(None),
    };
    let ask = async || describe(aws, id).await;
    let group = settle(aws, (&what, "to be active"), GROUP_SETTLED, exists, ask, is_active).await?;
    for cache in &group.replication_groups {
        replication_group::at_rest(aws, cache).await?;
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use palisade_core::IdError;

    use super::*;
    use crate::{failure, resources::CacheSubnetGroup};

    #[test]
    fn a_change_is_tried_again_only_where_an_earlier_one_is_why_it_was_refused() {
        let refused = |code, message: &str| failure("ModifyUserGroup", code, message);
        for earlier in [
            refused("InvalidUserGroupState", "User group it is not in a state in which it can be modified."),
            refused("InvalidParameterValue", "User reader is not a member of user group it."),
            refused("InvalidParameterValue", "User reader is already a member of user group it."),
        ] {
            assert!(is_outdated(&earlier), "{earlier}");
        }
        assert!(!is_outdated(&refused("InvalidParameterValue", "User group it takes no user of that engine.")));
    }

    #[test]
    fn what_each_account_has_from_the_start_cannot_be_named() {
        let refused = |why: Option<IdError>| why.is_some_and(|why| why.to_string().contains("`default`"));
        assert!(refused(Id::<RedisUser>::new("default").err()));
        assert!(refused(Id::<CacheSubnetGroup>::new("default").err()));
        assert!(Id::<RedisUser>::new("defaults").is_ok() && Id::<UserGroup>::new("default").is_ok());
    }
}
