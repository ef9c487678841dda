//! What a change of each field of each resource does: the cases, and the life of a stack that goes through one. Any backend
//! can be asked for it; the tests of the emulated account and those through the AWS SDKs do.

use std::collections::BTreeMap;

use palisade::prelude::*;
use palisade_core::{Address, Given, Graph, Json, Schema};
use palisade_engine::{Action, Plan};
use palisade_testing::Rehearsal;

/// What AWS makes only by a new object. All other fields are changed in place.
pub(crate) const REPLACED: &[(&str, &[&str])] = &[
    ("CacheParameterGroup", &["name", "family", "description"]),
    ("CacheSubnetGroup", &["name"]),
    ("FlowLog", &["vpc_id", "log_group", "role", "traffic_type", "max_aggregation_interval"]),
    ("FlowLogRole", &["name"]),
    ("KmsKey", &[]),
    ("LogGroup", &["name", "class"]),
    ("NetworkAcl", &["vpc_id"]),
    ("RedisUser", &["user_id", "user_name"]),
    (
        "ReplicationGroup",
        &[
            "replication_group_id",
            "num_node_groups",
            "subnet_group_name",
            "port",
            "kms_key_id",
            "data_tiering_enabled",
            "network_type",
        ],
    ),
    ("RouteTable", &["vpc_id"]),
    ("RouteTableAssociation", &["subnet_id"]),
    ("Secret", &["name"]),
    ("SecurityGroup", &["vpc_id", "group_name", "description"]),
    ("SecurityGroupRule", &["security_group_id", "direction", "cidr_ipv4", "referenced_security_group_id"]),
    ("Subnet", &["vpc_id", "cidr_block", "availability_zone"]),
    ("UserGroup", &["user_group_id"]),
    ("Vpc", &["cidr_block", "instance_tenancy"]),
];

/// Fields that are not changed one by one here: no setter leads to the first four, and the last has a meaning only for a cache
/// with shards, for which `the_shards_of_a_cache_and_their_replicas_change_in_place` changes it.
pub(crate) const APART: &[(&str, &str)] = &[
    ("Subnet", "map_public_ip_on_launch"),
    ("FlowLogRole", "trust"),
    ("Vpc", "default_security_group_rules"),
    ("NetworkAcl", "other_entries"),
    ("ReplicationGroup", "replicas_per_node_group"),
];

/// Every field of every resource that is changed one by one.
pub(crate) fn fields() -> impl Iterator<Item = (&'static Schema, &'static str)> {
    let all = palisade_aws::schemas().flat_map(|schema| schema.fields.iter().map(move |field| (schema, field.name)));
    all.filter(|(schema, field)| !APART.contains(&(schema.kind, field)))
}

/// Applies the base stack of the kind, then the stack in which `field` differs, then destroys it. Returns what the object was
/// before and after the change.
pub(crate) fn change<B>(rehearsal: &mut Rehearsal<B>, schema: &Schema, field: &str) -> Result<[Json; 2], String> {
    apply(rehearsal, &palisade_testing::graph(|stack| declare(stack, schema.kind, "")))?;

    let before = observed(rehearsal, schema.kind);
    let changed = palisade_testing::graph(|stack| declare(stack, schema.kind, field));
    let planned = plan(rehearsal, &changed)?;
    let step = planned.step(&Address::new(schema.kind, "it")).ok_or("the resource has no step")?;
    if !step.changes.iter().any(|change| change.field == field) {
        return Err(format!("there is no case for it, or the plan does not see it: {step:?}"));
    }
    let replaced = REPLACED.iter().any(|(kind, fields)| *kind == schema.kind && fields.contains(&field));
    if matches!(step.action, Action::Replace(_)) != replaced {
        return Err(format!("is {:?}, and AWS {}", step.action, if replaced { "replaces" } else { "updates" }));
    }

    apply(rehearsal, &changed)?;
    let again = plan(rehearsal, &changed)?;
    if again.has_changes() || !again.drift.is_empty() {
        return Err(format!("the plan after the apply is not empty: {:?} {:?}", again.steps, again.drift));
    }
    let after = observed(rehearsal, schema.kind);
    apply(rehearsal, &palisade_testing::graph(|_| {}))?;
    Ok([before, after])
}

