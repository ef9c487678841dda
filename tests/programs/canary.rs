//! A stack that takes a secret wherever one can be taken, on the emulated account, whose calls and answers are written to
//! the file `CALLS` as a debugger would show them.
//!
//! `TOKEN` and `PASSWORD` supply two of the secrets; `GENERATION=2` replaces all of them. With `PANIC`, the program panics
//! with a secret at hand.

use std::{collections::BTreeSet, fs::OpenOptions, io::Write, process::ExitCode, sync::Arc};

use palisade::{Cloud, Clouds, Emulated, prelude::*};
use palisade_aws::{
    Aws, AwsProvider, Backend, Supplier,
    operations::{Request, Response},
};
use palisade_cli::{ConnectError, Connection, S3Location, Settings};
use palisade_core::{
    Json,
    calls::{CallCount, Work},
    provider::{BoxFuture, ProviderError},
};
use palisade_emulator::Emulator;
use palisade_testing::SecretString;

fn main() -> ExitCode {
    palisade_cli::run("canary", stack, Clouds::only(&Overheard))
}

fn stack(stack: &mut Stack) {
    let generation = if setting("GENERATION").as_deref() == Some("2") { 2 } else { 1 };
    let token = Secret::builder().name(secret_name!("canary/token")).supplied(variable!("TOKEN"));
    let token = stack.add("token", token.generation(generation));
    let password = Secret::builder().name(secret_name!("canary/password")).supplied(variable!("PASSWORD"));
    let password = stack.add("password", password.generation(generation));
    let generated = Secret::builder().name(secret_name!("canary/generated")).generated();
    let generated = stack.add("generated", generated.generation(generation));

    let engine = EngineKind::Redis;
    let user = RedisUser::with_password(name!("reader"), name!("reader"), &password);
    let reader = stack.add("reader", user.engine(engine).access_string(AccessString::read_only()));
    let user = RedisUser::with_password(name!("writer"), name!("writer"), &generated);
    let writer = stack.add("writer", user.engine(engine).access_string(AccessString::read_only()));

    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
    let group = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("redis"))
        .description(description!("redis"));
    let group = stack.add("redis", group);
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .multi_az(replicas!(1))
        .subnet_group_name(&subnets)
        .security_group_ids([&group])
        .authentication(&token)
        .encrypted(AtRest::default(), InTransit::Required);
    let cache = stack.add("redis", cache);

    for secret in [&token, &password, &generated] {
        stack.accept_risk(secret, Secret::AWS_MANAGED_KEY, reason!("nothing of value is in the emulated account"));
        stack.accept_risk(secret, Secret::NO_ROTATION, reason!("the test raises the generation"));
    }
    for user in [&reader, &writer] {
        stack.accept_risk(user, RedisUser::IN_NO_GROUP, reason!("only their passwords are looked for"));
    }
    stack.accept_risk(&vpc, Vpc::NO_FLOW_LOG, reason!("no traffic is in the emulated account"));
    stack.accept_risk(&cache, ReplicationGroup::AWS_OWNED_KEY, reason!("nothing of value is in the emulated account"));
    stack.accept_risk(&cache, ReplicationGroup::CLOSED, reason!("no client is in the emulated account"));
    stack.output("generated", generated.value());
    stack.output("token", token.value());
}

/// The emulated account of the usual program, overheard.
struct Overheard;

impl Cloud for Overheard {
    fn paused_clock(&self) -> bool {
        true
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

    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>> {
        Box::pin(async {
            let emulator = Emulator::open(&settings.folder, "us-east-1")
                .map_err(|error| ConnectError { message: error.to_string(), help: error.help() })?;
            let aws = Aws::new(Arc::new(Listener(emulator)), Arc::new(Environment));
            Ok(Connection {
                provider: Arc::new(AwsProvider::new(aws)),
                account: "emulated".to_owned(),
                description: "the emulated account".to_owned(),
            })
        })
    }
}

struct Listener(Emulator);

impl Backend for Listener {
    fn region(&self) -> &str {
        self.0.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            note(&format!("{request:?}"));
            if setting("PANIC").as_deref() == Some(request.action()) {
                panic!("a mistake in {request:?}");
            }
            let answer = self.0.answer(request).await;
            note(&format!("{answer:?}"));
            answer
        })
    }
}

/// Writes a line to the file of the calls, if there is one.
fn note(line: &str) {
    let Some(path) = setting("CALLS") else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{line}")).expect("the calls can be written down");
}

/// Supplies secrets from the environment, as the usual program does.
struct Environment;

impl Supplier for Environment {
    fn supply(&self, variable: &str) -> Option<SecretString> {
        setting(variable).map(Into::into)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is the tests' own program, and its arguments are those of the command line"
)]
fn setting(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
