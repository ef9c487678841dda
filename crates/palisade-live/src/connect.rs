//! [`Live::connect`]: from what the environment and the profiles say to clients that are known to work.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use palisade_aws::{BadRegion, check_region, known_region};
use palisade_core::provider::{ErrorKind, ProviderError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

#[cfg(not(all(feature = "kms", feature = "logs", feature = "iam")))]
use crate::absent::Absent;
use crate::{
    Live,
    failure::Failure,
    service::{LastLook, Service},
};

/// A client of an SDK whose calls are sent in the turn of a step.
macro_rules! client {
    ($sdk:ident, $config:ident) => {
        $sdk::Client::from_conf($sdk::config::Builder::from(&$config).interceptor(LastLook).build())
    };
}

/// How many calls are under way at once, to all services together.
const PLACES: usize = 16;
/// How long a connection may take to be made.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// How long one attempt at a call may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the first call of all may take, which AWS answers at once: a command must not hang before it has said a word.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Whose account it is, and who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The number of the account.
    pub account: String,
    /// The ARN of the user or role.
    pub arn: String,
    /// The region.
    pub region: String,
    /// Where all calls go instead of to AWS, from `AWS_ENDPOINT_URL` or the profile.
    pub endpoint: Option<String>,
}

/// What to connect to in place of what the environment and the profiles say.
#[derive(Clone, Debug)]
pub struct Target {
    /// The region.
    pub region: String,
    /// The URL of what answers like AWS.
    pub endpoint: String,
    /// The id of the access key.
    pub access_key: String,
    /// The access key itself.
    pub secret_key: SecretString,
    /// How long one attempt at a call may take.
    pub patience: Duration,
}

/// Why AWS cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConnectError {
    /// Nothing names a region.
    #[error("no AWS region is chosen")]
    NoRegion,
    /// What names the region is misspelt.
    #[error(transparent)]
    BadRegion(#[from] BadRegion),
    /// What should lead to something else than AWS leads nowhere. The SDK would go to AWS itself.
    #[error("{variable} is `{value}`, which is no URL of an endpoint")]
    BadEndpoint {
        /// The variable in the environment.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// AWS does not say who the caller is. The cause is in the error: no credentials, expired ones, no network.
    #[error("{}", unidentified(error))]
    Unidentified {
        /// What the call failed with.
        error: Box<ProviderError>,
        /// The region that was asked.
        region: String,
    },
}

impl ConnectError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NoRegion => "name one with --region, with AWS_REGION, or in the profile".to_owned(),
            Self::BadRegion(bad) => bad.help(),
            Self::BadEndpoint { value, .. } => match value.split_once("://") {
                None if is_endpoint(&format!("http://{value}")) => format!("write `http://{value}`"),
                _ => "write one as in `http://127.0.0.1:4566`, or unset it to work on AWS".to_owned(),
            },
            Self::Unidentified { error, region } => {
                let known = known_region(region);
                match (known, profile()) {
                    (Err(Some(near)), _) if error.kind == ErrorKind::Unreached => {
                        format!(
                            "`{region}` is no region that this version knows: did you mean `{near}`? Else {}",
                            error.help
                        )
                    }
                    (_, Some(profile)) if error.kind == ErrorKind::Denied => format!(
                        "see that the profile `{profile}`, which AWS_PROFILE names, is in ~/.aws/config or \
                         ~/.aws/credentials, and is logged in; or {}",
                        error.help
                    ),
                    _ => error.help.clone(),
                }
            }
        }
    }
}

impl Live {
    /// Connects to AWS in `region`, or in the one that the environment or the profile names: finds the credentials as every
    /// AWS tool does, and asks AWS whose they are.
    ///
    /// The connections belong to the runtime in which this is called.
    ///
    /// # Errors
    /// [`ConnectError`] if there is no region or none that AWS can have, if there are no credentials that AWS accepts, or if
    /// AWS is not reached.
    pub async fn connect(region: Option<&str>) -> Result<(Self, Identity), ConnectError> {
        Self::connect_by(&load(region).await?).await
    }