/// The same value wherever its lists are sets in another order, and with names for the ids that have one.
pub(crate) fn named(json: Json, names: &BTreeMap<String, String>) -> Json {
    match json {
        Json::String(text) => names.get(&text).cloned().unwrap_or(text).into(),
        Json::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(|item| named(item, names)).collect();
            items.sort_by_key(Json::to_string);
            items.into()
        }
        Json::Object(fields) => fields.into_iter().map(|(name, value)| (name, named(value, names))).collect(),
        other => other,
    }
}

/// The fields of the object `it` as they were read last, with the addresses of other objects for their ids.
pub(crate) fn observed<B>(rehearsal: &Rehearsal<B>, kind: &str) -> Json {
    let mut state = rehearsal.state();
    let it =
        state.resources.remove(&Address::new(kind, "it")).and_then(|it| it.current?.observed).expect("it was read");
    let objects = state.resources.into_iter().filter_map(|(address, entry)| Some((address, entry.current?)));
    let names = objects.filter_map(|(address, object)| Some((object.id?, address.to_string()))).collect();
    named(it.fields.clone().into(), &names)
}

fn plan<B>(rehearsal: &Rehearsal<B>, graph: &Graph) -> Result<Plan, String> {
    rehearsal.try_plan(graph).map_err(|error| format!("{error:?}"))
}

fn apply<B>(rehearsal: &mut Rehearsal<B>, graph: &Graph) -> Result<(), String> {
    let report = rehearsal.try_apply(graph).map_err(|error| format!("{error:?}"))?;
    if report.is_complete() {
        Ok(())
    } else {
        Err(format!("the apply failed: {:?} {:?}", report.failures, report.skipped))
    }
}

/// Declares a resource of `kind` named `it`, with what it needs, and with `field` other than in the base. With `-field`, it leaves out a
/// field that the base sets.
pub(crate) fn declare(stack: &mut Stack, kind: &str, field: &str) {
    declare_as(stack, kind, "it", field);
}

/// The same, where the resource has the name `it` in the program.
pub(crate) fn declare_as(stack: &mut Stack, kind: &str, it: &str, field: &str) {
    match kind {
        "CacheParameterGroup" => cache_parameter_group(stack, it, field),
        "CacheSubnetGroup" => cache_subnet_group(stack, it, field),
        "FlowLog" => flow_log(stack, it, field),
        "FlowLogRole" => {
            flow_log_role(stack, it, "it", field);
        }
        "KmsKey" => kms_key(stack, it, field),
        "LogGroup" => log_group(stack, it, field),
        "NetworkAcl" => network_acl(stack, it, field),
        "RedisUser" => redis_user(stack, it, field),
        "ReplicationGroup" => replication_group(stack, it, field),
        "RouteTable" => route_table(stack, it, field),
        "RouteTableAssociation" => route_table_association(stack, it, field),
        "Secret" => secret(stack, it, field),
        "SecurityGroup" => security_group(stack, it, field),
        "SecurityGroupRule" => security_group_rule(stack, it, field),
        "Subnet" => subnet(stack, it, field),
        "UserGroup" => user_group(stack, it, field),
        "Vpc" => vpc(stack, it, field),
        other => panic!("there is no case for {other}"),
    }
}

fn base_vpc(stack: &mut Stack, name: &str) -> Handle<Vpc> {
    stack.add(name, Vpc::builder().cidr_block(cidr!("10.0.0.0/16")))
}

/// The tags of the base, or others, or none.
fn tagged(field: &str) -> Tags {
    match field {
        "tags" => tags! { "team" = "data", "tier" = "1" },
        "-tags" => Tags::default(),
        _ => tags! { "team" = "platform", "cost" = "2" },
    }
}

