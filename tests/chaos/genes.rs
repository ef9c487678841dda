//! [`Gene`]s: small numbers of which a valid [`Program`] is made, whatever they are. Programs are made of them, edited as
//! them, and shrunk as them.

use std::collections::{BTreeMap, BTreeSet};

use palisade::prelude::*;
use proptest::{collection::vec, prelude::*};

use crate::program::{
    At, Authentication, Cache, ENGINES, Key, KeySpec, Kind, Login, LogsTo, NETWORK_RULES, Peer, Program, Rule,
    SecretSpec, Topology, User, engine,
};

/// What a resource is made of. It is left out where what it needs is not there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gene {
    kind: u8,
    /// Its name in the program.
    label: u8,
    /// Its name in AWS.
    identity: u8,
    /// Its fields and references.
    values: [u8; VALUES],
}

impl Gene {
    /// The number of things that can be reset.
    pub(crate) const SLOTS: usize = VALUES + 1;

    /// What it is the same resource by, in two programs.
    pub(crate) fn name(&self) -> (u8, u8) {
        (self.kind, self.label)
    }

    /// Takes all values back to the usual.
    pub(crate) fn plain(&mut self) {
        (0..Self::SLOTS).for_each(|slot| self.reset(slot));
    }

    /// Takes one value back to the usual.
    pub(crate) fn reset(&mut self, slot: usize) {
        match self.values.get_mut(slot) {
            Some(value) => *value = 0,
            None => self.identity = self.label,
        }
    }
}

const VALUES: usize = 18;
/// A kind comes after those that it refers to.
const KINDS: u8 = 17;
const VPC: u8 = 0;
const SUBNET: u8 = 1;
const ROUTE_TABLE: u8 = 2;
const ASSOCIATION: u8 = 3;
const GROUP: u8 = 4;
const RULE: u8 = 5;
const KEY: u8 = 6;
const LOG_GROUP: u8 = 7;
const ROLE: u8 = 8;
const FLOW_LOG: u8 = 9;
const ACL: u8 = 10;
const SUBNET_GROUP: u8 = 11;
const PARAMETERS: u8 = 12;
const SECRET: u8 = 13;
const USER: u8 = 14;
const USER_GROUP: u8 = 15;
const CACHE: u8 = 16;

/// The most resources that a program has.
const MOST: usize = 12;

/// What is done to a program.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Add(Gene),
    Remove(u8),
    /// Another name in the program, with the same object.
    Label(u8, u8),
    /// Another name in AWS.
    Identity(u8, u8),
    /// Another value of one field, or another reference.
    Value(u8, u8, u8),
    /// Two resources exchange a value, a reference or a name.
    Swap(u8, u8, u8),
    /// The program as it was before that many changes.
    Revert(u8),
}

/// A program with what a cache needs, or without.
pub(crate) fn genes() -> impl Strategy<Value = Vec<Gene>> {
    let with_token = vec![VPC, SUBNET, SUBNET, GROUP, SUBNET_GROUP, SECRET, CACHE];
    let with_users = vec![VPC, SUBNET, SUBNET, GROUP, SUBNET_GROUP, USER, USER, USER_GROUP, CACHE];
    let with_passwords = vec![SECRET, SECRET, USER, USER, USER, USER_GROUP];
    let with_flow_log = vec![VPC, SUBNET, ACL, KEY, LOG_GROUP, ROLE, FLOW_LOG];
    let with_flow_logs = vec![VPC, LOG_GROUP, LOG_GROUP, LOG_GROUP, ROLE, ROLE, ROLE, FLOW_LOG, FLOW_LOG];
    let with_caches = vec![VPC, SUBNET, GROUP, SUBNET_GROUP, SECRET, USER, USER, USER_GROUP, USER_GROUP, CACHE, CACHE];
    let begin = prop_oneof![
        3 => Just(Vec::new()),
        1 => Just(with_flow_log),
        1 => Just(with_flow_logs),
        1 => Just(with_passwords),
        1 => Just(with_caches),
        1 => Just(with_token),
        1 => Just(with_users),
    ];
    (begin, vec(gene(), 1..=MOST)).prop_map(|(kinds, mut genes)| {
        for (index, kind) in kinds.into_iter().enumerate() {
            match genes.get_mut(index) {
                Some(gene) => gene.kind = kind,
                None => {
                    genes.push(Gene { kind, label: index as u8, identity: index as u8, values: [index as u8; VALUES] })
                }
            }
        }
        genes.truncate(MOST);
        genes
    })
}