    /// Connects to `target`, whatever the environment and the profiles say.
    ///
    /// # Errors
    /// As of [`Live::connect`].
    pub async fn connect_to(target: &Target) -> Result<(Self, Identity), ConnectError> {
        let Target { region, endpoint, access_key, secret_key, patience } = target;
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(*patience).build();
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts)
            .region(Region::new(region.clone()))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new(access_key, secret_key.expose_secret(), None, None, "target"));
        Self::connect_by(&loader.load().await).await
    }

    async fn connect_by(config: &SdkConfig) -> Result<(Self, Identity), ConnectError> {
        let region = config.region().ok_or(ConnectError::NoRegion)?.to_string();
        check_region(&region)?;
        let identity = identity(config, region).await?;
        Ok((Self::new(config, &identity), identity))
    }

    fn new(config: &SdkConfig, identity: &Identity) -> Self {
        // What may be repeated, and when, is decided once for all backends, by `palisade_aws::Aws`.
        let config = config.to_builder().retry_config(RetryConfig::disabled()).build();
        let places = Arc::new(Semaphore::new(PLACES));
        let endpoint = |service: &str| match &identity.endpoint {
            Some(endpoint) => format!("{service} at {endpoint}"),
            None => format!("{service} in {}", identity.region),
        };
        Self {
            region: identity.region.clone(),
            ec2: Service::new(client!(aws_sdk_ec2, config), endpoint("EC2"), places.clone()),
            elasticache: Service::new(client!(aws_sdk_elasticache, config), endpoint("ElastiCache"), places.clone()),
            secrets_manager: Service::new(
                client!(aws_sdk_secretsmanager, config),
                endpoint("Secrets Manager"),
                places.clone(),
            ),
            #[cfg(feature = "kms")]
            kms: Service::new(client!(aws_sdk_kms, config), endpoint("KMS"), places.clone()),
            #[cfg(not(feature = "kms"))]
            kms: Absent,
            #[cfg(feature = "logs")]
            logs: Service::new(client!(aws_sdk_cloudwatchlogs, config), endpoint("CloudWatch Logs"), places.clone()),
            #[cfg(not(feature = "logs"))]
            logs: Absent,
            #[cfg(feature = "iam")]
            iam: Service::new(client!(aws_sdk_iam, config), endpoint("IAM"), places),
            #[cfg(not(feature = "iam"))]
            iam: Absent,
        }
    }
}

/// What the environment and the profiles say, with `region` before the region that they name.
///
/// # Errors
/// [`ConnectError::BadEndpoint`] if the environment leads to what is no endpoint.
pub(crate) async fn load(region: Option<&str>) -> Result<SdkConfig, ConnectError> {
    check_endpoints()?;
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    Ok(loader.load().await)
}

/// Asks AWS who asks. It takes no permission, so its failure is about credentials or the way to AWS, and nothing else.
async fn identity(config: &SdkConfig, region: String) -> Result<Identity, ConnectError> {
    let endpoint = config.endpoint_url().map(str::to_owned);
    let place = endpoint.clone().unwrap_or_else(|| format!("AWS in {region}"));
    let unidentified = |failure: Failure| ConnectError::Unidentified {
        error: Box::new(failure.of_call("sts", "GetCallerIdentity")),
        region: region.clone(),
    };
    let timeouts = config.timeout_config();
    let answer = timeouts
        .and_then(TimeoutConfig::operation_attempt_timeout)
        .map_or(FIRST_ANSWER, |answer| answer.min(FIRST_ANSWER));
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(answer).build();
    let sts = aws_sdk_sts::config::Builder::from(config)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .build();
    let question = aws_sdk_sts::Client::from_conf(sts).get_caller_identity().send();
    let answer = question.with_subscriber(NoSubscriber::default()).await;
    let answer = answer.map_err(|error| unidentified(Failure::of(error, &place)))?;
    let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
        return Err(unidentified(Failure::Lacks("Account and Arn")));
    };
    Ok(Identity { account, arn, region, endpoint })
}

/// What the first call of all failed with, which no message about a resource names.
fn unidentified(error: &ProviderError) -> String {
    match (error.kind, error.code.as_str()) {
        // No call was made.
        (ErrorKind::Denied, "") => error.message.clone(),
        (_, "") => format!("{}: {}", error.operation, error.message),
        (_, code) => format!("{}: {code}: {}", error.operation, error.message),
    }
}

/// The profile that the environment names.
#[expect(clippy::disallowed_methods, reason = "the SDK reads it too, and does not tell that there is no such profile")]
fn profile() -> Option<String> {
    std::env::var("AWS_PROFILE").ok().filter(|profile| !profile.is_empty())
}

/// The variables that can lead the calls to something else than AWS.
const ENDPOINTS: [&str; 9] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_ELASTICACHE",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_STS",
];

