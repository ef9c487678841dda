//! [`AmazonWebServices`]: AWS itself as the cloud of a program.

use std::{collections::BTreeSet, sync::Arc};

use palisade_aws::{Aws, AwsProvider};
use palisade_cli::{Cloud, ConnectError, Connection, S3Location, Settings};
use palisade_core::{
    Json,
    calls::{CallCount, Count, Work},
    provider::BoxFuture,
};
use palisade_live::{Identity, Live};

use crate::environment::Environment;

/// The account that the credentials belong to which every AWS tool would find: those of the environment, of a profile, of
/// a role, of the machine.
///
/// `AWS_ENDPOINT_URL` leads to something else that answers like AWS.
#[derive(Clone, Copy, Debug)]
pub struct AmazonWebServices;

impl Cloud for AmazonWebServices {
    fn paused_clock(&self) -> bool {
        false
    }

    fn default_region(&self) -> Option<&'static str> {
        // The profile may name one.
        None
    }

    fn policy(&self, kinds: &BTreeSet<&str>, state: Option<&S3Location>) -> Json {
        palisade_aws::policy(kinds, state.map(|place| (place.bucket.as_str(), place.prefix.as_str())))
    }

    #[cfg(feature = "s3-state")]
    fn objects<'a>(
        &'a self,
        place: &'a S3Location,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn palisade_engine::Objects>, ConnectError>> {
        Box::pin(async move {
            let region = settings.region.as_deref().filter(|region| !region.is_empty());
            let objects = palisade_live::S3Objects::open(&place.bucket, &place.prefix, region).await;
            let objects = objects.map_err(|error| ConnectError { message: error.to_string(), help: error.help() })?;
            Ok(Arc::new(objects) as Arc<dyn palisade_engine::Objects>)
        })
    }

    fn calls(&self, work: Work<'_>) -> Vec<CallCount> {
        match work {
            Work::Connect => {
                vec![CallCount { service: "sts", action: "GetCallerIdentity", writes: false, count: Count::Exactly(1) }]
            }
            other => palisade_aws::calls_for(other),
        }
    }

    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>> {
        Box::pin(async move {
            let region = settings.region.as_deref().filter(|region| !region.is_empty());
            let (live, identity) = Live::connect(region).await.map_err(|error| ConnectError {
                message: error.to_string(),
                help: match error {
                    palisade_live::ConnectError::BadRegion(_) | palisade_live::ConnectError::BadEndpoint { .. } => {
                        error.help()
                    }
                    _ => format!("{}; or work on the emulated account with --emulated", error.help()),
                },
            })?;
            Ok(Connection {
                provider: Arc::new(
                    AwsProvider::new(Aws::new(Arc::new(live), Arc::new(Environment))).in_region(&identity.region),
                ),
                account: format!("aws {} {}", identity.account, identity.region),
                description: description(&identity),
            })
        })
    }
}

fn description(identity: &Identity) -> String {
    let Identity { account, arn, region, endpoint } = identity;
    let endpoint = endpoint.as_ref().map(|endpoint| format!(", at {endpoint}")).unwrap_or_default();
    format!("AWS account {account}, region {region}{endpoint}, as {arn}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_says_whose_account_it_is() {
        let mut identity = Identity {
            account: "111122223333".to_owned(),
            arn: "arn:aws:iam::111122223333:user/alice".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: None,
        };
        let whose = "AWS account 111122223333, region us-east-1, as arn:aws:iam::111122223333:user/alice";
        assert_eq!(description(&identity), whose);
        identity.endpoint = Some("http://127.0.0.1:4566".to_owned());
        assert!(description(&identity).contains("us-east-1, at http://127.0.0.1:4566, as"));
    }
}
