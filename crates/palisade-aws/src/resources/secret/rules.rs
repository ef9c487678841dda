//! What makes a [`Secret`] safe.

use palisade_core::{Control, Hold, Node, Risk, Rule, Stack, Violation};

use super::Secret;
use crate::resources::{WHY_A_KEY_OF_ONES_OWN, is_unset};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "customer-key",
        title: "a key of the account encrypts the secret",
        why: WHY_A_KEY_OF_ONES_OWN,
        controls: &[Control::checkov("CKV_AWS_149")],
        hold: Hold::Risk { check: customer_key, path: "Secret::AWS_MANAGED_KEY" },
    },
    Rule {
        id: "rotation",
        title: "the value changes at least every 90 days",
        why: "a value that has leaked stays valid for as long as nobody changes it",
        controls: &[
            Control::fsbp("SecretsManager.1"),
            Control::fsbp("SecretsManager.4"),
            Control::checkov("CKV2_AWS_57"),
        ],
        hold: Hold::Risk { check: rotation, path: "Secret::NO_ROTATION" },
    },
    Rule {
        id: "recovery",
        title: "a deleted secret can be restored for a while",
        why: "a secret that is deleted by mistake locks out all its users for good",
        controls: &[],
        hold: Hold::Risk { check: recovery, path: "Secret::NO_RECOVERY" },
    },
    Rule {
        id: "no-value-in-the-program",
        title: "the value is in no program, plan or state",
        why: "what is in a state is read by all who plan",
        controls: &[Control::checkov("CKV_SECRET_6")],
        hold: Hold::Compile("a secret is generated, or read from a variable of the apply; no setter takes a value"),
    },
    Rule {
        id: "no-public-policy",
        title: "nobody outside the account may read the secret",
        why: "a resource policy with `*` gives the value to everybody",
        controls: &[],
        hold: Hold::Compile("`Secret` has no resource policy"),
    },
    Rule {
        id: "used",
        title: "something uses the secret",
        why: "a secret that nothing uses is one more to leak, and the cache that it was meant for may have none",
        controls: &[],
        hold: Hold::Risk { check: used, path: "Secret::UNUSED" },
    },
];

impl Secret {
    /// The key that encrypts the value is the one that AWS manages for all secrets of the account.
    pub const AWS_MANAGED_KEY: Risk<Self> = Risk::named(RULES, "customer-key");

    /// The value does not change by itself.
    pub const NO_ROTATION: Risk<Self> = Risk::named(RULES, "rotation");

    /// A deleted secret is gone at once.
    pub const NO_RECOVERY: Risk<Self> = Risk::named(RULES, "recovery");

    /// Nothing in the stack uses the secret.
    pub const UNUSED: Risk<Self> = Risk::named(RULES, "used");
}

fn customer_key(node: &Node, _: &Stack) -> Option<Violation> {
    is_unset(node, "kms_key_id").then(|| {
        Violation::new(
            "no key of this account encrypts the secret",
            "declare a `KmsKey`, and call `.kms_key_id(key.arn())`",
        )
    })
}

fn rotation(_: &Node, _: &Stack) -> Option<Violation> {
    Some(Violation::new(
        "the value does not change by itself",
        "Palisade changes it where `.generation(..)` is raised, together with all that uses it, and not by a Lambda function that \
         they would not hear of: say how often you raise it",
    ))
}

fn recovery(node: &Node, _: &Stack) -> Option<Violation> {
    (node.json("recovery_window")?.as_u64() == Some(0)).then(|| {
        Violation::new(
            "a deletion cannot be taken back",
            "leave `.recovery_window(..)` out for 30 days, or call `.recovery_window(recovery_days!(7))`",
        )
    })
}

fn used(node: &Node, stack: &Stack) -> Option<Violation> {
    stack.referrers(&node.address).next().is_none().then(|| {
        Violation::new(
            "nothing in this stack uses the secret",
            "call `.authentication(&secret)` on a cache, or `RedisUser::with_password(.., &secret)`, or remove it",
        )
    })
}
