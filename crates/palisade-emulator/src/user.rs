//! Users of caches.

use std::collections::BTreeMap;

use palisade_aws::{
    operations::{
        CreateUser, CreateUserOutput, DeleteUser, DeleteUserOutput, DescribeUsers, DescribeUsersOutput, ModifyUser,
        ModifyUserOutput,
    },
    shapes::{Credentials, UserDescription},
    types::{Arn, EngineKind, Tags, UserName},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    access_string::canonical,
    account::Account,
    clock::{ATTACHED, DETACHED_GROUP, DETACHED_USER, Millis, PASSED_ON, Phase},
    ids::{UserGroupId, UserId, cache_arn, id, identifier},
    refusal::{Answer, known, refuse, require},
    tags,
    vault::Fingerprint,
};

/// How many users a region has at most.
const QUOTA: usize = 1_000;

/// The user that AWS owns, and the name that a client has who gives none.
const DEFAULT: &str = "default";

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) settings: UserSettings,
    /// What the settings will be once the change that is under way is done.
    pub(crate) pending: Option<UserSettings>,
    pub(crate) phase: Phase,
    pub(crate) arn: Arn,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

/// What can be changed about a user.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct UserSettings {
    pub(crate) engine: EngineKind,
    pub(crate) access: String,
    pub(crate) authentication: Authentication,
    /// What is kept of the passwords: enough to know each again.
    #[serde(default)]
    pub(crate) passwords: Vec<Fingerprint>,
}

/// How a user logs in, and with how many passwords.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Authentication {
    Iam,
    Passwords(u8),
    Nothing,
}

impl User {
    /// The user that each account has from the start: it may do everything, without a password.
    pub(crate) fn built_in(region: &str) -> BTreeMap<UserId, Self> {
        let user = Self {
            name: DEFAULT.to_owned(),
            settings: UserSettings {
                engine: EngineKind::Redis,
                access: "on ~* +@all".to_owned(),
                authentication: Authentication::Nothing,
                passwords: Vec::new(),
            },
            pending: None,
            phase: Phase::Stable,
            arn: cache_arn(region, "user", DEFAULT),
            tags: Tags::default(),
            made: 0,
        };
        BTreeMap::from([(id(DEFAULT), user)])
    }

    pub(crate) fn settle(&mut self, now: Millis) {
        self.phase = self.phase.at(now);
        if self.phase.is_stable()
            && let Some(settings) = self.pending.take()
        {
            self.settings = settings;
        }
    }

    /// The settings as they are, or will be once the change that is under way is done.
    pub(crate) fn latest(&self) -> &UserSettings {
        self.pending.as_ref().unwrap_or(&self.settings)
    }
}

impl Account {
    pub(crate) fn create_user(&mut self, call: CreateUser) -> Answer<CreateUserOutput> {
        let CreateUser { user_id, user_name, engine, access_string, credentials, tags } = call;
        tags::check_cache(&tags)?;
        let name = identifier("UserId", &user_id, 40)?;
        require(UserName::new(user_name.as_str()).is_ok(), "InvalidParameterValue", || {
            "The parameter UserName must have 1 to 120 characters and no spaces.".to_owned()
        })?;
        let key: UserId = id(name.as_str());
        require(!self.users.contains_key(&key), "UserAlreadyExists", || format!("User {name} already exists."))?;
        require(self.users.len() < QUOTA, "UserQuotaExceeded", || "The quota of users has been exceeded.".to_owned())?;
        let (access, authentication) = (canonical(&access_string)?, authentication(&credentials)?);
        let passwords = self.fingerprints(&credentials)?;
        let settings = UserSettings { engine, access, authentication, passwords };
        check(&name, user_name.as_str(), &settings)?;
        let user = User {
            name: user_name.as_str().to_owned(),
            settings,
            pending: None,
            phase: Phase::Creating { until: self.now + DETACHED_USER },
            arn: cache_arn(&self.region, "user", &name),
            tags,
            made: self.now,
        };
        self.users.insert(key, user);
        Ok(CreateUserOutput {})
    }

