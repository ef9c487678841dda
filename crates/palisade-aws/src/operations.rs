//! Every AWS call that Palisade makes, as a typed operation.
//!
//! The list below is the only one: from it come the structs, the [`Request`] that a [`Backend`](crate::Backend) answers,
//! and the [`Response`]. A backend matches the requests exhaustively, so that one that forgets a call does not compile.

use std::collections::{BTreeMap, BTreeSet};

use palisade_core::Id;
use secrecy::SecretString;

use crate::{
    resources::{
        CacheParameterGroup, CacheSubnetGroup, FlowLog, FlowLogRole, KmsKey, LogGroup, NetworkAcl, RedisUser,
        ReplicationGroup, RouteTable, Secret, SecurityGroup, SecurityGroupRule, Subnet, UserGroup, Vpc,
    },
    shapes::{
        CacheClusterDescription, CacheParameterGroupDescription, CacheSubnetGroupDescription, Credentials,
        FlowLogDescription, KeyDescription, LogDeliveryChange, LogGroupDescription, NetworkAclDescription,
        NetworkAclEntryDescription, ReplicationGroupDescription, RoleDescription, RouteTableDescription,
        RuleDescription, RuleSpecification, SecretDescription, SecurityGroupDescription, Select, SelectNetworkAcls,
        SelectRouteTables, SelectRules, SelectSecurityGroups, SelectTags, SubnetAttribute, SubnetDescription,
        TagDescription, TokenStrategy, UserDescription, UserGroupDescription, VpcAttribute, VpcDescription,
    },
    types::{
        AccessString, AggregationInterval, Arn, AvailabilityZone, Cidr, DeletionWindow, Description, Direction,
        EngineKind, EngineVersion, IpDiscovery, KmsAlias, KmsKeyArn, LogDelivery, LogGroupArn, LogGroupClass,
        LogGroupName, LogRetention, MaintenanceWindow, Name, NetworkType, NodeCount, NodeType, ParameterGroupFamily,
        PolicyDocument, Port, RecoveryWindow, Replicas, RoleArn, RoleName, RotationPeriod, SecretName,
        SecurityGroupName, Shards, SnapshotRetention, SnapshotWindow, Tags, Tenancy, TopicArn, TrafficType, UserName,
    },
};

/// An AWS service.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Service {
    /// EC2, with the VPCs.
    Ec2,
    /// ElastiCache.
    ElastiCache,
    /// Secrets Manager.
    SecretsManager,
    /// The Key Management Service.
    Kms,
    /// CloudWatch Logs.
    Logs,
    /// IAM, which is the same in all regions.
    Iam,
}

impl Service {
    /// How many services there are.
    pub(crate) const COUNT: usize = 6;

    /// The service as permissions name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::ElastiCache => "elasticache",
            Self::SecretsManager => "secretsmanager",
            Self::Kms => "kms",
            Self::Logs => "logs",
            Self::Iam => "iam",
        }
    }
}

/// Whether a call changes anything.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Effect {
    /// It only tells.
    Read,
    /// It changes something.
    Write,
}

/// A call without its request: what a permission is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Call {
    /// The service as permissions name it, as in `ec2`.
    pub service: &'static str,
    /// The action, as in `CreateVpc`.
    pub action: &'static str,
    /// Whether it changes anything.
    pub writes: bool,
}

/// One AWS call. Its fields are what is sent; its output is what is used of the answer.
pub trait Operation: Clone + Into<Request> + Send + 'static {
    /// What is used of the answer.
    type Output: Send + 'static;

    /// The service that answers.
    const SERVICE: Service;

    /// The action's name, as in `CreateVpc`.
    const ACTION: &'static str;

    /// Whether it changes anything.
    const EFFECT: Effect;

    /// The call without its request, as permissions name it.
    const CALL: Call =
        Call { service: Self::SERVICE.as_str(), action: Self::ACTION, writes: matches!(Self::EFFECT, Effect::Write) };

    /// The output in `response`, or `None` where a backend answered another operation's.
    fn output(response: Response) -> Option<Self::Output>;
}

/// What AWS calls an operation. It is our name for it, unless another service has an action of that name.
macro_rules! action {
    ($action:ident) => {
        stringify!($action)
    };
    ($action:ident $wire:ident) => {
        stringify!($wire)
    };
}

