//! [`Fault`]: what can go wrong with a call that changes something.

use palisade_aws::{
    failure,
    operations::{Request, Service},
};
use palisade_core::provider::ProviderError;

/// What goes wrong with one call; see [`Emulator::inject`](crate::Emulator::inject).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The call comes too soon after others, and has no effect.
    Throttled,
    /// The service fails before the call has an effect.
    Unavailable,
    /// The call has its effect, and the service fails to say so.
    AnswerLost,
    /// The call has its effect, and no answer ever comes, as where the process is killed meanwhile.
    NoAnswer,
    /// The call is accepted, and the replication group that it creates ends as `create-failed`.
    CreateFailed,
}

impl Fault {
    /// What the caller of `request` is told.
    pub(crate) fn error(self, request: &Request) -> ProviderError {
        let action = request.action();
        match (self, request.service()) {
            (Self::Throttled, Service::Ec2) => failure(action, "RequestLimitExceeded", "Request limit exceeded."),
            (Self::Throttled, Service::ElastiCache) => failure(action, "Throttling", "Rate exceeded"),
            (Self::Throttled, Service::SecretsManager) => failure(action, "ThrottlingException", "Rate exceeded"),
            (_, Service::SecretsManager) => {
                failure(action, "InternalServiceError", "An error occurred on the server side.")
            }
            (_, Service::Ec2 | Service::ElastiCache) => failure(
                action,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
        }
    }
}
