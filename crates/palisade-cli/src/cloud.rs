//! [`Cloud`]: what the commands work on.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use palisade_core::{
    Json,
    calls::{CallCount, Work},
    provider::{BoxFuture, Provider},
};

/// A place where declared objects become real, such as the emulated account, or AWS.
pub trait Cloud {
    /// Whether the cloud's waits are on a virtual clock. The commands then run on a clock that is paused, so that a wait
    /// of minutes costs no time.
    fn paused_clock(&self) -> bool;

    /// The region where the user names none; `None` if the cloud finds it out by itself.
    fn default_region(&self) -> Option<&'static str>;

    /// What a caller must be allowed so that stacks with resources of `kinds` can be planned, applied and destroyed, as the
    /// cloud's own policy document.
    fn policy(&self, kinds: &BTreeSet<&str>) -> Json;

    /// Which calls `work` takes, one entry for each place that makes one.
    fn calls(&self, work: Work<'_>) -> Vec<CallCount>;

    /// Makes the cloud ready to be read. Nothing is changed by it: `plan` connects too, and works in a folder that cannot
    /// be written.
    ///
    /// # Errors
    /// [`ConnectError`] if the cloud cannot be used with these settings, as where an account file is damaged or the
    /// credentials are missing.
    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>>;
}

/// The clouds that a program can work on.
#[derive(Clone, Copy)]
pub struct Clouds<'a> {
    /// The one that the commands work on.
    pub usual: &'a dyn Cloud,
    /// The emulated account, if the usual cloud is another: `--emulated` chooses it.
    pub emulated: Option<&'a dyn Cloud>,
}

impl<'a> Clouds<'a> {
    /// No choice: all commands work on `cloud`.
    pub fn only(cloud: &'a dyn Cloud) -> Self {
        Self { usual: cloud, emulated: None }
    }
}

/// What a user chose for the whole command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The folder that holds the state, from `--state-dir`.
    pub folder: PathBuf,
    /// The region: what the user named, or the cloud's default.
    pub region: Option<String>,
}

/// A cloud that is ready.
pub struct Connection {
    /// Reaches the objects.
    pub provider: Arc<dyn Provider>,
    /// Which account it is, as the state keeps it: "emulated", or "aws 111122223333 us-east-1". A state that was written for
    /// another one is refused.
    pub account: String,
    /// Which cloud it is, as the first line of each command says it: "the emulated account in .palisade/account.json,
    /// region us-east-1".
    pub description: String,
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