fn gene() -> impl Strategy<Value = Gene> {
    // Half of the values are the usual ones, so that an edit changes few of them.
    let values = prop::array::uniform18(prop_oneof![Just(0_u8), any::<u8>()]);
    (0..KINDS, 0..6_u8, values).prop_map(|(kind, label, values)| Gene { kind, label, identity: label, values })
}

pub(crate) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        2 => gene().prop_map(Edit::Add),
        2 => any::<u8>().prop_map(Edit::Remove),
        1 => (any::<u8>(), 0..6_u8).prop_map(|(at, label)| Edit::Label(at, label)),
        1 => (any::<u8>(), 0..6_u8).prop_map(|(at, identity)| Edit::Identity(at, identity)),
        4 => (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(at, slot, value)| Edit::Value(at, slot, value)),
        1 => (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(a, b, slot)| Edit::Swap(a, b, slot)),
        1 => (1..3_u8).prop_map(Edit::Revert),
    ];
    vec(edit, 1..5)
}

/// The genes after `edits` of the last of `history`.
pub(crate) fn edited(history: &[Vec<Gene>], edits: &[Edit]) -> Vec<Gene> {
    let mut genes = history.last().cloned().unwrap_or_default();
    for edit in edits {
        let count = genes.len();
        let index = |at: u8| usize::from(at) % count.max(1);
        match edit {
            Edit::Add(gene) if count < MOST => genes.push(gene.clone()),
            Edit::Revert(back) => {
                genes = history[history.len().saturating_sub(1 + usize::from(*back))].clone();
            }
            _ if genes.is_empty() => {}
            Edit::Add(gene) => genes[usize::from(gene.label) % MOST] = gene.clone(),
            Edit::Remove(at) => _ = genes.remove(index(*at)),
            Edit::Label(at, label) => genes[index(*at)].label = *label,
            Edit::Identity(at, identity) => genes[index(*at)].identity = *identity,
            Edit::Value(at, slot, value) => genes[index(*at)].values[usize::from(*slot) % VALUES] = *value,
            Edit::Swap(a, b, slot) => swap(&mut genes, index(*a), index(*b), *slot),
        }
    }
    genes
}

fn swap(genes: &mut [Gene], a: usize, b: usize, slot: u8) {
    let slot = usize::from(slot) % (VALUES + 2);
    let (mut left, mut right) = (genes[a].clone(), genes[b].clone());
    match slot {
        0 => std::mem::swap(&mut left.label, &mut right.label),
        1 => std::mem::swap(&mut left.identity, &mut right.identity),
        slot => std::mem::swap(&mut left.values[slot - 2], &mut right.values[slot - 2]),
    }
    (genes[a], genes[b]) = (left, right);
}

/// The program that the genes are of. `step` tells one program of a case from another.
pub(crate) fn program(genes: &[Gene], step: usize) -> Program {
    let mut sorted: Vec<_> = genes.iter().collect();
    sorted.sort_by_key(|gene| gene.kind);
    let mut resolution = Resolution { step, ..Resolution::default() };
    for gene in sorted {
        resolution.add(gene);
    }
    resolution.let_use_keys();
    resolution.program
}

#[derive(Default)]
struct Resolution<'a> {
    step: usize,
    program: Program,
    /// The gene of each resource.
    genes: Vec<&'a Gene>,
    taken: BTreeSet<String>,
}

const LABELS: [[&str; 6]; KINDS as usize] = [
    ["main", "other", "main", "other", "main", "other"],
    ["private-a", "private-b", "private-c", "cache-a", "cache-b", "cache-c"],
    ["private", "cache", "isolated", "local", "main", "other"],
    ["private-a", "private-b", "private-c", "cache-a", "cache-b", "cache-c"],
    ["redis", "app", "bastion", "workers", "monitoring", "batch"],
    ["redis-from-app", "redis-from-vpc", "app-to-redis", "admin", "metrics", "replicas"],
    ["redis", "logs", "secrets", "redis", "logs", "secrets"],
    ["slow", "other", "flows", "slow", "other", "flows"],
    ["flows", "flows-b", "flows-c", "flows", "flows-b", "flows-c"],
    ["main", "other", "audit", "main", "other", "audit"],
    ["cache", "isolated", "private", "cache", "isolated", "private"],
    ["redis", "sessions", "queue", "redis", "sessions", "queue"],
    ["redis", "tuned", "cluster", "redis", "tuned", "cluster"],
    ["token", "admin-password", "reader-password", "writer-password", "next-token", "spare"],
    ["default", "admin", "reader", "writer", "metrics", "batch"],
    ["redis-users", "apps", "operators", "redis-users", "apps", "operators"],
    ["redis", "sessions", "redis", "sessions", "redis", "sessions"],
];

