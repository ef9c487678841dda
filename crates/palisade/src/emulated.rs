//! [`Emulated`]: the account in memory as the cloud of a program.

use std::sync::Arc;

use palisade_aws::{Aws, AwsProvider, Supplier};
use palisade_cli::{Cloud, ConnectError, Connection, Settings};
use palisade_emulator::Emulator;
use secrecy::SecretString;

/// The emulated AWS account that is kept beside the state: what a fresh clone works on, without credentials.
#[derive(Clone, Copy, Debug)]
pub struct Emulated;

impl Cloud for Emulated {
    fn connect(&self, settings: &Settings) -> Result<Connection, ConnectError> {
        let Settings { folder, region } = settings;
        let emulator = Emulator::open(folder, region)
            .map_err(|error| ConnectError { message: error.to_string(), help: error.help() })?;
        let account = folder.join("account.json");
        Ok(Connection {
            provider: Arc::new(AwsProvider::new(Aws::new(Arc::new(emulator), Arc::new(Environment)))),
            description: format!("the emulated account in {}, region {region}", account.display()),
            paused_clock: true,
        })
    }
}

/// Supplies secrets from the environment of the command.
struct Environment;

impl Supplier for Environment {
    #[expect(
        clippy::disallowed_methods,
        reason = "a supplied secret comes from the environment, and from nowhere else"
    )]
    fn supply(&self, variable: &str) -> Option<SecretString> {
        std::env::var(variable).ok().filter(|value| !value.is_empty()).map(Into::into)
    }
}
