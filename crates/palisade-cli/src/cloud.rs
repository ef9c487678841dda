//! [`Cloud`]: what the commands work on.

use std::{path::PathBuf, sync::Arc};

use palisade_core::provider::Provider;

/// A place where declared objects become real, such as the emulated account, or AWS.
pub trait Cloud {
    /// Makes the cloud ready to be read. Nothing is changed by it: `plan` connects too, and works in a folder that cannot
    /// be written.
    ///
    /// # Errors
    /// [`ConnectError`] if the cloud cannot be used with these settings, as where an account file is damaged or the
    /// credentials are missing.
    fn connect(&self, settings: &Settings) -> Result<Connection, ConnectError>;
}

/// What a user chose for the whole command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The folder that holds the state, from `--state-dir`.
    pub folder: PathBuf,
    /// The region, from `--region`.
    pub region: String,
}

/// A cloud that is ready.
pub struct Connection {
    /// Reaches the objects.
    pub provider: Arc<dyn Provider>,
    /// Which cloud it is, as the first line of each command says it: "the emulated account in .palisade/account.json,
    /// region us-east-1".
    pub description: String,
    /// Whether the cloud's waits are on a virtual clock. The commands then run on a clock that is paused, so that a wait
    /// of minutes costs no time.
    pub paused_clock: bool,
}

/// Why a cloud cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    /// What is wrong, as a text that fits "error: {message}".
    pub message: String,
    /// What to do about it; empty where the message says it all.
    pub help: String,
}
