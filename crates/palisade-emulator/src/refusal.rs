//! [`Refusal`]: how the account says no.

use palisade_aws::failure;
use palisade_core::provider::ProviderError;

/// What a call is answered with.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// An error as it is on the wire: AWS's code, and a message in AWS's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn of(self, action: &str) -> ProviderError {
        failure(action, self.code, self.message)
    }
}

/// A refusal with `code`.
pub(crate) fn refuse<T>(code: &'static str, message: impl Into<String>) -> Answer<T> {
    Err(Refusal { code, message: message.into() })
}

/// Refuses with `code` unless `condition` holds.
pub(crate) fn require(condition: bool, code: &'static str, message: impl FnOnce() -> String) -> Answer<()> {
    if condition { Ok(()) } else { refuse(code, message()) }
}

/// `found`, or a refusal with `code`.
pub(crate) fn known<T>(found: Option<T>, code: &'static str, message: impl FnOnce() -> String) -> Answer<T> {
    found.ok_or_else(|| Refusal { code, message: message() })
}
