//! [`test`]: a case as a test, in Rust, to be pasted below `tests/chaos/regressions`.

use std::fmt::Write;

use palisade::prelude::*;

use crate::{
    Apply, Case,
    others::Other,
    program::{
        Authentication, Cache, Key, KeySpec, Kind, Login, LogsTo, NETWORK_RULES, Peer, Program, Rule, SecretSpec,
        Topology, User,
    },
    weather::Weather,
};

/// The case as a test.
pub(crate) fn test(case: &Case) -> String {
    let programs = case.programs();
    let mut text = "#[test]\nfn it_has_a_name() {\n".to_owned();
    let mut names: Vec<(Program, String)> = Vec::new();
    for Apply { program, .. } in &programs {
        if !names.iter().any(|(known, _)| known == program) {
            let name = format!("program_{}", names.len());
            text += &function(&name, program);
            names.push((program.clone(), name));
        }
    }
    text += "    lives(\n";
    _ = writeln!(text, "        {:?},\n        {},", case.kept, case.lag);
    text += "        &[\n";
    for Apply { begin, others, program, weather } in &programs {
        let name = names.iter().find(|(known, _)| known == program).map(|(_, name)| name.as_str()).unwrap_or_default();
        let apply = format!("apply({begin:?}, {name}, {})", weather_text(weather));
        let others: Vec<_> = others.iter().map(|Other { object, deed }| format!("({object}, {deed})")).collect();
        let after = if others.is_empty() { String::new() } else { format!(".after(&[{}])", others.join(", ")) };
        _ = writeln!(text, "            {apply}{after},");
    }
    text += "        ],\n";
    _ = writeln!(text, "        &{},", weather_text(&case.last));
    text + "    );\n}\n"
}

fn weather_text(weather: &Weather) -> String {
    let fine = Weather::fine();
    let Weather { faults, reads, slowness, parallelism, fail_fast, network, outage, pause, removal, end } = weather;
    let mut fields = Vec::new();
    if *faults != fine.faults {
        let faults: Vec<_> = faults.iter().map(|(nth, fault)| format!("({nth}, Fault::{fault:?})")).collect();
        fields.push(format!("faults: vec![{}]", faults.join(", ")));
    }
    if *reads != fine.reads {
        let reads: Vec<_> =
            reads.iter().map(|(first, count, fault)| format!("({first}, {count}, Fault::{fault:?})")).collect();
        fields.push(format!("reads: vec![{}]", reads.join(", ")));
    }
    if *slowness != fine.slowness {
        fields.push(format!("slowness: {slowness}"));
    }
    if *parallelism != fine.parallelism {
        fields.push(format!("parallelism: {parallelism}"));
    }
    if *fail_fast != fine.fail_fast {
        fields.push(format!("fail_fast: {fail_fast}"));
    }
    if let Some(seed) = network {
        fields.push(format!("network: Some({seed})"));
    }
    if let Some(outage) = outage {
        fields.push(format!("outage: Some({outage:?})"));
    }
    if let Some(pause) = pause {
        fields.push(format!("pause: Some({pause:?})"));
    }
    if let Some(seconds) = removal {
        fields.push(format!("removal: Some({seconds})"));
    }
    if *end != fine.end {
        fields.push(format!("end: End::{end:?}"));
    }
    if fields.is_empty() {
        return "Weather::fine()".to_owned();
    }
    format!("Weather {{ {}, ..Weather::fine() }}", fields.join(", "))
}

