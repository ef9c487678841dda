//! [`RedisUser`].

mod rules;

use std::{collections::BTreeSet, marker::PhantomData};

use palisade_core::{
    Attributes, BuilderState, Declaration, Declare, Finding, Given, Graph, Id, IntoInput, Json, Node, Resource, Stack,
    Value,
    provider::{ProviderError, Repeated, Token},
    terraform::{Argument, TerraformResource},
};
use serde::{Deserialize, Serialize};

use super::user_group;
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots, TypicalDurations,
    calls::Calls,
    observe::{
        GROUP_SETTLED, create_named, in_order, lost, named, once_seen, secret_value, settle, sighted, sync_cache_tags,
    },
    operations::{
        AddTagsToResource, CreateUser, DeleteUser, DescribeCacheClusters, DescribeReplicationGroups,
        DescribeUserGroups, DescribeUsers, GetSecretValue, ListTagsForResource, ModifyUser, Operation,
        RemoveTagsFromResource,
    },
    shapes::{Credentials, UserDescription},
    types::{AccessString, Arn, AuthenticationType, EngineKind, IntoEngine, Name, SecretRef, Tags, UserName},
};

/// The name of the user that a client is which gives none.
pub(super) const DEFAULT_NAME: &str = "default";

/// A user of caches, with what it may do and how it proves who it is.
///
/// There are three kinds, and each begins in its own way: [`RedisUser::iam`], [`RedisUser::with_password`] and
/// [`RedisUser::disabled_default`].
///
/// AWS: [CreateUser](https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUser.html),
/// [Authenticating with IAM](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html)
///
/// ```
/// use palisade_aws::{name, resources::RedisUser, types::{AccessString, Redis}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// let admin = stack.add(
///     "admin",
///     RedisUser::iam(name!("admin")).engine(Redis).access_string(AccessString::administrator()),
/// );
/// let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_elasticache_user",
    rules = rules::RULES,
    attributes = RedisUserAttributes,
    ids = super::USERS,
    terraform_with = terraform,
    check = check,
    requires(engine(
        "this `RedisUser` has no `engine`",
        "call `.engine(Redis)` for a user of Redis groups and of Valkey groups, or `.engine(Valkey)` for one of Valkey groups alone"
    ), authentication(
        "this `RedisUser` does not say how it proves who it is",
        "begin with `RedisUser::iam(..)`, `RedisUser::with_password(..)` or `RedisUser::disabled_default(..)`"
    )),
    never(
        user_name(
            "the name of a `RedisUser` is said where it begins: that of an IAM user is its id, as AWS demands",
            "begin with `RedisUser::iam(name!(\"app\"))`, or with `RedisUser::with_password(name!(\"app-id\"), name!(\"app\"), &secret)`"
        ),
        passwords(
            "a password is never written in a program, whose plan and state would show it",
            "declare a `Secret`, and begin with `RedisUser::with_password(name!(\"app-id\"), name!(\"app\"), &secret)`"
        ),
        no_password_required(
            "a `RedisUser` proves who it is",
            "begin with `RedisUser::iam(name!(\"app\"))`, or with `RedisUser::with_password(name!(\"app-id\"), name!(\"app\"), &secret)`"
        ),
        authentication_mode(
            "how a `RedisUser` proves who it is, is said where it begins",
            "begin with `RedisUser::iam(name!(\"app\"))`, or with `RedisUser::with_password(name!(\"app-id\"), name!(\"app\"), &secret)`"
        )
    )
)]
pub struct RedisUser {
    /// The id.
    #[field(replace, identity, private)]
    pub user_id: Name,
    /// The name that clients log in by, unique in each group.
    #[field(replace, private)]
    pub user_name: UserName,
    /// The engine of the groups that the user can be in. A Redis user may be in a Valkey group, and not the reverse.
    #[field(private, late_if = crate::types::becomes_valkey)]
    pub engine: EngineKind,
    /// What the user may do.
    pub access_string: AccessString,
    /// How the user proves who it is.
    #[field(private, terraform = false, late_if = loses_its_password)]
    pub authentication_type: AuthenticationType,
    /// The secrets that hold the passwords: one or two for a user with passwords, and none for the others.
    #[field(default, private, terraform = false, late_if = loses_all)]
    pub passwords: BTreeSet<SecretRef>,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`RedisUser`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RedisUserAttributes {
    /// The ARN, for the IAM policy that lets somebody connect as the user.
    pub arn: Arn,
}

impl RedisUser {
    /// A user that logs in with an IAM token. Its name is its id, as AWS demands.
    pub fn iam(id: Name) -> RedisUserBuilder<AuthenticationGiven<Given<0>>> {
        let name = IntoInput::<UserName>::into_input(id.clone());
        Self::builder()
            .set_user_id(id)
            .set_user_name(name)
            .set_authentication_type(AuthenticationType::Iam)
            .meet_authentication()
    }

