//! [`Failure`]: why a call has no usable answer.
//!
//! Nothing here formats an SDK's request, nor an error that may hold one: those of ElastiCache print passwords.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use palisade_aws::failure;
use palisade_core::provider::{ErrorKind, ProviderError, interrupted};

/// Why a call has no usable answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// AWS answered with an error. A proxy, or a server that is not AWS, answers without a code.
    Refused { status: u16, code: String, message: String, endpoint: String },
    /// There was no connection, so nothing was sent.
    Unreached { endpoint: String, cause: String },
    /// There was no answer: the call may or may not have had its effect.
    Unanswered { endpoint: String, cause: String },
    /// There are no credentials.
    NoCredentials,
    /// There are credentials, and they cannot be used.
    BadCredentials { cause: String },
    /// The SDK refused to make the request.
    Unsendable,
    /// It was not sent, as the run is to stop.
    Interrupted,
    /// The answer lacks a field that AWS always sends.
    Lacks(&'static str),
    /// The answer has a value that this version does not know.
    Unusable { field: &'static str, value: String },
}

const LOG_IN: &str = "log in, for example with `aws sso login`; or choose a profile with AWS_PROFILE; or set AWS_ACCESS_KEY_ID \
                      and AWS_SECRET_ACCESS_KEY";

impl Failure {
    /// The failure that the SDK reported of a call to `endpoint`.
    pub(crate) fn of<E: ProvideErrorMetadata>(error: SdkError<E>, endpoint: &str) -> Self {
        let endpoint = endpoint.to_owned();
        match error {
            SdkError::ServiceError(refusal) => Self::Refused {
                status: refusal.raw().status().as_u16(),
                code: refusal.err().code().unwrap_or_default().to_owned(),
                message: refusal.err().message().unwrap_or_default().to_owned(),
                endpoint,
            },
            SdkError::ResponseError(answer) => Self::Refused {
                status: answer.raw().status().as_u16(),
                code: String::new(),
                message: String::new(),
                endpoint,
            },
            SdkError::TimeoutError(_) => Self::Unanswered { endpoint, cause: TOO_LATE.to_owned() },
            SdkError::DispatchFailure(dispatch) => Self::undelivered(dispatch.as_connector_error(), endpoint),
            // Its sources may quote the request.
            _ => Self::Unsendable,
        }
    }

    /// A request that did not get as far as to be answered. On its way it is signed, so missing credentials show here; and then
    /// the run is asked once more whether it may be sent.
    fn undelivered(connector: Option<&ConnectorError>, endpoint: String) -> Self {
        let Some(connector) = connector else {
            return Self::Unanswered { endpoint, cause: "the call was given up".to_owned() };
        };
        if let Some(error) = chain(connector).find_map(|error| error.downcast_ref::<CredentialsError>()) {
            return Self::of_credentials(error);
        }
        if chain(connector).any(<dyn Error>::is::<ProviderError>) {
            return Self::Interrupted;
        }
        let cause = if connector.is_timeout() { TOO_LATE.to_owned() } else { deepest(connector) };
        if is_about_connecting(connector) {
            Self::Unreached { endpoint, cause }
        } else {
            Self::Unanswered { endpoint, cause }
        }
    }

    fn of_credentials(error: &CredentialsError) -> Self {
        match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::NoCredentials,
            other if is_unreachable(other) => {
                // The call itself was not signed, and so not sent.
                Self::Unreached { endpoint: "the source of the AWS credentials".to_owned(), cause: deepest(other) }
            }
            other => Self::BadCredentials { cause: told(other) },
        }
    }

    /// Whether the service complained about too many calls.
    pub(crate) fn is_throttled(&self) -> bool {
        self.kind() == Some(ErrorKind::Throttled)
    }

    /// Whether the service does not know what the call was about.
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind() == Some(ErrorKind::NotFound)
    }

    /// The class of what AWS answered; `None` where it did not.
    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Refused { status: 429, code, .. } if code.is_empty() => Some(ErrorKind::Throttled),
            Self::Refused { code, message, .. } if !code.is_empty() => Some(failure("", code, message).kind),
            _ => None,
        }
    }

    /// The failure as that of a call to `action`, of the service that policies call `prefix`.
    pub(crate) fn of_call(self, prefix: &str, action: &str) -> ProviderError {
        let error = |kind, message: String, help: &str| ProviderError {
            kind,
            operation: action.to_owned(),
            code: String::new(),
            message,
            help: help.to_owned(),
        };
        match self {
            Self::Refused { status, code, message, endpoint } if code.is_empty() => {
                unreadable(status, &message, &endpoint, error)
            }
            Self::Refused { status, code, message, .. } => refused(prefix, action, status, &code, message),
            Self::Unreached { endpoint, cause } => {
                error(ErrorKind::Unreached, format!("{endpoint} cannot be reached: {cause}"), NETWORK)
            }
            Self::Unanswered { endpoint, cause } => {
                error(ErrorKind::Service, format!("{endpoint} gives no answer: {cause}"), NETWORK)
            }
            Self::NoCredentials => error(ErrorKind::Denied, "no AWS credentials were found".to_owned(), LOG_IN),
            Self::BadCredentials { cause } => {
                error(ErrorKind::Denied, format!("the AWS credentials cannot be used: {cause}"), LOG_IN)
            }
            Self::Interrupted => interrupted(),
            Self::Unsendable => error(ErrorKind::Invalid, format!("the SDK refuses to send {action}"), NETWORK),
            Self::Lacks(field) => error(ErrorKind::Service, format!("the answer lacks {field}"), UNEXPECTED),
            Self::Unusable { field, value } => error(
                ErrorKind::Service,
                format!("the answer has the {field} `{value}`, which this version does not know"),
                UNEXPECTED,
            ),
        }
    }
}