/// The program as a function that declares it.
pub(crate) fn function(name: &str, program: &Program) -> String {
    let mut text = format!("    fn {name}(stack: &mut Stack) {{\n");
    for (at, (label, kind)) in program.resources.iter().enumerate() {
        let is_used = matches!(kind, Kind::Vpc { .. } | Kind::Secret(_))
            || program.resources.iter().any(|(_, other)| references(other).contains(&at));
        let binding = if is_used { format!("let r{at} = ") } else { String::new() };
        _ = writeln!(text, "        {binding}stack.add(\"{label}\", {}){};", declaration(kind), erased(kind));
    }
    for (at, (_, kind)) in program.resources.iter().enumerate() {
        match kind {
            Kind::Vpc { .. } => _ = writeln!(text, "        stack.output(\"out-{at}\", r{at}.arn());"),
            Kind::Secret(_) => _ = writeln!(text, "        stack.output(\"out-{at}\", r{at}.value());"),
            _ => {}
        }
    }
    text + "    }\n"
}

/// The places that a resource refers to.
fn references(kind: &Kind) -> Vec<usize> {
    match kind {
        Kind::Vpc { .. } | Kind::ParameterGroup { .. } | Kind::Key(_) => Vec::new(),
        Kind::Secret(SecretSpec { key, .. }) | Kind::LogGroup { key, .. } => key_at(key).collect(),
        Kind::Role { log_group, .. } => logs_at(log_group).collect(),
        Kind::FlowLog { vpc, role, log_group, .. } => [*vpc, *role].into_iter().chain(logs_at(log_group)).collect(),
        Kind::Acl { vpc, subnets, .. } => [vpc].into_iter().chain(subnets).copied().collect(),
        Kind::Subnet { vpc, .. } | Kind::RouteTable { vpc, .. } | Kind::Group { vpc, .. } => vec![*vpc],
        Kind::Association { subnet, table } => vec![*subnet, *table],
        Kind::Rule(Rule { group, peer, .. }) => match peer {
            Peer::Group(peer) => vec![*group, *peer],
            Peer::Range(_) => vec![*group],
        },
        Kind::SubnetGroup { subnets, .. } => subnets.clone(),
        Kind::User(user) => match &user.login {
            Login::Passwords(secrets) => secrets.clone(),
            Login::Disabled | Login::Iam => Vec::new(),
        },
        Kind::UserGroup { users, .. } => users.clone(),
        Kind::Cache(cache) => {
            let (Authentication::Users(at) | Authentication::Token(at)) = cache.authentication;
            let groups = cache.groups.iter().copied();
            groups.chain([cache.subnets, at]).chain(cache.parameters).chain(key_at(&cache.key)).collect()
        }
    }
}

fn key_at(key: &Option<Key>) -> impl Iterator<Item = usize> {
    match key {
        Some(Key::Of(at)) => Some(*at),
        _ => None,
    }
    .into_iter()
}

fn logs_at(log_group: &LogsTo) -> impl Iterator<Item = usize> {
    match log_group {
        LogsTo::Of(at) => Some(*at),
        LogsTo::Foreign(_) => None,
    }
    .into_iter()
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Of(at) => format!("&r{at}"),
        Key::Foreign(key) => format!("kms_key_arn!(\"{key}\")"),
    }
}

fn logs_text(log_group: &LogsTo) -> String {
    match log_group {
        LogsTo::Of(at) => format!("&r{at}"),
        LogsTo::Foreign(group) => format!("log_group_arn!(\"{group}\")"),
    }
}

/// The calls that differ from the defaults.
struct Calls(String);

impl Calls {
    fn new(begin: impl Into<String>) -> Self {
        Self(begin.into())
    }

    fn call(mut self, method: &str, argument: impl std::fmt::Display) -> Self {
        _ = write!(self.0, ".{method}({argument})");
        self
    }

    fn call_if(self, condition: bool, method: &str, argument: impl std::fmt::Display) -> Self {
        if condition { self.call(method, argument) } else { self }
    }

    fn tags(self, tags: &Tags) -> Self {
        let pairs: Vec<_> = tags.iter().map(|(key, value)| format!("{key:?} = {value:?}")).collect();
        self.call_if(!pairs.is_empty(), "tags", format!("tags! {{ {} }}", pairs.join(", ")))
    }
}