fn vpc(stack: &mut Stack, it: &str, field: &str) {
    let block = if field == "cidr_block" { cidr!("10.1.0.0/16") } else { cidr!("10.0.0.0/16") };
    let vpc = Vpc::builder().cidr_block(block).tags(tagged(field));
    let vpc = match field {
        "enable_dns_support" => vpc.enable_dns_support(false),
        "enable_dns_hostnames" => vpc.enable_dns_hostnames(true),
        "enable_network_address_usage_metrics" => vpc.enable_network_address_usage_metrics(true),
        "instance_tenancy" => vpc.instance_tenancy(Tenancy::Dedicated),
        _ => vpc,
    };
    stack.add(it, vpc);
}

/// A log group that exists.
const LOG_GROUP: LogGroupArn = log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/flow-logs");
const OTHER_LOG_GROUP: LogGroupArn = log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/other");

fn flow_log_role(stack: &mut Stack, label: &str, name: &str, field: &str) -> Handle<FlowLogRole> {
    let log_group = if field == "log_group" { OTHER_LOG_GROUP } else { LOG_GROUP };
    let role_name = RoleName::new(format!("{}-{name}", if field == "name" { "other" } else { "flow-logs" })).unwrap();
    stack.add(label, FlowLogRole::builder().name(role_name).log_group(log_group).tags(tagged(field)))
}

fn flow_log(stack: &mut Stack, it: &str, field: &str) {
    let (main, other) = (base_vpc(stack, "main"), base_vpc(stack, "other"));
    // The role of a flow log writes to its log group, and to no other.
    let of_role = if field == "log_group" { field } else { "" };
    let (role, another) = (flow_log_role(stack, "main", "main", of_role), flow_log_role(stack, "other", "other", ""));
    let flow_log = FlowLog::builder()
        .vpc_id(if field == "vpc_id" { &other } else { &main })
        .log_group(if field == "log_group" { OTHER_LOG_GROUP } else { LOG_GROUP })
        .role(if field == "role" { &another } else { &role })
        .tags(tagged(field));
    let flow_log = match field {
        "traffic_type" => flow_log.traffic_type(TrafficType::Reject),
        "max_aggregation_interval" => flow_log.max_aggregation_interval(AggregationInterval::OneMinute),
        _ => flow_log,
    };
    stack.add(it, flow_log);
}

fn subnet(stack: &mut Stack, it: &str, field: &str) {
    let (main, other) = (base_vpc(stack, "main"), base_vpc(stack, "other"));
    let vpc = if field == "vpc_id" { &other } else { &main };
    let block = if field == "cidr_block" { cidr!("10.0.9.0/24") } else { cidr!("10.0.1.0/24") };
    let zone = if field == "availability_zone" { az!("us-east-1b") } else { az!("us-east-1a") };
    let subnet = Subnet::private(vpc, block, zone).tags(tagged(field));
    let subnet = match field {
        "private_dns_hostname_type" => subnet.private_dns_hostname_type(HostnameType::ResourceName),
        "resource_name_dns_a_record" => subnet.resource_name_dns_a_record(true),
        _ => subnet,
    };
    stack.add(it, subnet);
}

fn route_table(stack: &mut Stack, it: &str, field: &str) {
    let (main, other) = (base_vpc(stack, "main"), base_vpc(stack, "other"));
    let vpc = if field == "vpc_id" { &other } else { &main };
    stack.add(it, RouteTable::builder().vpc_id(vpc).tags(tagged(field)));
}

fn route_table_association(stack: &mut Stack, it: &str, field: &str) {
    let vpc = base_vpc(stack, "main");
    let subnets = subnets(stack, &vpc);
    let tables = ["a", "b"].map(|name| stack.add(name, RouteTable::builder().vpc_id(&vpc)));
    stack.add(
        it,
        RouteTableAssociation::builder()
            .subnet_id(&subnets[usize::from(field == "subnet_id")])
            .route_table_id(&tables[usize::from(field == "route_table_id")]),
    );
}

fn base_group(stack: &mut Stack, vpc: &Handle<Vpc>, label: &str, name: SecurityGroupName) -> Handle<SecurityGroup> {
    stack.add(label, SecurityGroup::builder().vpc_id(vpc).group_name(name).description(description!("a group")))
}