const NETWORK: &str = "see that there is a network, and that the region and AWS_ENDPOINT_URL, if it is set, are right";
const TOO_LATE: &str = "nothing came within the time-out";
const UNEXPECTED: &str = "update Palisade; if AWS_ENDPOINT_URL is set, what answers there is not AWS";

/// An error with AWS's code.
fn refused(prefix: &str, action: &str, status: u16, code: &str, message: String) -> ProviderError {
    let mut error = failure(action, code, message);
    // A code that is not known stands for a wrong request, unless the service says that the fault is its own.
    if error.kind == ErrorKind::Invalid && status >= 500 {
        error.kind = ErrorKind::Service;
    }
    if error.kind == ErrorKind::Denied && error.help.is_empty() {
        error.help = match code {
            "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
                format!("allow the caller `{prefix}:{action}`")
            }
            _ => format!("the credentials are expired, or not of this partition: {LOG_IN}"),
        };
    }
    error
}

/// What did not come from AWS, or not whole.
fn unreadable(
    status: u16,
    message: &str,
    endpoint: &str,
    error: impl Fn(ErrorKind, String, &str) -> ProviderError,
) -> ProviderError {
    let kind = match status {
        429 => ErrorKind::Throttled,
        // A proxy that has waited in vain for the answer may say so in this way, too.
        408 => ErrorKind::Service,
        400..500 => ErrorKind::Invalid,
        _ => ErrorKind::Service,
    };
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    error(
        kind,
        format!("{endpoint} answered with HTTP status {status}, and with no error or answer of AWS{said}"),
        "see whether AWS_ENDPOINT_URL or a proxy leads to something that is not AWS",
    )
}

/// Whether the error came up before there was a connection: a name that is not known, a port at which nobody listens, a
/// certificate that is not trusted.
fn is_about_connecting(error: &ConnectorError) -> bool {
    type Client = hyper_util::client::legacy::Error;
    chain(error).filter_map(|error| error.downcast_ref::<Client>()).any(Client::is_connect)
}

/// Whether the network is why there is nothing from the source of the credentials, such as STS.
fn is_unreachable(error: &CredentialsError) -> bool {
    let mut connectors = chain(error).filter_map(|error| error.downcast_ref::<ConnectorError>());
    connectors.any(|connector| connector.is_io() || connector.is_timeout())
}

