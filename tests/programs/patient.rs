//! The stack of `secured-redis` on the emulated account, where all waits take as long as they would on AWS: time enough to
//! interrupt them. The program works on the account of the usual emulator, which can finish what it leaves.
//!
//! `NO_ANSWER=3` lets the answer to the third call that changes something never come. With `PAUSED`, nothing takes time. With
//! `--state s3://..`, the first write of a state blocks the thread forever, as a disk can that does not answer.

use std::{collections::BTreeSet, process::ExitCode, sync::Arc, thread};

use palisade::{Cloud, Clouds, Emulated, Stack};
use palisade_aws::{Aws, AwsProvider, Supplier};
use palisade_cli::{ConnectError, Connection, S3Location, Settings};
use palisade_core::{
    Json,
    calls::{CallCount, Work},
    provider::BoxFuture,
};
use palisade_emulator::{Emulator, Fault};
use palisade_engine::{Condition, MemoryObjects, Object, Objects, ObjectsError, Put};
use palisade_testing::SecretString;

struct InRealTime;

impl Cloud for InRealTime {
    fn paused_clock(&self) -> bool {
        setting("PAUSED").is_some()
    }

    fn default_region(&self) -> Option<&'static str> {
        Emulated.default_region()
    }

    fn policy(&self, kinds: &BTreeSet<&str>, state: Option<&S3Location>) -> Json {
        Emulated.policy(kinds, state)
    }

    fn calls(&self, work: Work<'_>) -> Vec<CallCount> {
        Emulated.calls(work)
    }

    fn objects<'a>(
        &'a self,
        _: &'a S3Location,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Objects>, ConnectError>> {
        Box::pin(async { Ok(Arc::new(Blocked::default()) as Arc<dyn Objects>) })
    }

    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>> {
        Box::pin(async {
            let emulator = Emulator::open(&settings.folder, "us-east-1")
                .map_err(|error| ConnectError { message: error.to_string(), help: error.help() })?;
            if let Some(nth) = setting("NO_ANSWER").and_then(|nth| nth.parse().ok()) {
                emulator.inject(nth, Fault::NoAnswer);
            }
            Ok(Connection {
                provider: Arc::new(AwsProvider::new(Aws::new(Arc::new(emulator), Arc::new(Nothing)))),
                account: "emulated".to_owned(),
                description: "the emulated account".to_owned(),
            })
        })
    }
}

/// Objects in memory, of which nothing but the lease and the fence of a run can be written.
#[derive(Default)]
struct Blocked(MemoryObjects);

impl Objects for Blocked {
    fn location(&self, key: &str) -> String {
        self.0.location(key)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, ObjectsError>> {
        self.0.get(key)
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>> {
        // The fence is the first of the log.
        while key.contains("/log/") && !key.ends_with("/00000000000000000001.json") {
            thread::park();
        }
        self.0.put(key, bytes, condition)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>> {
        self.0.list(prefix)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        self.0.delete(key)
    }
}

struct Nothing;

impl Supplier for Nothing {
    fn supply(&self, _: &str) -> Option<SecretString> {
        None
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is the tests' own program, and its arguments are those of the command line"
)]
fn setting(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn main() -> ExitCode {
    palisade_cli::run("secured-redis", declare, Clouds::only(&InRealTime))
}

fn declare(stack: &mut Stack) {
    secured_redis::stack(stack);
}
