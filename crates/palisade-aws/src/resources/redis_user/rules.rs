//! What makes a [`RedisUser`] safe.

use palisade_core::{Control, Hold, Node, Risk, Rule, Stack, Violation};

use super::RedisUser;
use crate::{resources::UserGroup, types::AccessString};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "least-privilege",
        title: "only the administrator may run dangerous commands",
        why: "FLUSHALL, CONFIG and SHUTDOWN of one application take the data of all",
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
];

impl RedisUser {
    /// The user may do what endangers others, and is not the administrator.
    pub const ALL_COMMANDS: Risk<Self> = Risk::new(&RULES[0]);

    /// The user is in no group of the stack.
    pub const IN_NO_GROUP: Risk<Self> = Risk::new(&RULES[1]);
}

fn least_privilege(node: &Node, _: &Stack) -> Option<Violation> {
    let access = node.text("access_string")?;
    let is_allowed = access == AccessString::administrator().as_str() || !AccessString::reported(access).is_dangerous();
    (!is_allowed).then(|| {
        Violation::new(
            format!("the access string `{access}` allows dangerous commands"),
            "end it with `-@dangerous`, as in `access!(\"on ~app:* -@all +@read +@write -@dangerous\")`, or name the user's part: \
             `AccessString::administrator()`",
        )
    })
}

fn in_a_group(node: &Node, stack: &Stack) -> Option<Violation> {
    let user = stack.declared::<RedisUser>(node)?;
    user.referrers::<UserGroup>().next().is_none().then(|| {
        Violation::new("the user is in no group", "add it to the `UserGroup` of the cache that it is for, or remove it")
    })
}