fn handles(ats: &[usize]) -> String {
    let handles: Vec<_> = ats.iter().map(|at| format!("&r{at}")).collect();
    format!("[{}]", handles.join(", "))
}

/// A variant by its name, as in `Tenancy::Default`.
fn variant(of: &str, variant: impl std::fmt::Debug) -> String {
    format!("{of}::{variant:?}")
}

/// What makes the users of a group one type, of which some are default users.
fn erased(kind: &Kind) -> &'static str {
    if matches!(kind, Kind::User(User { login: Login::Disabled, .. })) { ".erased()" } else { "" }
}

const DESCRIPTION: &str = "Managed by Palisade";

fn declaration(kind: &Kind) -> String {
    match kind {
        Kind::Vpc { block, dns_support, dns_hostnames, metrics, tenancy, tags } => Calls::new("Vpc::builder()")
            .call("cidr_block", format!("cidr!(\"{block}\")"))
            .call_if(!dns_support, "enable_dns_support", dns_support)
            .call_if(*dns_hostnames, "enable_dns_hostnames", dns_hostnames)
            .call_if(*metrics, "enable_network_address_usage_metrics", metrics)
            .call_if(*tenancy != Tenancy::Default, "instance_tenancy", variant("Tenancy", tenancy))
            .tags(tags),
        Kind::Subnet { vpc, block, zone, hostname, record, tags } => {
            Calls::new(format!("Subnet::private(&r{vpc}, cidr!(\"{block}\"), az!(\"{zone}\"))"))
                .call_if(
                    *hostname != HostnameType::IpName,
                    "private_dns_hostname_type",
                    variant("HostnameType", hostname),
                )
                .call_if(*record, "resource_name_dns_a_record", record)
                .tags(tags)
        }
        Kind::RouteTable { vpc, tags } => {
            Calls::new("RouteTable::builder()").call("vpc_id", format!("&r{vpc}")).tags(tags)
        }
        Kind::Association { subnet, table } => Calls::new("RouteTableAssociation::builder()")
            .call("subnet_id", format!("&r{subnet}"))
            .call("route_table_id", format!("&r{table}")),
        Kind::Group { vpc, name, description, tags } => Calls::new("SecurityGroup::builder()")
            .call("vpc_id", format!("&r{vpc}"))
            .call("group_name", format!("security_group_name!(\"{name}\")"))
            .call("description", format!("description!(\"{description}\")"))
            .tags(tags),
        Kind::Rule(rule) => rule_text(rule),
        Kind::Key(key) => kms_key_text(key),
        Kind::LogGroup { name, key, retention, class, tags } => {
            let group = Calls::new("LogGroup::builder()").call("name", format!("log_group_name!(\"{name}\")"));
            let group = key.iter().fold(group, |group, key| group.call("kms_key_id", key_text(key)));
            let is_long = *retention != LogRetention::YEARS_1;
            group
                .call_if(is_long, "retention", "LogRetention::YEARS_2")
                .call_if(*class != LogGroupClass::Standard, "class", variant("LogGroupClass", class))
                .tags(tags)
        }
        Kind::Role { name, log_group, tags } => Calls::new("FlowLogRole::builder()")
            .call("name", format!("name!(\"{name}\")"))
            .call("log_group", logs_text(log_group))
            .tags(tags),
        Kind::FlowLog { vpc, role, log_group, traffic, interval, tags } => Calls::new("FlowLog::builder()")
            .call("vpc_id", format!("&r{vpc}"))
            .call("log_group", logs_text(log_group))
            .call("role", format!("&r{role}"))
            .call_if(*traffic != TrafficType::All, "traffic_type", variant("TrafficType", traffic))
            .call_if(
                *interval != AggregationInterval::TenMinutes,
                "max_aggregation_interval",
                variant("AggregationInterval", interval),
            )
            .tags(tags),
        Kind::Acl { vpc, subnets, rules, tags } => Calls::new("NetworkAcl::builder()")
            .call("vpc_id", format!("&r{vpc}"))
            .call("subnet_ids", handles(subnets))
            .call("rules", NETWORK_RULES[*rules].0)
            .tags(tags),
        Kind::SubnetGroup { name, description, subnets, tags } => Calls::new("CacheSubnetGroup::builder()")
            .call("name", format!("name!(\"{name}\")"))
            .call_if(description != DESCRIPTION, "description", format!("{description:?}"))
            .call("subnet_ids", handles(subnets))
            .tags(tags),
        Kind::ParameterGroup { name, engine, description, parameters, tags } => {
            let group = Calls::new("CacheParameterGroup::builder()")
                .call("name", format!("name!(\"{name}\")"))
                .call("family", format!("Engine::{engine}.family()"))
                .call_if(description != DESCRIPTION, "description", format!("{description:?}"));
            let set = |group: Calls, (name, value)| group.call("parameter", format!("{name:?}, {value:?}"));
            parameters.iter().fold(group, set).tags(tags)
        }
        Kind::Secret(secret) => secret_text(secret),
        Kind::User(user) => user_text(user),
        Kind::UserGroup { name, engine, users, tags } => Calls::new("UserGroup::builder()")
            .call("user_group_id", format!("name!(\"{name}\")"))
            .call("engine", variant("EngineKind", engine))
            .call("user_ids", handles(users))
            .tags(tags),
        Kind::Cache(cache) => cache_text(cache),
    }
    .0
}

