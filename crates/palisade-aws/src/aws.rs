//! [`Aws`]: an account as the lifecycles reach it, whatever the [`Backend`] behind it is.

use std::{fmt, sync::Arc, time::Duration};

use palisade_core::provider::{BoxFuture, ErrorKind, ProviderError, Turn, Unlimited, interrupted};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::{
    batch::Batches,
    operations::{Effect, Operation, Request, Response},
};

/// Answers AWS calls: the emulator in memory, or AWS itself.
pub trait Backend: Send + Sync {
    /// The region, as in `us-east-1`.
    fn region(&self) -> &str;

    /// Answers one call. It is not repeated here.
    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>>;
}

/// Supplies the values of the secrets whose source is outside of AWS; see
/// [`SecretSource::Supplied`](crate::types::SecretSource).
pub trait Supplier: Send + Sync {
    /// The value of `variable`, or `None` if nobody supplied it.
    fn supply(&self, variable: &str) -> Option<SecretString>;
}

/// An account as the lifecycles reach it, in the turn of one step.
#[derive(Clone)]
pub struct Aws {
    batches: Arc<Batches>,
    supplier: Arc<dyn Supplier>,
    turn: Arc<dyn Turn>,
}

/// How often a call is repeated that was throttled, or a read that the service failed to answer.
const ATTEMPTS: u32 = 8;

impl Aws {
    /// The account behind `backend`, for whoever works alone.
    pub fn new(backend: Arc<dyn Backend>, supplier: Arc<dyn Supplier>) -> Self {
        Self { batches: Arc::new(Batches::new(backend)), supplier, turn: Arc::new(Unlimited) }
    }

    /// The same account, for a step that has this turn.
    #[must_use]
    pub fn in_turn(&self, turn: &Arc<dyn Turn>) -> Self {
        Self { turn: Arc::clone(turn), ..self.clone() }
    }

    /// The region, as in `us-east-1`.
    pub fn region(&self) -> &str {
        self.batches.region()
    }

    /// Makes one call. A call that was throttled is repeated, as is a read that the service failed to answer; a write that
    /// it failed to answer is not, since it may have had its effect.
    ///
    /// # Errors
    /// What AWS answered, classified; [`ErrorKind::Interrupted`] if the run stops before the call is sent, or between two
    /// attempts.
    pub async fn call<O: Operation>(&self, operation: O) -> Result<O::Output, ProviderError> {
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            match self.batches.answer(&self.turn, operation.clone().into()).await {
                Ok(response) => {
                    return O::output(response).ok_or_else(|| ProviderError {
                        kind: ErrorKind::Service,
                        operation: O::ACTION.to_owned(),
                        code: String::new(),
                        message: "the backend answered another call".to_owned(),
                        help: String::new(),
                    });
                }
                Err(error) if attempt < ATTEMPTS && is_repeatable(error.kind, O::EFFECT) => {
                    self.pause(pause).await?;
                    pause = (pause * 2).min(Duration::from_secs(20));
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Makes a call that AWS may refuse for as long as an object is between two states, or still used, until it is
    /// accepted or `limit` has passed.
    ///
    /// # Errors
    /// What AWS answered last.
    pub async fn call_until_settled<O: Operation>(
        &self,
        limit: Duration,
        operation: O,
    ) -> Result<O::Output, ProviderError> {
        let deadline = Instant::now() + limit;
        loop {
            match self.call(operation.clone()).await {
                Err(error) if error.kind == ErrorKind::Transitional && Instant::now() < deadline => {
                    self.pause(Duration::from_secs(5)).await?;
                }
                answer => return answer,
            }
        }
    }

    /// Asks `poll` every few seconds until it has an answer.
    ///
    /// # Errors
    /// What `poll` failed with, or [`ErrorKind::TimedOut`] once `limit` has passed; `what` says what was waited for.
    pub async fn wait<T, F>(&self, what: &str, limit: Duration, mut poll: impl FnMut() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<Option<T>, ProviderError>>,
    {
        let start = Instant::now();
        // What is fast is seen at once, and what is slow is not asked about more than it is worth.
        let mut pause = Duration::from_secs(1);
        loop {
            if let Some(found) = poll().await? {
                return Ok(found);
            }
            if start.elapsed() >= limit {
                return Err(ProviderError {
                    kind: ErrorKind::TimedOut,
                    operation: String::new(),
                    code: String::new(),
                    message: format!("waited {} minutes for {what}", limit.as_secs() / 60),
                    help: "see in the console what holds it up, and run the same command again: it goes on from here"
                        .to_owned(),
                });
            }
            self.pause(pause).await?;
            pause = (pause * 3 / 2).min(Duration::from_secs(15));
        }
    }

    /// Lets `duration` pass. All that a lifecycle waits for, other than the answer to a call, it waits for by this.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] if the run is to stop, or is stopped meanwhile.
    pub async fn pause(&self, duration: Duration) -> Result<(), ProviderError> {
        tokio::select! {
            biased;
            () = self.turn.stopped() => Err(interrupted()),
            () = sleep(duration) => Ok(()),
        }
    }

    /// The value that whoever runs the program supplied under `variable`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if there is none.
    pub fn supplied(&self, variable: &str) -> Result<SecretString, ProviderError> {
        self.supplier.supply(variable).ok_or_else(|| ProviderError {
            kind: ErrorKind::Invalid,
            operation: String::new(),
            code: String::new(),
            message: format!("the environment variable {variable}, which supplies the value of the secret, is not set"),
            help: format!("set it for the apply, for example with `{variable}=$(pass show ...) cargo run -- apply`"),
        })
    }
}

fn is_repeatable(kind: ErrorKind, effect: Effect) -> bool {
    kind == ErrorKind::Throttled || kind == ErrorKind::Service && effect == Effect::Read
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}
