//! How users prove who they are, and where secrets come from.

use palisade_core::{Field, Handle, Id, Input, IntoInput};
use serde::{Deserialize, Serialize};

use crate::resources::Secret;

text_enum! {
    /// How a user of a cache proves who it is.
    AuthenticationType {
        /// By an IAM identity and a token that lasts 15 minutes.
        Iam = "iam",
        /// By one of its passwords.
        Password = "password",
        /// Not at all. Only the disabled default user has it.
        NoPassword = "no-password-required",
    }
}

/// One version of the value of a [`Secret`], by reference. The value itself stands only in the call that sends it.
///
/// `&secret` stands for it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SecretRef {
    /// The secret.
    pub secret: Id<Secret>,
    /// The version of its value.
    pub version: String,
}

impl Field for SecretRef {}

impl IntoInput<SecretRef> for &Handle<Secret> {
    fn into_input(self) -> Input<SecretRef> {
        self.value().into_input()
    }
}

/// Where the value of a secret comes from. It is never part of a program.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// Secrets Manager draws 64 letters and digits: valid as an AUTH token and as a password.
    Generated,
    /// Whoever runs the apply supplies it in an environment variable.
    Supplied {
        /// The name of the variable.
        variable: String,
    },
}

impl Field for SecretSource {}
