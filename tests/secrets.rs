//! A canary: a known secret goes in wherever one can, and must come out nowhere.

use std::sync::Arc;

use palisade::prelude::*;
use palisade_aws::Supplier;
use palisade_emulator::Emulator;
use palisade_testing::Rehearsal;

const CANARY: &str = "CanaryThatMustNotBeSeenAnywhere0123456789";

struct Canary;

impl Supplier for Canary {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        Some(CANARY.into())
    }
}

fn stack(stack: &mut Stack) {
    let secret = stack.add("token", Secret::builder().name(secret_name!("redis/token")).supplied(variable!("TOKEN")));
    let user = RedisUser::with_password(name!("reader"), name!("reader"), &secret);
    stack.add("reader", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
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
        .authentication(&secret)
        .encrypted(AtRest::default(), InTransit::Required);
    stack.add("redis", cache);
    stack.output("token", secret.value());
}

#[test]
fn a_secret_is_in_no_file_state_plan_export_or_report() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::open(folder.path(), "us-east-1").unwrap();
    let mut rehearsal = Rehearsal::on(emulator, Arc::new(Canary)).without_rules();
    let plan = rehearsal.plan(stack);
    let first_export = rehearsal.export(stack);
    let report = rehearsal.apply(stack);
    let written = [
        first_export,
        rehearsal.export(stack),
        palisade_cli::plan_text(&plan),
        format!("{plan:?}"),
        format!("{report:?}"),
        format!("{:?}", rehearsal.state()),
        serde_json::to_string(&rehearsal.state()).unwrap(),
    ];
    for text in &written {
        assert!(!text.contains(CANARY), "{text}");
    }
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let (path, canary) = (entry.unwrap().path(), CANARY.as_bytes());
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(canary.len()).any(|window| window == canary), "{}", path.display());
        files += 1;
    }
    assert!(files >= 2, "the account and its key are files");
}

#[test]
fn a_stack_with_a_secret_can_be_applied_again_after_a_destroy() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.apply(auth_token::stack);
    rehearsal.destroy();
    rehearsal.apply(auth_token::stack);
    assert!(rehearsal.emulator().calls().contains(&"RestoreSecret"));
    assert!(!rehearsal.plan(auth_token::stack).has_changes());
}

#[test]
fn a_new_generation_reaches_the_cache_and_the_user_in_one_apply() {
    let rotated = |stack: &mut Stack, generation: u32| {
        let secret = Secret::builder().name(secret_name!("redis/token")).generated().generation(generation);
        let secret = stack.add("token", secret);
        let user = RedisUser::with_password(name!("reader"), name!("reader"), &secret);
        stack.add("reader", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| rotated(stack, 1));
    let report = rehearsal.apply(|stack| rotated(stack, 2));
    assert_eq!((report.added, report.changed, report.destroyed), (0, 2, 0));
    assert!(rehearsal.emulator().calls().contains(&"ModifyUser"));
    assert!(!rehearsal.plan(|stack| rotated(stack, 2)).has_changes());
}
