//! [`Live::connect`]: from what the environment and the profiles say to clients that are known to work.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use palisade_core::provider::ProviderError;
use tokio::sync::Semaphore;

use crate::{Live, failure::Failure, service::Service};

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

/// Why AWS cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConnectError {
    /// Nothing names a region.
    #[error("no AWS region is chosen")]
    NoRegion,
    /// AWS does not say who the caller is. The cause is in the error: no credentials, expired ones, no network.
    #[error("{0}")]
    Unidentified(ProviderError),
}

impl ConnectError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NoRegion => "name one with --region, with AWS_REGION, or in the profile".to_owned(),
            Self::Unidentified(error) => error.help.clone(),
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
    /// [`ConnectError`] if there is no region, if there are no credentials that AWS accepts, or if AWS is not reached.
    pub async fn connect(region: Option<&str>) -> Result<(Self, Identity), ConnectError> {
        let config = load(region).await;
        let region = config.region().ok_or(ConnectError::NoRegion)?.to_string();
        let identity = identity(&config, region).await?;
        Ok((Self::new(&config, &identity), identity))
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
            ec2: Service::new(aws_sdk_ec2::Client::new(&config), endpoint("EC2"), places.clone()),
            elasticache: Service::new(
                aws_sdk_elasticache::Client::new(&config),
                endpoint("ElastiCache"),
                places.clone(),
            ),
            secrets_manager: Service::new(
                aws_sdk_secretsmanager::Client::new(&config),
                endpoint("Secrets Manager"),
                places,
            ),
        }
    }
}

/// What the environment and the profiles say, with `region` before the region that they name.
pub(crate) async fn load(region: Option<&str>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
}

/// Asks AWS who asks. It takes no permission, so its failure is about credentials or the way to AWS, and nothing else.
async fn identity(config: &SdkConfig, region: String) -> Result<Identity, ConnectError> {
    let endpoint = config.endpoint_url().map(str::to_owned);
    let place = endpoint.clone().unwrap_or_else(|| format!("AWS in {region}"));
    let unidentified = |failure: Failure| ConnectError::Unidentified(failure.of_call("sts", "GetCallerIdentity"));
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(FIRST_ANSWER).build();
    let sts = aws_sdk_sts::config::Builder::from(config)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .build();
    let answer = aws_sdk_sts::Client::from_conf(sts).get_caller_identity().send().await;
    let answer = answer.map_err(|error| unidentified(Failure::of(error, &place)))?;
    let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
        return Err(unidentified(Failure::Lacks("Account and Arn")));
    };
    Ok(Identity { account, arn, region, endpoint })
}
