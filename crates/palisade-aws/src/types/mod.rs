//! The types of the fields: each accepts only what AWS accepts, when the program is compiled where the value is a literal,
//! and with the same message when it runs.

#[macro_use]
mod checked;
mod access;
mod address_plan;
mod arn;
mod authentication;
mod cidr;
mod engine;
mod flow_log;
mod key_policy;
mod limits;
mod log_delivery;
mod log_group;
mod name;
mod network_acl;
mod node_type;
mod parameter;
mod placement;
mod port;
mod role;
mod tags;
mod window;

pub use access::{AccessRules, AccessString, Category};
pub use address_plan::PlannedSubnet;
pub(crate) use arn::Place;
pub use arn::{Arn, KmsKeyArn, LogGroupArn, RoleArn, TopicArn};
pub use authentication::{AuthenticationType, SecretRef, SecretSource, Variable};
pub use checked::CheckError;
pub use cidr::{Cidr, PrivateRange};
pub use engine::{
    Engine, EngineKind, EngineVersion, Family, IntoEngine, IntoFamily, ParameterGroupFamily, Redis, Redis7, Valkey,
    Valkey7, Valkey8, Valkey9,
};
pub(crate) use engine::{becomes_valkey, is_downgrade, is_minor_upgrade, leaves_valkey, upgraded};
pub use flow_log::{AggregationInterval, TrafficType};
pub use key_policy::KeyPolicy;
pub use limits::{DeletionWindow, NodeCount, RecoveryWindow, Replicas, RotationPeriod, Shards, SnapshotRetention};
pub use log_delivery::{LogDelivery, LogDestinationType, LogFormat, LogGroupName, LogType};
pub use log_group::{LogGroupClass, LogRetention};
pub(crate) use name::tells_a_password;
pub use name::{Description, KmsAlias, Name, SecretName, SecurityGroupName, UserName};
pub(crate) use network_acl::{MOST_ENTRIES, TOO_MANY};
pub use network_acl::{NetworkAclEntry, NetworkRule, NetworkRules, RuleAction, RuleNumber};
pub use node_type::NodeType;
pub use parameter::{ParameterProblem, parameter_names, parameter_problem};
pub use placement::{AvailabilityZone, HostnameType, IpDiscovery, NetworkType, Tenancy};
pub use port::{Direction, Port, Protocol};
pub use role::{PolicyDocument, RoleName, Trust};
#[doc(hidden)]
pub use tags::is_among;
pub use tags::{TagKey, TagValue, Tags};
pub use window::{MaintenanceWindow, SnapshotWindow, Windows};
