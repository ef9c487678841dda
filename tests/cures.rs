//! The plans that are refused as no order of their steps obeys all references, and that the help of each refusal leads to an applied
//! stack when it is followed to the letter.

use palisade::prelude::*;
use palisade_core::{Finding, Graph};
use palisade_emulator::Fault;
use palisade_engine::PlanError;
use palisade_testing::{Rehearsal, graph};

/// A change that is refused.
struct Refused {
    /// What is applied first.
    before: Graph,
    /// The change.
    after: Graph,
    /// The findings.
    findings: &'static [&'static str],
    /// The change as the help says.
    cure: Graph,
}

impl Refused {
    #[track_caller]
    fn check(self) {
        let mut rehearsal = Rehearsal::new().without_rules();
        apply(&mut rehearsal, &self.before);
        let writes = rehearsal.emulator().writes();
        let Err(PlanError::Impossible(findings)) = rehearsal.try_plan(&self.after) else { panic!("it is not refused") };
        assert!(findings.iter().all(|finding| !finding.spans.is_empty()), "{findings:#?}");
        let findings: Vec<_> =
            findings.iter().map(|Finding { message, help, .. }| format!("{message}\nhelp: {help}")).collect();
        assert_eq!(findings, self.findings);
        assert_eq!(rehearsal.emulator().writes(), writes);
        apply(&mut rehearsal, &self.cure);
        rehearsal.destroy();
    }
}

#[track_caller]
fn apply(rehearsal: &mut Rehearsal, graph: &Graph) {
    let report = rehearsal.try_apply(graph).unwrap_or_else(|error| panic!("{error:#?}"));
    assert!(report.is_complete(), "{:#?}", report.failures);
    let plan = rehearsal.try_plan(graph).unwrap();
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:#?}");
}

fn vpc(stack: &mut Stack) -> Handle<Vpc> {
    stack.add("it", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")))
}

/// A cache in the security groups, which are named and described so.
fn security_groups(groups: &[(&str, &str, &str)]) -> Graph {
    graph(|stack| {
        let vpc = vpc(stack);
        let groups: Vec<_> = groups
            .iter()
            .map(|(address, name, text)| {
                let group = SecurityGroup::builder().vpc_id(&vpc).group_name(SecurityGroupName::new(*name).unwrap());
                stack.add(address, group.description(Description::new(*text).unwrap()))
            })
            .collect();
        cache(stack, &vpc, Engine::REDIS_7_1.erased(), &groups, None);
    })
}

/// A cache with a parameter group of this name and description.
fn parameters(engine: Engine, name: Name, text: &str) -> Graph {
    graph(|stack| {
        let vpc = vpc(stack);
        let parameters = CacheParameterGroup::builder().name(name).family(engine.family()).description(text);
        let parameters = stack.add("it", parameters);
        let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("it"));
        let group = stack.add("it", group.description(description!("The nodes of the cache")));
        cache(stack, &vpc, engine, &[group], Some(&parameters));
    })
}

fn cache(
    stack: &mut Stack,
    vpc: &Handle<Vpc>,
    engine: Engine,
    groups: &[Handle<SecurityGroup>],
    parameters: Option<&Handle<CacheParameterGroup>>,
) {
    let subnet = stack.add("it", Subnet::private(vpc, cidr!("10.0.9.0/24"), az!("us-east-1a")));
    let subnets = stack.add("it", CacheSubnetGroup::builder().name(name!("it")).subnet_ids([&subnet]));
    let token = stack.add("token", Secret::builder().name(secret_name!("token")).generated());
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("it"))
        .engine(engine)
        .node_type(node_type!("cache.t4g.micro"))
        .single_node()
        .subnet_group_name(&subnets)
        .security_group_ids(groups.iter().collect::<Vec<_>>())
        .authentication(&token);
    let cache = match parameters {
        Some(parameters) => cache.parameter_group_name(parameters),
        None => cache,
    };
    stack.add("it", cache.encrypted(AtRest::default(), InTransit::Required));
}

/// The users of a group, by their addresses, ids and names.
fn users(users: &[(&str, &str, &str)]) -> Graph {
    graph(|stack| {
        let secret = stack.add("it", Secret::builder().name(secret_name!("it")).generated());
        let users: Vec<_> = users
            .iter()
            .map(|(address, id, name)| {
                let name = UserName::new(*name).unwrap();
                let user = RedisUser::with_password(Name::new(*id).unwrap(), name, &secret).engine(EngineKind::Redis);
                stack.add(address, user.access_string(AccessString::disabled()))
            })
            .collect();
        let group = UserGroup::builder().user_group_id(name!("it")).engine(EngineKind::Redis);
        stack.add("it", group.user_ids(users.iter().collect::<Vec<_>>()));
    })
}

/// A log group, and a role that may write to it.
fn logs(name: LogGroupName, class: LogGroupClass) -> Graph {
    graph(|stack| {
        let logs = stack.add("it", LogGroup::builder().name(name).class(class));
        stack.add("it", FlowLogRole::builder().name(name!("it")).log_group(&logs));
    })
}

