//! What the tests have in common: an account, and what a test is not about.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use palisade_aws::{
    Aws, Supplier, name, node_type,
    operations::{
        CreateCacheSubnetGroup, CreateReplicationGroup, CreateSecurityGroup, CreateSubnet, CreateUser, CreateUserGroup,
        CreateVpc, DescribeReplicationGroups, DescribeSecurityGroups, DescribeUserGroups, DescribeUsers,
        ModifyReplicationGroup, Operation,
    },
    port,
    resources::{CacheSubnetGroup, RedisUser, ReplicationGroup, SecurityGroup, Subnet, UserGroup, Vpc},
    shapes::{
        Credentials, ReplicationGroupDescription, SecurityGroupDescription, SelectSecurityGroups, UserDescription,
        UserGroupDescription,
    },
    types::{
        AccessString, AvailabilityZone, Cidr, Description, EngineKind, EngineVersion, IpDiscovery, Name, NetworkType,
        NodeCount, SecurityGroupName, SnapshotRetention, Tags, Tenancy, UserName,
    },
};
use palisade_core::{
    Id,
    provider::{ProviderError, Token},
};
use palisade_emulator::Emulator;
use secrecy::SecretString;

pub(crate) struct Account {
    pub(crate) emulator: Emulator,
    pub(crate) aws: Aws,
}

struct Nothing;

impl Supplier for Nothing {
    fn supply(&self, _variable: &str) -> Option<SecretString> {
        None
    }
}

/// An account whose descriptions tell at once what was changed, as most tests are not about that.
pub(crate) fn account() -> Account {
    Account::of(Emulator::in_memory("us-east-1").immediately_consistent())
}

pub(crate) async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The tags of an object that the stack `s` makes.
pub(crate) fn owned(resource: &str) -> Tags {
    Tags::default().owned_by(&token(resource))
}

pub(crate) fn token(resource: &str) -> Token {
    Token { stack: "s".to_owned(), resource: resource.to_owned(), digest: format!("{resource:0>64}") }
}