fn kms_key_text(key: &KeySpec) -> Calls {
    let KeySpec { alias, description, rotation, window, caches, secrets, logs, tags } = key;
    let policy = Calls::new("KeyPolicy::administered()").call_if(*caches, "elasticache", "").call_if(
        *secrets,
        "secrets_manager",
        "",
    );
    let policy = logs.iter().fold(policy, |policy, name| policy.call("logs", format!("log_group_name!(\"{name}\")")));
    let new = Calls::new("KmsKey::builder()").call("alias", format!("kms_alias!(\"{alias}\")"));
    let new = description.iter().fold(new, |new, text| new.call("description", format!("{text:?}")));
    new.call_if(rotation.get() != 365, "rotation_period_days", format!("rotation_days!({rotation})"))
        .call_if(window.get() != 30, "deletion_window_days", format!("deletion_days!({window})"))
        .call("policy", policy.0)
        .tags(tags)
}

fn rule_text(rule: &Rule) -> Calls {
    let Rule { group, egress, peer, ports: (first, last), protocol, description, tags } = rule;
    let begin = if *egress { "egress" } else { "ingress" };
    let peer = match peer {
        Peer::Group(at) => format!("&r{at}"),
        Peer::Range(range) => format!("private_range!(\"{range}\")"),
    };
    let new = Calls::new(format!("SecurityGroupRule::{begin}(&r{group})")).call("peer", peer);
    let new = if first == last {
        new.call("port", format!("port!({first})"))
    } else {
        new.call("ports", format!("port!({first}), port!({last})"))
    };
    new.call_if(*protocol != Protocol::Tcp, "ip_protocol", variant("Protocol", protocol))
        .call("description", format!("description!(\"{description}\")"))
        .tags(tags)
}

fn secret_text(secret: &SecretSpec) -> Calls {
    let SecretSpec { name, description, key, recovery, supplied, generation, tags } = secret;
    let new = Calls::new("Secret::builder()").call("name", format!("secret_name!(\"{name}\")"));
    let new = match supplied {
        Some(variable) => new.call("supplied", format!("variable!(\"{variable}\")")),
        None => new.call("generated", ""),
    };
    let new = description.iter().fold(new, |new, text| new.call("description", format!("{text:?}")));
    let new = key.iter().fold(new, |new, key| new.call("kms_key_id", key_text(key)));
    new.call_if(recovery.get() != 30, "recovery_window", format!("recovery_days!({recovery})"))
        .call_if(*generation != 1, "generation", generation)
        .tags(tags)
}