    pub(crate) fn describe_users(&mut self, call: DescribeUsers) -> Answer<DescribeUsersOutput> {
        let users = self.users.iter().filter(|(id, _)| call.ids.contains(id));
        let describe = |(id, user): (&UserId, &User)| {
            let UserSettings { engine, access, authentication, passwords: _ } = &user.settings;
            // The spelling is not that of the request.
            let (authentication_type, password_count) = match authentication {
                Authentication::Iam => ("iam", 0),
                Authentication::Passwords(count) => ("password", *count),
                Authentication::Nothing => ("no-password", 0),
            };
            UserDescription {
                id: id.clone(),
                user_name: user.name.clone(),
                status: user.phase.status(self.now, self.lag, "active").to_owned(),
                engine: *engine,
                access_string: access.clone(),
                authentication_type: authentication_type.to_owned(),
                password_count,
                user_group_ids: self.groups_of(id),
                arn: user.arn.clone(),
            }
        };
        Ok(DescribeUsersOutput { users: users.map(describe).collect() })
    }

    pub(crate) fn modify_user(&mut self, call: ModifyUser) -> Answer<ModifyUserOutput> {
        let ModifyUser { user_id, engine, access_string, credentials } = call;
        let user = self.user_to_change(&user_id, "modified")?;
        require(
            engine.is_some() || access_string.is_some() || credentials.is_some(),
            "InvalidParameterCombination",
            || "No modifications were requested".to_owned(),
        )?;
        let (name, mut settings) = (user.name.clone(), user.settings.clone());
        settings.engine = engine.unwrap_or(settings.engine);
        if let Some(access) = access_string {
            settings.access = canonical(&access)?;
        }
        if let Some(credentials) = credentials {
            settings.authentication = authentication(&credentials)?;
            settings.passwords = self.fingerprints(&credentials)?;
        }
        check(user_id.as_str(), &name, &settings)?;
        let groups = self.groups_of(&user_id);
        for group in groups.iter().filter_map(|group| self.user_groups.get(group)) {
            // It may be a member of the group only as this is now, or only as it will be.
            for group in std::iter::once(&group.settings).chain(&group.pending) {
                if group.users.contains(&user_id) {
                    check_member(group.engine, &user_id, &settings)?;
                }
            }
        }
        let attached: Vec<_> = groups.into_iter().filter(|group| !self.caches_of(group).is_empty()).collect();
        let until = self.now + if attached.is_empty() { DETACHED_USER } else { ATTACHED };
        for group in &attached {
            self.keep_busy(group, until + PASSED_ON);
        }
        if let Some(user) = self.users.get_mut(&user_id) {
            (user.pending, user.phase) = (Some(settings), user.phase.modified(self.now, until));
        }
        Ok(ModifyUserOutput {})
    }

    pub(crate) fn delete_user(&mut self, call: DeleteUser) -> Answer<DeleteUserOutput> {
        let user_id = call.user_id;
        let is_default = self.user_to_change(&user_id, "deleted")?.name == DEFAULT;
        let groups = self.groups_of(&user_id);
        let needs_it = |group: &&UserGroupId| {
            is_default && self.user_groups.get(*group).is_some_and(|group| group.latest().engine == EngineKind::Redis)
        };
        if let Some(group) = groups.iter().find(needs_it) {
            return refuse(
                "DefaultUserAssociatedToUserGroup",
                format!("User {user_id} is the default user of user group {group} and cannot be deleted."),
            );
        }
        let mut until = self.now + DETACHED_USER;
        for group in &groups {
            let attached = !self.caches_of(group).is_empty();
            let busy_until = self.now + if attached { ATTACHED } else { DETACHED_GROUP };
            if attached {
                until = busy_until;
            }
            self.keep_busy(group, busy_until);
            if let Some(group) = self.user_groups.get_mut(group) {
                group.forget(&user_id);
            }
        }
        if let Some(user) = self.users.get_mut(&user_id) {
            user.phase = Phase::Deleting { until };
        }
        Ok(DeleteUserOutput {})
    }

