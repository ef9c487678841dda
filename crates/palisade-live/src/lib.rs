//! AWS itself, through the AWS SDKs: the only crate that knows one.
//!
//! [`Live`] sends each operation of `palisade-aws` as what the SDK calls it, and reads the answer back. There is no judgement
//! here: what to call, when to wait and what to repeat is decided there, once for every backend.

#[cfg(any(test, not(all(feature = "kms", feature = "logs", feature = "iam"))))]
mod absent;
mod answer;
mod connect;
mod ec2;
mod elasticache;
mod failure;
#[cfg(feature = "iam")]
mod iam;
#[cfg(feature = "kms")]
mod kms;
mod limiter;
#[cfg(feature = "logs")]
mod logs;
#[cfg(feature = "s3-state")]
mod s3_state;
mod secrets_manager;
mod service;

use std::{fmt, sync::Arc};

use palisade_aws::{
    Backend,
    operations::{Request, Response},
};
use palisade_core::provider::{BoxFuture, ProviderError, Turn, Unlimited};

pub use connect::{ConnectError, Identity, Target};
#[cfg(feature = "s3-state")]
pub use s3_state::S3Objects;
use service::Service;

#[cfg(feature = "kms")]
type Kms = Service<aws_sdk_kms::Client>;
#[cfg(not(feature = "kms"))]
type Kms = absent::Absent;

#[cfg(feature = "logs")]
type Logs = Service<aws_sdk_cloudwatchlogs::Client>;
#[cfg(not(feature = "logs"))]
type Logs = absent::Absent;

#[cfg(feature = "iam")]
type Iam = Service<aws_sdk_iam::Client>;
#[cfg(not(feature = "iam"))]
type Iam = absent::Absent;

/// An AWS account, reached over the network.
pub struct Live {
    region: String,
    ec2: Service<aws_sdk_ec2::Client>,
    elasticache: Service<aws_sdk_elasticache::Client>,
    secrets_manager: Service<aws_sdk_secretsmanager::Client>,
    kms: Kms,
    logs: Logs,
    iam: Iam,
}

impl Backend for Live {
    fn region(&self) -> &str {
        &self.region
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async { self.dispatch(&(Arc::new(Unlimited) as Arc<dyn Turn>), request).await })
    }

    fn answer_in_turn<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        request: Request,
    ) -> BoxFuture<'a, Result<Response, ProviderError>> {
        Box::pin(self.dispatch(turn, request))
    }
}

/// Sends each request by its service's client. There is no arm for "the others": an operation that is missing here does not
/// compile.
macro_rules! dispatch {
    ($live:ident, $turn:ident, $request:ident, $( $client:ident { $($action:ident)* } )*) => {
        match $request {
            $($( Request::$action(call) => $live.$client.in_turn($turn).answer(call).await.map(Response::$action), )*)*
        }
    };
}

impl Live {
    async fn dispatch(&self, turn: &Arc<dyn Turn>, request: Request) -> Result<Response, ProviderError> {
        dispatch! { self, turn, request,
            ec2 {
                CreateVpc DescribeVpcs DescribeVpcAttribute ModifyVpcAttribute ModifyVpcTenancy DeleteVpc
                CreateSubnet DescribeSubnets ModifySubnetAttribute DeleteSubnet
                CreateRouteTable DescribeRouteTables AssociateRouteTable ReplaceRouteTableAssociation
                DisassociateRouteTable DeleteRouteTable
                CreateSecurityGroup DescribeSecurityGroups DeleteSecurityGroup
                AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress DescribeSecurityGroupRules
                ModifySecurityGroupRules RevokeSecurityGroupIngress RevokeSecurityGroupEgress
                CreateNetworkAcl DescribeNetworkAcls CreateNetworkAclEntry ReplaceNetworkAclEntry
                DeleteNetworkAclEntry ReplaceNetworkAclAssociation DeleteNetworkAcl
                CreateFlowLogs DescribeFlowLogs DeleteFlowLogs
                DescribeTags CreateTags DeleteTags
            }
            elasticache {
                CreateCacheSubnetGroup DescribeCacheSubnetGroups ModifyCacheSubnetGroup DeleteCacheSubnetGroup
                CreateCacheParameterGroup DescribeCacheParameterGroups DescribeCacheParameters
                ModifyCacheParameterGroup ResetCacheParameterGroup DeleteCacheParameterGroup
                CreateReplicationGroup DescribeReplicationGroups DescribeCacheClusters DescribeSnapshots ModifyReplicationGroup
                IncreaseReplicaCount DecreaseReplicaCount ModifyReplicationGroupShardConfiguration
                DeleteReplicationGroup
                CreateUser DescribeUsers ModifyUser DeleteUser
                CreateUserGroup DescribeUserGroups ModifyUserGroup DeleteUserGroup
                ListTagsForResource AddTagsToResource RemoveTagsFromResource
            }
            secrets_manager {
                CreateSecret DescribeSecret UpdateSecret PutSecretValue GetSecretValue GetRandomPassword DeleteSecret
                RestoreSecret TagResource UntagResource
            }
            iam {
                CreateRole GetRole UpdateAssumeRolePolicy PutRolePolicy GetRolePolicy DeleteRolePolicy DeleteRole TagRole
                UntagRole
            }
            kms {
                CreateKey DescribeKey ListKeys UpdateKeyDescription GetKeyPolicy PutKeyPolicy GetKeyRotationStatus
                EnableKeyRotation CreateAlias ListAliases DeleteAlias ListResourceTags TagKey UntagKey
                ScheduleKeyDeletion
            }
            logs {
                CreateLogGroup DescribeLogGroups PutRetentionPolicy AssociateKmsKey DisassociateKmsKey
                ListLogGroupTags TagLogGroup UntagLogGroup DeleteLogGroup
            }
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("region", &self.region).finish_non_exhaustive()
    }
}