fn user_text(user: &User) -> Calls {
    let User { id, name, engine, access, login, tags } = user;
    let new = match login {
        Login::Disabled => return Calls::new(format!("RedisUser::disabled_default(name!(\"{id}\"))")).tags(tags),
        Login::Iam => Calls::new(format!("RedisUser::iam(name!(\"{id}\"))")),
        Login::Passwords(secrets) => {
            let secrets = match secrets.as_slice() {
                [one] => format!("&r{one}"),
                several => handles(several),
            };
            Calls::new(format!("RedisUser::with_password(name!(\"{id}\"), user_name!(\"{name}\"), {secrets})"))
        }
    };
    new.call("engine", variant("EngineKind", engine)).call("access_string", format!("access!(\"{access}\")")).tags(tags)
}

fn cache_text(cache: &Cache) -> Calls {
    let topology = match cache.topology {
        Topology::SingleNode => "single_node()".to_owned(),
        Topology::SingleAz(replicas) => format!("single_az(replicas!({replicas}))"),
        Topology::MultiAz(replicas) => format!("multi_az(replicas!({replicas}))"),
        Topology::Sharded(shards, replicas) => format!("sharded(shards!({shards}), replicas!({replicas}))"),
    };
    let (Authentication::Users(at) | Authentication::Token(at)) = cache.authentication;
    let mut new = Calls::new("ReplicationGroup::builder()")
        .call("replication_group_id", format!("name!(\"{}\")", cache.id))
        .call_if(cache.description != DESCRIPTION, "description", format!("{:?}", cache.description))
        .call("engine", format!("Engine::{}", cache.engine))
        .call("node_type", format!("node_type!(\"{}\")", cache.node_type));
    new.0 += &format!(".{topology}");
    let mut new = new
        .call("subnet_group_name", format!("&r{}", cache.subnets))
        .call("security_group_ids", handles(&cache.groups))
        .call("authentication", format!("&r{at}"))
        .call_if(cache.port.get() != 6379, "port", format!("port!({})", cache.port))
        .call_if(
            cache.retention.get() != 7,
            "snapshot_retention_limit",
            format!("retention_days!({})", cache.retention),
        )
        .call_if(!cache.minor_upgrades, "auto_minor_version_upgrade", false)
        .call_if(cache.network != NetworkType::Ipv4, "network_type", variant("NetworkType", cache.network))
        .call_if(cache.discovery != IpDiscovery::Ipv4, "ip_discovery", variant("IpDiscovery", cache.discovery))
        .tags(&cache.tags);
    if let Some(at) = cache.parameters {
        new = new.call("parameter_group_name", format!("&r{at}"));
    }
    let snapshot = cache.snapshot_window.as_ref().map(|window| format!("snapshot: \"{window}\""));
    let maintenance = cache.maintenance_window.as_ref().map(|window| format!("maintenance: \"{window}\""));
    let windows: Vec<_> = snapshot.into_iter().chain(maintenance).collect();
    new = new.call_if(!windows.is_empty(), "windows", format!("windows!({})", windows.join(", ")));
    if let Some(name) = &cache.final_snapshot {
        new = new.call("final_snapshot_identifier", format!("name!(\"{name}\")"));
    }
    if let Some(topic) = &cache.topic {
        new = new.call("notification_topic_arn", format!("topic_arn!(\"{topic}\")"));
    }
    if let Some(log) = &cache.slow_log {
        let log = format!("[LogDelivery::to_log_group(LogType::SlowLog, log_group_name!(\"{log}\"))]");
        new = new.call("log_delivery", log);
    }
    let at_rest = match &cache.key {
        Some(key) => format!("AtRest::key({})", key_text(key)),
        None => "AtRest::AwsOwnedKey".to_owned(),
    };
    new.call("encrypted", format!("{at_rest}, InTransit::Required"))
}