/// Refuses what is no endpoint, which the SDK would pass over in silence, to do to AWS itself what was meant for another.
fn check_endpoints() -> Result<(), ConnectError> {
    #[expect(clippy::disallowed_methods, reason = "the SDK reads these too, and tells nobody what is wrong with them")]
    let value = |variable| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let mut set = ENDPOINTS.into_iter().filter_map(|variable| Some((variable, value(variable)?)));
    match set.find(|(_, value)| !is_endpoint(value)) {
        Some((variable, value)) => Err(ConnectError::BadEndpoint { variable, value }),
        None => Ok(()),
    }
}

/// Whether the text is `http://` or `https://` and a host, and what may follow.
fn is_endpoint(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    !name.is_empty() && name.chars().all(is_name) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        io,
        net::TcpListener,
        sync::atomic::{AtomicBool, Ordering},
    };

    use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
    use palisade_aws::{
        Backend, id,
        operations::{DescribeSecret, DescribeUsers, DescribeVpcs, Request},
        resources::{FlowLogRole, LogGroup, RedisUser, Vpc},
        shapes::Select,
    };
    use palisade_core::provider::{BoxFuture, Slot, Turn, interrupted};

    use super::*;

    /// The credentials of a run that is to stop while they are fetched.
    #[derive(Clone, Debug, Default)]
    struct Late {
        is_to_stop: Arc<AtomicBool>,
    }

    impl ProvideCredentials for Late {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.is_to_stop.store(true, Ordering::Relaxed);
            future::ProvideCredentials::ready(Ok(Credentials::new("id", "key", None, None, "test")))
        }
    }

    impl Turn for Late {
        fn slot(&self) -> BoxFuture<'_, Result<Slot, ProviderError>> {
            Box::pin(async { Ok(Slot::new(())) })
        }

        fn may_send(&self) -> Result<(), ProviderError> {
            if self.is_to_stop.load(Ordering::Relaxed) { Err(interrupted()) } else { Ok(()) }
        }

        fn stopped(&self) -> BoxFuture<'_, ()> {
            Box::pin(pending())
        }
    }

    #[tokio::test]
    async fn a_call_whose_credentials_take_until_the_run_is_to_stop_is_not_sent() {
        let requests: [Request; _] = [
            DescribeVpcs { select: Select::Ids(vec![id!(Vpc, "vpc-0a1b2c3d")]) }.into(),
            DescribeUsers { ids: vec![id!(RedisUser, "redis")] }.into(),
            DescribeSecret { secret_id: "redis/one".to_owned() }.into(),
            #[cfg(feature = "kms")]
            palisade_aws::operations::ListKeys {}.into(),
            #[cfg(feature = "logs")]
            palisade_aws::operations::DescribeLogGroups { name: id!(LogGroup, "redis") }.into(),
            #[cfg(feature = "iam")]
            palisade_aws::operations::GetRole { role_name: id!(FlowLogRole, "redis") }.into(),
        ];
        for request in requests {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            server.set_nonblocking(true).unwrap();
            let late = Late::default();
            let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(1)).build();
            let loader = aws_config::defaults(BehaviorVersion::latest())
                .timeout_config(timeouts)
                .region(Region::from_static("us-east-1"))
                .endpoint_url(format!("http://{}", server.local_addr().unwrap()))
                .credentials_provider(SharedCredentialsProvider::new(late.clone()));
            let [account, arn, region] = ["1", "arn", "us-east-1"].map(str::to_owned);
            let live = Live::new(&loader.load().await, &Identity { account, arn, region, endpoint: None });
            let turn: Arc<dyn Turn> = Arc::new(late);
            let action = request.action();
            let error = live.answer_in_turn(&turn, request).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Interrupted, "{action}: {error}");
            assert_eq!(server.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "{action} was sent");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_with_a_host() {
        for good in
            ["http://127.0.0.1:4566", "https://vpce-1.ec2.us-east-1.vpce.amazonaws.com/", "http://[::1]:80", "http://a"]
        {
            assert!(is_endpoint(good), "{good}");
        }
        for bad in
            ["localhost:4566", "127.0.0.1:4566", "http://", "http:///x", "ftp://a", "http://a b", "http://a:port", "x"]
        {
            assert!(!is_endpoint(bad), "{bad}");
        }
        let help = |value: &str| ConnectError::BadEndpoint { variable: ENDPOINTS[0], value: value.to_owned() }.help();
        assert_eq!(help("localhost:4566"), "write `http://localhost:4566`");
        assert!(help("http://").starts_with("write one as in"));
    }
}
