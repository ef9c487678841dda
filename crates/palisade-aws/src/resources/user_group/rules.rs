//! What makes a [`UserGroup`] safe.

use palisade_core::{Hold, Node, Risk, Rule, Stack, Violation};

use super::UserGroup;
use crate::resources::ReplicationGroup;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "used",
        title: "a cache uses the group",
        why: "users of a group that no cache uses protect nothing, and the cache they were meant for may have none",
        controls: &[],
        hold: Hold::Risk { check: used, path: "UserGroup::UNUSED" },
    },
    Rule {
        id: "default-user-off",
        title: "whoever gives no name gets nothing",
        why: "a new group has a default user that may do everything, without a password",
        controls: &[],
        hold: Hold::Declare(
            "a Redis group needs `RedisUser::disabled_default(..)` among its users; Valkey switches its default user off itself",
        ),
    },
];

impl UserGroup {
    /// No cache of the stack uses the group.
    pub const UNUSED: Risk<Self> = Risk::named(RULES, "used");
}

fn used(node: &Node, stack: &Stack) -> Option<Violation> {
    let users = stack.declared::<UserGroup>(node)?;
    users.referrers::<ReplicationGroup>().next().is_none().then(|| {
        Violation::new("no cache uses these users", "call `.authentication(&users)` on the cache that they are for")
    })
}
