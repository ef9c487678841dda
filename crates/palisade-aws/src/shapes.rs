//! What the operations send and what they answer with, beyond single values. The names are AWS's.

mod network_acl;
mod tags;

use std::collections::BTreeSet;

use palisade_core::{Id, Resource};
use secrecy::SecretString;

pub use network_acl::*;
pub use tags::*;

use crate::{
    resources::{
        CacheParameterGroup, CacheSubnetGroup, FlowLog, FlowLogRole, KmsKey, LogGroup, RedisUser, ReplicationGroup,
        RouteTable, Secret, SecurityGroup, SecurityGroupRule, Subnet, UserGroup, Vpc,
    },
    types::{
        AggregationInterval, Arn, AvailabilityZone, Cidr, Direction, EngineKind, HostnameType, IpDiscovery, KmsKeyArn,
        LogDelivery, LogGroupArn, LogGroupClass, LogRetention, LogType, NetworkType, PolicyDocument, PrivateRange,
        RoleArn, Tags, Tenancy, TopicArn,
    },
};

/// Which objects a description is about. What does not exist is left out of the answer; it is no error.
#[derive(Clone, Debug)]
pub enum Select<R: Resource> {
    /// Those with these ids.
    Ids(Vec<Id<R>>),
    /// Those that carry the tag `palisade:token` with this value.
    Token(String),
}

/// Which security groups a description is about.
#[derive(Clone, Debug)]
pub enum SelectSecurityGroups {
    /// Those of [`Select`].
    Groups(Select<SecurityGroup>),
    /// The groups that AWS made with these VPCs: the filters `vpc-id` and `group-name` = `default`.
    DefaultOf(Vec<Id<Vpc>>),
}

/// Which route tables a description is about.
#[derive(Clone, Debug)]
pub enum SelectRouteTables {
    /// Those of [`Select`].
    Tables(Select<RouteTable>),
    /// Those that are associated with one of these subnets by name; a subnet that only falls back to the main table of
    /// its VPC has none.
    OfSubnets(Vec<Id<Subnet>>),
    /// The tables that AWS made with these VPCs: the filters `vpc-id` and `association.main` = `true`.
    MainOf(Vec<Id<Vpc>>),
}

/// Which rules a description is about.
#[derive(Clone, Debug)]
pub enum SelectRules {
    /// Those of [`Select`].
    Rules(Select<SecurityGroupRule>),
    /// All rules of these groups.
    OfGroups(Vec<Id<SecurityGroup>>),
}

/// A flag of a VPC that has a call of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum VpcAttribute {
    /// `enableDnsSupport`.
    DnsSupport,
    /// `enableDnsHostnames`.
    DnsHostnames,
    /// `enableNetworkAddressUsageMetrics`.
    NetworkAddressUsageMetrics,
}

/// An attribute of a subnet, with the value to set. Each needs a call of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubnetAttribute {
    /// Whether an interface that is created in the subnet gets a public address.
    MapPublicIpOnLaunch(bool),
    /// `PrivateDnsHostnameTypeOnLaunch`.
    PrivateDnsHostnameType(HostnameType),
    /// `EnableResourceNameDnsARecordOnLaunch`.
    ResourceNameDnsARecord(bool),
}

/// A VPC as EC2 reports it.
#[derive(Clone, Debug)]
pub struct VpcDescription {
    /// The id.
    pub id: Id<Vpc>,
    /// `pending` or `available`.
    pub state: String,
    /// The primary block.
    pub cidr_block: Cidr,
    /// The tenancy.
    pub instance_tenancy: Tenancy,
    /// The account.
    pub owner_id: String,
    /// All tags.
    pub tags: Tags,
}

