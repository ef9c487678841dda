//! AUTH tokens and user groups, and what leads from one to the other.

use palisade_aws::shapes::TokenStrategy;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Settings;
use crate::{
    account::Account,
    ids::UserGroupId,
    refusal::{Answer, refuse, require},
    vault::Fingerprint,
};

/// The tokens that a cache accepts, of which only enough is kept to know them again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Token {
    /// One or two, the newest last.
    accepted: Vec<Fingerprint>,
    /// Whether a client without a token is accepted too.
    optional: bool,
}

impl Account {
    /// Whether the cache `id` lets in a client that sends `token`, or none.
    pub(crate) fn accepts_token(&self, id: &str, token: Option<&SecretString>) -> bool {
        let cache = self.replication_groups.iter().find(|(known, _)| known.as_str() == id);
        cache.is_some_and(|(_, cache)| match (&cache.settings.token, token) {
            (Some(Token { accepted, .. }), Some(token)) => {
                accepted.iter().any(|known| self.vault.matches(known, token))
            }
            (Some(Token { optional, .. }), None) => *optional,
            (None, Some(_)) => false,
            (None, None) => cache.settings.user_group.is_none(),
        })
    }

    /// The token of a cache that is created with one.
    pub(super) fn first_token(&mut self, token: &SecretString) -> Answer<Token> {
        check_token(token)?;
        Ok(Token { accepted: vec![self.vault.fingerprint(token)?], optional: false })
    }

    /// Changes token and user group in `settings`, which are what they are now.
    pub(super) fn change_authentication(
        &mut self,
        settings: &mut Settings,
        token: Option<(TokenStrategy, Option<SecretString>)>,
        add: Option<UserGroupId>,
        remove: Option<UserGroupId>,
    ) -> Answer<()> {
        if let Some(remove) = &remove
            && settings.user_group.as_ref() != Some(remove)
        {
            return refuse(
                "InvalidParameterValue",
                format!("User group {remove} is not associated with the replication group."),
            );
        }
        let was_rbac = settings.user_group.is_some();
        let stays_rbac = was_rbac && remove.is_none();
        require(!(stays_rbac && add.is_some()), "InvalidParameterCombination", || {
            "A replication group can have at most one user group.".to_owned()
        })?;
        require(!(token_is_set(&token) && (stays_rbac || add.is_some())), "InvalidParameterCombination", || {
            "AuthToken and user groups cannot be used together.".to_owned()
        })?;
        match token {
            None => require(!(add.is_some() && settings.token.is_some()), "InvalidParameterCombination", || {
                "A user group can be associated with a replication group that has an AuthToken only together with the \
                 AuthTokenUpdateStrategy DELETE."
                    .to_owned()
            })?,
            Some((TokenStrategy::Delete, value)) => {
                let becomes_rbac = settings.token.is_some() && add.is_some() && value.is_none();
                require(becomes_rbac, "InvalidParameterCombination", || {
                    "The AuthTokenUpdateStrategy DELETE is allowed only when the replication group changes from AUTH to role-based \
                     access control, without an AuthToken."
                        .to_owned()
                })?;
                settings.token = None;
            }
            Some((strategy, Some(value))) => {
                check_token(&value)?;
                settings.token = Some(match strategy {
                    TokenStrategy::Rotate => self.rotate(settings, was_rbac, &value)?,
                    TokenStrategy::Set | TokenStrategy::Delete => self.set(settings, was_rbac, &value)?,
                });
            }
            Some((_, None)) => return refuse("InvalidParameterValue", "Invalid AuthToken provided."),
        }
        if remove.is_some() {
            settings.user_group = None;
        }
        if add.is_some() {
            settings.user_group = add;
        }
        Ok(())
    }

    /// Accepts `value` beside the token that there is, or beside none.
    fn rotate(&mut self, settings: &Settings, was_rbac: bool, value: &SecretString) -> Answer<Token> {
        require(!was_rbac, "InvalidParameterCombination", || {
            "A replication group changes from role-based access control to AUTH with the AuthTokenUpdateStrategy SET."
                .to_owned()
        })?;
        let Some(Token { mut accepted, optional }) = settings.token.clone() else {
            return Ok(Token { accepted: vec![self.vault.fingerprint(value)?], optional: true });
        };
        if !accepted.iter().any(|known| self.vault.matches(known, value)) {
            accepted.push(self.vault.fingerprint(value)?);
        }
        // A third token drives out the oldest.
        if accepted.len() > 2 {
            accepted.remove(0);
        }
        Ok(Token { accepted, optional })
    }

    /// Accepts `value` only.
    fn set(&mut self, settings: &Settings, was_rbac: bool, value: &SecretString) -> Answer<Token> {
        if was_rbac {
            return Ok(Token { accepted: vec![self.vault.fingerprint(value)?], optional: false });
        }
        let Some(Token { accepted, optional }) = &settings.token else {
            return refuse(
                "InvalidParameterCombination",
                "The AuthTokenUpdateStrategy SET needs a token that was rotated in before.",
            );
        };
        require(accepted.len() == 2 || *optional, "InvalidParameterCombination", || {
            "The AuthTokenUpdateStrategy SET needs two tokens, or one that is optional.".to_owned()
        })?;
        match accepted.iter().find(|known| self.vault.matches(known, value)) {
            Some(known) => Ok(Token { accepted: vec![known.clone()], optional: false }),
            None => refuse("InvalidParameterValue", "Invalid AuthToken provided."),
        }
    }
}

fn token_is_set(token: &Option<(TokenStrategy, Option<SecretString>)>) -> bool {
    matches!(token, Some((TokenStrategy::Rotate | TokenStrategy::Set, _)))
}

/// Refuses a token that ElastiCache does not take.
fn check_token(token: &SecretString) -> Answer<()> {
    let token = token.expose_secret();
    let is_good = (16..=128).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!&#$^<>-".contains(&byte));
    require(is_good, "InvalidParameterValue", || "Invalid AuthToken provided.".to_owned())
}
