//! What makes a [`LogGroup`] safe.

use palisade_core::{Control, Hold, Node, Risk, Rule, Stack, Violation};

use super::LogGroup;
use crate::resources::{WHY_A_KEY_OF_ONES_OWN, is_unset};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "customer-key",
        title: "a key of the account encrypts the log",
        why: WHY_A_KEY_OF_ONES_OWN,
        controls: &[Control::checkov("CKV_AWS_158")],
        hold: Hold::Risk { check: customer_key, path: "LogGroup::AWS_OWNED_KEY" },
    },
    Rule {
        id: "retention",
        title: "entries are kept for a year at least",
        why: "what happened is often asked for months later",
        controls: &[Control::fsbp("CloudWatch.16"), Control::checkov("CKV_AWS_66"), Control::checkov("CKV_AWS_338")],
        hold: Hold::Compile("no shorter retention can be written"),
    },
];

impl LogGroup {
    /// The key that encrypts the entries is one that AWS owns.
    pub const AWS_OWNED_KEY: Risk<Self> = Risk::named(RULES, "customer-key");
}

fn customer_key(node: &Node, _: &Stack) -> Option<Violation> {
    is_unset(node, "kms_key_id").then(|| {
        Violation::new(
            "no key of this account encrypts the log",
            "declare a `KmsKey` whose policy has `.logs(NAME)`, and call `.kms_key_id(&key)`",
        )
    })
}
