//! What makes a [`KmsKey`](super::KmsKey) safe.

use palisade_core::{Control, Hold, Rule};

pub(super) const RULES: &[Rule] = &[
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