const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

const LOG_GROUPS: [LogGroupName; 3] =
    [log_group_name!("/redis/slow"), log_group_name!("/redis/other"), log_group_name!("/vpc/flows")];

fn name(text: &str) -> Name {
    Name::new(text).expect("the names of the table are names")
}

fn pick<T: Clone>(from: &[T], byte: u8) -> T {
    from[usize::from(byte) % from.len()].clone()
}

/// Nothing for a small byte, and else one of several.
fn sometimes<T: Clone>(from: &[T], byte: u8) -> Option<T> {
    (!byte.is_multiple_of(3)).then(|| pick(from, byte / 3))
}

fn tags(byte: u8) -> Tags {
    match byte % 4 {
        0 => Tags::default(),
        1 => tags! { "team" = "platform" },
        2 => tags! { "team" = "data", "cost" = "2" },
        _ => tags! { "cost" = "2" },
    }
}

fn text(byte: u8) -> String {
    pick(&["Managed by Palisade", "for the application", "of the data team"], byte).to_owned()
}

impl<'a> Resolution<'a> {
    fn add(&mut self, gene: &'a Gene) {
        let label = pick(&LABELS[usize::from(gene.kind)], gene.label);
        let Some(kind) = self.kind(gene) else { return };
        // Of two with one name, the first counts, in the program as in AWS.
        let own_name = format!("{} {label}", gene.kind);
        let mut names = vec![own_name];
        names.extend(self.identity(&kind).map(|identity| format!("{} = {identity}", gene.kind)));
        if names.iter().any(|name| self.taken.contains(name)) {
            return;
        }
        self.taken.extend(names);
        self.program.resources.push((label, kind));
        self.genes.push(gene);
    }

    /// What no two objects of the account can have in common.
    fn identity(&self, kind: &Kind) -> Option<String> {
        Some(match kind {
            Kind::Vpc { .. } | Kind::RouteTable { .. } => return None,
            Kind::Subnet { vpc, block, .. } => format!("{vpc} {}", block.to_string().split('/').next()?),
            Kind::Association { subnet, .. } => subnet.to_string(),
            Kind::Group { vpc, name, .. } => format!("{vpc} {name}"),
            Kind::Rule(Rule { group, egress, peer, ports, protocol, .. }) => {
                format!("{group} {egress} {peer:?} {ports:?} {protocol}")
            }
            Kind::Key(key) => key.alias.to_string(),
            Kind::LogGroup { name, .. } => name.to_string(),
            Kind::Role { name, .. } => name.to_string(),
            Kind::FlowLog { vpc, log_group, .. } => format!("{vpc} {log_group:?}"),
            Kind::Acl { .. } => return None,
            Kind::SubnetGroup { name, .. } | Kind::ParameterGroup { name, .. } | Kind::UserGroup { name, .. } => {
                name.to_string()
            }
            Kind::Secret(secret) => secret.name.to_string(),
            Kind::User(user) => user.id.to_string(),
            Kind::Cache(cache) => cache.id.to_string(),
        })
    }

    /// One of the resources that are so far there and fit. Another one that comes or goes mostly changes nothing.
    fn target(&self, byte: u8, fits: impl Fn(&Kind) -> bool) -> Option<At> {
        let candidates = (0..self.genes.len()).filter(|&at| fits(&self.program.resources[at].1));
        candidates.min_by_key(|&at| (self.genes[at].label.wrapping_mul(43) ^ byte, at))
    }

    /// Those that fit and that the bits of `byte` name; one at least, if one fits.
    fn targets(&self, byte: u8, fits: impl Fn(&Kind) -> bool + Copy) -> Vec<At> {
        let named = |at: &At| byte >> (self.genes[*at].label % 6) & 1 == 0;
        let candidates = (0..self.genes.len()).filter(|&at| fits(&self.program.resources[at].1));
        let found: Vec<_> = candidates.filter(named).collect();
        if found.is_empty() { self.target(byte, fits).into_iter().collect() } else { found }
    }

