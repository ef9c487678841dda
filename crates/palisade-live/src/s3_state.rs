//! [`S3Objects`]: a bucket in which states are kept.
//!
//! What makes it safe are conditional writes, which S3 has had since November 2024. What only looks like S3 must have them too.

use std::time::Duration;

use aws_config::{Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    config::{RequestChecksumCalculation, ResponseChecksumValidation, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use aws_types::service_config::ServiceConfigKey;
use palisade_core::provider::{BoxFuture, ErrorKind};
use palisade_engine::{Condition, Object, Objects, ObjectsError, Put};

use crate::{
    ConnectError,
    connect::{CONNECT, load},
    failure::Failure,
};

/// How long one attempt at a call may take, beside the time for what it sends. A lease, which is short, lasts for several of them.
const ANSWER: Duration = Duration::from_secs(10);

/// How many bytes a slow line sends in a second. A whole state may have millions.
const SLOW_LINE: u64 = 128 << 10;

/// The objects of a bucket whose keys begin with a prefix.
#[derive(Debug)]
pub struct S3Objects {
    sdk: Client,
    bucket: String,
    prefix: String,
    endpoint: String,
}

impl S3Objects {
    /// Finds the credentials as every AWS tool does, and the region that the bucket is in. `prefix` is empty, or ends in `/`.
    ///
    /// The connections belong to the runtime in which this is called.
    ///
    /// # Errors
    /// [`ConnectError`] if nothing names a region, or the environment leads to what is no endpoint. Whether there is such a bucket shows at the first call.
    pub async fn open(bucket: &str, prefix: &str, region: Option<&str>) -> Result<Self, ConnectError> {
        let config = load(region).await?;
        let region = config.region().ok_or(ConnectError::NoRegion)?.to_string();
        let timeouts = timeouts(0);
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .timeout_config(timeouts)
            // What may be repeated, and when, is decided by the engine's store.
            .retry_config(RetryConfig::disabled())
            // What is not AWS seldom knows the newer checksums.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let other = endpoint_url(&config);
        // What is not AWS knows no bucket by host name.
        let s3 = if other.is_some() { s3.force_path_style(true) } else { s3 };
        let mut sdk = Client::from_conf(s3.clone().build());
        // A bucket may be in another region than what it holds the state of. Other failures show again, with their reasons.
        if let Err(error) = sdk.head_bucket().bucket(bucket).send().await
            && let Some(home) = error.raw_response().and_then(home)
        {
            sdk = Client::from_conf(s3.region(Region::new(home)).build());
        }
        let endpoint = other.map_or_else(|| format!("S3 in {region}"), |other| format!("S3 at {other}"));
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        Ok(Self { sdk, bucket, prefix, endpoint })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn failed<E: ProvideErrorMetadata>(&self, error: SdkError<E>, action: &str) -> ObjectsError {
        let code = error.code().unwrap_or_default().to_owned();
        self.told(Failure::of(error, &self.endpoint), action, &code)
    }

    /// What is told of a failure with AWS's `code`.
    fn told(&self, failure: Failure, action: &str, code: &str) -> ObjectsError {
        let error = failure.of_call("s3", action);
        let is_transient = code == CONFLICT
            || code == "SlowDown"
            || matches!(
                error.kind,
                ErrorKind::Service | ErrorKind::Throttled | ErrorKind::Transitional | ErrorKind::Unreached
            );
        let (bucket, prefix) = (&self.bucket, &self.prefix);
        let (message, help) = match (code, action) {
            ("NoSuchBucket", _) => (
                format!("there is no bucket `{bucket}`"),
                format!(
                    "make it, with versioning, so that a state that somebody deletes can be brought back: `aws s3 mb s3://{bucket}` \
                         and `aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled`"
                ),
            ),
            ("AccessDenied", "ListObjectsV2" | "GetObject") => (
                error.message,
                format!(
                    "allow the caller `s3:ListBucket` on the bucket {bucket}, and `s3:GetObject` on {bucket}/{prefix}*; \
                         `iam-policy` prints all that is needed"
                ),
            ),
            ("AccessDenied", _) => (
                error.message,
                format!("allow the caller `s3:{action}` on {bucket}/{prefix}*; `iam-policy` prints all that is needed"),
            ),
            _ => (error.message, error.help),
        };
        ObjectsError { message, help, is_transient }
    }
}

/// How long an attempt at a call may take that sends so many bytes.
fn timeouts(length: usize) -> TimeoutConfig {
    let sending = Duration::from_secs(u64::try_from(length).unwrap_or(u64::MAX) / SLOW_LINE);
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER + sending).build()
}

/// Where S3 is if it is not AWS: what `AWS_ENDPOINT_URL_S3` and the profile say of S3 alone, or of all services.
fn endpoint_url(config: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
    let of_s3 = config.service_config().and_then(|service| service.load_config(key));
    of_s3.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// What S3 answers to the slower one of two conditional writes at the same time.
const CONFLICT: &str = "ConditionalRequestConflict";

/// The region that a bucket is in, where the answer says that it is another one.
fn home(answer: &HttpResponse) -> Option<String> {
    let is_elsewhere = matches!(answer.status().as_u16(), 301 | 307 | 400);
    answer.headers().get("x-amz-bucket-region").filter(|_| is_elsewhere).map(str::to_owned)
}

/// Whether an answer says that the condition of a write is not true.
fn is_refusal(status: Option<u16>, code: &str, condition: Condition<'_>) -> bool {
    // An object that must be the same, and is gone.
    let is_gone = matches!(condition, Condition::Matches(_)) && code == "NoSuchKey";
    status == Some(412) || code == "PreconditionFailed" || is_gone
}

impl Objects for S3Objects {
    fn location(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.key(key))
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, ObjectsError>> {
        Box::pin(async move {
            let answer = match self.sdk.get_object().bucket(&self.bucket).key(self.key(key)).send().await {
                Ok(answer) => answer,
                Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
                Err(error) => return Err(self.failed(error, "GetObject")),
            };
            let etag = answer.e_tag.ok_or_else(|| self.told(Failure::Lacks("ETag"), "GetObject", ""))?;
            let bytes = answer.body.collect().await.map_err(|error| ObjectsError {
                message: format!("the answer broke off: {error}"),
                help: "see that there is a network".to_owned(),
                is_transient: true,
            })?;
            Ok(Some(Object { bytes: bytes.to_vec(), etag }))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>> {
        Box::pin(async move {
            let call = self.sdk.put_object().bucket(&self.bucket).key(self.key(key));
            let call = match condition {
                Condition::Absent => call.if_none_match("*"),
                Condition::Matches(etag) => call.if_match(etag),
            };
            let call = call.content_type("application/json").body(ByteStream::from(bytes.to_vec()));
            let in_time = aws_sdk_s3::config::Builder::new().timeout_config(timeouts(bytes.len()));
            match call.customize().config_override(in_time).send().await {
                Ok(answer) => {
                    let etag = answer.e_tag.ok_or_else(|| self.told(Failure::Lacks("ETag"), "PutObject", ""))?;
                    Ok(Put::Done(etag))
                }
                Err(error) => {
                    let status = error.raw_response().map(|answer| answer.status().as_u16());
                    let is_refused = is_refusal(status, error.code().unwrap_or_default(), condition);
                    if is_refused { Ok(Put::Refused) } else { Err(self.failed(error, "PutObject")) }
                }
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>> {
        Box::pin(async move {
            let (mut keys, mut next) = (Vec::new(), None);
            loop {
                let call = self.sdk.list_objects_v2().bucket(&self.bucket).prefix(self.key(prefix));
                let page = call.set_continuation_token(next).send().await;
                let page = page.map_err(|error| self.failed(error, "ListObjectsV2"))?;
                let found = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
                keys.extend(found.filter_map(|key| key.strip_prefix(&self.prefix).map(str::to_owned)));
                next = page.next_continuation_token;
                if next.is_none() {
                    return Ok(keys);
                }
            }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        Box::pin(async move {
            let deleted = self.sdk.delete_object().bucket(&self.bucket).key(self.key(key)).send().await;
            deleted.map(drop).map_err(|error| self.failed(error, "DeleteObject"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> S3Objects {
        let config = aws_sdk_s3::Config::builder().behavior_version_latest().build();
        let (bucket, prefix) = ("acme".to_owned(), "prod/".to_owned());
        S3Objects { sdk: Client::from_conf(config), bucket, prefix, endpoint: "S3 in us-east-1".to_owned() }
    }

    fn refused(status: u16, code: &str, action: &str) -> ObjectsError {
        let (code, message) = (code.to_owned(), "no".to_owned());
        let failure = Failure::Refused { status, code: code.clone(), message, endpoint: "S3 in us-east-1".to_owned() };
        objects().told(failure, action, &code)
    }

    #[test]
    fn what_is_long_has_the_time_that_it_needs_on_a_slow_line() {
        let attempt = |length| timeouts(length).operation_attempt_timeout().unwrap();
        assert_eq!([attempt(0), attempt(1000)], [ANSWER; 2]);
        assert_eq!(attempt(13 << 20), ANSWER + Duration::from_secs(104));
    }

    #[test]
    fn each_refusal_has_a_cure() {
        let missing = refused(404, "NoSuchBucket", "ListObjectsV2");
        assert_eq!(missing.message, "there is no bucket `acme`");
        assert!(missing.help.contains("`aws s3 mb s3://acme`") && !missing.is_transient, "{missing:?}");
        let denied = refused(403, "AccessDenied", "PutObject");
        assert!(denied.help.contains("`s3:PutObject` on acme/prod/*") && !denied.is_transient, "{denied:?}");
        assert!(refused(403, "AccessDenied", "GetObject").help.contains("`s3:ListBucket` on the bucket acme"));
        for (status, code) in [(409, CONFLICT), (503, "SlowDown"), (500, "InternalError")] {
            assert!(refused(status, code, "PutObject").is_transient, "{code}");
        }
    }

    #[test]
    fn a_condition_that_is_not_true_is_told_from_a_failure() {
        assert!(is_refusal(Some(412), "PreconditionFailed", Condition::Absent));
        assert!(is_refusal(Some(404), "NoSuchKey", Condition::Matches("a")));
        assert!(!is_refusal(Some(404), "NoSuchBucket", Condition::Matches("a")));
        assert!(!is_refusal(Some(409), CONFLICT, Condition::Absent));
        assert!(!is_refusal(None, "", Condition::Absent));
    }

    #[test]
    fn a_bucket_elsewhere_says_where() {
        let answer = |status: u16, region: Option<&'static str>| {
            let mut answer = HttpResponse::new(status.try_into().unwrap(), "".into());
            if let Some(region) = region {
                answer.headers_mut().insert("x-amz-bucket-region", region);
            }
            home(&answer)
        };
        assert_eq!(answer(301, Some("eu-west-1")).as_deref(), Some("eu-west-1"));
        assert_eq!(answer(301, None), None);
        assert_eq!(answer(403, Some("eu-west-1")), None);
    }

    #[test]
    fn an_object_is_named_as_every_tool_names_it() {
        assert_eq!(objects().location("shop/lease.json"), "s3://acme/prod/shop/lease.json");
    }
}