/// A subnet as EC2 reports it.
#[derive(Clone, Debug)]
pub struct SubnetDescription {
    /// The id.
    pub id: Id<Subnet>,
    /// `pending`, `available`, `unavailable`, `failed` or `failed-insufficient-capacity`.
    pub state: String,
    /// The VPC.
    pub vpc_id: Id<Vpc>,
    /// The block.
    pub cidr_block: Cidr,
    /// The zone.
    pub availability_zone: AvailabilityZone,
    /// The ARN.
    pub arn: Arn,
    /// How many addresses are free.
    pub available_ip_address_count: u32,
    /// Whether interfaces get public addresses.
    pub map_public_ip_on_launch: bool,
    /// What host names are made from.
    pub private_dns_hostname_type: HostnameType,
    /// Whether host names from resource names have A records.
    pub resource_name_dns_a_record: bool,
    /// All tags.
    pub tags: Tags,
}

/// A route table as EC2 reports it.
#[derive(Clone, Debug)]
pub struct RouteTableDescription {
    /// The id.
    pub id: Id<RouteTable>,
    /// The VPC.
    pub vpc_id: Id<Vpc>,
    /// The account.
    pub owner_id: String,
    /// Whether it is the main table of its VPC.
    pub main: bool,
    /// The associations with subnets.
    pub associations: Vec<RouteTableAssociationDescription>,
    /// All tags.
    pub tags: Tags,
}

/// An association of a route table with a subnet.
#[derive(Clone, Debug)]
pub struct RouteTableAssociationDescription {
    /// The association's id, which changes with the table.
    pub id: String,
    /// The subnet.
    pub subnet_id: Id<Subnet>,
    /// `associating`, `associated`, `disassociating`, `disassociated` or `failed`.
    pub state: String,
}

/// A security group as EC2 reports it.
#[derive(Clone, Debug)]
pub struct SecurityGroupDescription {
    /// The id.
    pub id: Id<SecurityGroup>,
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The VPC.
    pub vpc_id: Id<Vpc>,
    /// The account.
    pub owner_id: String,
    /// All tags.
    pub tags: Tags,
}

/// What a rule allows. `ip_protocol` is a text, as AWS may hold what a program cannot say (`-1`, all protocols).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleSpecification {
    /// `tcp`, `udp`, `-1` or a number.
    pub ip_protocol: String,
    /// The lowest port; `None` with all protocols.
    pub from_port: Option<u16>,
    /// The highest port; `None` with all protocols.
    pub to_port: Option<u16>,
    /// The addresses at the other end, as text, since AWS may hold any.
    pub cidr_ipv4: Option<PrivateRange>,
    /// The security group at the other end.
    pub referenced_group_id: Option<Id<SecurityGroup>>,
    /// What the rule is for.
    pub description: Option<String>,
}

/// A rule as EC2 reports it.
#[derive(Clone, Debug)]
pub struct RuleDescription {
    /// The id.
    pub id: Id<SecurityGroupRule>,
    /// The group.
    pub group_id: Id<SecurityGroup>,
    /// Which way.
    pub direction: Direction,
    /// What it allows.
    pub rule: RuleSpecification,
    /// All tags.
    pub tags: Tags,
}

/// A subnet group as ElastiCache reports it.
#[derive(Clone, Debug)]
pub struct CacheSubnetGroupDescription {
    /// The name.
    pub name: Id<CacheSubnetGroup>,
    /// The description.
    pub description: String,
    /// The VPC of all subnets.
    pub vpc_id: Id<Vpc>,
    /// The subnets.
    pub subnet_ids: BTreeSet<Id<Subnet>>,
    /// The ARN.
    pub arn: Arn,
}

/// A parameter group as ElastiCache reports it.
#[derive(Clone, Debug)]
pub struct CacheParameterGroupDescription {
    /// The name.
    pub name: Id<CacheParameterGroup>,
    /// The family, as text, since AWS has families that a program cannot name.
    pub family: String,
    /// The description.
    pub description: String,
    /// The ARN.
    pub arn: Arn,
}