/// An error and what caused it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// The first cause, which is the one that says something: "connection refused" behind "client error" behind "io error".
fn deepest(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map(ToString::to_string).unwrap_or_default();
    // The number that the operating system has for it tells nobody more.
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

/// An error with its causes, each said once.
fn told(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in chain(error).map(ToString::to_string) {
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::{config::http::HttpResponse, error::ErrorMetadata};

    use super::*;

    fn of(error: SdkError<ErrorMetadata>) -> ProviderError {
        super::Failure::of(error, "EC2 in us-east-1").of_call("ec2", "CreateVpc")
    }

    fn response(status: u16) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), "".into())
    }

    #[test]
    fn the_sdks_errors_are_told_apart() {
        let refusal = ErrorMetadata::builder().code("VpcLimitExceeded").message("five are enough").build();
        let error = of(SdkError::service_error(refusal, response(400)));
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Quota, "five are enough"));

        assert_eq!(
            of(SdkError::service_error(ErrorMetadata::builder().build(), response(503))).kind,
            ErrorKind::Service
        );
        assert_eq!(of(SdkError::response_error("no XML", response(404))).kind, ErrorKind::Invalid);

        let silence = of(SdkError::timeout_error("30 s"));
        assert_eq!(silence.message, "EC2 in us-east-1 gives no answer: nothing came within the time-out");
        // That a connection could not be made is told by an error that only the SDK's client can make; the live lane sees it.
        let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "connection reset");
        let broken = of(SdkError::dispatch_failure(ConnectorError::io(broken.into())));
        assert_eq!(broken.kind, ErrorKind::Service);
        assert_eq!(broken.message, "EC2 in us-east-1 gives no answer: connection reset");

        let signing = CredentialsError::not_loaded("no provider has any");
        let unsigned = of(SdkError::dispatch_failure(ConnectorError::other(signing.into(), None)));
        assert_eq!((unsigned.kind, unsigned.message.as_str()), (ErrorKind::Denied, "no AWS credentials were found"));
    }

    #[test]
    fn a_request_that_cannot_be_made_is_not_quoted() {
        let error = of(SdkError::construction_failure("the password hunter2 is too short"));
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    fn refusal(status: u16, code: &str) -> Failure {
        let endpoint = "EC2 in us-east-1".to_owned();
        Failure::Refused { status, code: code.to_owned(), message: "no".to_owned(), endpoint }
    }

    fn error(failure: Failure) -> ProviderError {
        failure.of_call("ec2", "CreateVpc")
    }

    #[test]
    fn a_code_decides_the_kind() {
        assert_eq!(error(refusal(400, "VpcLimitExceeded")).kind, ErrorKind::Quota);
        assert_eq!(error(refusal(503, "RequestLimitExceeded")).kind, ErrorKind::Throttled);
        assert_eq!(error(refusal(400, "InvalidVpcID.NotFound")).kind, ErrorKind::NotFound);
        assert!(refusal(400, "APICallRateForCustomerExceeded").is_throttled());
        assert!(refusal(400, "CacheSubnetGroupNotFoundFault").is_not_found());
        let error = error(refusal(400, "InvalidVpc.Range"));
        assert_eq!(
            (error.kind, error.operation.as_str(), error.code.as_str()),
            (ErrorKind::Invalid, "CreateVpc", "InvalidVpc.Range")
        );
        assert_eq!(error.message, "no");
    }

    #[test]
    fn an_unknown_code_with_a_status_of_the_server_is_the_services_fault() {
        assert_eq!(error(refusal(500, "Whatever")).kind, ErrorKind::Service);
        assert_eq!(error(refusal(400, "Whatever")).kind, ErrorKind::Invalid);
    }

    #[test]
    fn without_a_code_the_status_decides() {
        for (status, kind) in [
            (429, ErrorKind::Throttled),
            (404, ErrorKind::Invalid),
            (408, ErrorKind::Service),
            (500, ErrorKind::Service),
            (502, ErrorKind::Service),
            (200, ErrorKind::Service),
        ] {
            let error = error(refusal(status, ""));
            assert_eq!(error.kind, kind, "{status}");
            assert!(
                error.message.starts_with(&format!("EC2 in us-east-1 answered with HTTP status {status}")),
                "{error}"
            );
        }
    }

    #[test]
    fn whoever_is_denied_learns_what_to_allow() {
        assert_eq!(error(refusal(403, "UnauthorizedOperation")).help, "allow the caller `ec2:CreateVpc`");
        let expired = error(refusal(400, "ExpiredToken"));
        assert_eq!(expired.kind, ErrorKind::Denied);
        assert!(expired.help.contains("aws sso login"), "{}", expired.help);
    }

    #[test]
    fn credentials_are_found_behind_other_errors() {
        let none = CredentialsError::not_loaded("nothing");
        assert_eq!(error(Failure::of_credentials(&none)).message, "no AWS credentials were found");
        let of_source = |connector| {
            let error = CredentialsError::provider_error(connector);
            Failure::of_credentials(&error).of_call("ec2", "CreateVpc")
        };
        for connector in [ConnectorError::io, ConnectorError::timeout] {
            let error = of_source(connector("connection refused".into()));
            assert_eq!(error.kind, ErrorKind::Unreached);
            assert_eq!(error.message, "the source of the AWS credentials cannot be reached: connection refused");
        }
        // Whatever else keeps a request from being made is no matter of the network.
        assert_eq!(of_source(ConnectorError::other("no such region".into(), None)).kind, ErrorKind::Denied);
        let expired = CredentialsError::provider_error("the SSO session has expired");
        let error = error(Failure::of_credentials(&expired));
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.message.ends_with("the SSO session has expired"), "{error}");
    }

    #[test]
    fn an_answer_that_lacks_a_field_says_which() {
        let lacking = error(Failure::Lacks("vpcId"));
        assert_eq!((lacking.kind, lacking.message.as_str()), (ErrorKind::Service, "the answer lacks vpcId"));
    }
}