    fn resource(&self, at: At) -> &Kind {
        &self.program.resources[at].1
    }

    fn kind(&self, gene: &Gene) -> Option<Kind> {
        let v = &gene.values;
        let is_vpc = |kind: &Kind| matches!(kind, Kind::Vpc { .. });
        let own = |gene: &Gene| pick(&LABELS[usize::from(gene.kind)], gene.identity);
        Some(match gene.kind {
            VPC => {
                let dns_support = v[1] % 4 != 1;
                Kind::Vpc {
                    block: cidr!("10.0.0.0/16"),
                    dns_support,
                    dns_hostnames: dns_support && v[2] % 2 == 1,
                    metrics: v[3] % 4 == 1,
                    tenancy: if v[4] % 8 == 1 { Tenancy::Dedicated } else { Tenancy::Default },
                    tags: tags(v[5]),
                }
            }
            SUBNET => Kind::Subnet {
                vpc: self.target(v[0], is_vpc)?,
                block: Cidr::new(&format!("10.0.{}.0/{}", gene.identity % 6, if v[1] % 8 == 1 { 25 } else { 24 }))
                    .ok()?,
                zone: AvailabilityZone::new(ZONES[usize::from(gene.label.wrapping_add(v[2] / 8)) % 3]).ok()?,
                hostname: if v[3] % 4 == 1 { HostnameType::ResourceName } else { HostnameType::IpName },
                record: v[4] % 4 == 1,
                tags: tags(v[5]),
            },
            ROUTE_TABLE => Kind::RouteTable { vpc: self.target(v[0], is_vpc)?, tags: tags(v[1]) },
            ASSOCIATION => self.association(v)?,
            GROUP => Kind::Group {
                vpc: self.target(v[0], is_vpc)?,
                name: SecurityGroupName::new(own(gene)).ok()?,
                description: pick(&[description!("clients"), description!("of the cache")], v[1] / 4),
                tags: tags(v[2]),
            },
            RULE => Kind::Rule(self.rule(v)?),
            KEY => Kind::Key(KeySpec {
                alias: KmsAlias::new(format!("alias/{}", own(gene))).ok()?,
                description: sometimes(&["of the caches".to_owned(), "of the logs".to_owned()], v[0]),
                rotation: pick(&[rotation_days!(365), rotation_days!(180)], v[1]),
                window: pick(&[deletion_days!(30), deletion_days!(7)], v[2]),
                caches: v[3] % 4 == 1,
                secrets: v[4] % 4 == 1,
                logs: sometimes(&LOG_GROUPS, v[5]).into_iter().collect(),
                tags: tags(v[6]),
            }),
            LOG_GROUP => Kind::LogGroup {
                name: pick(&LOG_GROUPS, gene.identity),
                key: self.key(v[0]),
                retention: pick(&[LogRetention::YEARS_1, LogRetention::YEARS_2], v[1]),
                class: if v[2] % 8 == 1 { LogGroupClass::InfrequentAccess } else { LogGroupClass::Standard },
                tags: tags(v[3]),
            },
            ROLE => Kind::Role {
                name: name(own(gene)),
                log_group: self.target(v[0], |kind| matches!(kind, Kind::LogGroup { .. })).map_or_else(
                    || LogsTo::Foreign(log_group_arn!("arn:aws:logs:us-east-1:123456789012:log-group:/vpc/foreign")),
                    LogsTo::Of,
                ),
                tags: tags(v[1]),
            },
            FLOW_LOG => {
                let role = self.target(v[0], |kind| matches!(kind, Kind::Role { .. }))?;
                let Kind::Role { log_group, .. } = self.resource(role) else { return None };
                let vpc = self.target(v[1], is_vpc)?;
                let is_beside = |kind: &Kind| matches!(kind, Kind::FlowLog { vpc: other, .. } if *other == vpc);
                let beside = self.program.resources.iter().filter(|(_, kind)| is_beside(kind)).count();
                // AWS takes two of a VPC.
                if beside == 2 {
                    return None;
                }
                Kind::FlowLog {
                    vpc,
                    role,
                    log_group: log_group.clone(),
                    traffic: if v[2] % 4 == 1 { TrafficType::Reject } else { TrafficType::All },
                    interval: pick(&[AggregationInterval::TenMinutes, AggregationInterval::OneMinute], v[3]),
                    tags: tags(v[4]),
                }
            }
            ACL => self.acl(v)?,
            SUBNET_GROUP => self.subnet_group(name(own(gene)), v)?,
            PARAMETERS => {
                let mut parameters = BTreeMap::new();
                let mut set = |name: &str, value: Option<&str>| {
                    parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
                };
                set("maxmemory-policy", sometimes(&["allkeys-lru", "volatile-lru"], v[1]));
                set("timeout", sometimes(&["60", "300"], v[2]));
                set("cluster-enabled", (v[3] % 4 == 1).then_some("yes"));
                let engine = pick(&ENGINES, v[0]).0;
                Kind::ParameterGroup {
                    name: name(own(gene)),
                    engine,
                    description: text(v[4]),
                    parameters,
                    tags: tags(v[5]),
                }
            }
            SECRET => Kind::Secret(SecretSpec {
                name: SecretName::new(format!("redis/{}", own(gene).replace('-', "_"))).ok()?,
                description: sometimes(&["a token".to_owned(), "a password".to_owned()], v[0]),
                key: self.key(v[1]),
                recovery: pick(&[recovery_days!(30), recovery_days!(7), recovery_days!(0)], v[2]),
                supplied: sometimes(&[variable!("TOKEN"), variable!("PASSWORD")], v[3]),
                generation: 1 + u32::from(v[4] % 3),
                tags: tags(v[5]),
            }),
            USER => Kind::User(self.user(name(own(gene)), v)?),
            USER_GROUP => self.user_group(name(own(gene)), v)?,
            _ => Kind::Cache(Box::new(self.cache(name(own(gene)), v)?)),
        })
    }

