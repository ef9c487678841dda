//! What makes a [`KmsKey`] safe.

use palisade_core::{Control, Hold, Node, Risk, Rule, Stack, Violation};

use super::KmsKey;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "used",
        title: "something is encrypted with the key",
        why: "a key costs money each month, and one that nothing uses is mistaken for the one that protects the data",
        controls: &[],
        hold: Hold::Risk { check: used, path: "KmsKey::UNUSED" },
    },
    Rule {
        id: "rotation",
        title: "the key is rotated",
        why: "a key that never changes decrypts all that was ever encrypted, once it is lost",
        controls: &[Control::fsbp("KMS.4"), Control::cis("3.6"), Control::checkov("CKV_AWS_7")],
        hold: Hold::Compile("rotation is always on, and only its period is set"),
    },
    Rule {
        id: "no-public-policy",
        title: "the policy names who may use the key, and never everybody",
        why: "a policy with `*` lets other accounts decrypt",
        controls: &[Control::fsbp("KMS.5"), Control::checkov("CKV_AWS_33"), Control::checkov("CKV2_AWS_64")],
        hold: Hold::Compile(
            "`KeyPolicy` has the account and the services that a program names, and no other principal",
        ),
    },
    Rule {
        id: "usable",
        title: "the key is enabled, and cannot be deleted at once",
        why: "what was encrypted with a deleted key is lost",
        controls: &[Control::fsbp("KMS.3"), Control::checkov("CKV_AWS_227")],
        hold: Hold::Compile("there is no setter to disable it, and a deletion waits for 7 to 30 days"),
    },
];

impl KmsKey {
    /// Nothing in the stack is encrypted with the key.
    pub const UNUSED: Risk<Self> = Risk::named(RULES, "used");
}

fn used(node: &Node, stack: &Stack) -> Option<Violation> {
    stack.referrers(&node.address).next().is_none().then(|| {
        Violation::new(
            "nothing in this stack is encrypted with the key",
            "end the cache with `.encrypted(AtRest::key(&key), InTransit::Required)`, or remove the key",
        )
    })
}