/// A replication group as ElastiCache reports it. What is missing here, its member clusters tell.
#[derive(Clone, Debug)]
pub struct ReplicationGroupDescription {
    /// The id.
    pub id: Id<ReplicationGroup>,
    /// `creating`, `available`, `modifying`, `deleting`, `create-failed` or `snapshotting`.
    pub status: String,
    /// The description.
    pub description: String,
    /// The ARN.
    pub arn: Arn,
    /// Redis or Valkey.
    pub engine: EngineKind,
    /// The ids of the nodes' clusters, the first one first.
    pub member_clusters: Vec<String>,
    /// Whether the keys are divided between shards.
    pub cluster_enabled: bool,
    /// The shards, of which a cache that is not divided has one.
    pub node_groups: Vec<NodeGroupDescription>,
    /// The zones that the nodes stand in; none where that is not told of each node.
    pub node_zones: BTreeSet<AvailabilityZone>,
    /// The address at which the shards are found; only of a cache that is divided, which has neither of the two below.
    pub configuration_endpoint: Option<Endpoint>,
    /// The node type.
    pub node_type: String,
    /// Whether a replica takes over by itself.
    pub automatic_failover_enabled: bool,
    /// Whether the nodes stand in several zones.
    pub multi_az_enabled: bool,
    /// The address that writes go to; `None` while it is created.
    pub primary_endpoint: Option<Endpoint>,
    /// The address that reads go to; `None` while it is created.
    pub reader_endpoint: Option<Endpoint>,
    /// For how many days snapshots are kept.
    pub snapshot_retention_limit: u8,
    /// When snapshots are taken.
    pub snapshot_window: Option<String>,
    /// Whether there is an AUTH token.
    pub auth_token_enabled: bool,
    /// The attached user groups.
    pub user_group_ids: Vec<Id<UserGroup>>,
    /// Whether data at rest is encrypted.
    pub at_rest_encryption_enabled: bool,
    /// The key; `None` for AWS's own.
    pub kms_key_id: Option<KmsKeyArn>,
    /// Whether TLS is on.
    pub transit_encryption_enabled: bool,
    /// `preferred` or `required`.
    pub transit_encryption_mode: Option<String>,
    /// Whether minor versions come by themselves.
    pub auto_minor_version_upgrade: bool,
    /// Whether data tiering is on.
    pub data_tiering_enabled: bool,
    /// The addresses of the nodes.
    pub network_type: NetworkType,
    /// The addresses that discovery answers with.
    pub ip_discovery: IpDiscovery,
    /// Where the logs are delivered to.
    pub log_delivery: BTreeSet<LogDelivery>,
    /// The names of what is being changed, as in `UserGroups`; empty if nothing is.
    pub pending_modified_values: Vec<String>,
}

/// A shard as ElastiCache reports it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NodeGroupDescription {
    /// The id: four digits, from `0001`.
    pub id: String,
    /// How many nodes it has, the primary included.
    pub nodes: u8,
}

/// A change of where one of a cache's logs is delivered to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogDeliveryChange {
    /// The log is delivered as this says, in place of how it was.
    Enable(LogDelivery),
    /// The log is not delivered any more.
    Disable(LogType),
}

/// Where a cache is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// The host name.
    pub address: String,
    /// The port.
    pub port: u16,
}

/// A member cluster of a replication group as ElastiCache reports it.
#[derive(Clone, Debug)]
pub struct CacheClusterDescription {
    /// The id.
    pub id: String,
    /// `creating`, `available`, `modifying`, `deleting` and more.
    pub status: String,
    /// The version with its patch level.
    pub engine_version: String,
    /// The parameter group.
    pub parameter_group_name: Id<CacheParameterGroup>,
    /// The subnet group.
    pub subnet_group_name: Id<CacheSubnetGroup>,
    /// The security groups.
    pub security_group_ids: BTreeSet<Id<SecurityGroup>>,
    /// The weekly window.
    pub maintenance_window: String,
    /// The topic of events, if one is active.
    pub notification_topic_arn: Option<TopicArn>,
}

/// What becomes of the AUTH token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenStrategy {
    /// The new token is accepted beside the old one, or beside no token.
    Rotate,
    /// Only this token is accepted.
    Set,
    /// There is no token any more; only together with the user group that takes over.
    Delete,
}