    /// No key, one that is not in the program, or one of the program's.
    fn key(&self, byte: u8) -> Option<Key> {
        match byte % 4 {
            0 | 1 => None,
            2 => Some(Key::Foreign(kms_key_arn!("arn:aws:kms:us-east-1:111122223333:key/1"))),
            _ => self.target(byte / 4, |kind| matches!(kind, Kind::Key(_))).map(Key::Of),
        }
    }

    /// Lets each key be used by those that it encrypts for, as a program that lets it not is none.
    fn let_use_keys(&mut self) {
        let mut users = Vec::new();
        for (_, kind) in &self.program.resources {
            match kind {
                Kind::Cache(cache) => users.push((cache.key.clone(), None, false)),
                Kind::Secret(secret) => users.push((secret.key.clone(), None, true)),
                Kind::LogGroup { name, key, .. } => users.push((key.clone(), Some(name.clone()), false)),
                _ => {}
            }
        }
        for (key, logs, is_secret) in users {
            let Some(Key::Of(at)) = key else { continue };
            let Kind::Key(key) = &mut self.program.resources[at].1 else { continue };
            key.caches |= logs.is_none() && !is_secret;
            key.secrets |= is_secret;
            key.logs.extend(logs);
        }
    }

    /// A network ACL of subnets that no other one has.
    fn acl(&self, v: &[u8]) -> Option<Kind> {
        let taken = |subnet: &At| {
            self.program
                .resources
                .iter()
                .any(|(_, kind)| matches!(kind, Kind::Acl { subnets, .. } if subnets.contains(subnet)))
        };
        let vpc = self.target(v[0], |kind| matches!(kind, Kind::Vpc { .. }))?;
        let mut subnets = self.targets(v[1], |kind| matches!(kind, Kind::Subnet { vpc: other, .. } if *other == vpc));
        subnets.retain(|subnet| !taken(subnet));
        let rules = usize::from(v[2]) % NETWORK_RULES.len();
        (!subnets.is_empty()).then(|| Kind::Acl { vpc, subnets, rules, tags: tags(v[3]) })
    }

    fn association(&self, v: &[u8]) -> Option<Kind> {
        let subnet = self.target(v[0], |kind| matches!(kind, Kind::Subnet { .. }))?;
        let Kind::Subnet { vpc, .. } = self.resource(subnet) else { return None };
        let table = self.target(v[1], |kind| matches!(kind, Kind::RouteTable { vpc: other, .. } if other == vpc))?;
        Some(Kind::Association { subnet, table })
    }

