//! What an error code of AWS means for what to do next.

use palisade_core::provider::{ErrorKind, ProviderError};

/// The error of a call to `action` that AWS answered with `code` and `message`.
///
/// The codes are those on the wire, which for ElastiCache are not always those of the documentation: some keep the suffix
/// `Fault`, and some do not.
pub fn failure(action: &str, code: &str, message: impl Into<String>) -> ProviderError {
    let message = message.into();
    ProviderError {
        kind: kind(code, &message),
        operation: action.to_owned(),
        help: help(code, &message).to_owned(),
        code: code.to_owned(),
        message,
    }
}

fn kind(code: &str, message: &str) -> ErrorKind {
    match code {
        // A user that has just been made cannot be tagged for a moment, and AWS says that it does not exist.
        "UserNotFound" if message.contains("not available for tagging") => ErrorKind::Transitional,
        "InvalidParameterCombination" if message.contains("No modifications were requested") => ErrorKind::NothingToDo,
        "NoOperationFault" => ErrorKind::NothingToDo,
        // A name is taken for as long as its secret can be restored, and for a moment longer.
        "InvalidRequestException" if message.contains("scheduled for deletion") => ErrorKind::AlreadyExists,
        "InvalidRequestException" if message.contains("was deleted") => ErrorKind::Transitional,

        // EC2 hears of a new role, and of whom it trusts, up to two minutes later than IAM says that it exists.
        "InvalidParameter" if message.contains("Unable to assume") => ErrorKind::Transitional,

        "InvalidReplicationGroupState"
        | "InvalidCacheClusterState"
        | "InvalidUserState"
        | "InvalidUserGroupState"
        | "InvalidCacheParameterGroupState"
        | "CacheSubnetGroupInUse"
        // Logs and IAM do one thing at a time to an object.
        | "OperationAbortedException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        // The policies of a role that was just emptied may still be seen.
        | "DeleteConflict"
        | "DependencyViolation"
        | "InvalidGroup.InUse"
        | "InsufficientCacheClusterCapacity" => ErrorKind::Transitional,

        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "EC2ThrottledException"
        | "APICallRateForCustomerExceeded"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "SlowDown" => ErrorKind::Throttled,

        "InternalError"
        | "InternalFailure"
        | "InternalServiceError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "ServiceFailure"
        | "ServiceFailureException"
        | "DependencyTimeoutException"
        | "KMSInternalException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "Unavailable" => ErrorKind::Service,

        "UnauthorizedOperation"
        | "AuthFailure"
        | "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "OptInRequired" => ErrorKind::Denied,

        "NoSuchEntity" => ErrorKind::NotFound,
        // It is about the caller, and not about the object: nothing is gone.
        "ServiceLinkedRoleNotFoundFault" => ErrorKind::Denied,
        // No two subnets have the same addresses; the other one may be the work of an earlier attempt.
        "ResourceExistsException" | "InvalidSubnet.Conflict" => ErrorKind::AlreadyExists,
        _ => by_form(code),
    }
}

/// The codes that follow a form. A limit that is exceeded is one on the number of objects: those on the rate of calls are
/// known by name.
fn by_form(code: &str) -> ErrorKind {
    let code = code.strip_suffix("Fault").or_else(|| code.strip_suffix("Exception")).unwrap_or(code);
    if code.ends_with("NotFound") {
        ErrorKind::NotFound
    } else if code.ends_with("AlreadyExists") || code.ends_with("Duplicate") || code.ends_with("AlreadyAssociated") {
        ErrorKind::AlreadyExists
    } else if code.contains("Quota") && code.ends_with("Exceeded") || code.ends_with("LimitExceeded") {
        ErrorKind::Quota
    } else {
        ErrorKind::Invalid
    }
}