fn security_group(stack: &mut Stack, it: &str, field: &str) {
    let (main, other) = (base_vpc(stack, "main"), base_vpc(stack, "other"));
    let vpc = if field == "vpc_id" { &other } else { &main };
    let name = if field == "group_name" { security_group_name!("other") } else { security_group_name!("redis") };
    let text = if field == "description" { description!("another text") } else { description!("a text") };
    stack.add(it, SecurityGroup::builder().vpc_id(vpc).group_name(name).description(text).tags(tagged(field)));
}

fn security_group_rule(stack: &mut Stack, it: &str, field: &str) {
    let vpc = base_vpc(stack, "main");
    let (a, b) = (
        base_group(stack, &vpc, "a", security_group_name!("a")),
        base_group(stack, &vpc, "b", security_group_name!("b")),
    );
    let group = if field == "security_group_id" { &b } else { &a };
    let rule = if field == "direction" { SecurityGroupRule::egress(group) } else { SecurityGroupRule::ingress(group) };
    let text = if field == "description" { description!("another text") } else { description!("a text") };
    let rule = match field {
        "cidr_ipv4" | "-cidr_ipv4" | "referenced_security_group_id" => rule.peer(&b),
        _ => rule.peer(private_range!("10.0.0.0/16")),
    };
    let rule = match field {
        "from_port" => rule.ports(port!(6378), port!(6379)),
        "to_port" => rule.ports(port!(6379), port!(6380)),
        _ => rule.port(port!(6379)),
    };
    let rule = if field == "ip_protocol" { rule.ip_protocol(Protocol::Udp) } else { rule };
    stack.add(it, rule.description(text).tags(tagged(field)));
}

fn subnets(stack: &mut Stack, vpc: &Handle<Vpc>) -> [Handle<Subnet>; 3] {
    [
        stack.add("a", Subnet::private(vpc, cidr!("10.0.1.0/24"), az!("us-east-1a"))),
        stack.add("b", Subnet::private(vpc, cidr!("10.0.2.0/24"), az!("us-east-1b"))),
        stack.add("c", Subnet::private(vpc, cidr!("10.0.3.0/24"), az!("us-east-1c"))),
    ]
}