pub(crate) fn tags<const N: usize>(pairs: [(&str, &str); N]) -> Tags {
    Tags::reported(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

pub(crate) fn zone(letter: char) -> AvailabilityZone {
    AvailabilityZone::reported(format!("us-east-1{letter}"))
}

pub(crate) fn id<R: palisade_core::Resource>(text: &str) -> Id<R> {
    Id::reported(text).unwrap()
}

pub(crate) fn password(text: &str) -> Credentials {
    Credentials::Passwords(vec![text.to_owned().into()])
}

impl Account {
    pub(crate) fn of(emulator: Emulator) -> Self {
        Self { aws: Aws::new(Arc::new(emulator.clone()), Arc::new(Nothing)), emulator }
    }

    /// Makes a call that the account must accept.
    pub(crate) async fn call<O: Operation>(&self, operation: O) -> O::Output {
        self.aws.call(operation).await.unwrap_or_else(|error| panic!("{}: {} {error}", O::ACTION, error.code))
    }

    /// Makes a call that the account must refuse with `code`, and returns the message.
    pub(crate) async fn refused<O: Operation>(&self, operation: O, code: &str) -> String {
        let error = self.error(operation).await;
        assert_eq!(error.code, code, "{error}");
        error.message
    }

    /// Makes a call that must fail.
    pub(crate) async fn error<O: Operation>(&self, operation: O) -> ProviderError {
        match self.aws.call(operation).await {
            Ok(_) => panic!("{} was accepted", O::ACTION),
            Err(error) => error,
        }
    }

    pub(crate) async fn vpc(&self) -> Id<Vpc> {
        self.call(create_vpc("10.0.0.0/16")).await.vpc_id
    }

    pub(crate) async fn subnet(&self, vpc: &Id<Vpc>, cidr: &str, letter: char) -> Id<Subnet> {
        self.call(create_subnet(vpc, cidr, letter)).await.subnet_id
    }

    pub(crate) async fn security_group(&self, vpc: &Id<Vpc>, name: &str) -> Id<SecurityGroup> {
        self.call(create_security_group(vpc, name)).await.group_id
    }

    /// The group that AWS made with the VPC.
    pub(crate) async fn default_group(&self, vpc: &Id<Vpc>) -> Option<SecurityGroupDescription> {
        let select = SelectSecurityGroups::DefaultOf(vec![vpc.clone()]);
        self.call(DescribeSecurityGroups { select }).await.security_groups.pop()
    }

    /// A VPC with two subnets in two zones, a group of them, and a security group.
    pub(crate) async fn network(&self) -> Network {
        let vpc = self.vpc().await;
        let subnets = [self.subnet(&vpc, "10.0.1.0/24", 'a').await, self.subnet(&vpc, "10.0.2.0/24", 'b').await];
        let security_group = self.security_group(&vpc, "redis").await;
        self.call(create_subnet_group("redis", subnets.clone())).await;
        Network { vpc, subnets, security_group, subnet_group: id("redis") }
    }

    /// The cache `call` makes, once it is available.
    pub(crate) async fn cache(&self, call: CreateReplicationGroup) -> Id<ReplicationGroup> {
        let name = id(call.replication_group_id.as_str());
        self.call(call).await;
        pass(minutes(8)).await;
        assert_eq!(self.describe_cache(&name).await.status, "available");
        name
    }

    pub(crate) async fn describe_cache(&self, id: &Id<ReplicationGroup>) -> ReplicationGroupDescription {
        self.find_cache(id).await.unwrap()
    }

    pub(crate) async fn find_cache(&self, id: &Id<ReplicationGroup>) -> Option<ReplicationGroupDescription> {
        self.call(DescribeReplicationGroups { ids: vec![id.clone()] }).await.groups.pop()
    }

    /// The user that `call` makes, once it is active.
    pub(crate) async fn user(&self, call: CreateUser) -> Id<RedisUser> {
        let name = id(call.user_id.as_str());
        self.call(call).await;
        pass(seconds(3)).await;
        name
    }

    pub(crate) async fn describe_user(&self, id: &Id<RedisUser>) -> UserDescription {
        self.call(DescribeUsers { ids: vec![id.clone()] }).await.users.pop().unwrap()
    }

    /// A group of the engine Redis with a default user that is switched off, and `others`, once it is active.
    pub(crate) async fn redis_users(&self, name: &str, others: &[&Id<RedisUser>]) -> Id<UserGroup> {
        let default = self.user(disabled_default(&format!("{name}-default"))).await;
        let members = std::iter::once(&default).chain(others.iter().copied());
        self.user_group(create_user_group(name, EngineKind::Redis, members)).await
    }

    pub(crate) async fn user_group(&self, call: CreateUserGroup) -> Id<UserGroup> {
        let name = id(call.user_group_id.as_str());
        self.call(call).await;
        pass(minutes(1)).await;
        name
    }

    pub(crate) async fn describe_group(&self, id: &Id<UserGroup>) -> UserGroupDescription {
        self.call(DescribeUserGroups { ids: vec![id.clone()] }).await.groups.pop().unwrap()
    }
}

pub(crate) struct Network {
    pub(crate) vpc: Id<Vpc>,
    pub(crate) subnets: [Id<Subnet>; 2],
    pub(crate) security_group: Id<SecurityGroup>,
    pub(crate) subnet_group: Id<CacheSubnetGroup>,
}

impl Network {
    /// A cache that AWS takes: a primary and a replica of Redis 7.1 in two zones.
    pub(crate) fn cache(&self, name: &str) -> CreateReplicationGroup {
        CreateReplicationGroup {
            replication_group_id: Name::reported(name),
            description: "a cache".to_owned(),
            engine: EngineKind::Redis,
            engine_version: EngineVersion::reported("7.1"),
            node_type: node_type!("cache.t4g.small"),
            num_cache_clusters: Some(NodeCount::reported(2)),
            num_node_groups: None,
            replicas_per_node_group: None,
            automatic_failover_enabled: true,
            multi_az_enabled: true,
            parameter_group_name: None,
            subnet_group_name: self.subnet_group.clone(),
            security_group_ids: BTreeSet::from([self.security_group.clone()]),
            port: port!(6379),
            kms_key_id: None,
            auth_token: None,
            user_group_id: None,
            snapshot_retention_limit: SnapshotRetention::reported(7),
            snapshot_window: None,
            maintenance_window: None,
            auto_minor_version_upgrade: true,
            notification_topic_arn: None,
            data_tiering_enabled: false,
            network_type: NetworkType::Ipv4,
            ip_discovery: IpDiscovery::Ipv4,
            log_delivery: BTreeSet::new(),
            tags: Tags::default(),
        }
    }
}

/// A change of nothing.
pub(crate) fn modify(id: &Id<ReplicationGroup>) -> ModifyReplicationGroup {
    ModifyReplicationGroup::unchanged(id)
}

pub(crate) fn create_vpc(cidr: &str) -> CreateVpc {
    CreateVpc { cidr_block: Cidr::reported(cidr).unwrap(), instance_tenancy: Tenancy::Default, tags: Tags::default() }
}

pub(crate) fn create_subnet(vpc: &Id<Vpc>, cidr: &str, letter: char) -> CreateSubnet {
    CreateSubnet {
        vpc_id: vpc.clone(),
        cidr_block: Cidr::reported(cidr).unwrap(),
        availability_zone: zone(letter),
        tags: Tags::default(),
    }
}

pub(crate) fn create_security_group(vpc: &Id<Vpc>, name: &str) -> CreateSecurityGroup {
    CreateSecurityGroup {
        vpc_id: vpc.clone(),
        group_name: SecurityGroupName::reported(name),
        description: Description::reported("a group"),
        tags: Tags::default(),
    }
}

pub(crate) fn create_subnet_group(name: &str, subnets: impl IntoIterator<Item = Id<Subnet>>) -> CreateCacheSubnetGroup {
    CreateCacheSubnetGroup {
        name: Name::reported(name),
        description: "subnets".to_owned(),
        subnet_ids: subnets.into_iter().collect(),
        tags: Tags::default(),
    }
}

pub(crate) fn create_user(name: &str, access: &str, credentials: Credentials) -> CreateUser {
    CreateUser {
        user_id: Name::reported(name),
        user_name: UserName::reported(name),
        engine: EngineKind::Redis,
        access_string: AccessString::reported(access),
        credentials,
        tags: Tags::default(),
    }
}

pub(crate) fn iam_user(name: &str) -> CreateUser {
    create_user(name, "on ~* +@all", Credentials::Iam)
}

pub(crate) fn disabled_default(name: &str) -> CreateUser {
    let user_name = UserName::reported("default");
    CreateUser { user_name, ..create_user(name, "off -@all", Credentials::NoPassword) }
}

pub(crate) fn create_user_group<'a>(
    name: &str,
    engine: EngineKind,
    users: impl IntoIterator<Item = &'a Id<RedisUser>>,
) -> CreateUserGroup {
    CreateUserGroup {
        user_group_id: Name::reported(name),
        engine,
        user_ids: users.into_iter().cloned().collect(),
        tags: Tags::default(),
    }
}

/// The name of the network's own subnet group and security group.
pub(crate) const REDIS: Name = name!("redis");