    fn rule(&self, v: &[u8]) -> Option<Rule> {
        let group = self.target(v[0], |kind| matches!(kind, Kind::Group { .. }))?;
        let Kind::Group { vpc, .. } = self.resource(group) else { return None };
        let peer = match v[1] % 2 {
            0 => Peer::Group(self.target(v[2], |kind| matches!(kind, Kind::Group { vpc: other, .. } if other == vpc))?),
            _ => Peer::Range(pick(&[private_range!("10.0.0.0/16"), private_range!("10.0.1.0/24")], v[2])),
        };
        let lowest = pick(&[port!(6379), port!(6380)], v[3]);
        Some(Rule {
            group,
            egress: v[4] % 4 == 1,
            peer,
            ports: (lowest, if v[5] % 4 == 1 { port!(6390) } else { lowest }),
            protocol: if v[6] % 8 == 1 { Protocol::Udp } else { Protocol::Tcp },
            description: pick(&[description!("Redis over TLS"), description!("for the admins")], v[7]),
            tags: tags(v[8]),
        })
    }

    fn subnet_group(&self, name: Name, v: &[u8]) -> Option<Kind> {
        let first = self.target(v[0], |kind| matches!(kind, Kind::Subnet { .. }))?;
        let Kind::Subnet { vpc, .. } = self.resource(first) else { return None };
        let subnets = self.targets(v[1], |kind| matches!(kind, Kind::Subnet { vpc: other, .. } if other == vpc));
        Some(Kind::SubnetGroup { name, description: text(v[2]), subnets, tags: tags(v[3]) })
    }

    fn user(&self, id: Name, v: &[u8]) -> Option<User> {
        let secret = |byte| self.target(byte, |kind| matches!(kind, Kind::Secret(_)));
        let access = pick(
            &[AccessString::read_only(), access!("on ~app:* +@read +@write -@dangerous"), access!("on ~a:* +get")],
            v[1],
        );
        let engine = if v[2] % 4 == 1 { EngineKind::Valkey } else { EngineKind::Redis };
        let (login, access, engine, user_name) = match v[0] % 6 {
            0 if id.as_str() == "default" => (Login::Disabled, AccessString::disabled(), EngineKind::Redis, "default"),
            1 => (Login::Passwords(vec![secret(v[3])?]), access, engine, id.as_str()),
            2 => (Login::Disabled, AccessString::disabled(), EngineKind::Redis, "default"),
            3 => (Login::Passwords(vec![secret(v[3])?]), access, engine, "default"),
            4 => {
                let (one, two) = (secret(v[3])?, secret(v[4])?);
                let secrets = if one == two { vec![one] } else { vec![one, two] };
                (Login::Passwords(secrets), access, engine, id.as_str())
            }
            _ => (Login::Iam, access, engine, id.as_str()),
        };
        let user_name = UserName::new(user_name).ok()?;
        // The id `default` is AWS's own.
        let id = if id.as_str() == "default" { name!("my-default") } else { id };
        let user_name = if login == Login::Iam { UserName::new(id.as_str()).ok()? } else { user_name };
        Some(User { id, name: user_name, engine, access, login, tags: tags(v[5]) })
    }

    fn user_group(&self, name: Name, v: &[u8]) -> Option<Kind> {
        let valkey = v[0] % 4 == 1;
        let fits = |kind: &Kind| match kind {
            Kind::User(user) if valkey => user.login != Login::Disabled,
            Kind::User(user) => user.engine == EngineKind::Redis,
            _ => false,
        };
        let mut users = self.targets(v[1], fits);
        if !valkey {
            // There must be one named `default`.
            let is_default =
                |kind: &Kind| fits(kind) && matches!(kind, Kind::User(user) if user.name.as_str() == "default");
            users.insert(0, self.target(v[2], is_default)?);
        }
        let mut names = BTreeSet::new();
        users.retain(|&at| matches!(self.resource(at), Kind::User(user) if names.insert(user.name.clone())));
        users.sort_unstable();
        let engine = if valkey { EngineKind::Valkey } else { EngineKind::Redis };
        (!users.is_empty()).then(|| Kind::UserGroup { name, engine, users, tags: tags(v[3]) })
    }