/// The subnets of a group, by their addresses, blocks and zones. No cache stands in them.
/// A cache stays in its security group until it has gone over to the new one, and two of one name cannot be in a network.
#[test]
fn a_security_group_gets_another_name_too() {
    Refused {
        before: security_groups(&[("redis", "redis", "The nodes")]),
        after: security_groups(&[("redis", "redis", "The nodes of the cache")]),
        findings: &[
                "SecurityGroup.redis cannot be replaced while ReplicationGroup.it refers to it: a change of `description` forces the replacement, and two objects with the same `vpc_id` and `group_name` cannot exist at a time\n\
                   help: give SecurityGroup.redis another `group_name`, so that its new object can be created before the old one is deleted",
            ],
        cure: security_groups(&[("redis", "redis-nodes", "The nodes of the cache")]),
    }
    .check();
    // Names are the same without regard to case.
    Refused {
        before: security_groups(&[("redis", "redis", "The nodes")]),
        after: security_groups(&[("redis", "Redis", "The nodes")]),
        findings: &[
                "SecurityGroup.redis cannot be replaced while ReplicationGroup.it refers to it: a change of `group_name` forces the replacement, and `group_name` Redis cannot exist beside redis\n\
                   help: give SecurityGroup.redis a `group_name` that can exist beside redis, so that its new object can be created before the old one is deleted",
            ],
        cure: security_groups(&[("redis", "redis-nodes", "The nodes")]),
    }
    .check();
    // Each would get the other one's name. The description cannot change.
    Refused {
        before: security_groups(&[("one", "one", "Some nodes"), ("two", "two", "Other nodes")]),
        after: security_groups(&[("one", "two", "Some nodes"), ("two", "one", "Other nodes")]),
        findings: &[
                "SecurityGroup.two cannot be replaced while ReplicationGroup.it refers to it: a change of `description` forces the replacement, and two objects with the same `vpc_id` and `group_name` cannot exist at a time\n\
                   help: give SecurityGroup.two another `group_name`, so that its new object can be created before the old one is deleted",
                "SecurityGroup.one cannot be replaced while ReplicationGroup.it refers to it: a change of `description` forces the replacement, and two objects with the same `vpc_id` and `group_name` cannot exist at a time\n\
                   help: give SecurityGroup.one another `group_name`, so that its new object can be created before the old one is deleted",
            ],
        cure: security_groups(&[("one", "nodes-one", "Some nodes"), ("two", "nodes-two", "Other nodes")]),
    }
    .check();
}

#[test]
fn a_parameter_group_gets_another_name_too() {
    let (redis, valkey) = (Engine::REDIS_7_1.erased(), Engine::VALKEY_8_0.erased());
    Refused {
        before: parameters(redis, name!("it"), "Ours"),
        after: parameters(redis, name!("it"), "Ours too"),
        findings: &[
                "CacheParameterGroup.it cannot be replaced while ReplicationGroup.it refers to it: a change of `description` forces the replacement, and two objects with the same `name` cannot exist at a time\n\
                   help: give CacheParameterGroup.it another `name`, so that its new object can be created before the old one is deleted",
            ],
        cure: parameters(redis, name!("other"), "Ours too"),
    }
    .check();
    Refused {
        before: parameters(redis, name!("it"), "Ours"),
        after: parameters(valkey, name!("it"), "Ours"),
        findings: &[
                "CacheParameterGroup.it cannot be replaced while ReplicationGroup.it refers to it: a change of `family` forces the replacement, and two objects with the same `name` cannot exist at a time\n\
                   help: give CacheParameterGroup.it another `name`, so that its new object can be created before the old one is deleted",
            ],
        cure: parameters(valkey, name!("other"), "Ours"),
    }
    .check();
}

/// A group never lets go of the user that is named `default`.
#[test]
fn a_default_user_gets_another_id_too() {
    Refused {
        before: users(&[("off", "off", "default")]),
        after: users(&[("off", "off", "guest"), ("new", "new", "default")]),
        findings: &[
                "RedisUser.off cannot be replaced while UserGroup.it refers to it: a change of `user_name` forces the replacement, and two objects with the same `user_id` cannot exist at a time\n\
                   help: give RedisUser.off another `user_id`, so that its new object can be created before the old one is deleted",
            ],
        cure: users(&[("off", "guest", "guest"), ("new", "new", "default")]),
    }
    .check();
}

#[test]
fn a_log_group_gets_another_name_too() {
    Refused {
        before: logs(log_group_name!("/it"), LogGroupClass::Standard),
        after: logs(log_group_name!("/it"), LogGroupClass::InfrequentAccess),
        findings: &[
                "LogGroup.it cannot be replaced while FlowLogRole.it refers to it: a change of `class` forces the replacement, and two objects with the same `name` cannot exist at a time\n\
                   help: give LogGroup.it another `name`, so that its new object can be created before the old one is deleted",
            ],
        cure: logs(log_group_name!("/other"), LogGroupClass::InfrequentAccess),
    }
    .check();
}

/// Nobody knows what has become of the creation of the cache, which may be in the security group.
#[test]
fn a_security_group_of_a_cache_whose_creation_is_unsettled_gets_another_name_too() {
    let [before, after, cure] =
        [("redis", "The nodes"), ("redis", "The nodes of the cache"), ("redis-nodes", "The nodes of the cache")]
            .map(|(name, text)| security_groups(&[("redis", name, text)]));
    let mut rehearsal = Rehearsal::new().without_rules();
    let nth = {
        let mut other = Rehearsal::new().without_rules();
        apply(&mut other, &before);
        let calls = other.emulator().calls();
        let writes = calls.iter().filter(|call| !["Describe", "List", "Get"].iter().any(|verb| call.starts_with(verb)));
        writes.take_while(|call| **call != "CreateReplicationGroup").count() as u64 + 1
    };
    (nth..nth + 20).for_each(|nth| rehearsal.emulator().inject(nth, Fault::Unavailable));
    assert!(!rehearsal.try_apply(&before).unwrap().is_complete());
    rehearsal.emulator().clear_faults();
    let Err(PlanError::Impossible(findings)) = rehearsal.try_plan(&after) else { panic!("it is not refused") };
    let help = "give SecurityGroup.redis another `group_name`, so that its new object can be created before the old one is deleted";
    assert_eq!(findings[0].help, help);
    apply(&mut rehearsal, &cure);
}
