//! [`Environment`]: secrets that whoever runs the program supplies.

use palisade_aws::Supplier;
use secrecy::SecretString;

/// Supplies secrets from the environment of the command.
pub(crate) struct Environment;

impl Supplier for Environment {
    #[expect(
        clippy::disallowed_methods,
        reason = "a supplied secret comes from the environment, and from nowhere else"
    )]
    fn supply(&self, variable: &str) -> Option<SecretString> {
        std::env::var(variable).ok().map(Into::into)
    }
}
