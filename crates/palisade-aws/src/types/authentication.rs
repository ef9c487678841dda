//! How users prove who they are, and where secrets come from.

use palisade_core::{Field, Handle, Id, Input, IntoInput, Json};
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
        variable: Variable,
    },
}

impl Field for SecretSource {
    fn problem(json: &Json) -> Option<String> {
        Variable::problem(json.get("supplied")?.get("variable")?)
    }
}

checked_text! {
    /// The name of an environment variable, as in `APP_TOKEN`: upper-case letters, digits and `_`, no digit first.
    Variable, "the name of an environment variable", check_variable, variable
}

const fn check_variable(text: &str) -> Option<&'static str> {
    const RULE: &str = "name the variable that holds the value, in upper-case letters, digits and `_`, as in APP_TOKEN; the \
                        value itself does not stand in a program";
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 64 || bytes[0].is_ascii_digit() {
        return Some(RULE);
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'A'..=b'Z' | b'0'..=b'9' | b'_' => {}
            _ => return Some(RULE),
        }
        i += 1;
    }
    None
}