fn network_acl(stack: &mut Stack, it: &str, field: &str) {
    let (main, other) = (base_vpc(stack, "main"), base_vpc(stack, "other"));
    let [a, b, c] = subnets(stack, &main);
    let elsewhere = stack.add("elsewhere", Subnet::private(&other, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let acl = NetworkAcl::builder().tags(tagged(field));
    let acl = match field {
        "vpc_id" => acl.vpc_id(&other).subnet_ids([&elsewhere]),
        "subnet_ids" => acl.vpc_id(&main).subnet_ids([&c, &b]),
        _ => acl.vpc_id(&main).subnet_ids([&a, &b]),
    };
    const NETWORK: PrivateRange = private_range!("10.0.0.0/16");
    // One entry changes, one goes and one comes, in each of the directions.
    let rules = match field {
        "ingress" => network_rules![
            NetworkRule::deny_port(rule_number!(40), port!(22), NETWORK),
            NetworkRule::serve(rule_number!(100), port!(6380), NETWORK),
        ],
        "egress" => network_rules![
            NetworkRule::deny(rule_number!(50), private_range!("10.0.98.0/24")),
            NetworkRule::serve(rule_number!(100), port!(6379), NETWORK),
            NetworkRule::reach(rule_number!(210), port!(443), private_range!("10.0.1.0/24")),
        ],
        _ => network_rules![
            NetworkRule::deny(rule_number!(50), private_range!("10.0.99.0/24")),
            NetworkRule::serve(rule_number!(100), port!(6379), NETWORK),
            NetworkRule::among(rule_number!(200), private_range!("10.0.0.0/22")),
        ],
    };
    stack.add(it, acl.rules(rules));
}

fn cache_subnet_group(stack: &mut Stack, it: &str, field: &str) {
    let vpc = base_vpc(stack, "main");
    let [a, b, c] = subnets(stack, &vpc);
    let name = if field == "name" { name!("other") } else { name!("redis") };
    let group = CacheSubnetGroup::builder().name(name).tags(tagged(field));
    let group = if field == "subnet_ids" { group.subnet_ids([&c, &b]) } else { group.subnet_ids([&a, &b]) };
    stack.add(it, if field == "description" { group.description("another text") } else { group });
}

fn cache_parameter_group(stack: &mut Stack, it: &str, field: &str) {
    let name = if field == "name" { name!("other") } else { name!("redis") };
    let engine = if field == "family" { Engine::VALKEY_8_0.erased() } else { Engine::REDIS_7_1.erased() };
    let group = CacheParameterGroup::builder().name(name).family(engine.family()).tags(tagged(field));
    let group = match field {
        "parameters" => group.parameter("maxmemory-policy", "allkeys-lru").parameter("maxmemory-samples", "5"),
        "-parameters" => group,
        _ => group.parameter("maxmemory-policy", "volatile-lru").parameter("timeout", "60"),
    };
    stack.add(it, if field == "description" { group.description("another text") } else { group });
}

fn secret(stack: &mut Stack, it: &str, field: &str) {
    let name = if field == "name" { secret_name!("redis/other") } else { secret_name!("redis/token") };
    let secret = Secret::builder().name(name).tags(tagged(field));
    let secret = if field == "source" { secret.supplied(variable!("TOKEN")) } else { secret.generated() };
    let secret = match field {
        "description" => secret.description("another text"),
        "kms_key_id" => secret.kms_key_id(kms_key_arn!("arn:aws:kms:us-east-1:111122223333:key/1")),
        "recovery_window" => secret.recovery_window(recovery_days!(7)),
        "generation" => secret.generation(2),
        _ => secret,
    };
    stack.add(it, secret);
}

fn kms_key(stack: &mut Stack, it: &str, field: &str) {
    let alias = if field == "alias" { kms_alias!("alias/redis/other") } else { kms_alias!("alias/redis") };
    let policy = KeyPolicy::administered().elasticache().logs(log_group_name!("/redis/slow-log"));
    let key = KmsKey::builder().alias(alias).tags(tagged(field));
    let key = match field {
        "description" => key.description("another text"),
        "rotation_period_days" => key.rotation_period_days(rotation_days!(90)),
        "deletion_window_days" => key.deletion_window_days(deletion_days!(7)),
        "-description" => key,
        _ => key.description("a text"),
    };
    let key = match field {
        "policy" => key.policy(policy.secrets_manager()),
        "-policy" => key,
        _ => key.policy(policy),
    };
    stack.add(it, key);
}

fn log_group(stack: &mut Stack, it: &str, field: &str) {
    let names = [log_group_name!("/redis/slow-log"), log_group_name!("/redis/other")];
    let policy = names.iter().fold(KeyPolicy::administered(), |policy, name| policy.logs(name.clone()));
    let key = |alias| KmsKey::builder().alias(alias).policy(policy.clone());
    let one = stack.add("one", key(kms_alias!("alias/one")));
    let two = stack.add("two", key(kms_alias!("alias/two")));
    let [name, other] = names;
    let group = LogGroup::builder().name(if field == "name" { other } else { name }).tags(tagged(field));
    let group = match field {
        "retention" => group.retention(LogRetention::YEARS_10),
        "class" => group.class(LogGroupClass::InfrequentAccess),
        _ => group,
    };
    let group = match field {
        "kms_key_id" => group.kms_key_id(&two),
        "-kms_key_id" => group,
        _ => group.kms_key_id(&one),
    };
    stack.add(it, group);
}

fn redis_user(stack: &mut Stack, it: &str, field: &str) {
    let [one, two] = [secret_name!("redis/one"), secret_name!("redis/two")];
    let [one, two] =
        [("one", one), ("two", two)].map(|(label, name)| stack.add(label, Secret::builder().name(name).generated()));
    let id = if field == "user_id" { name!("other") } else { name!("reader") };
    let user_name = if field == "user_name" { name!("other-name") } else { name!("reader") };
    let user = match field {
        "authentication_type" | "-passwords" => RedisUser::iam(id),
        "passwords" => RedisUser::with_password(id, user_name, [&one, &two]),
        _ => RedisUser::with_password(id, user_name, &one),
    };
    let engine = if field == "engine" { EngineKind::Valkey } else { EngineKind::Redis };
    let access = if field == "access_string" { access!("on ~a:* +get") } else { AccessString::read_only() };
    stack.add(it, user.engine(engine).access_string(access).tags(tagged(field)));
}

fn base_users(stack: &mut Stack) -> [Handle<RedisUser>; 3] {
    let user = |name| RedisUser::iam(name).engine(EngineKind::Redis).access_string(AccessString::read_only());
    [
        stack.add("default", RedisUser::disabled_default(name!("my-default"))).erased(),
        stack.add("one", user(name!("one"))),
        stack.add("two", user(name!("two"))),
    ]
}

fn user_group(stack: &mut Stack, it: &str, field: &str) {
    // A Valkey group takes no user without a password, so the change of the engine starts from users that fit both.
    let [_, one, two] = base_users(stack);
    let secret = stack.add("default", Secret::builder().name(secret_name!("redis/default")).generated());
    let default = RedisUser::with_password(name!("default-off"), user_name!("default"), &secret);
    let default = stack.add("default-off", default.engine(EngineKind::Redis).access_string(AccessString::disabled()));
    let id = if field == "user_group_id" { name!("other") } else { name!("users") };
    let engine = if field == "engine" { EngineKind::Valkey } else { EngineKind::Redis };
    let group = UserGroup::builder().user_group_id(id).engine(engine).tags(tagged(field));
    let group = if field == "user_ids" { group.user_ids([&default, &two]) } else { group.user_ids([&default, &one]) };
    stack.add(it, group);
}

fn replication_group(stack: &mut Stack, it: &str, field: &str) {
    let vpc = base_vpc(stack, "main");
    let [a, b, c] = subnets(stack, &vpc);
    let group = |label, name, stack: &mut Stack| base_group(stack, &vpc, label, name);
    let (sg, other_sg) =
        (group("redis", security_group_name!("redis"), stack), group("other", security_group_name!("other"), stack));
    let subnet_group = CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]);
    let subnet_group = stack.add("redis", subnet_group);
    let other_subnets = CacheSubnetGroup::builder().name(name!("other")).subnet_ids([&b, &c]);
    let other_subnets = stack.add("other", other_subnets);
    let parameters = CacheParameterGroup::builder().name(name!("other")).family(Engine::REDIS_7_1.family());
    let parameters = stack.add("other", parameters);
    let [default, one, two] = base_users(stack);
    let users = |label, id, user: &Handle<RedisUser>, stack: &mut Stack| {
        let group = UserGroup::builder().user_group_id(id).engine(EngineKind::Redis);
        stack.add(label, group.user_ids([&default, user]))
    };
    let (users, other_users) =
        (users("users", name!("users"), &one, stack), users("other", name!("other"), &two, stack));
    let token = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());

    let id = if field == "replication_group_id" { name!("other") } else { name!("redis") };
    let cache = ReplicationGroup::builder().replication_group_id(id).tags(tagged(field));
    let cache = match field {
        "engine" => cache.engine(Engine::VALKEY_8_0.erased()),
        "engine_version" => cache.engine(Engine::REDIS_7_1.erased()),
        _ => cache.engine(Engine::REDIS_7_0.erased()),
    };
    let cache = match field {
        "node_type" => cache.node_type(node_type!("cache.r7g.large")),
        "data_tiering_enabled" => cache.node_type(node_type!("cache.r6gd.xlarge")),
        _ => cache.node_type(node_type!("cache.t4g.micro")),
    };
    let cache = match field {
        "num_cache_clusters" => cache.multi_az(replicas!(2)),
        "multi_az_enabled" => cache.single_az(replicas!(1)),
        "automatic_failover_enabled" => cache.single_node(),
        "num_node_groups" | "-num_cache_clusters" => cache.sharded(shards!(3), replicas!(1)),
        _ => cache.multi_az(replicas!(1)),
    };
    let cache = cache.subnet_group_name(if field == "subnet_group_name" { &other_subnets } else { &subnet_group });
    let cache = cache.security_group_ids([if field == "security_group_ids" { &other_sg } else { &sg }]);
    let cache = match field {
        "user_group_id" => cache.authentication(&other_users),
        "auth_token" | "-user_group_id" => cache.authentication(&token),
        _ => cache.authentication(&users),
    };
    let cache = match field {
        "log_delivery" => cache.log_delivery([slow_log(log_group_name!("/redis/other")), engine_log()]),
        "-log_delivery" => cache,
        _ => cache.log_delivery([slow_log(log_group_name!("/redis/slow"))]),
    };
    let cache = match field {
        "description" => cache.description("another text"),
        "parameter_group_name" => cache.parameter_group_name(&parameters),
        "port" => cache.port(port!(6380)),
        "snapshot_retention_limit" => cache.snapshot_retention_limit(retention_days!(14)),
        "snapshot_window" => cache.windows(windows!(snapshot: "01:00-02:00")),
        "final_snapshot_identifier" => cache.final_snapshot_identifier(name!("last")),
        "maintenance_window" => cache.windows(windows!(maintenance: "wed:10:00-wed:11:00")),
        "auto_minor_version_upgrade" => cache.auto_minor_version_upgrade(false),
        "notification_topic_arn" => {
            cache.notification_topic_arn(topic_arn!("arn:aws:sns:us-east-1:123456789012:events"))
        }
        "ip_discovery" => cache.ip_discovery(IpDiscovery::Ipv6),
        _ => cache,
    };
    let cache = match field {
        "network_type" => cache.network_type(NetworkType::Ipv4),
        "-network_type" => cache,
        _ => cache.network_type(NetworkType::DualStack),
    };
    let at_rest = match field {
        "kms_key_id" => AtRest::key(kms_key_arn!("arn:aws:kms:us-east-1:111122223333:key/1")),
        _ => AtRest::AwsOwnedKey,
    };
    stack.add(it, cache.encrypted(at_rest, InTransit::Required));
}

