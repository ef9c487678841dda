//! What becomes of data where objects that hold some are deleted or replaced: what the plan says, what needs consent, and that the
//! apply does it.

use palisade::prelude::*;
use palisade_engine::{Action, ConsentStatus, Plan};
use palisade_testing::Rehearsal;

/// The values in which the stacks of these tests differ.
#[derive(Clone)]
struct Program {
    /// The keys, each with its name in the program. The first one encrypts.
    keys: Vec<(&'static str, KmsAlias)>,
    log: Option<LogGroupName>,
    token: Option<SecretName>,
    window: RecoveryWindow,
    has_cache: bool,
    port: Port,
    snapshot: Option<Name>,
    has_rule: bool,
}

fn program() -> Program {
    Program {
        keys: vec![("main", kms_alias!("alias/main"))],
        log: Some(log_group_name!("/redis/slow")),
        token: Some(secret_name!("redis/token")),
        window: recovery_days!(30),
        has_cache: true,
        port: port!(6379),
        snapshot: None,
        has_rule: true,
    }
}

impl Program {
    fn declare(&self, stack: &mut Stack) {
        let Self { keys, log, token, window, has_cache, port, snapshot, has_rule } = self;
        let policy = || {
            let policy = KeyPolicy::administered().elasticache().secrets_manager();
            log.iter().fold(policy, |policy, log| policy.logs(log.clone()))
        };
        let keys = keys.iter().map(|(name, alias)| (name, KmsKey::builder().alias(alias.clone()).policy(policy())));
        let keys: Vec<_> = keys.map(|(name, key)| stack.add(name, key)).collect();
        let key = &keys[0];
        if let Some(name) = log {
            stack.add("slow", LogGroup::builder().name(name.clone()).kms_key_id(key));
        }
        if let Some(name) = token {
            let secret = Secret::builder().name(name.clone()).kms_key_id(key).recovery_window(*window).generated();
            stack.add("token", secret);
        }
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
        let nodes = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
        let nodes = stack.add("redis", nodes.description(description!("The nodes of the cache")));
        if *has_rule {
            let rule = SecurityGroupRule::ingress(&nodes).peer(private_range!("10.0.0.0/16")).port(*port);
            stack.add("clients", rule.description(description!("Redis over TLS")));
        }
        if *has_cache {
            let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
            let users = stack.add("redis", UserGroup::redis(name!("redis-users"), &default));
            let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
            let cache = ReplicationGroup::builder()
                .replication_group_id(name!("cache"))
                .engine(Engine::REDIS_7_1)
                .node_type(node_type!("cache.t4g.micro"))
                .multi_az(replicas!(1))
                .subnet_group_name(&subnets)
                .security_group_ids([&nodes])
                .port(*port)
                .authentication(&users);
            let cache = match snapshot {
                Some(snapshot) => cache.final_snapshot_identifier(snapshot.clone()),
                None => cache,
            };
            stack.add("redis", cache.encrypted(AtRest::key(key), InTransit::Required));
        }
    }
}

/// The objects that the plan deletes or replaces, each with what becomes of its data.
fn deletions(plan: &Plan) -> String {
    let deleted = plan.steps.iter().filter(|step| matches!(step.action, Action::Delete | Action::Replace(_)));
    let line = |step: &palisade_engine::Step| {
        let said = step.loss.as_ref().map(|loss| match loss.consent {
            ConsentStatus::NotNeeded => format!(": {}", loss.fate),
            ConsentStatus::Needed => format!(": {} [consent]", loss.fate),
            ConsentStatus::Recorded => panic!("{step:?}"),
        });
        format!("{} {}{}", step.action.symbol(), step.address, said.unwrap_or_default())
    };
    deleted.map(line).collect::<Vec<_>>().join("\n")
}

/// What a change of the program deletes. It is applied, reported, and then nothing is left to do.
#[track_caller]
fn change(before: impl FnOnce(&mut Program), after: impl FnOnce(&mut Program)) -> String {
    let (mut rehearsal, mut program) = (Rehearsal::new().without_rules(), program());
    before(&mut program);
    rehearsal.apply(|stack| program.declare(stack));
    assert!(rehearsal.losses().is_empty());
    after(&mut program);
    let plan = rehearsal.plan(|stack| program.declare(stack));
    rehearsal.apply(|stack| program.declare(stack));
    let asked = plan.losses().filter(|(_, loss)| loss.consent == ConsentStatus::Needed);
    let asked: Vec<_> = asked.map(|(address, loss)| format!("{address}: {}", loss.fate)).collect();
    assert_eq!(rehearsal.losses(), asked);
    assert!(!rehearsal.plan(|stack| program.declare(stack)).has_changes());
    deletions(&plan)
}

#[test]
fn what_holds_no_data_is_not_said_to_lose_any() {
    insta::assert_snapshot!(change(|_| {}, |program| program.has_rule = false), @"- SecurityGroupRule.clients");
}

#[test]
fn the_events_of_a_log_group_are_lost_with_it() {
    insta::assert_snapshot!(
        change(|_| {}, |program| program.log = None),
        @"- LogGroup.slow: all events in `/redis/slow` will be lost [consent]"
    );
    insta::assert_snapshot!(
        change(|_| {}, |program| program.log = Some(log_group_name!("/cache/slow"))),
        @"+/- LogGroup.slow: all events in `/redis/slow` will be lost [consent]"
    );
}

#[test]
fn a_secret_can_be_recovered_within_its_window() {
    insta::assert_snapshot!(
        change(|_| {}, |program| program.token = None),
        @"- Secret.token: `redis/token` can be recovered for 30 days"
    );
    insta::assert_snapshot!(
        change(|program| program.window = recovery_days!(0), |program| program.token = None),
        @"- Secret.token: the value of `redis/token` will be lost: it has no recovery window [consent]"
    );
    // What the program says in the same change counts.
    let renamed = |program: &mut Program| {
        program.token = Some(secret_name!("cache/token"));
        program.window = recovery_days!(0);
    };
    insta::assert_snapshot!(
        change(|_| {}, renamed),
        @"+/- Secret.token: the value of `redis/token` will be lost: it has no recovery window [consent]"
    );
}

#[test]
fn a_cache_is_lost_also_with_a_final_snapshot() {
    insta::assert_snapshot!(
        change(|_| {}, |program| program.port = port!(6380)),
        @"-/+ ReplicationGroup.redis: all data in `cache` will be lost; no final snapshot will be taken [consent]"
    );
    let with_snapshot = |program: &mut Program| {
        program.port = port!(6380);
        program.snapshot = Some(name!("last"));
    };
    insta::assert_snapshot!(
        change(|_| {}, with_snapshot),
        @"-/+ ReplicationGroup.redis: all data in `cache` will be lost; a final snapshot `last` will be taken [consent]"
    );
    let snapshot = |program: &mut Program| program.snapshot = Some(name!("last"));
    insta::assert_snapshot!(change(snapshot, |program| program.has_cache = false), @"
    - ReplicationGroup.redis: all data in `cache` will be lost; a final snapshot `last` will be taken [consent]
    - UserGroup.redis
    - RedisUser.default
    - CacheSubnetGroup.redis
    ");
}

#[test]
fn a_key_that_is_replaced_pulls_the_cache_along() {
    // Two new keys, of which either could be the earlier one: so neither is.
    let keys = |program: &mut Program| {
        program.keys = vec![("a", kms_alias!("alias/a")), ("b", kms_alias!("alias/b"))];
    };
    insta::assert_snapshot!(change(|_| {}, keys), @"
    -/+ ReplicationGroup.redis: all data in `cache` will be lost; no final snapshot will be taken [consent]
    - KmsKey.main: the key `alias/main` can be recovered for 30 days; then all that it encrypts will be lost
    ");
}
