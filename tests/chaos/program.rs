//! [`Program`]: a valid program of real resources, as data. It can be declared, and printed as Rust source.

use std::collections::{BTreeMap, BTreeSet};

use palisade::prelude::*;
use palisade_core::{Given, Graph};

/// A program: its resources, each after those that it refers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Program {
    pub(crate) resources: Vec<(&'static str, Kind)>,
}

/// A reference to a resource of the program, by its place.
pub(crate) type At = usize;

/// A resource with all that a program says of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Vpc {
        block: Cidr,
        dns_support: bool,
        dns_hostnames: bool,
        metrics: bool,
        tenancy: Tenancy,
        tags: Tags,
    },
    Subnet {
        vpc: At,
        block: Cidr,
        zone: AvailabilityZone,
        hostname: HostnameType,
        record: bool,
        tags: Tags,
    },
    RouteTable {
        vpc: At,
        tags: Tags,
    },
    Association {
        subnet: At,
        table: At,
    },
    Group {
        vpc: At,
        name: SecurityGroupName,
        description: Description,
        tags: Tags,
    },
    Rule(Rule),
    Key(KeySpec),
    LogGroup {
        name: LogGroupName,
        key: Option<Key>,
        retention: LogRetention,
        class: LogGroupClass,
        tags: Tags,
    },
    Role {
        name: Name,
        log_group: LogsTo,
        tags: Tags,
    },
    FlowLog {
        vpc: At,
        role: At,
        /// That of the role.
        log_group: LogsTo,
        traffic: TrafficType,
        interval: AggregationInterval,
        tags: Tags,
    },
    Acl {
        vpc: At,
        subnets: Vec<At>,
        /// A place in [`NETWORK_RULES`].
        rules: usize,
        tags: Tags,
    },
    SubnetGroup {
        name: Name,
        description: String,
        subnets: Vec<At>,
        tags: Tags,
    },
    ParameterGroup {
        name: Name,
        engine: &'static str,
        description: String,
        parameters: BTreeMap<String, String>,
        tags: Tags,
    },
    Secret(SecretSpec),
    User(User),
    UserGroup {
        name: Name,
        engine: EngineKind,
        users: Vec<At>,
        tags: Tags,
    },
    Cache(Box<Cache>),
}

/// A key of the program, or one that is not in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Of(At),
    Foreign(KmsKeyArn),
}

/// A log group of the program, or one that is not in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LogsTo {
    Of(At),
    Foreign(LogGroupArn),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeySpec {
    pub(crate) alias: KmsAlias,
    pub(crate) description: Option<String>,
    pub(crate) rotation: RotationPeriod,
    pub(crate) window: DeletionWindow,
    /// Who may use it, beside those that do.
    pub(crate) caches: bool,
    pub(crate) secrets: bool,
    pub(crate) logs: BTreeSet<LogGroupName>,
    pub(crate) tags: Tags,
}