fn slow_log(group: LogGroupName) -> LogDelivery {
    LogDelivery::to_log_group(LogType::SlowLog, group)
}

fn engine_log() -> LogDelivery {
    LogDelivery::to_log_group(LogType::EngineLog, log_group_name!("/redis/engine"))
}

/// From an engine to one that AWS makes only by a new cache.
pub(crate) const DOWNGRADES: [(Engine, Engine); 2] = [
    (Engine::REDIS_7_1.erased(), Engine::REDIS_7_0.erased()),
    (Engine::VALKEY_7_2.erased(), Engine::REDIS_7_1.erased()),
];

/// Applies a cache of one engine, plans the other one, and destroys it.
#[track_caller]
pub(crate) fn downgrade<B>(rehearsal: &mut Rehearsal<B>, from: Engine, to: Engine) {
    let cache_of = |stack: &mut Stack, engine| cache(stack, engine, |cache| cache.multi_az(replicas!(1)));
    rehearsal.apply(|stack| cache_of(stack, from));
    let plan = rehearsal.plan(|stack| cache_of(stack, to));
    let step = plan.step(&Address::new("ReplicationGroup", "it")).expect("the cache has a step");
    assert!(matches!(step.action, Action::Replace(_)), "{from:?} -> {to:?}: {step:?}");
    rehearsal.destroy();
}

/// A builder of a cache that still has no topology.
pub(crate) type Open = ReplicationGroupBuilder<Given<0b101_1111>>;
/// A builder of a cache that has all.
pub(crate) type Done = ReplicationGroupBuilder<Given<0b111_1111>>;

/// A cache with all that it needs but the topology.
pub(crate) fn cache(stack: &mut Stack, engine: Engine, topology: impl FnOnce(Open) -> Done) {
    let vpc = base_vpc(stack, "main");
    let [a, b, _] = subnets(stack, &vpc);
    let sg = base_group(stack, &vpc, "redis", security_group_name!("redis"));
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let token = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(engine)
        .node_type(node_type!("cache.t4g.micro"))
        .subnet_group_name(&subnets)
        .security_group_ids([&sg])
        .authentication(&token);
    stack.add("it", topology(cache).encrypted(AtRest::default(), InTransit::Required));
}