    /// A user that logs in with the password that `secret` holds: `&secret`, or two of them as `[&old, &new]` while clients
    /// change over.
    pub fn with_password(
        id: Name,
        user_name: impl IntoInput<UserName>,
        secret: impl IntoPasswords,
    ) -> RedisUserBuilder<AuthenticationGiven<Given<0>>> {
        Self::builder()
            .set_user_id(id)
            .set_user_name(user_name)
            .set_authentication_type(AuthenticationType::Password)
            .set_passwords(secret.into_passwords())
            .meet_authentication()
    }

    /// The user named `default` that every Redis user group must have, switched off: whoever gives no name gets nothing.
    pub fn disabled_default(id: Name) -> DisabledDefault {
        DisabledDefault(
            Self::builder()
                .set_user_id(id)
                .set_user_name(UserName::literal(DEFAULT_NAME))
                .engine(EngineKind::Redis)
                .access_string(AccessString::disabled())
                .set_authentication_type(AuthenticationType::NoPassword)
                .meet_authentication(),
        )
    }
}

impl<S: BuilderState> RedisUserBuilder<S> {
    /// The engine of the groups that the user can be in: `Redis`, `Valkey`, or an [`EngineKind`] that is only known when the
    /// program runs. A Redis user may be in a Valkey group, and not the reverse.
    pub fn engine<E: IntoEngine>(self, engine: E) -> RedisUserBuilder<EngineGiven<S::Branded<E::Brand>>> {
        let declaration = self.set_engine(engine.into_engine()).declaration;
        RedisUserBuilder { declaration, state: PhantomData }
    }
}

/// The declaration of a [`RedisUser`] that is named `default` and switched off. Nothing about it can be changed but its
/// tags, since it has no password.
#[derive(Debug)]
#[must_use = "a declaration does nothing until it is added to a stack"]
pub struct DisabledDefault(RedisUserBuilder<Given<7>>);

impl DisabledDefault {
    /// The tags.
    pub fn tags(self, tags: impl IntoInput<Tags>) -> Self {
        Self(self.0.tags(tags))
    }
}

impl Declare for DisabledDefault {
    type Resource = RedisUser;
    type Brand = Self;

    fn declare(self) -> Declaration {
        self.0.declare()
    }
}

/// The secrets that hold a user's passwords: `&secret`, or `[&old, &new]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a password",
    label = "a password is a reference to a secret, never a text",
    note = "declare a `Secret` and write `&secret`, so that the value stands in no program, plan or state",
    note = "a user has one password, or two while clients change over: `[&old, &new]`"
)]
pub trait IntoPasswords {
    /// The references.
    #[doc(hidden)]
    fn into_passwords(self) -> palisade_core::Input<BTreeSet<SecretRef>>;
}

impl IntoPasswords for &palisade_core::Handle<super::Secret> {
    fn into_passwords(self) -> palisade_core::Input<BTreeSet<SecretRef>> {
        [self].into_input()
    }
}