fn help(code: &str, message: &str) -> &'static str {
    match code {
        // The value stands in Secrets Manager by now, so to supply another one is not enough.
        "InvalidParameterValue" if message.contains("AuthToken") || message.to_lowercase().contains("password") => {
            "the value of the secret does not fit: supply 16 to 128 letters and digits, and raise the secret's \
             `.generation(..)` so that it is put"
        }
        "DefaultUserRequired" => "add `RedisUser::disabled_default(name!(\"...\"))` to the group's users",
        "SnapshotAlreadyExistsFault" => {
            "a snapshot has got the name of the final snapshot since the plan was made: run the same command again, and the plan \
             says what to write"
        }
        "DuplicateUserName" => "give the users of a group names of their own",
        "InvalidSubnet.Conflict" => "give the subnet addresses that no other subnet of the VPC has",
        "InvalidSubnet.Range" => "give the subnet addresses inside the VPC's block",
        "SubnetInUse" => {
            "a node of a cache has come to stand in the subnet since the plan was made, and AWS does not move it: run the same \
             command again, and the plan shows what that takes"
        }
        "DeleteConflict" => {
            "somebody has given the role another policy: detach it in the console, and run the same command again"
        }
        "InvalidParameter" if message.contains("Unable to assume") => {
            "let the role trust `vpc-flow-logs.amazonaws.com`, as a `FlowLogRole` does"
        }
        "FlowLogAlreadyExists" => {
            "the VPC has a flow log to this log group already: delete that one, or name another log group"
        }
        "FlowLogsLimitExceeded" => "a VPC has two flow logs at most, of whatever program: delete one of them",
        "InsufficientCacheClusterCapacity" => "choose another node type or zone, or try again later",
        "ServiceLinkedRoleNotFoundFault" => {
            "allow the caller `iam:CreateServiceLinkedRole`, and try again in two minutes"
        }
        _ if by_form(code) == ErrorKind::Quota => "ask for a higher quota in the Service Quotas console, or use less",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of aws-semantics 1.4.
    #[test]
    fn codes_have_their_class() {
        let class = |code| failure("X", code, "").kind;
        for code in [
            "ReplicationGroupNotFoundFault",
            "CacheSubnetGroupNotFoundFault",
            "CacheParameterGroupNotFound",
            "UserNotFound",
            "UserGroupNotFound",
            "CacheClusterNotFound",
            "InvalidVpcID.NotFound",
            "InvalidSubnetID.NotFound",
            "InvalidRouteTableID.NotFound",
            "InvalidAssociationID.NotFound",
            "InvalidGroup.NotFound",
            "InvalidSecurityGroupRuleId.NotFound",
            "InvalidPermission.NotFound",
            "ResourceNotFoundException",
            "NotFoundException",
            "NoSuchEntity",
            "InvalidFlowLogId.NotFound",
            "InvalidNetworkAclID.NotFound",
            "InvalidNetworkAclEntry.NotFound",
        ] {
            assert_eq!(class(code), ErrorKind::NotFound, "{code}");
        }
        for code in [
            "ReplicationGroupAlreadyExists",
            "CacheSubnetGroupAlreadyExists",
            "CacheParameterGroupAlreadyExists",
            "UserAlreadyExists",
            "UserGroupAlreadyExists",
            "InvalidGroup.Duplicate",
            "InvalidPermission.Duplicate",
            "InvalidSubnet.Conflict",
            "Resource.AlreadyAssociated",
            "ResourceExistsException",
            "AlreadyExistsException",
            "FlowLogAlreadyExists",
            "NetworkAclEntryAlreadyExists",
            "ResourceAlreadyExistsException",
            "EntityAlreadyExists",
        ] {
            assert_eq!(class(code), ErrorKind::AlreadyExists, "{code}");
        }
        for code in [
            "ClusterQuotaForCustomerExceeded",
            "NodeQuotaForClusterExceeded",
            "CacheSubnetGroupQuotaExceeded",
            "CacheSubnetQuotaExceededFault",
            "UserGroupQuotaExceeded",
            "VpcLimitExceeded",
            "SubnetLimitExceeded",
            "RulesPerSecurityGroupLimitExceeded",
            "LimitExceededException",
            "LimitExceeded",
            "FlowLogsLimitExceeded",
            "NetworkAclLimitExceeded",
            "NetworkAclEntryLimitExceeded",
        ] {
            assert_eq!(class(code), ErrorKind::Quota, "{code}");
        }
        for code in [
            "InvalidParameterValue",
            "InvalidParameterCombination",
            "DefaultUserRequired",
            "DuplicateUserName",
            "DefaultUserAssociatedToUserGroup",
            "InvalidSubnet",
            "SubnetInUse",
            "InvalidVPCNetworkStateFault",
            "InvalidKMSKeyFault",
            "InvalidVpc.Range",
        ] {
            assert_eq!(class(code), ErrorKind::Invalid, "{code}");
        }
        assert_eq!(class("ServiceLinkedRoleNotFoundFault"), ErrorKind::Denied);
        for code in [
            "InvalidReplicationGroupState",
            "InvalidCacheClusterState",
            "InvalidUserState",
            "InvalidUserGroupState",
            "InvalidCacheParameterGroupState",
            "CacheSubnetGroupInUse",
            "OperationAbortedException",
            "ConcurrentModification",
            "ConcurrentModificationException",
            "DeleteConflict",
            "DependencyViolation",
            "InvalidGroup.InUse",
            "InsufficientCacheClusterCapacity",
        ] {
            assert_eq!(class(code), ErrorKind::Transitional, "{code}");
        }
        // That of EC2 looks like a quota.
        for code in [
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestLimitExceeded",
            "EC2ThrottledException",
            "APICallRateForCustomerExceeded",
            "RequestThrottled",
            "TooManyRequestsException",
            "SlowDown",
        ] {
            assert_eq!(class(code), ErrorKind::Throttled, "{code}");
        }
        for code in [
            "InternalError",
            "InternalFailure",
            "InternalServiceError",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "ServiceFailure",
            "ServiceFailureException",
            "DependencyTimeoutException",
            "KMSInternalException",
            "RequestTimeout",
            "RequestTimeoutException",
            "Unavailable",
        ] {
            assert_eq!(class(code), ErrorKind::Service, "{code}");
        }
        for code in [
            "UnauthorizedOperation",
            "AuthFailure",
            "AccessDenied",
            "AccessDeniedException",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "MissingAuthenticationToken",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "OptInRequired",
        ] {
            assert_eq!(class(code), ErrorKind::Denied, "{code}");
        }
        assert_eq!(class("NoOperationFault"), ErrorKind::NothingToDo);
    }

    #[test]
    fn the_message_decides_where_a_code_has_several_meanings() {
        for (code, message, kind) in [
            ("UserNotFound", "User a is not available for tagging", ErrorKind::Transitional),
            ("UserNotFound", "User a not found.", ErrorKind::NotFound),
            ("InvalidParameterCombination", "No modifications were requested", ErrorKind::NothingToDo),
            ("InvalidParameterCombination", "The node type has no tiering.", ErrorKind::Invalid),
            ("InvalidRequestException", "A secret of the name is scheduled for deletion.", ErrorKind::AlreadyExists),
            ("InvalidRequestException", "The secret was deleted.", ErrorKind::Transitional),
            ("InvalidRequestException", "The secret has no such version.", ErrorKind::Invalid),
            ("InvalidParameter", "Unable to assume given IAM role", ErrorKind::Transitional),
            ("InvalidParameter", "", ErrorKind::Invalid),
        ] {
            assert_eq!(failure("X", code, message).kind, kind, "{code}: {message}");
        }
    }
}