macro_rules! operations {
    ($(
        $service:ident $documentation:literal {
            $( $effect:ident $action:ident $(as $wire:ident)? { $($field:ident: $type:ty),* $(,)? } -> $output:ident { $($out:ident: $out_type:ty),* $(,)? } )*
        }
    )*) => {
        $($(
            #[doc = concat!(
                "The call [`", action!($action $($wire)?), "`](", $documentation, action!($action $($wire)?), ".html)."
            )]
            #[derive(Clone, Debug)]
            pub struct $action {
                $( #[doc = concat!("The request's `", stringify!($field), "`.")] pub $field: $type, )*
            }

            #[doc = concat!("What is used of the answer to [`", stringify!($action), "`].")]
            #[derive(Clone, Debug)]
            pub struct $output {
                $( #[doc = concat!("The answer's `", stringify!($out), "`.")] pub $out: $out_type, )*
            }

            impl Operation for $action {
                type Output = $output;
                const SERVICE: Service = Service::$service;
                const ACTION: &'static str = action!($action $($wire)?);
                const EFFECT: Effect = Effect::$effect;

                fn output(response: Response) -> Option<$output> {
                    match response {
                        Response::$action(output) => Some(output),
                        _ => None,
                    }
                }
            }

            impl From<$action> for Request {
                fn from(operation: $action) -> Self {
                    Self::$action(operation)
                }
            }
        )*)*

        /// Any of the calls.
        #[derive(Clone, Debug)]
        pub enum Request {
            $($( #[doc = concat!("The call [`", stringify!($action), "`].")] $action($action), )*)*
        }

        /// The answer to any of the calls.
        #[derive(Clone, Debug)]
        pub enum Response {
            $($( #[doc = concat!("The answer to [`", stringify!($action), "`].")] $action($output), )*)*
        }

        impl Request {
            /// The action's name, as in `CreateVpc`.
            pub fn action(&self) -> &'static str {
                match self { $($( Self::$action(_) => action!($action $($wire)?), )*)* }
            }

            /// The service that answers.
            pub fn service(&self) -> Service {
                match self { $($( Self::$action(_) => Service::$service, )*)* }
            }

            /// Whether it changes anything.
            pub fn effect(&self) -> Effect {
                match self { $($( Self::$action(_) => Effect::$effect, )*)* }
            }
        }
    };
}

operations! {
    Ec2 "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_" {
        Write CreateVpc { cidr_block: Cidr, instance_tenancy: Tenancy, tags: Tags } -> CreateVpcOutput { vpc_id: Id<Vpc> }
        Read DescribeVpcs { select: Select<Vpc> } -> DescribeVpcsOutput { vpcs: Vec<VpcDescription> }
        Read DescribeVpcAttribute { vpc_id: Id<Vpc>, attribute: VpcAttribute } -> DescribeVpcAttributeOutput { enabled: bool }
        Write ModifyVpcAttribute { vpc_id: Id<Vpc>, attribute: VpcAttribute, enabled: bool } -> ModifyVpcAttributeOutput {}
        Write ModifyVpcTenancy { vpc_id: Id<Vpc> } -> ModifyVpcTenancyOutput {}
        Write DeleteVpc { vpc_id: Id<Vpc> } -> DeleteVpcOutput {}

        Write CreateSubnet { vpc_id: Id<Vpc>, cidr_block: Cidr, availability_zone: AvailabilityZone, tags: Tags }
            -> CreateSubnetOutput { subnet_id: Id<Subnet> }
        Read DescribeSubnets { select: Select<Subnet> } -> DescribeSubnetsOutput { subnets: Vec<SubnetDescription> }
        Write ModifySubnetAttribute { subnet_id: Id<Subnet>, attribute: SubnetAttribute } -> ModifySubnetAttributeOutput {}
        Write DeleteSubnet { subnet_id: Id<Subnet> } -> DeleteSubnetOutput {}

        Write CreateRouteTable { vpc_id: Id<Vpc>, client_token: String, tags: Tags }
            -> CreateRouteTableOutput { route_table_id: Id<RouteTable> }
        Read DescribeRouteTables { select: SelectRouteTables }
            -> DescribeRouteTablesOutput { route_tables: Vec<RouteTableDescription> }
        Write AssociateRouteTable { route_table_id: Id<RouteTable>, subnet_id: Id<Subnet> }
            -> AssociateRouteTableOutput { association_id: String }
        Write ReplaceRouteTableAssociation { association_id: String, route_table_id: Id<RouteTable> }
            -> ReplaceRouteTableAssociationOutput { association_id: String }
        Write DisassociateRouteTable { association_id: String } -> DisassociateRouteTableOutput {}
        Write DeleteRouteTable { route_table_id: Id<RouteTable> } -> DeleteRouteTableOutput {}

        Write CreateSecurityGroup { vpc_id: Id<Vpc>, group_name: SecurityGroupName, description: Description, tags: Tags }
            -> CreateSecurityGroupOutput { group_id: Id<SecurityGroup> }
        Read DescribeSecurityGroups { select: SelectSecurityGroups }
            -> DescribeSecurityGroupsOutput { security_groups: Vec<SecurityGroupDescription> }
        Write DeleteSecurityGroup { group_id: Id<SecurityGroup> } -> DeleteSecurityGroupOutput {}
        Write AuthorizeSecurityGroupIngress { group_id: Id<SecurityGroup>, rule: RuleSpecification, tags: Tags }
            -> AuthorizeSecurityGroupIngressOutput { rule_id: Id<SecurityGroupRule> }
        Write AuthorizeSecurityGroupEgress { group_id: Id<SecurityGroup>, rule: RuleSpecification, tags: Tags }
            -> AuthorizeSecurityGroupEgressOutput { rule_id: Id<SecurityGroupRule> }
        Read DescribeSecurityGroupRules { select: SelectRules } -> DescribeSecurityGroupRulesOutput { rules: Vec<RuleDescription> }
        Write ModifySecurityGroupRules { group_id: Id<SecurityGroup>, rule_id: Id<SecurityGroupRule>, rule: RuleSpecification }
            -> ModifySecurityGroupRulesOutput {}
        Write RevokeSecurityGroupIngress { group_id: Id<SecurityGroup>, rule_ids: Vec<Id<SecurityGroupRule>> }
            -> RevokeSecurityGroupIngressOutput {}
        Write RevokeSecurityGroupEgress { group_id: Id<SecurityGroup>, rule_ids: Vec<Id<SecurityGroupRule>> }
            -> RevokeSecurityGroupEgressOutput {}

        Write CreateNetworkAcl { vpc_id: Id<Vpc>, client_token: String, tags: Tags }
            -> CreateNetworkAclOutput { network_acl_id: Id<NetworkAcl> }
        Read DescribeNetworkAcls { select: SelectNetworkAcls }
            -> DescribeNetworkAclsOutput { network_acls: Vec<NetworkAclDescription> }
        Write CreateNetworkAclEntry { network_acl_id: Id<NetworkAcl>, entry: NetworkAclEntryDescription }
            -> CreateNetworkAclEntryOutput {}
        Write ReplaceNetworkAclEntry { network_acl_id: Id<NetworkAcl>, entry: NetworkAclEntryDescription }
            -> ReplaceNetworkAclEntryOutput {}
        Write DeleteNetworkAclEntry { network_acl_id: Id<NetworkAcl>, direction: Direction, rule_number: u16 }
            -> DeleteNetworkAclEntryOutput {}
        Write ReplaceNetworkAclAssociation { association_id: String, network_acl_id: Id<NetworkAcl> }
            -> ReplaceNetworkAclAssociationOutput { association_id: String }
        Write DeleteNetworkAcl { network_acl_id: Id<NetworkAcl> } -> DeleteNetworkAclOutput {}

        Write CreateFlowLogs {
            vpc_id: Id<Vpc>, log_destination: LogGroupArn, role: RoleArn, traffic_type: TrafficType,
            max_aggregation_interval: AggregationInterval, client_token: String, tags: Tags,
        } -> CreateFlowLogsOutput { flow_log_id: Id<FlowLog> }
        Read DescribeFlowLogs { select: Select<FlowLog> } -> DescribeFlowLogsOutput { flow_logs: Vec<FlowLogDescription> }
        Write DeleteFlowLogs { flow_log_id: Id<FlowLog> } -> DeleteFlowLogsOutput {}

        Read DescribeTags { select: SelectTags } -> DescribeTagsOutput { tags: Vec<TagDescription> }
        Write CreateTags { resource_id: String, tags: Tags } -> CreateTagsOutput {}
        Write DeleteTags { resource_id: String, keys: Vec<String> } -> DeleteTagsOutput {}
    }

    ElastiCache "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_" {
        Write CreateCacheSubnetGroup { name: Name, description: String, subnet_ids: BTreeSet<Id<Subnet>>, tags: Tags }
            -> CreateCacheSubnetGroupOutput {}
        Read DescribeCacheSubnetGroups { ids: Vec<Id<CacheSubnetGroup>> }
            -> DescribeCacheSubnetGroupsOutput { groups: Vec<CacheSubnetGroupDescription> }
        Write ModifyCacheSubnetGroup { name: Id<CacheSubnetGroup>, description: String, subnet_ids: BTreeSet<Id<Subnet>> }
            -> ModifyCacheSubnetGroupOutput {}
        Write DeleteCacheSubnetGroup { name: Id<CacheSubnetGroup> } -> DeleteCacheSubnetGroupOutput {}

        Write CreateCacheParameterGroup { name: Name, family: ParameterGroupFamily, description: String, tags: Tags }
            -> CreateCacheParameterGroupOutput {}
        Read DescribeCacheParameterGroups { ids: Vec<Id<CacheParameterGroup>> }
            -> DescribeCacheParameterGroupsOutput { groups: Vec<CacheParameterGroupDescription> }
        Read DescribeCacheParameters { name: Id<CacheParameterGroup> }
            -> DescribeCacheParametersOutput { user_parameters: BTreeMap<String, String> }
        Write ModifyCacheParameterGroup { name: Id<CacheParameterGroup>, parameters: BTreeMap<String, String> }
            -> ModifyCacheParameterGroupOutput {}
        Write ResetCacheParameterGroup { name: Id<CacheParameterGroup>, parameter_names: BTreeSet<String> }
            -> ResetCacheParameterGroupOutput {}
        Write DeleteCacheParameterGroup { name: Id<CacheParameterGroup> } -> DeleteCacheParameterGroupOutput {}

        Write CreateReplicationGroup {
            replication_group_id: Name, description: String, engine: EngineKind, engine_version: EngineVersion,
            node_type: NodeType, num_cache_clusters: Option<NodeCount>, num_node_groups: Option<Shards>,
            replicas_per_node_group: Option<Replicas>, automatic_failover_enabled: bool, multi_az_enabled: bool,
            parameter_group_name: Option<Id<CacheParameterGroup>>, subnet_group_name: Id<CacheSubnetGroup>,
            security_group_ids: BTreeSet<Id<SecurityGroup>>, port: Port, kms_key_id: Option<KmsKeyArn>,
            auth_token: Option<SecretString>, user_group_id: Option<Id<UserGroup>>,
            snapshot_retention_limit: SnapshotRetention, snapshot_window: Option<SnapshotWindow>,
            maintenance_window: Option<MaintenanceWindow>, auto_minor_version_upgrade: bool,
            notification_topic_arn: Option<TopicArn>, data_tiering_enabled: bool, network_type: NetworkType,
            ip_discovery: IpDiscovery, log_delivery: BTreeSet<LogDelivery>, tags: Tags,
        } -> CreateReplicationGroupOutput {}
        Read DescribeReplicationGroups { ids: Vec<Id<ReplicationGroup>> }
            -> DescribeReplicationGroupsOutput { groups: Vec<ReplicationGroupDescription> }
        Read DescribeCacheClusters { ids: Vec<String> } -> DescribeCacheClustersOutput { clusters: Vec<CacheClusterDescription> }
        Write ModifyReplicationGroup {
            replication_group_id: Id<ReplicationGroup>, description: Option<String>, engine: Option<EngineKind>,
            engine_version: Option<EngineVersion>, node_type: Option<NodeType>, automatic_failover_enabled: Option<bool>,
            multi_az_enabled: Option<bool>, parameter_group_name: Option<Id<CacheParameterGroup>>,
            security_group_ids: Option<BTreeSet<Id<SecurityGroup>>>, auth_token: Option<(TokenStrategy, Option<SecretString>)>,
            add_user_group: Option<Id<UserGroup>>, remove_user_group: Option<Id<UserGroup>>,
            snapshot_retention_limit: Option<SnapshotRetention>, snapshot_window: Option<SnapshotWindow>,
            maintenance_window: Option<MaintenanceWindow>, auto_minor_version_upgrade: Option<bool>,
            notification_topic: Option<Option<TopicArn>>, ip_discovery: Option<IpDiscovery>,
            log_delivery: Vec<LogDeliveryChange>,
        } -> ModifyReplicationGroupOutput {}
        Write IncreaseReplicaCount { replication_group_id: Id<ReplicationGroup>, new_replica_count: u8 }
            -> IncreaseReplicaCountOutput {}
        Write DecreaseReplicaCount { replication_group_id: Id<ReplicationGroup>, new_replica_count: u8 }
            -> DecreaseReplicaCountOutput {}
        Write ModifyReplicationGroupShardConfiguration {
            replication_group_id: Id<ReplicationGroup>, node_group_count: Shards, node_groups_to_remove: Vec<String>,
        } -> ModifyReplicationGroupShardConfigurationOutput {}
        Read DescribeSnapshots { names: Vec<Name> } -> DescribeSnapshotsOutput { names: Vec<String> }
        Write DeleteReplicationGroup { replication_group_id: Id<ReplicationGroup>, final_snapshot_identifier: Option<Name> }
            -> DeleteReplicationGroupOutput {}

        Write CreateUser {
            user_id: Name, user_name: UserName, engine: EngineKind, access_string: AccessString, credentials: Credentials,
            tags: Tags,
        } -> CreateUserOutput {}
        Read DescribeUsers { ids: Vec<Id<RedisUser>> } -> DescribeUsersOutput { users: Vec<UserDescription> }
        Write ModifyUser {
            user_id: Id<RedisUser>, engine: Option<EngineKind>, access_string: Option<AccessString>,
            credentials: Option<Credentials>,
        } -> ModifyUserOutput {}
        Write DeleteUser { user_id: Id<RedisUser> } -> DeleteUserOutput {}

        Write CreateUserGroup { user_group_id: Name, engine: EngineKind, user_ids: BTreeSet<Id<RedisUser>>, tags: Tags }
            -> CreateUserGroupOutput {}
        Read DescribeUserGroups { ids: Vec<Id<UserGroup>> } -> DescribeUserGroupsOutput { groups: Vec<UserGroupDescription> }
        Write ModifyUserGroup {
            user_group_id: Id<UserGroup>, engine: Option<EngineKind>, add: BTreeSet<Id<RedisUser>>,
            remove: BTreeSet<Id<RedisUser>>,
        } -> ModifyUserGroupOutput {}
        Write DeleteUserGroup { user_group_id: Id<UserGroup> } -> DeleteUserGroupOutput {}

        Read ListTagsForResource { arn: Arn } -> ListTagsForResourceOutput { tags: Tags }
        Write AddTagsToResource { arn: Arn, tags: Tags } -> AddTagsToResourceOutput {}
        Write RemoveTagsFromResource { arn: Arn, keys: Vec<String> } -> RemoveTagsFromResourceOutput {}
    }

    SecretsManager "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_" {
        Write CreateSecret {
            name: SecretName, description: Option<String>, kms_key_id: Option<KmsKeyArn>, client_request_token: String,
            tags: Tags,
        } -> CreateSecretOutput { arn: Id<Secret> }
        Read DescribeSecret { secret_id: String } -> DescribeSecretOutput { secret: SecretDescription }
        Write UpdateSecret { secret_id: Id<Secret>, description: Option<String>, kms_key_id: Option<KmsKeyArn> }
            -> UpdateSecretOutput {}
        Write PutSecretValue { secret_id: Id<Secret>, client_request_token: String, value: SecretString }
            -> PutSecretValueOutput { version_id: String }
        Read GetSecretValue { secret_id: Id<Secret>, version_id: String } -> GetSecretValueOutput { value: SecretString }
        Read GetRandomPassword { length: u8, exclude_punctuation: bool } -> GetRandomPasswordOutput { value: SecretString }
        Write DeleteSecret { secret_id: Id<Secret>, recovery_window: RecoveryWindow } -> DeleteSecretOutput {}
        Write RestoreSecret { secret_id: Id<Secret> } -> RestoreSecretOutput {}
        Write TagResource { secret_id: Id<Secret>, tags: Tags } -> TagResourceOutput {}
        Write UntagResource { secret_id: Id<Secret>, keys: Vec<String> } -> UntagResourceOutput {}
    }

    Iam "https://docs.aws.amazon.com/IAM/latest/APIReference/API_" {
        Write CreateRole { role_name: RoleName, assume_role_policy: PolicyDocument, tags: Tags } -> CreateRoleOutput {}
        Read GetRole { role_name: Id<FlowLogRole> } -> GetRoleOutput { role: RoleDescription }
        Write UpdateAssumeRolePolicy { role_name: Id<FlowLogRole>, policy: PolicyDocument } -> UpdateAssumeRolePolicyOutput {}
        Write PutRolePolicy { role_name: Id<FlowLogRole>, policy_name: String, policy: PolicyDocument }
            -> PutRolePolicyOutput {}
        Read GetRolePolicy { role_name: Id<FlowLogRole>, policy_name: String }
            -> GetRolePolicyOutput { policy: PolicyDocument }
        Write DeleteRolePolicy { role_name: Id<FlowLogRole>, policy_name: String } -> DeleteRolePolicyOutput {}
        Write DeleteRole { role_name: Id<FlowLogRole> } -> DeleteRoleOutput {}
        Write TagRole { role_name: Id<FlowLogRole>, tags: Tags } -> TagRoleOutput {}
        Write UntagRole { role_name: Id<FlowLogRole>, keys: Vec<String> } -> UntagRoleOutput {}
    }

    Kms "https://docs.aws.amazon.com/kms/latest/APIReference/API_" {
        Write CreateKey { description: Option<String>, tags: Tags } -> CreateKeyOutput { arn: Id<KmsKey> }
        Read DescribeKey { key_id: String } -> DescribeKeyOutput { key: KeyDescription }
        Read ListKeys {} -> ListKeysOutput { keys: Vec<Id<KmsKey>> }
        Write UpdateKeyDescription { key_id: Id<KmsKey>, description: String } -> UpdateKeyDescriptionOutput {}
        Read GetKeyPolicy { key_id: Id<KmsKey> } -> GetKeyPolicyOutput { policy: String }
        Write PutKeyPolicy { key_id: Id<KmsKey>, policy: String } -> PutKeyPolicyOutput {}
        Read GetKeyRotationStatus { key_id: Id<KmsKey> } -> GetKeyRotationStatusOutput { period: Option<RotationPeriod> }
        Write EnableKeyRotation { key_id: Id<KmsKey>, period: RotationPeriod } -> EnableKeyRotationOutput {}
        Write CreateAlias { key_id: Id<KmsKey>, alias: KmsAlias } -> CreateAliasOutput {}
        Read ListAliases { key_id: Id<KmsKey> } -> ListAliasesOutput { aliases: Vec<KmsAlias> }
        Write DeleteAlias { alias: KmsAlias } -> DeleteAliasOutput {}
        Read ListResourceTags { key_id: Id<KmsKey> } -> ListResourceTagsOutput { tags: Tags }
        Write TagKey as TagResource { key_id: Id<KmsKey>, tags: Tags } -> TagKeyOutput {}
        Write UntagKey as UntagResource { key_id: Id<KmsKey>, keys: Vec<String> } -> UntagKeyOutput {}
        Write ScheduleKeyDeletion { key_id: Id<KmsKey>, window: DeletionWindow } -> ScheduleKeyDeletionOutput {}
    }

    Logs "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_" {
        Write CreateLogGroup { name: LogGroupName, kms_key_id: Option<KmsKeyArn>, class: LogGroupClass, tags: Tags }
            -> CreateLogGroupOutput {}
        Read DescribeLogGroups { name: Id<LogGroup> } -> DescribeLogGroupsOutput { group: Option<LogGroupDescription> }
        Write PutRetentionPolicy { name: Id<LogGroup>, retention: LogRetention } -> PutRetentionPolicyOutput {}
        Write AssociateKmsKey { name: Id<LogGroup>, kms_key_id: KmsKeyArn } -> AssociateKmsKeyOutput {}
        Write DisassociateKmsKey { name: Id<LogGroup> } -> DisassociateKmsKeyOutput {}
        Read ListLogGroupTags as ListTagsForResource { arn: Arn } -> ListLogGroupTagsOutput { tags: Tags }
        Write TagLogGroup as TagResource { arn: Arn, tags: Tags } -> TagLogGroupOutput {}
        Write UntagLogGroup as UntagResource { arn: Arn, keys: Vec<String> } -> UntagLogGroupOutput {}
        Write DeleteLogGroup { name: Id<LogGroup> } -> DeleteLogGroupOutput {}
    }
}

impl ModifyReplicationGroup {
    /// A request about the group `id` that changes nothing yet.
    pub fn unchanged(id: &Id<ReplicationGroup>) -> Self {
        Self {
            replication_group_id: id.clone(),
            description: None,
            engine: None,
            engine_version: None,
            node_type: None,
            automatic_failover_enabled: None,
            multi_az_enabled: None,
            parameter_group_name: None,
            security_group_ids: None,
            auth_token: None,
            add_user_group: None,
            remove_user_group: None,
            snapshot_retention_limit: None,
            snapshot_window: None,
            maintenance_window: None,
            auto_minor_version_upgrade: None,
            notification_topic: None,
            ip_discovery: None,
            log_delivery: Vec::new(),
        }
    }
}
