//! Whether the values are there that a plan needs from whoever runs it.

use palisade_core::{Finding, Graph, Node, Value, provider::PlannedObject};
use secrecy::{ExposeSecret, SecretString};

use super::Versions;
use crate::{Aws, types::SecretSource};

/// What is wrong with the value that an apply would put into a secret: nobody supplies it, or ElastiCache refuses it for what the
/// program uses it for. Nothing is wrong where no value is put. What Secrets Manager holds already is not checked, as no plan reads
/// secrets.
pub(crate) fn unsupplied(aws: &Aws, graph: &Graph, secret: &PlannedObject<'_>) -> Option<Finding> {
    let node = secret.node;
    let source: SecretSource = serde_json::from_value(node.json("source")?.clone()).ok()?;
    let SecretSource::Supplied { variable } = &source else { return None };
    if let Some(existing) = &secret.existing {
        let generation = u32::try_from(node.json("generation")?.as_u64()?).ok()?;
        let versions = Versions { id: existing.id, source: &source, generation };
        let value = existing.attributes.and_then(|attributes| attributes.get("value"));
        let current = value.and_then(|value| value["version"].as_str()).unwrap_or_default();
        let is_asked_for = ["source", "generation"].iter().any(|field| existing.inputs.get(*field) != node.json(field));
        if !current.is_empty() && (!is_asked_for || versions.have(current)) {
            return None;
        }
    }
    let value = match aws.supplied(variable.as_str()) {
        Ok(value) => value,
        Err(error) => return Some(node.finding(&error.message, &error.help)),
    };
    let dependents = graph.dependents(&node.address);
    dependents.into_iter().filter_map(|address| graph.node(address)).find_map(|user| {
        let role = Role::of(node, user)?;
        let message = format!(
            "the value of the environment variable {variable} cannot be {} of {}: {}",
            role.name(),
            user.address,
            role.problem(&value)?
        );
        Some(node.finding_with(user, "used here", &message, role.help()))
    })
}

/// What ElastiCache uses the value of a secret for.
#[derive(Clone, Copy)]
enum Role {
    Token,
    Password,
}

impl Role {
    /// What `user` uses `secret` for.
    fn of(secret: &Node, user: &Node) -> Option<Self> {
        let refers = |field: &str| {
            let references = user.fields.get(field).map(Value::references).unwrap_or_default();
            references.iter().any(|reference| reference.address == secret.address)
        };
        let roles = [("auth_token", Self::Token), ("passwords", Self::Password)];
        roles.into_iter().find_map(|(field, role)| refers(field).then_some(role))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Token => "the AUTH token",
            Self::Password => "a password",
        }
    }

    /// Why ElastiCache would refuse the value. The text says nothing else of the value.
    fn problem(self, value: &SecretString) -> Option<&'static str> {
        let value = value.expose_secret();
        let is_allowed = |byte: u8| match self {
            Self::Token => byte.is_ascii_alphanumeric() || b"!&#$^<>-".contains(&byte),
            Self::Password => byte.is_ascii_graphic() && !b",\"/@".contains(&byte),
        };
        if value.len() < 16 {
            Some("it has fewer than 16 characters")
        } else if value.len() > 128 {
            Some("it has more than 128 characters")
        } else if !value.bytes().all(is_allowed) {
            Some("it has a character that ElastiCache does not allow")
        } else {
            None
        }
    }

    /// What to supply instead.
    fn help(self) -> &'static str {
        match self {
            Self::Token => "supply 16 to 128 letters and digits; of other characters, `! & # $ ^ < > -` are allowed",
            Self::Password => {
                "supply 16 to 128 letters and digits; other printable characters are allowed, but no `, \" / @`"
            }
        }
    }
}