    fn cache(&self, id: Name, v: &[u8]) -> Option<Cache> {
        let subnets = self.target(v[0], |kind| matches!(kind, Kind::SubnetGroup { .. }))?;
        let Kind::SubnetGroup { subnets: members, .. } = self.resource(subnets) else { return None };
        let Kind::Subnet { vpc, .. } = self.resource(*members.first()?) else { return None };
        // ElastiCache has no nodes in such a VPC.
        if matches!(self.resource(*vpc), Kind::Vpc { tenancy: Tenancy::Dedicated, .. }) {
            return None;
        }
        let groups = self.targets(v[1], |kind| matches!(kind, Kind::Group { vpc: other, .. } if other == vpc));
        let zones = members.iter().filter_map(|&at| match self.resource(at) {
            Kind::Subnet { zone, .. } => Some(zone),
            _ => None,
        });
        let zones: BTreeSet<_> = zones.collect();
        let (engine_name, of) = pick(&ENGINES, v[2] / 2);
        let topology = match v[3] % 6 {
            0 | 1 => Topology::SingleNode,
            2 => Topology::SingleAz(pick(&[replicas!(1), replicas!(2)], v[4])),
            _ if zones.len() < 2 => Topology::SingleAz(replicas!(1)),
            3 | 4 => Topology::MultiAz(pick(&[replicas!(1), replicas!(2)], v[4])),
            _ => Topology::Sharded(pick(&[shards!(2), shards!(3)], v[4]), pick(&[replicas!(1), replicas!(2)], v[5])),
        };
        let divides = matches!(topology, Topology::Sharded(..));
        let fits = |kind: &Kind| match kind {
            Kind::ParameterGroup { engine: other, parameters, .. } => {
                engine(other).family().into_family() == of.family().into_family()
                    && parameters.contains_key("cluster-enabled") == divides
            }
            _ => false,
        };
        let users = |kind: &Kind| match kind {
            Kind::UserGroup { engine, .. } => *engine == EngineKind::Redis || of.kind() == EngineKind::Valkey,
            _ => false,
        };
        let users = self.target(v[6], users).map(Authentication::Users);
        let token = self.target(v[6], |kind| matches!(kind, Kind::Secret(_))).map(Authentication::Token);
        let dual = v[12] % 4 == 1;
        Some(Cache {
            id: id.clone(),
            description: text(v[7]),
            engine: engine_name,
            node_type: match v[8] % 8 {
                1 => node_type!("cache.r6gd.xlarge"),
                2 | 3 => node_type!("cache.r7g.large"),
                _ => node_type!("cache.t4g.micro"),
            },
            topology,
            parameters: if v[9].is_multiple_of(3) { None } else { self.target(v[9], fits) },
            subnets,
            groups: if groups.is_empty() { return None } else { groups },
            authentication: if v[10].is_multiple_of(2) { users.or(token)? } else { token.or(users)? },
            port: if v[11] % 8 == 1 { port!(6380) } else { port!(6379) },
            key: if v[11] / 8 % 4 == 1 { self.key(v[11] / 32) } else { None },
            retention: pick(&[retention_days!(7), retention_days!(14), retention_days!(1)], v[13]),
            snapshot_window: sometimes(&[snapshot_window!("01:00-02:00"), snapshot_window!("22:00-23:00")], v[13] / 3),
            // A snapshot outlives its cache, and keeps its name.
            final_snapshot: (v[14] % 3 == 1).then(|| name(&format!("{id}-last-{}", self.step))),
            maintenance_window: sometimes(
                &[maintenance_window!("wed:10:00-wed:11:00"), maintenance_window!("sun:05:00-sun:06:30")],
                v[14] / 3,
            ),
            minor_upgrades: v[15] % 4 != 1,
            topic: (v[15] / 4 % 4 == 1).then(|| topic_arn!("arn:aws:sns:us-east-1:123456789012:events")),
            network: if dual { NetworkType::DualStack } else { NetworkType::Ipv4 },
            discovery: if dual && v[12] / 4 % 2 == 1 { IpDiscovery::Ipv6 } else { IpDiscovery::Ipv4 },
            slow_log: sometimes(&LOG_GROUPS, v[16]),
            tags: tags(v[17]),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    use super::*;

    #[test]
    fn programs_have_resources_of_every_kind() {
        let mut missing: BTreeSet<_> = palisade_aws::schemas().map(|schema| schema.kind).collect();
        let mut runner = TestRunner::deterministic();
        for _ in 0..1_000 {
            let genes = genes().new_tree(&mut runner).unwrap().current();
            for (_, kind) in program(&genes, 0).resources {
                missing.remove(kind.name());
            }
        }
        assert!(missing.is_empty(), "the generator makes no {missing:?}");
    }
}
