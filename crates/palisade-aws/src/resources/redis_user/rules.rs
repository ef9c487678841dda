//! What makes a [`RedisUser`] safe.

use palisade_core::{Control, Declared, Hold, Node, Risk, Rule, Stack, Violation};

use super::{DEFAULT_NAME, RedisUser};
use crate::{
    resources::{Secret, UserGroup},
    types::AccessString,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "least-privilege",
        title: "only the administrator may run dangerous commands",
        why: "what one user may delete, stop or watch belongs to all users of the cache",
        controls: &[],
        hold: Hold::Risk { check: least_privilege, path: "RedisUser::ALL_COMMANDS" },
    },
    Rule {
        id: "in-a-group",
        title: "the user is in a group",
        why: "a user in no group can log in nowhere, and is forgotten when rights are reviewed",
        controls: &[],
        hold: Hold::Risk { check: in_a_group, path: "RedisUser::IN_NO_GROUP" },
    },
    Rule {
        id: "authenticated",
        title: "the user proves who it is",
        why: "a user without a password is whoever reaches the cache",
        controls: &[Control::fsbp("ElastiCache.6")],
        hold: Hold::Compile("a user begins with an IAM identity or a secret; the one without is switched off"),
    },
    Rule {
        id: "no-password-in-the-program",
        title: "passwords come from Secrets Manager",
        why: "a password in a program is in its history, in its plan and in its state",
        controls: &[Control::checkov("CKV_SECRET_6")],
        hold: Hold::Compile("`RedisUser::with_password` takes secrets, and no text"),
    },
    Rule {
        id: "one-administrator",
        title: "each group has one administrator",
        why: "of several who may do everything nobody knows who did it, and an application is not meant to be one of them",
        controls: &[],
        hold: Hold::Risk { check: one_administrator, path: "RedisUser::ANOTHER_ADMINISTRATOR" },
    },
    Rule {
        id: "reads-only",
        title: "a user that is called read-only does not write",
        why: "whoever gives out the user trusts its name",
        controls: &[],
        hold: Hold::Risk { check: reads_only, path: "RedisUser::WRITES" },
    },
    Rule {
        id: "default-user-off",
        title: "the user named `default` may do nothing",
        why: "it is whoever gives no name",
        controls: &[],
        hold: Hold::Risk { check: default_user_off, path: "RedisUser::DEFAULT_WITH_RIGHTS" },
    },
    Rule {
        id: "own-password",
        title: "each password is that of one user",
        why: "who has the password of one has the rights of both, and neither can change it alone",
        controls: &[],
        hold: Hold::Risk { check: own_password, path: "RedisUser::SHARED_PASSWORD" },
    },
];

impl RedisUser {
    /// The user may do what endangers others, and is not the administrator.
    pub const ALL_COMMANDS: Risk<Self> = Risk::named(RULES, "least-privilege");

    /// The user is in no group of the stack.
    pub const IN_NO_GROUP: Risk<Self> = Risk::named(RULES, "in-a-group");

    /// The user is one more administrator of a group.
    pub const ANOTHER_ADMINISTRATOR: Risk<Self> = Risk::named(RULES, "one-administrator");

    /// The user writes, whatever its name says.
    pub const WRITES: Risk<Self> = Risk::named(RULES, "reads-only");

    /// The user is named `default` and has rights: clients that cannot give a name use it.
    pub const DEFAULT_WITH_RIGHTS: Risk<Self> = Risk::named(RULES, "default-user-off");

    /// Something else has the same password.
    pub const SHARED_PASSWORD: Risk<Self> = Risk::named(RULES, "own-password");
}

fn least_privilege(node: &Node, stack: &Stack) -> Option<Violation> {
    let access = stack.declared::<RedisUser>(node)?.access_string().known()?;
    // One that ElastiCache refuses is a finding, which knows what of it must not be repeated.
    AccessString::new(access.as_str()).ok()?;
    let harmful = access.harmful_commands();
    let (first, more) = harmful.split_first()?;
    (access != AccessString::administrator()).then(|| {
        let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        Violation::new(
            format!("the access string `{access}` allows what harms other users: `{first}`{others}"),
            "allow the categories that the user needs, and no others, as in `access!(\"on ~app:* -@all +@read -@dangerous\")`, or \
             name its part, as in `AccessString::read_only()`",
        )
    })
}

fn in_a_group(node: &Node, stack: &Stack) -> Option<Violation> {
    let user = stack.declared::<RedisUser>(node)?;
    user.referrers::<UserGroup>().next().is_none().then(|| {
        Violation::new("the user is in no group", "add it to the `UserGroup` of the cache that it is for, or remove it")
    })
}

/// The first administrator of a group is the one.
fn one_administrator(node: &Node, stack: &Stack) -> Option<Violation> {
    let is_administrator =
        |user: &Declared<'_, RedisUser>| user.access_string().known() == Some(AccessString::administrator());
    let user = stack.declared::<RedisUser>(node).filter(is_administrator)?;
    let groups: Vec<_> = user.referrers::<UserGroup>().map(|group| group.address()).collect();
    let is_in_one =
        |other: &Declared<'_, RedisUser>| other.referrers::<UserGroup>().any(|group| groups.contains(&group.address()));
    let mut before = stack.resources::<RedisUser>().take_while(|other| other.address() != user.address());
    let first = before.find(|other| is_administrator(other) && is_in_one(other))?;
    Some(Violation::new(
        format!("its group has an administrator already, {}", first.address()),
        "give it what it needs, as in `AccessString::application(\"app:*\")`, `AccessString::service()` or \
         `AccessString::read_only()`",
    ))
}

fn reads_only(node: &Node, stack: &Stack) -> Option<Violation> {
    let user = stack.declared::<RedisUser>(node)?;
    let name = user.user_name().known()?.as_str().to_lowercase().replace(['-', '_', '.'], "");
    let is_called_so = name.contains("readonly") || name == "reader" || name == "viewer";
    (is_called_so && user.access_string().known()?.writes()).then(|| {
        Violation::new(
            "the user is called read-only, and its access string lets it write",
            "call `.access_string(AccessString::read_only())`, or give the user another name",
        )
    })
}

fn default_user_off(node: &Node, stack: &Stack) -> Option<Violation> {
    let user = stack.declared::<RedisUser>(node)?;
    (!user.access_string().known()?.is_off() && user.user_name().known()?.as_str() == DEFAULT_NAME).then(|| {
        Violation::new(
            "the user named `default` has rights, and is whoever gives no name",
            "call `.access_string(AccessString::disabled())`, and add a user of another name for those who need rights",
        )
    })
}

fn own_password(node: &Node, stack: &Stack) -> Option<Violation> {
    let user = stack.declared::<RedisUser>(node)?;
    let mut secrets = user.passwords().refers_to::<Secret>();
    let (secret, other) = secrets.find_map(|secret| {
        let mut others = stack.referrers(secret.address()).filter(|other| other.address != *user.address());
        Some((secret, others.next()?))
    })?;
    Some(Violation::new(
        format!("its password, {}, is that of {} too", secret.address(), other.address),
        "declare a `Secret` for each of them",
    ))
}
