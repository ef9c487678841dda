//! [`Cloud`]: what the commands work on.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use palisade_core::{
    Json,
    calls::{CallCount, Work},
    provider::{BoxFuture, Provider},
};
use palisade_engine::Objects;

/// A place where declared objects become real, such as the emulated account, or AWS.
pub trait Cloud {
    /// Whether the cloud's waits are on a virtual clock. The commands then run on a clock that is paused, so that a wait
    /// of minutes costs no time.
    fn paused_clock(&self) -> bool;

    /// The region where the user names none; `None` if the cloud finds it out by itself.
    fn default_region(&self) -> Option<&'static str>;

    /// What a caller must be allowed so that stacks with resources of `kinds` can be planned, applied and destroyed, with
    /// the state in a place in S3 if that is given, as the cloud's own policy document.
    fn policy(&self, kinds: &BTreeSet<&str>, state: Option<&S3Location>) -> Json;

    /// Which calls `work` takes, one entry for each place that makes one.
    fn calls(&self, work: Work<'_>) -> Vec<CallCount>;

    /// Makes the cloud ready to be read. Nothing is changed by it: `plan` connects too, and works in a folder that cannot
    /// be written.
    ///
    /// # Errors
    /// [`ConnectError`] if the cloud cannot be used with these settings, as where an account file is damaged or the
    /// credentials are missing.
    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>>;

    /// The objects of a bucket, in which the state is kept.
    ///
    /// # Errors
    /// [`ConnectError`] if the cloud has none, or cannot be used with these settings.
    fn objects<'a>(
        &'a self,
        _place: &'a S3Location,
        _settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Objects>, ConnectError>> {
        let message = "this cloud cannot keep a state in S3".to_owned();
        let help = "leave out --state and PALISADE_STATE, so that the state is in a folder; or work on AWS, with a program that \
                    is built with the feature `s3-state`"
            .to_owned();
        Box::pin(async { Err(ConnectError { message, help }) })
    }
}

/// A place in S3, as `--state` names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct S3Location {
    /// The bucket.
    pub bucket: String,
    /// What the keys begin with: empty, or with a `/` at its end.
    pub prefix: String,
}

impl S3Location {
    /// Reads `s3://BUCKET/PREFIX`; the prefix may be left out.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        const SHAPE: &str = "write s3://BUCKET/PREFIX, as in s3://acme-infrastructure/production";
        let path = text.strip_prefix("s3://").ok_or(SHAPE)?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_good) {
            return Err(format!("`{bucket}` is not the name of a bucket; {SHAPE}"));
        }
        let prefix = prefix.trim_matches('/');
        // Such keys are the same for some tools and not for others.
        let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_control());
        if prefix.is_empty() {
            return Ok(Self { bucket: bucket.to_owned(), prefix: String::new() });
        }
        if !prefix.split('/').all(is_plain) {
            return Err(format!("`{prefix}` is not a plain prefix; {SHAPE}"));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: format!("{prefix}/") })
    }
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
    /// Where the state is instead, from `--state`.
    pub state: Option<S3Location>,
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
