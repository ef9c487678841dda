//! [`Service`]: a client of an SDK, and what all calls to the service share.

use std::sync::Arc;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use palisade_aws::operations::Operation;
use palisade_core::provider::{BoxFuture, ProviderError};
use tokio::sync::Semaphore;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use crate::{failure::Failure, limiter::Limiter};

/// A client of one service.
pub(crate) struct Service<C> {
    /// The SDK's client.
    pub(crate) sdk: C,
    /// Where the calls go, as a person would say it.
    endpoint: String,
    limiter: Limiter,
    /// The places of the calls that are under way, to whatever service.
    places: Arc<Semaphore>,
}

/// An operation as its SDK sends it.
pub(crate) trait Call: Operation {
    /// The SDK's client.
    type Client;

    /// Sends it, and reads the answer.
    fn send(self, service: &Service<Self::Client>) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

impl<C> Service<C> {
    /// A client whose calls go to `endpoint`.
    pub(crate) fn new(sdk: C, endpoint: String, places: Arc<Semaphore>) -> Self {
        Self { sdk, endpoint, limiter: Limiter::new(), places }
    }

    /// Makes one call: sends `request` as soon as the service is ready for it. Each page of a list is a call.
    ///
    /// What the SDK logs meanwhile goes nowhere, whatever the program that uses it logs: it is about requests, and in those of
    /// ElastiCache are passwords, which their types print.
    pub(crate) async fn call<T, E: ProvideErrorMetadata>(
        &self,
        request: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, Failure> {
        // The place comes last: a service that is slowed down must not take the places of the others.
        self.limiter.ready().await;
        let answer = {
            // The semaphore is never closed, which would be the only error.
            let _place = self.places.acquire().await;
            request.with_subscriber(NoSubscriber::default()).await
        };
        let answer = answer.map_err(|error| Failure::of(error, &self.endpoint));
        self.limiter.learn(answer.as_ref().is_err_and(Failure::is_throttled));
        answer
    }

    /// The failure of a call whose answer says that it had no effect, as if the service had refused it.
    pub(crate) fn refusal(&self, code: String, message: String) -> Failure {
        Failure::Refused { status: 400, code, message, endpoint: self.endpoint.clone() }
    }

    /// Carries out an operation. The future is boxed here, each operation's by itself: side by side in one match, all of
    /// them took two megabytes of stack, and a thread has no more than that.
    pub(crate) fn answer<O: Call<Client = C>>(&self, operation: O) -> BoxFuture<'_, Result<O::Output, ProviderError>>
    where
        C: Sync,
    {
        Box::pin(async move {
            operation.send(self).await.map_err(|failure| failure.of_call(O::SERVICE.as_str(), O::ACTION))
        })
    }
}