impl IntoPasswords for [&palisade_core::Handle<super::Secret>; 2] {
    fn into_passwords(self) -> palisade_core::Input<BTreeSet<SecretRef>> {
        self.into_input()
    }
}

/// No group for Valkey goes with a user without a password.
fn loses_its_password(_: &Json, new: &Json) -> bool {
    new == AuthenticationType::NoPassword.as_str()
}

/// The passwords go with the authentication by password.
fn loses_all(old: &Json, new: &Json) -> bool {
    let is_empty = |passwords: &Json| passwords.as_array().is_none_or(Vec::is_empty);
    is_empty(new) && !is_empty(old)
}

/// What no type holds.
fn check(node: &Node, _: &Stack) -> Vec<Finding> {
    let is = |field: &str, text: &str| node.text(field) == Some(text);
    let mut findings = Vec::new();
    if is("user_id", "default") {
        findings.push(
            node.finding("the user id `default` is AWS's own user", "give the user another id, as in `redis-default`"),
        );
    }
    let is_open = is("authentication_type", AuthenticationType::NoPassword.as_str());
    if is_open && !(is("access_string", AccessString::disabled().as_str()) && is("engine", EngineKind::Redis.as_str()))
    {
        findings.push(node.finding(
            "a user without a password must be switched off, and of the engine Redis",
            "begin with `RedisUser::disabled_default(..)`, `RedisUser::iam(..)` or `RedisUser::with_password(..)`",
        ));
    }
    findings
}

/// Terraform can hold a password only in its state. So a user with passwords is exported as one that cannot log in, and
/// the values are set out of band.
fn terraform(resource: &mut TerraformResource, _: &Graph) {
    resource.import.unread = vec!["no_password_required"];
    let kind = resource.field("authentication_type");
    let kind = kind.as_json().and_then(Json::as_str).and_then(AuthenticationType::reported);
    match kind {
        Some(AuthenticationType::Iam) => {
            let block = [("type".to_owned(), Argument::Value(Value::Json(AuthenticationType::Iam.as_str().into())))];
            resource.arguments.insert("authentication_mode".to_owned(), Argument::Blocks(vec![block.into()]));
        }
        // The block form of "no password" plans an update forever, as AWS spells it otherwise when it answers.
        Some(AuthenticationType::NoPassword) => resource.set("no_password_required", true),
        Some(AuthenticationType::Password) | None => {
            // A Valkey user must have a password or IAM; the latter needs nothing that Terraform would keep, and as nobody
            // has an IAM policy for the user, nobody can log in as it.
            if resource.field("engine").as_json() == Some(&Json::from(EngineKind::Valkey.as_str())) {
                let block =
                    [("type".to_owned(), Argument::Value(Value::Json(AuthenticationType::Iam.as_str().into())))];
                resource.arguments.insert("authentication_mode".to_owned(), Argument::Blocks(vec![block.into()]));
                resource.arguments.insert("user_name".to_owned(), Argument::Value(resource.field("user_id")));
            } else {
                resource.set("no_password_required", true);
            }
            resource.set("access_string", AccessString::disabled().as_str());
            resource.ignore_changes =
                vec!["access_string", "authentication_mode", "no_password_required", "passwords", "user_name"];
            resource.comment = Some(
                "Terraform would keep the password in its state, so a user that it creates is switched off. After the apply, \
                 set the password from its secret and the access string with `aws elasticache modify-user`."
                    .to_owned(),
            );
        }
    }
}

/// The fields whose change passes through the groups of the user and their caches.
const CHANGED: &[&str] = &["engine", "access_string", "authentication_type", "passwords"];

