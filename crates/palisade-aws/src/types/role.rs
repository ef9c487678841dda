//! Roles of IAM.

use std::{borrow::Cow, fmt};

use palisade_core::{Field, Input, IntoInput, Json};
use serde::{Deserialize, Serialize};

use super::Name;

checked_text! {
    /// The name of a role: 1 to 64 letters, digits and `_+=,.@-`. It is that of one role in the account, in all its regions.
    RoleName, "the name of a role", check_role_name, role_name
}

/// A [`Name`] is also a role's name.
impl IntoInput<RoleName> for Name {
    fn into_input(self) -> Input<RoleName> {
        RoleName::reported(self.as_str()).into_input()
    }
}

/// A policy as IAM keeps it: who may do what. Two are equal if they say the same in the same order, however they are spaced.
///
/// AWS: [IAM JSON policy reference](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html)
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct PolicyDocument(Json);

impl PolicyDocument {
    /// The policy with these statements.
    pub(crate) fn of(statements: Json) -> Self {
        Self(serde_json::json!({ "Version": "2012-10-17", "Statement": statements }))
    }

    /// The policy that AWS reports as `text`. What is no JSON is kept as a text, which is equal to no policy that is written
    /// here.
    pub fn reported(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
    }

    /// The policy as JSON.
    pub fn as_json(&self) -> &Json {
        &self.0
    }
}

impl fmt::Display for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Who may take on a role. No program says it: a kind of role has one, and what is read from AWS is held against that.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Trust(Cow<'static, str>);

impl Trust {
    /// The flow logs of the role's own account and region.
    pub const FLOW_LOGS: Self = Self(Cow::Borrowed("vpc-flow-logs.amazonaws.com"));

    /// Whoever the policy names, which is another one than a program writes.
    pub fn reported(policy: &PolicyDocument) -> Self {
        Self(Cow::Owned(policy.to_string()))
    }

    /// The trust as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Trust {
    fn problem(json: &Json) -> Option<String> {
        let is_known = json.as_str() == Some(Self::FLOW_LOGS.as_str());
        (!is_known).then(|| format!("`{json}` is no service that a role of this kind may trust"))
    }
}

const fn check_role_name(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 64 {
        return Some("the name of a role has 1 to 64 characters");
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-' => {}
            _ => return Some("use letters, digits and _+=,.@- only"),
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_follow_the_rule_of_iam() {
        for good in ["a", "VPC_flow+logs=a,b.c@d-e", &"a".repeat(64)] {
            assert_eq!(check_role_name(good), None, "{good}");
        }
        for bad in ["", "a b", "a/b", "a:b", "ä", &"a".repeat(65)] {
            assert!(check_role_name(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_policy_is_the_same_however_it_is_spaced() {
        let policy = PolicyDocument::of(serde_json::json!([{ "Effect": "Allow" }]));
        let spaced = r#"{ "Statement": [ { "Effect": "Allow" } ], "Version": "2012-10-17" }"#;
        assert_eq!(PolicyDocument::reported(spaced), policy);
        assert_ne!(PolicyDocument::reported("{"), policy);
        assert_eq!(Trust::problem(&Trust::FLOW_LOGS.as_str().into()), None);
        assert!(Trust::problem(&policy.to_string().into()).is_some());
    }
}