/// How a user logs in, with the passwords themselves: it stands only in the call that sends it.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// By IAM.
    Iam,
    /// By one of these passwords.
    Passwords(Vec<SecretString>),
    /// Without.
    NoPassword,
}

/// A user as ElastiCache reports it.
#[derive(Clone, Debug)]
pub struct UserDescription {
    /// The id.
    pub id: Id<RedisUser>,
    /// The name that clients log in by.
    pub user_name: String,
    /// `active`, `modifying` or `deleting`.
    pub status: String,
    /// Redis or Valkey.
    pub engine: EngineKind,
    /// The rules, in AWS's own order.
    pub access_string: String,
    /// `iam`, `password` or, unlike in requests, `no-password`.
    pub authentication_type: String,
    /// How many passwords there are.
    pub password_count: u8,
    /// The groups that the user is in.
    pub user_group_ids: Vec<Id<UserGroup>>,
    /// The ARN.
    pub arn: Arn,
}

/// A user group as ElastiCache reports it.
#[derive(Clone, Debug)]
pub struct UserGroupDescription {
    /// The id.
    pub id: Id<UserGroup>,
    /// `creating`, `active`, `modifying` or `deleting`.
    pub status: String,
    /// Redis or Valkey.
    pub engine: EngineKind,
    /// The users.
    pub user_ids: BTreeSet<Id<RedisUser>>,
    /// The replication groups that use it.
    pub replication_groups: Vec<Id<ReplicationGroup>>,
    /// The ARN.
    pub arn: Arn,
}

/// A secret as Secrets Manager reports it, without its value.
#[derive(Clone, Debug)]
pub struct SecretDescription {
    /// The ARN.
    pub arn: Id<Secret>,
    /// The name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The key; `None` for AWS's own.
    pub kms_key_id: Option<KmsKeyArn>,
    /// Whether a deletion is scheduled: such a secret counts as absent.
    pub deleted: bool,
    /// The ids of the versions of the value, the current one first.
    pub version_ids: Vec<String>,
    /// All tags.
    pub tags: Tags,
}

/// A flow log as EC2 reports it.
#[derive(Clone, Debug)]
pub struct FlowLogDescription {
    /// The id.
    pub id: Id<FlowLog>,
    /// `ACTIVE`; AWS has no other.
    pub status: String,
    /// The VPC whose traffic is recorded.
    pub vpc_id: Id<Vpc>,
    /// The log group.
    pub log_destination: LogGroupArn,
    /// The role by which the records get there; `None` where they go to a place that takes none.
    pub role: Option<RoleArn>,
    /// `ALL`, `ACCEPT` or `REJECT`, as text, since AWS has one that a program cannot name.
    pub traffic_type: String,
    /// How long packets are put together; `None` for an interval that this version does not know.
    pub max_aggregation_interval: Option<AggregationInterval>,
    /// All tags.
    pub tags: Tags,
}

/// A role as IAM reports it.
#[derive(Clone, Debug)]
pub struct RoleDescription {
    /// The name.
    pub name: Id<FlowLogRole>,
    /// The ARN.
    pub arn: RoleArn,
    /// Who may take on the role.
    pub assume_role_policy: PolicyDocument,
    /// All tags.
    pub tags: Tags,
}

/// A key as KMS reports it.
#[derive(Clone, Debug)]
pub struct KeyDescription {
    /// The ARN.
    pub arn: Id<KmsKey>,
    /// What the key is for; empty without.
    pub description: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` and others.
    pub state: String,
}

/// A log group as CloudWatch Logs reports it.
#[derive(Clone, Debug)]
pub struct LogGroupDescription {
    /// The name.
    pub name: Id<LogGroup>,
    /// The ARN, without the `:*` that stands for the streams.
    pub arn: Arn,
    /// The retention; `None` where entries are kept for ever.
    pub retention: Option<LogRetention>,
    /// The key; `None` for AWS's own.
    pub kms_key_id: Option<KmsKeyArn>,
    /// The class.
    pub class: LogGroupClass,
}