impl Lifecycle for RedisUser {
    type Observed = RedisUserObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeUsers::CALL.together()],
        find: &[DescribeUsers::CALL.as_needed(), ListTagsForResource::CALL.as_needed()],
        create: &[GetSecretValue::CALL.up_to(2).on(&["passwords"]), CreateUser::CALL.once()],
        converge: &[
            DescribeUsers::CALL.as_needed(),
            GetSecretValue::CALL.up_to(2).carried(&["passwords"]),
            // Two where others wait for one part of the change, and the other part waits for them.
            ModifyUser::CALL.up_to(2).carried(CHANGED),
            DescribeUserGroups::CALL.as_needed().carried(CHANGED),
            DescribeReplicationGroups::CALL.as_needed().carried(CHANGED),
            DescribeCacheClusters::CALL.as_needed().carried(CHANGED),
            ListTagsForResource::CALL.as_needed().carried(&["tags"]),
            AddTagsToResource::CALL.up_to(1).carried(&["tags"]),
            RemoveTagsFromResource::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[
            DescribeUsers::CALL.as_needed(),
            DescribeUserGroups::CALL.as_needed(),
            DescribeReplicationGroups::CALL.as_needed(),
            DescribeCacheClusters::CALL.as_needed(),
            DeleteUser::CALL.once(),
        ],
        untracked: &[],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(5, 60, 10);

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { user_id, user_name, engine, access_string, tags, authentication_type: _, passwords: _ } = self;
        let request = CreateUser {
            user_id: user_id.clone(),
            user_name: user_name.clone(),
            engine: *engine,
            access_string: access_string.clone(),
            credentials: self.credentials(aws).await?,
            tags: tags.owned_by(token),
        };
        let id = named(user_id.as_str())?;
        let is_going = async || Ok(describe(aws, &id).await?.map(|user| user.status == "deleting"));
        create_named(aws, GROUP_SETTLED, request, is_going).await?;
        named(user_id.as_str())
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let id = named(self.user_id.as_str())?;
        match describe(aws, &id).await? {
            Some(user) if user.status != "deleting" => sighted(aws, id, &user.arn, token).await,
            _ => Ok(Sighting::Nothing),
        }
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let found = aws.call(DescribeUsers { ids: ids.to_vec() }).await?.users;
        let users = in_order(ids, found, |user| &user.id).into_iter();
        Ok(users.map(|user| user.filter(|user| user.status != "deleting").map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let user = active(aws, id, previous.is_some()).await?;
        // What its creation has sent is not sent again.
        let credentials_differ =
            previous.is_some_and(|previous| !self.authenticates_as(&user) || previous.passwords() != self.passwords());
        let credentials = if credentials_differ { Some(self.credentials(aws).await?) } else { None };
        let request = ModifyUser {
            user_id: id.clone(),
            engine: (user.engine != self.engine).then_some(self.engine),
            access_string: (!self.access_string.agrees_with(&user.access_string)).then(|| self.access_string.clone()),
            credentials,
        };
        if request.engine.is_some() || request.access_string.is_some() || request.credentials.is_some() {
            // A group that an earlier run has begun to delete takes part in what AWS refuses until it is gone.
            for group in &user.user_group_ids {
                user_group::at_rest(aws, group).await?;
            }
            // An account that has not shown how the user logged in so far need not show how it does from now on. One that names
            // passwords or IAM does show it, though an interrupted change leaves open which of them it is.
            let names_a_way =
                matches!(authentication_type(&user), Some(AuthenticationType::Password | AuthenticationType::Iam));
            let is_shown = previous.is_some_and(|previous| names_a_way || previous.authenticates_as(&user));
            let is_silent = request.engine.is_none() && request.access_string.is_none() && self.authenticates_as(&user);
            aws.call_until_settled(GROUP_SETTLED, request).await?;
            if is_silent {
                // No description shows which passwords a user has, so only its status shows that the change has begun. Read
                // right after the call, the status is still that from before.
                let has_begun =
                    |user: &Option<UserDescription>| user.as_ref().is_none_or(|user| user.status != "active");
                once_seen(aws, async || describe(aws, id).await, has_begun).await?;
            }
            // The change passes through the groups of the user and their caches.
            let user = once_seen(
                aws,
                async || active(aws, id, true).await,
                |user| {
                    user.engine == self.engine
                        && self.access_string.agrees_with(&user.access_string)
                        && (!is_shown || self.authenticates_as(user))
                },
            )
            .await?;
            for group in &user.user_group_ids {
                user_group::at_rest(aws, group).await?;
            }
        }
        sync_cache_tags(aws, &user.arn, &self.tags, previous.map(|previous| &previous.tags)).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        // A group that an earlier run has begun to delete keeps its default user until it is gone.
        for group in describe(aws, id).await?.iter().flat_map(|user| &user.user_group_ids) {
            user_group::at_rest(aws, group).await?;
        }
        aws.call_until_settled(GROUP_SETTLED, DeleteUser { user_id: id.clone() }).await?;
        aws.wait(&format!("the user {id} to be gone"), GROUP_SETTLED, async || {
            Ok(describe(aws, id).await?.is_none().then_some(()))
        })
        .await
    }
}

impl RedisUser {
    /// Whether `user` logs in in the way that this one should; with which passwords, AWS does not tell.
    fn authenticates_as(&self, user: &UserDescription) -> bool {
        authentication_type(user) == Some(self.authentication_type)
            && usize::from(user.password_count) == self.passwords().map_or(0, BTreeSet::len)
    }

    /// The passwords of a user that has some.
    fn passwords(&self) -> Option<&BTreeSet<SecretRef>> {
        Some(&self.passwords).filter(|_| self.authentication_type == AuthenticationType::Password)
    }

    /// How the user logs in, with the values of its secrets.
    async fn credentials(&self, aws: &Aws) -> Result<Credentials, ProviderError> {
        match self.authentication_type {
            AuthenticationType::Iam => Ok(Credentials::Iam),
            AuthenticationType::NoPassword => Ok(Credentials::NoPassword),
            AuthenticationType::Password => {
                let mut passwords = Vec::new();
                for secret in &self.passwords {
                    passwords.push(secret_value(aws, secret).await?);
                }
                Ok(Credentials::Passwords(passwords))
            }
        }
    }
}

fn snapshot(user: UserDescription) -> Snapshot<RedisUserObserved, RedisUserAttributes> {
    let fields = RedisUserObserved {
        user_id: Some(Name::reported(user.id.as_str())),
        authentication_type: authentication_type(&user),
        user_name: Some(UserName::reported(user.user_name)),
        engine: Some(user.engine),
        // AWS rewrites it; the engine compares it with what was read after the last apply.
        access_string: Some(AccessString::reported(user.access_string)),
        passwords: None,
        tags: None,
    };
    Snapshot { fields, attributes: RedisUserAttributes { arn: user.arn } }
}

/// AWS answers with another word than it takes.
fn authentication_type(user: &UserDescription) -> Option<AuthenticationType> {
    match user.authentication_type.as_str() {
        "no-password" => Some(AuthenticationType::NoPassword),
        other => AuthenticationType::reported(other),
    }
}

async fn describe(aws: &Aws, id: &Id<RedisUser>) -> Result<Option<UserDescription>, ProviderError> {
    Ok(aws.call(DescribeUsers { ids: vec![id.clone()] }).await?.users.pop())
}

async fn active(aws: &Aws, id: &Id<RedisUser>, exists: bool) -> Result<UserDescription, ProviderError> {
    let what = format!("the user {id}");
    let is_active = |user: UserDescription| match user.status.as_str() {
        "active" => Ok(Some(user)),
        "deleting" => Err(lost(&what, "is being deleted")),
        _ => Ok(None),
    };
    settle(aws, (&what, "to be active"), GROUP_SETTLED, exists, async || describe(aws, id).await, is_active).await
}