    /// The user `id`.
    pub(crate) fn user(&self, id: &UserId) -> Answer<&User> {
        known(self.users.get(id), "UserNotFound", || format!("User {id} not found."))
    }

    fn user_to_change(&self, id: &UserId, change: &str) -> Answer<&User> {
        let user = self.user(id)?;
        require(id.as_str() != DEFAULT, "InvalidParameterValue", || format!("The user default cannot be {change}."))?;
        require(user.phase.is_stable(), "InvalidUserState", || {
            let status = user.phase.status(self.now, 0, "active");
            format!("User {id} has status {status}. Only active users can be {change}.")
        })?;
        for group in self.groups_of(id) {
            self.is_held_by_no_deletion(&group, "InvalidUserState")?;
        }
        Ok(user)
    }

    /// Whether `password` is one of those of the user `id`.
    pub(crate) fn accepts_password(&self, id: &str, password: &SecretString) -> bool {
        let user = self.users.iter().find(|(known, _)| known.as_str() == id);
        user.is_some_and(|(_, user)| user.settings.passwords.iter().any(|known| self.vault.matches(known, password)))
    }

    fn fingerprints(&mut self, credentials: &Credentials) -> Answer<Vec<Fingerprint>> {
        match credentials {
            Credentials::Iam | Credentials::NoPassword => Ok(Vec::new()),
            Credentials::Passwords(passwords) => passwords.iter().map(|value| self.vault.fingerprint(value)).collect(),
        }
    }

    /// The groups that the user is in.
    fn groups_of(&self, user: &UserId) -> Vec<UserGroupId> {
        let groups = self.user_groups.iter().filter(|(_, group)| group.has(user));
        groups.map(|(id, _)| id.clone()).collect()
    }
}

/// How a user with these credentials logs in.
fn authentication(credentials: &Credentials) -> Answer<Authentication> {
    let passwords = match credentials {
        Credentials::Iam => return Ok(Authentication::Iam),
        Credentials::NoPassword => return Ok(Authentication::Nothing),
        Credentials::Passwords(passwords) => passwords,
    };
    require((1..=2).contains(&passwords.len()), "InvalidParameterValue", || {
        "A user must have 1 or 2 passwords.".to_owned()
    })?;
    let is_good = |password: &str| {
        (16..=128).contains(&password.len())
            && password.bytes().all(|byte| byte.is_ascii_graphic() && !b",\"/@".contains(&byte))
    };
    require(passwords.iter().all(|password| is_good(password.expose_secret())), "InvalidParameterValue", || {
        "Passwords must have 16 to 128 printable characters other than , \" / and @.".to_owned()
    })?;
    Ok(Authentication::Passwords(if passwords.len() == 1 { 1 } else { 2 }))
}

/// Refuses what no user can be.
fn check(id: &str, name: &str, settings: &UserSettings) -> Answer<()> {
    require(settings.authentication != Authentication::Iam || id == name, "InvalidParameterValue", || {
        "User Id and User name must be same for authentication type: iam".to_owned()
    })?;
    let is_open = settings.engine == EngineKind::Valkey && settings.authentication == Authentication::Nothing;
    require(!is_open, "InvalidParameterCombination", || {
        "Users of the engine valkey must have the authentication type password or iam.".to_owned()
    })
}

/// Refuses what a member of a group of `engine` cannot be.
pub(crate) fn check_member(engine: EngineKind, user: &UserId, settings: &UserSettings) -> Answer<()> {
    match engine {
        EngineKind::Redis => require(settings.engine == EngineKind::Redis, "InvalidParameterCombination", || {
            format!("User {user} has the engine valkey and cannot be in a user group of the engine redis.")
        }),
        EngineKind::Valkey => {
            let has_password = settings.authentication != Authentication::Nothing;
            require(has_password, "InvalidParameterCombination", || {
                format!("User {user} needs no password and cannot be in a user group of the engine valkey.")
            })
        }
    }
}
