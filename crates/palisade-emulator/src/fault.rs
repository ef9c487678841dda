//! [`Fault`]: what can go wrong with a call.

use std::time::Duration;

use palisade_aws::{
    failure,
    operations::{Request, Service},
};
use palisade_core::provider::ProviderError;

/// What goes wrong with one call; see [`Emulator::inject`](crate::Emulator::inject) and
/// [`Emulator::inject_read`](crate::Emulator::inject_read).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The call comes too soon after others, and has no effect.
    Throttled,
    /// The service fails before the call has an effect.
    Unavailable,
    /// The call has its effect, and the service fails to say so.
    AnswerLost,
    /// The call has its effect, and the caller waits for the answer until it gives up.
    TimedOut,
    /// The call has its effect, and no answer ever comes, as where the process is killed meanwhile.
    NoAnswer,
    /// A quota of the account is used up, and the call has no effect.
    Quota,
    /// The call is accepted, and the replication group that it creates ends as `create-failed`.
    CreateFailed,
}

/// How long a caller waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

impl Fault {
    /// What the caller of `request` is told.
    pub(crate) fn error(self, request: &Request) -> ProviderError {
        let action = request.action();
        match (self, request.service()) {
            (Self::Throttled, Service::Ec2) => failure(action, "RequestLimitExceeded", "Request limit exceeded."),
            (Self::Throttled, Service::ElastiCache | Service::Iam) => failure(action, "Throttling", "Rate exceeded"),
            (Self::Throttled, Service::SecretsManager | Service::Kms | Service::Logs) => {
                failure(action, "ThrottlingException", "Rate exceeded")
            }
            (Self::TimedOut, _) => failure(action, "RequestTimeout", "There was no answer in time."),
            (Self::Quota, Service::Ec2) => {
                failure(action, "ResourceLimitExceeded", "The limit of the account is reached.")
            }
            (Self::Quota, Service::ElastiCache) => {
                failure(action, "NodeQuotaForCustomerExceeded", "The quota of the account is used up.")
            }
            (Self::Quota, Service::SecretsManager | Service::Kms | Service::Logs) => failure(
                action,
                "LimitExceededException",
                "The request failed because it would exceed one of the quotas.",
            ),
            (Self::Quota, Service::Iam) => {
                failure(action, "LimitExceeded", "The request would exceed a limit of the account.")
            }
            (_, Service::SecretsManager) => {
                failure(action, "InternalServiceError", "An error occurred on the server side.")
            }
            (_, Service::Kms) => failure(
                action,
                "KMSInternalException",
                "The request was rejected because an internal exception occurred.",
            ),
            (_, Service::Logs) => {
                failure(action, "ServiceUnavailableException", "The service cannot complete the request.")
            }
            (_, Service::Iam) => {
                failure(action, "ServiceFailure", "The request processing has failed because of an unknown error.")
            }
            (_, Service::Ec2 | Service::ElastiCache) => failure(
                action,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
        }
    }
}
