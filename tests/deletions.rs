//! A cache goes while what it refers to changes: AWS takes no change of the users, groups and keys of a cache that it deletes.

use palisade::prelude::*;
use palisade_testing::Rehearsal;

/// What becomes of the cache.
const ENDS: [&str; 3] = ["is deleted first", "has a successor first", "is no more"];

/// A cache with all that it can refer to, in which one thing is otherwise.
fn program(end: Option<&'static str>, change: &'static str) -> impl Fn(&mut Stack) {
    move |stack: &mut Stack| {
        let is = |what: &str| change == what;
        let tags = |what: &str| {
            if is(what) {
                tags! { "changed" = "yes" }
            } else {
                tags! {}
            }
        };
        let vpc = Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).tags(tags("the tags of the network"));
        let vpc = stack.add("main", vpc);
        let a = Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")).tags(tags("the tags of a subnet"));
        let a = stack.add("a", a);
        let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
        let c = stack.add("c", Subnet::private(&vpc, cidr!("10.0.3.0/24"), az!("us-east-1c")));
        let subnets = CacheSubnetGroup::builder().name(name!("redis"));
        let subnets = if is("a subnet more") { subnets.subnet_ids([&a, &b, &c]) } else { subnets.subnet_ids([&a, &b]) };
        let subnets = stack.add("redis", subnets.tags(tags("the tags of the subnet group")));
        let firewall = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
        let firewall = firewall.description(description!("The cache")).tags(tags("the tags of the security group"));
        let firewall = stack.add("redis", firewall);
        let policy = KeyPolicy::administered().elasticache();
        let key = KmsKey::builder().alias(kms_alias!("alias/redis")).tags(tags("the tags of the key"));
        let key = if is("the rotation of the key") { key.rotation_period_days(rotation_days!(90)) } else { key };
        let policy = if is("the policy of the key") { policy.secrets_manager() } else { policy };
        let key = stack.add("redis", key.policy(policy));
        let other = KmsKey::builder().alias(kms_alias!("alias/other")).policy(KeyPolicy::administered().elasticache());
        let other = is("another key").then(|| stack.add("other", other));
        let parameters = CacheParameterGroup::builder().name(name!("redis")).family(Engine::REDIS_7_1.family());
        let parameters =
            parameters.parameter("maxmemory-policy", if is("a parameter") { "allkeys-lru" } else { "noeviction" });
        let parameters = stack.add("redis", parameters.tags(tags("the tags of the parameter group")));
        let access = if is("the rights of a user") { AccessString::disabled() } else { AccessString::read_only() };
        let secrets = [("one", secret_name!("one")), ("two", secret_name!("two"))];
        let [one, two] = secrets.map(|(label, name)| stack.add(label, Secret::builder().name(name).generated()));
        let user = RedisUser::with_password(
            name!("app"),
            user_name!("app"),
            if is("the password of a user") { &two } else { &one },
        );
        let user = user.engine(EngineKind::Redis).access_string(access).tags(tags("the tags of a user"));
        let user = stack.add("app", user);
        let reader = RedisUser::iam(name!("reader")).engine(EngineKind::Redis).access_string(AccessString::read_only());
        let reader = stack.add("reader", reader);
        let default = stack.add("default", RedisUser::disabled_default(name!("my-default")));
        let group = UserGroup::redis(name!("users"), &default).tags(tags("the tags of the group"));
        let group = if is("a user less") { group } else { group.user(&user) };
        let group = if is("a user more") { group.user(&reader) } else { group };
        let group = stack.add("users", group);
        let cache = ReplicationGroup::builder()
            .replication_group_id(if end == Some(ENDS[1]) { name!("other") } else { name!("redis") })
            .engine(Engine::REDIS_7_1)
            .node_type(node_type!("cache.t4g.small"))
            .multi_az(replicas!(1))
            .subnet_group_name(&subnets)
            .security_group_ids([&firewall])
            .parameter_group_name(&parameters)
            .authentication(&group)
            .port(if end == Some(ENDS[0]) { port!(6380) } else { port!(6379) })
            .encrypted(AtRest::key(other.as_ref().unwrap_or(&key)), InTransit::Required);
        if end != Some(ENDS[2]) {
            stack.add("redis", cache);
        }
    }
}

/// What changes beside the cache.
const CHANGES: [&str; 17] = [
    "the tags of the network",
    "the tags of a subnet",
    "a subnet more",
    "the tags of the subnet group",
    "the tags of the security group",
    "the tags of the key",
    "the rotation of the key",
    "the policy of the key",
    "another key",
    "a parameter",
    "the tags of the parameter group",
    "the rights of a user",
    "the password of a user",
    "the tags of a user",
    "the tags of the group",
    "a user more",
    "a user less",
];

/// How the names of the calls begin that change an object in place.
const CHANGING: [&str; 8] = ["Modify", "Add", "Remove", "Tag", "Untag", "Put", "Update", "Enable"];

/// Each change is one apply, in which nothing fails, and after which nothing is left to do.
#[test]
fn what_a_cache_that_goes_refers_to_changes_in_the_same_apply() {
    for end in ENDS {
        for change in CHANGES {
            let mut rehearsal = Rehearsal::new().without_rules();
            rehearsal.apply(program(None, ""));
            let graph = palisade_testing::graph(program(Some(end), change));
            let first = rehearsal.emulator().calls().len();
            let report = rehearsal.try_apply(&graph).unwrap();
            assert!(report.is_complete(), "the cache {end}, and {change}: {:?}", report.failures);
            assert!(report.changed + report.added > usize::from(end != ENDS[2]), "{change} is no change");
            let calls = rehearsal.emulator().calls().split_off(first);
            let deletion = calls.iter().position(|call| *call == "DeleteReplicationGroup").unwrap();
            let after = calls[deletion..].iter().filter(|call| CHANGING.iter().any(|verb| call.starts_with(verb)));
            let after: Vec<_> = after.collect();
            // A key that nothing refers to is made at the same time.
            let is_apart = end == ENDS[2] && change == "another key";
            assert!(after.is_empty() || is_apart, "the cache {end}, and {change}: {after:?} after its deletion");
            let plan = rehearsal.plan(program(Some(end), change));
            assert!(!plan.has_changes() && plan.drift.is_empty(), "the cache {end}, and {change}: {plan:?}");
        }
    }
}
