//! [`Emulated`]: the account in memory as the cloud of a program.

use std::{collections::BTreeSet, sync::Arc};

use palisade_aws::{Aws, AwsProvider};
use palisade_cli::{Cloud, ConnectError, Connection, S3Location, Settings};
use palisade_core::{
    Json,
    calls::{CallCount, Work},
    provider::BoxFuture,
};
use palisade_emulator::Emulator;

use crate::environment::Environment;

/// The region of the account where nobody names one.
const REGION: &str = "us-east-1";

/// The emulated AWS account that is kept beside the state: what a fresh clone works on, without credentials.
#[derive(Clone, Copy, Debug)]
pub struct Emulated;

impl Cloud for Emulated {
    fn paused_clock(&self) -> bool {
        true
    }

    fn default_region(&self) -> Option<&'static str> {
        Some(REGION)
    }

    fn policy(&self, kinds: &BTreeSet<&str>, state: Option<&S3Location>) -> Json {
        palisade_aws::policy(kinds, state.map(|place| (place.bucket.as_str(), place.prefix.as_str())))
    }

    fn calls(&self, work: Work<'_>) -> Vec<CallCount> {
        palisade_aws::calls_for(work)
    }

    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>> {
        Box::pin(async move {
            let region = settings.region.as_deref().unwrap_or(REGION);
            palisade_aws::check_region(region)
                .map_err(|bad| ConnectError { message: bad.to_string(), help: bad.help() })?;
            let emulator = Emulator::open(&settings.folder, region)
                .map_err(|error| ConnectError { message: error.to_string(), help: error.help() })?;
            let account = settings.folder.join("account.json");
            Ok(Connection {
                provider: Arc::new(
                    AwsProvider::new(Aws::new(Arc::new(emulator), Arc::new(Environment))).in_region(region),
                ),
                account: "emulated".to_owned(),
                description: format!("the emulated account in {}, region {region}", account.display()),
            })
        })
    }
}
