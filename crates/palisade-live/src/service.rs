//! [`Service`]: a client of an SDK, and what all calls to the service share.

use std::sync::Arc;

use aws_sdk_ec2::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::{BoxError, ProvideErrorMetadata, SdkError},
};
use palisade_aws::operations::Operation;
use palisade_core::provider::{BoxFuture, ProviderError, Turn, Unlimited};
use tokio::sync::Semaphore;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use crate::{failure::Failure, limiter::Limiter};

tokio::task_local! {
    /// The turn of the call that is under way.
    static TURN: Arc<dyn Turn>;
}

/// Asks once more whether a call may be sent, once it is signed: the SDK may have fetched new credentials for it, which can take as
/// long as a call. All that follows is the connection.
#[derive(Debug)]
pub(crate) struct LastLook;

impl Intercept for LastLook {
    fn name(&self) -> &'static str {
        "LastLook"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Ok(TURN.try_with(|turn| turn.may_send())??)
    }
}

/// A client of one service, in the turn of a step.
pub(crate) struct Service<C> {
    /// The SDK's client.
    pub(crate) sdk: C,
    shared: Arc<Shared>,
    turn: Arc<dyn Turn>,
}

/// What all calls to the service share, in whatever turn.
struct Shared {
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
        let shared = Arc::new(Shared { endpoint, limiter: Limiter::new(), places });
        Self { sdk, shared, turn: Arc::new(Unlimited) }
    }

    /// The same client in another turn.
    pub(crate) fn in_turn(&self, turn: &Arc<dyn Turn>) -> Self
    where
        C: Clone,
    {
        Self { sdk: self.sdk.clone(), shared: self.shared.clone(), turn: turn.clone() }
    }

    /// Makes one call: sends `request` as soon as the service is ready for it, unless the run is to stop by then. Each page of
    /// a list is a call.
    ///
    /// What the SDK logs meanwhile goes nowhere, whatever the program that uses it logs: it is about requests, and in those of
    /// ElastiCache are passwords, which their types print.
    pub(crate) async fn call<T, E: ProvideErrorMetadata>(
        &self,
        request: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, Failure> {
        let Shared { endpoint, limiter, places } = &*self.shared;
        let place = async {
            // The place comes last: a service that is slowed down must not take the places of the others.
            limiter.ready().await;
            // The semaphore is never closed, which would be the only error.
            places.acquire().await
        };
        let answer = {
            let _place = tokio::select! {
                biased;
                () = self.turn.stopped() => return Err(Failure::Interrupted),
                place = place => place,
            };
            self.turn.may_send().map_err(|_| Failure::Interrupted)?;
            TURN.scope(self.turn.clone(), request.with_subscriber(NoSubscriber::default())).await
        };
        let answer = answer.map_err(|error| Failure::of(error, endpoint));
        limiter.learn(answer.as_ref().is_err_and(Failure::is_throttled));
        answer
    }

    /// The failure of a call whose answer says that it had no effect, as if the service had refused it.
    pub(crate) fn refusal(&self, code: String, message: String) -> Failure {
        Failure::Refused { status: 400, code, message, endpoint: self.shared.endpoint.clone() }
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

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{pending, ready},
        sync::atomic::{AtomicBool, Ordering},
    };

    use aws_sdk_ec2::Error;
    use palisade_core::provider::{Slot, interrupted};
    use tokio::time::{Duration, sleep, timeout};

    use super::*;

    /// A turn that ends after a while, or without a word.
    #[derive(Default)]
    struct Ending {
        tells: bool,
        has_ended: Arc<AtomicBool>,
    }

    impl Turn for Ending {
        fn slot(&self) -> BoxFuture<'_, Result<Slot, ProviderError>> {
            Box::pin(ready(Ok(Slot::new(()))))
        }

        fn may_send(&self) -> Result<(), ProviderError> {
            if self.has_ended.load(Ordering::Relaxed) { Err(interrupted()) } else { Ok(()) }
        }

        fn stopped(&self) -> BoxFuture<'_, ()> {
            if self.tells { Box::pin(sleep(Duration::from_secs(1))) } else { Box::pin(pending()) }
        }
    }

    /// What becomes of a call, and whether it was sent.
    async fn call(service: &Service<()>) -> (Result<(), Failure>, bool) {
        let is_sent = Cell::new(false);
        let request = async {
            is_sent.set(true);
            Ok::<_, SdkError<Error>>(())
        };
        (service.call(request).await, is_sent.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_for_its_service_is_not_sent_once_the_run_is_to_stop() {
        for tells in [false, true] {
            let places = Arc::new(Semaphore::new(1));
            let service = Service::new((), "a service".to_owned(), places.clone());
            let has_ended = Arc::new(AtomicBool::new(false));
            let turn: Arc<dyn Turn> = Arc::new(Ending { tells, has_ended: has_ended.clone() });
            let service = service.in_turn(&turn);
            assert!(matches!(call(&service).await, (Ok(()), true)));
            // All places are taken.
            let place = places.acquire().await.unwrap();
            let waits = call(&service);
            let end = async {
                sleep(Duration::from_secs(10)).await;
                has_ended.store(true, Ordering::Relaxed);
                drop(place);
            };
            let ((answer, is_sent), ()) =
                timeout(Duration::from_secs(20), async { tokio::join!(waits, end) }).await.unwrap();
            assert!(matches!(answer, Err(Failure::Interrupted)) && !is_sent);
        }
    }
}
