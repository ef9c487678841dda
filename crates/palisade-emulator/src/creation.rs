//! Creations that EC2 knows again by their client tokens.

use palisade_aws::types::Tags;
use serde::{Deserialize, Serialize};

use crate::refusal::{Answer, require};

/// The client token of a creation, and the tags that came with it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Creation {
    pub(crate) token: String,
    pub(crate) tags: Tags,
}

impl Creation {
    /// Of what was made, with its creation and whether it is as the call wants it, the id of that which an earlier call with the
    /// same token has made; `None` if this one is the first.
    pub(crate) fn made_before<'a, Id: Clone + 'a>(
        made: impl IntoIterator<Item = (&'a Id, Option<&'a Self>, bool)>,
        token: &str,
        tags: &Tags,
    ) -> Answer<Option<Id>> {
        let mut made = made.into_iter();
        let Some((id, is_same)) = made.find_map(|(id, creation, fits)| {
            let creation = creation.filter(|creation| creation.token == token)?;
            Some((id, fits && creation.tags == *tags))
        }) else {
            return Ok(None);
        };
        same_parameters(is_same).map(|()| Some(id.clone()))
    }
}

/// Refuses a second call with the token of another one.
pub(crate) fn same_parameters(is_same: bool) -> Answer<()> {
    require(is_same, "IdempotentParameterMismatch", || {
        "The client token you have provided is already associated with a resource of other parameters.".to_owned()
    })
}