/// How the rules of a network ACL are written, and what makes them.
type WrittenRules = (&'static str, fn() -> NetworkRules);

/// Rules of network ACLs.
pub(crate) const NETWORK_RULES: [WrittenRules; 3] = {
    macro_rules! rules {
        ($($rule:tt)*) => {
            (stringify!(network_rules![$($rule)*]), || network_rules![$($rule)*])
        };
    }
    [
        rules![
            NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16")),
            NetworkRule::among(rule_number!(200), private_range!("10.0.0.0/20"))
        ],
        rules![
            NetworkRule::deny(rule_number!(50), private_range!("10.0.99.0/24")),
            NetworkRule::serve(rule_number!(100), port!(6380), private_range!("10.0.0.0/16"))
        ],
        rules![NetworkRule::reach(rule_number!(200), port!(443), private_range!("10.0.0.0/16"))],
    ]
};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) group: At,
    pub(crate) egress: bool,
    pub(crate) peer: Peer,
    pub(crate) ports: (Port, Port),
    pub(crate) protocol: Protocol,
    pub(crate) description: Description,
    pub(crate) tags: Tags,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Peer {
    Group(At),
    Range(PrivateRange),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SecretSpec {
    pub(crate) name: SecretName,
    pub(crate) description: Option<String>,
    pub(crate) key: Option<Key>,
    pub(crate) recovery: RecoveryWindow,
    pub(crate) supplied: Option<Variable>,
    pub(crate) generation: u32,
    pub(crate) tags: Tags,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct User {
    pub(crate) id: Name,
    pub(crate) name: UserName,
    pub(crate) engine: EngineKind,
    pub(crate) access: AccessString,
    pub(crate) login: Login,
    pub(crate) tags: Tags,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Login {
    /// The default user, switched off.
    Disabled,
    Iam,
    Passwords(Vec<At>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cache {
    pub(crate) id: Name,
    pub(crate) description: String,
    /// The name of a constant of [`Engine`].
    pub(crate) engine: &'static str,
    pub(crate) node_type: NodeType,
    pub(crate) topology: Topology,
    pub(crate) parameters: Option<At>,
    pub(crate) subnets: At,
    pub(crate) groups: Vec<At>,
    pub(crate) authentication: Authentication,
    pub(crate) port: Port,
    pub(crate) key: Option<Key>,
    pub(crate) retention: SnapshotRetention,
    pub(crate) snapshot_window: Option<SnapshotWindow>,
    pub(crate) final_snapshot: Option<Name>,
    pub(crate) maintenance_window: Option<MaintenanceWindow>,
    pub(crate) minor_upgrades: bool,
    pub(crate) topic: Option<TopicArn>,
    pub(crate) network: NetworkType,
    pub(crate) discovery: IpDiscovery,
    pub(crate) slow_log: Option<LogGroupName>,
    pub(crate) tags: Tags,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Topology {
    SingleNode,
    SingleAz(Replicas),
    MultiAz(Replicas),
    Sharded(Shards, Replicas),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Authentication {
    Users(At),
    Token(At),
}

/// The engines that a cache may have, by the names of their constants.
pub(crate) const ENGINES: [(&str, Engine); 6] = [
    ("REDIS_7_0", Engine::REDIS_7_0.erased()),
    ("REDIS_7_1", Engine::REDIS_7_1.erased()),
    ("VALKEY_7_2", Engine::VALKEY_7_2.erased()),
    ("VALKEY_8_0", Engine::VALKEY_8_0.erased()),
    ("VALKEY_8_1", Engine::VALKEY_8_1.erased()),
    ("VALKEY_9_0", Engine::VALKEY_9_0.erased()),
];

/// The engine that the constant `name` stands for.
pub(crate) fn engine(name: &str) -> Engine {
    ENGINES.iter().find(|(known, _)| *known == name).map(|(_, engine)| *engine).expect("the names come from the table")
}

/// What has been added to the stack so far, by its place in the program.
enum Added {
    Vpc(Handle<Vpc>),
    Subnet(Handle<Subnet>),
    RouteTable(Handle<RouteTable>),
    Group(Handle<SecurityGroup>),
    Key(Handle<KmsKey>),
    LogGroup(Handle<LogGroup>),
    Role(Handle<FlowLogRole>),
    SubnetGroup(Handle<CacheSubnetGroup>),
    ParameterGroup(Handle<CacheParameterGroup>),
    Secret(Handle<Secret>),
    User(Handle<RedisUser>),
    UserGroup(Handle<UserGroup>),
    /// What nothing refers to.
    Leaf,
}

/// The handle at a place, of the kind that is referred to there.
macro_rules! at {
    ($added:expr, $variant:ident, $at:expr) => {
        match &$added[$at] {
            Added::$variant(handle) => handle,
            _ => unreachable!("the resolution refers to what fits"),
        }
    };
}

impl Kind {
    /// The name of its resource type.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Vpc { .. } => "Vpc",
            Self::Subnet { .. } => "Subnet",
            Self::RouteTable { .. } => "RouteTable",
            Self::Association { .. } => "RouteTableAssociation",
            Self::Group { .. } => "SecurityGroup",
            Self::Rule(_) => "SecurityGroupRule",
            Self::Key(_) => "KmsKey",
            Self::LogGroup { .. } => "LogGroup",
            Self::Role { .. } => "FlowLogRole",
            Self::FlowLog { .. } => "FlowLog",
            Self::Acl { .. } => "NetworkAcl",
            Self::SubnetGroup { .. } => "CacheSubnetGroup",
            Self::ParameterGroup { .. } => "CacheParameterGroup",
            Self::Secret(_) => "Secret",
            Self::User(_) => "RedisUser",
            Self::UserGroup { .. } => "UserGroup",
            Self::Cache(_) => "ReplicationGroup",
        }
    }
}

impl Program {
    /// The program as the engine takes it.
    ///
    /// # Panics
    /// If it is not valid, as all that the generator makes is to be.
    pub(crate) fn graph(&self) -> Graph {
        palisade_testing::graph(|stack| self.declare(stack))
    }

    /// Adds all resources to `stack`.
    pub(crate) fn declare(&self, stack: &mut Stack) {
        let mut added: Vec<Added> = Vec::new();
        for (label, kind) in &self.resources {
            let next = add(stack, label, kind, &added);
            added.push(next);
        }
        // Outputs are part of a plan, and of what secrets must not be in.
        for (at, next) in added.iter().enumerate() {
            let name = format!("out-{at}");
            match next {
                Added::Secret(secret) => stack.output(&name, secret.value()),
                Added::Vpc(vpc) => stack.output(&name, vpc.arn()),
                _ => {}
            }
        }
    }
}

fn add(stack: &mut Stack, label: &str, kind: &Kind, added: &[Added]) -> Added {
    match kind.clone() {
        Kind::Vpc { block, dns_support, dns_hostnames, metrics, tenancy, tags } => {
            let vpc = Vpc::builder().cidr_block(block).enable_dns_support(dns_support);
            let vpc = vpc.enable_dns_hostnames(dns_hostnames).enable_network_address_usage_metrics(metrics);
            Added::Vpc(stack.add(label, vpc.instance_tenancy(tenancy).tags(tags)))
        }
        Kind::Subnet { vpc, block, zone, hostname, record, tags } => {
            let subnet = Subnet::private(at!(added, Vpc, vpc), block, zone).private_dns_hostname_type(hostname);
            Added::Subnet(stack.add(label, subnet.resource_name_dns_a_record(record).tags(tags)))
        }
        Kind::RouteTable { vpc, tags } => {
            Added::RouteTable(stack.add(label, RouteTable::builder().vpc_id(at!(added, Vpc, vpc)).tags(tags)))
        }
        Kind::Association { subnet, table } => {
            let association = RouteTableAssociation::builder().subnet_id(at!(added, Subnet, subnet));
            stack.add(label, association.route_table_id(at!(added, RouteTable, table)));
            Added::Leaf
        }
        Kind::Group { vpc, name, description, tags } => {
            let group = SecurityGroup::builder().vpc_id(at!(added, Vpc, vpc)).group_name(name);
            Added::Group(stack.add(label, group.description(description).tags(tags)))
        }
        Kind::Rule(rule) => {
            let group = at!(added, Group, rule.group);
            let new = if rule.egress { SecurityGroupRule::egress(group) } else { SecurityGroupRule::ingress(group) };
            let new = match rule.peer {
                Peer::Group(peer) => new.peer(at!(added, Group, peer)),
                Peer::Range(range) => new.peer(range),
            };
            let new = new.ports(rule.ports.0, rule.ports.1).ip_protocol(rule.protocol);
            stack.add(label, new.description(rule.description).tags(rule.tags));
            Added::Leaf
        }
        Kind::Key(key) => Added::Key(add_key(stack, label, key)),
        Kind::LogGroup { name, key, retention, class, tags } => {
            let group = LogGroup::builder().name(name).retention(retention).class(class).tags(tags);
            let group = match key {
                Some(Key::Of(at)) => group.kms_key_id(at!(added, Key, at)),
                Some(Key::Foreign(key)) => group.kms_key_id(key),
                None => group,
            };
            Added::LogGroup(stack.add(label, group))
        }
        Kind::Role { name, log_group, tags } => {
            let role = FlowLogRole::builder().name(name);
            Added::Role(match log_group {
                LogsTo::Of(at) => stack.add(label, role.log_group(at!(added, LogGroup, at)).tags(tags)),
                LogsTo::Foreign(group) => stack.add(label, role.log_group(group).tags(tags)),
            })
        }
        Kind::FlowLog { vpc, role, log_group, traffic, interval, tags } => {
            let log = FlowLog::builder().vpc_id(at!(added, Vpc, vpc)).role(at!(added, Role, role));
            let log = log.traffic_type(traffic).max_aggregation_interval(interval).tags(tags);
            match log_group {
                LogsTo::Of(at) => stack.add(label, log.log_group(at!(added, LogGroup, at))),
                LogsTo::Foreign(group) => stack.add(label, log.log_group(group)),
            };
            Added::Leaf
        }
        Kind::Acl { vpc, subnets, rules, tags } => {
            let subnets: Vec<_> = subnets.iter().map(|&subnet| at!(added, Subnet, subnet)).collect();
            let acl = NetworkAcl::builder().vpc_id(at!(added, Vpc, vpc)).subnet_ids(subnets);
            stack.add(label, acl.rules(NETWORK_RULES[rules].1()).tags(tags));
            Added::Leaf
        }
        Kind::SubnetGroup { name, description, subnets, tags } => {
            let subnets: Vec<_> = subnets.iter().map(|&subnet| at!(added, Subnet, subnet)).collect();
            let group = CacheSubnetGroup::builder().name(name).description(description).subnet_ids(subnets);
            Added::SubnetGroup(stack.add(label, group.tags(tags)))
        }
        Kind::ParameterGroup { name, engine: of, description, parameters, tags } => {
            let group = CacheParameterGroup::builder().name(name).family(engine(of).family()).description(description);
            let group = parameters.iter().fold(group, |group, (name, value)| group.parameter(name, value));
            Added::ParameterGroup(stack.add(label, group.tags(tags)))
        }
        Kind::Secret(secret) => Added::Secret(add_secret(stack, label, secret, added)),
        Kind::User(user) => Added::User(add_user(stack, label, user, added)),
        Kind::UserGroup { name, engine, users, tags } => {
            let users: Vec<_> = users.iter().map(|&user| at!(added, User, user)).collect();
            let group = UserGroup::builder().user_group_id(name).engine(engine).user_ids(users).tags(tags);
            Added::UserGroup(stack.add(label, group))
        }
        Kind::Cache(cache) => {
            add_cache(stack, label, *cache, added);
            Added::Leaf
        }
    }
}

fn add_key(stack: &mut Stack, label: &str, key: KeySpec) -> Handle<KmsKey> {
    let KeySpec { alias, description, rotation, window, caches, secrets, logs, tags } = key;
    let policy = KeyPolicy::administered();
    let policy = if caches { policy.elasticache() } else { policy };
    let policy = if secrets { policy.secrets_manager() } else { policy };
    let policy = logs.into_iter().fold(policy, KeyPolicy::logs);
    let key = KmsKey::builder().alias(alias).rotation_period_days(rotation).deletion_window_days(window).policy(policy);
    let key = match description {
        Some(description) => key.description(description),
        None => key,
    };
    stack.add(label, key.tags(tags))
}

fn add_secret(stack: &mut Stack, label: &str, secret: SecretSpec, added: &[Added]) -> Handle<Secret> {
    let new = Secret::builder().name(secret.name);
    let new = match secret.supplied {
        Some(variable) => new.supplied(variable),
        None => new.generated(),
    };
    let new = match secret.description {
        Some(description) => new.description(description),
        None => new,
    };
    let new = match secret.key {
        Some(Key::Of(at)) => new.kms_key_id(at!(added, Key, at)),
        Some(Key::Foreign(key)) => new.kms_key_id(key),
        None => new,
    };
    stack.add(label, new.recovery_window(secret.recovery).generation(secret.generation).tags(secret.tags))
}

fn add_user(stack: &mut Stack, label: &str, user: User, added: &[Added]) -> Handle<RedisUser> {
    let User { id, name, engine, access, login, tags } = user;
    let new = match login {
        Login::Disabled => return stack.add(label, RedisUser::disabled_default(id).tags(tags)).erased(),
        Login::Iam => RedisUser::iam(id),
        Login::Passwords(secrets) => match secrets.as_slice() {
            [one] => RedisUser::with_password(id, name, at!(added, Secret, *one)),
            [one, two] => RedisUser::with_password(id, name, [at!(added, Secret, *one), at!(added, Secret, *two)]),
            _ => unreachable!("a user has one password or two"),
        },
    };
    stack.add(label, new.engine(engine).access_string(access).tags(tags))
}

fn add_cache(stack: &mut Stack, label: &str, cache: Cache, added: &[Added]) {
    let new = ReplicationGroup::builder().replication_group_id(cache.id).description(cache.description);
    let new = new.engine(engine(cache.engine));
    let new = new.node_type(cache.node_type);
    let new = match cache.topology {
        Topology::SingleNode => new.single_node(),
        Topology::SingleAz(replicas) => new.single_az(replicas),
        Topology::MultiAz(replicas) => new.multi_az(replicas),
        Topology::Sharded(shards, replicas) => new.sharded(shards, replicas),
    };
    let groups: Vec<_> = cache.groups.iter().map(|&group| at!(added, Group, group)).collect();
    let new = new.subnet_group_name(at!(added, SubnetGroup, cache.subnets)).security_group_ids(groups);
    let new = match cache.authentication {
        Authentication::Users(users) => authenticated(new, at!(added, UserGroup, users)),
        Authentication::Token(token) => authenticated(new, at!(added, Secret, token)),
    };
    let new = new.port(cache.port).snapshot_retention_limit(cache.retention);
    let new = new.auto_minor_version_upgrade(cache.minor_upgrades).network_type(cache.network);
    let mut new = new.ip_discovery(cache.discovery).tags(cache.tags);
    if let Some(parameters) = cache.parameters {
        new = new.parameter_group_name(at!(added, ParameterGroup, parameters));
    }
    new = new.windows(Windows::new(cache.snapshot_window, cache.maintenance_window).expect("they do not overlap"));
    if let Some(name) = cache.final_snapshot {
        new = new.final_snapshot_identifier(name);
    }
    if let Some(topic) = cache.topic {
        new = new.notification_topic_arn(topic);
    }
    if let Some(log) = cache.slow_log {
        new = new.log_delivery([LogDelivery::to_log_group(LogType::SlowLog, log)]);
    }
    let at_rest = match cache.key {
        Some(Key::Of(at)) => AtRest::key(at!(added, Key, at)),
        Some(Key::Foreign(key)) => AtRest::key(key),
        None => AtRest::AwsOwnedKey,
    };
    stack.add(label, new.encrypted(at_rest, InTransit::Required));
}

type Open = ReplicationGroupBuilder<Given<0b011_1111>>;
type Done = ReplicationGroupBuilder<Given<0b111_1111>>;

fn authenticated(cache: Open, authentication: impl AuthenticationFor<()>) -> Done {
    cache.authentication(authentication)
}
