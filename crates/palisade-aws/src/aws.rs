//! [`Aws`]: an account as the lifecycles reach it, whatever the [`Backend`] behind it is.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use palisade_core::provider::{BoxFuture, ErrorKind, ProviderError, Turn, Unlimited, interrupted};
use secrecy::{ExposeSecret, SecretString};
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

    /// Answers one call in a turn, whose slot the caller holds. A backend that waits before it sends, or sends several requests,
    /// gives up once the turn is to stop, and asks [`Turn::may_send`] right before each request.
    fn answer_in_turn<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        request: Request,
    ) -> BoxFuture<'a, Result<Response, ProviderError>> {
        self.answer(request)
    }
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
    /// Whether a call that writes had its effect, or may have had it.
    may_have_changed: Arc<AtomicBool>,
}

/// How often a call is made that does not reach the service, or a read that the service fails to answer.
const ATTEMPTS: u32 = 8;
/// For how long such a call is repeated. Where the service is silent, it takes half a minute to give up one attempt.
const PATIENCE: Duration = Duration::from_secs(60);
/// For how long a call is repeated that was throttled. The rate of all calls falls meanwhile, so this is the time in which
/// others in the account leave room for it.
const THROTTLED: Duration = Duration::from_mins(10);

impl Aws {
    /// The account behind `backend`, for whoever works alone.
    pub fn new(backend: Arc<dyn Backend>, supplier: Arc<dyn Supplier>) -> Self {
        let (batches, turn) = (Arc::new(Batches::new(backend)), Arc::new(Unlimited));
        Self { batches, supplier, turn, may_have_changed: Arc::default() }
    }

    /// The same account, for a step that has this turn.
    #[must_use]
    pub fn in_turn(&self, turn: &Arc<dyn Turn>) -> Self {
        Self { turn: Arc::clone(turn), may_have_changed: Arc::default(), ..self.clone() }
    }

    /// Whether a call that writes, and that was made by this value or a clone of it, had its effect, or whether nobody knows
    /// that it had none. What the last call was told says nothing of an earlier one.
    pub(crate) fn may_have_changed(&self) -> bool {
        self.may_have_changed.load(Ordering::Relaxed)
    }

    /// The region, as in `us-east-1`.
    pub fn region(&self) -> &str {
        self.batches.region()
    }

    /// Makes one call. It is repeated if it was throttled or did not reach the service, as is a read that the service failed
    /// to answer; a write that it failed to answer is not, since it may have had its effect.
    ///
    /// # Errors
    /// What AWS answered, classified; [`ErrorKind::Interrupted`] if the run stops before the call is sent, or between two
    /// attempts.
    pub async fn call<O: Operation>(&self, operation: O) -> Result<O::Output, ProviderError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            let answer = self.batches.answer(&self.turn, operation.clone().into()).await;
            if O::EFFECT == Effect::Write && answer.as_ref().map_or_else(|error| error.kind.may_have_effect(), |_| true)
            {
                self.may_have_changed.store(true, Ordering::Relaxed);
            }
            match answer {
                Ok(response) => {
                    return O::output(response).ok_or_else(|| ProviderError {
                        kind: ErrorKind::Service,
                        operation: O::ACTION.to_owned(),
                        code: String::new(),
                        message: "the backend answered another call".to_owned(),
                        help: String::new(),
                    });
                }
                Err(error) if is_repeated(error.kind, O::EFFECT, attempt, start.elapsed()) => {
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
        self.until_accepted(limit, is_transitional, || self.call(operation.clone())).await
    }

    /// Makes an attempt every few seconds, for as long as it is refused with an error that passes, as `is_passing` tells, and
    /// until `limit` has passed since the first refusal: an attempt may have waited long for something else.
    ///
    /// # Errors
    /// What the last attempt failed with.
    pub(crate) async fn until_accepted<T, F>(
        &self,
        limit: Duration,
        is_passing: impl Fn(&ProviderError) -> bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let mut refused = None;
        loop {
            match attempt().await {
                Err(error) if is_passing(&error) && refused.get_or_insert_with(Instant::now).elapsed() < limit => {
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
        let mut start = None;
        // What is fast is seen at once, and what is slow is not asked about more than it is worth.
        let mut pause = Duration::from_secs(1);
        loop {
            if let Some(found) = poll().await? {
                return Ok(found);
            }
            // The first look may have waited for its turn.
            if start.get_or_insert_with(Instant::now).elapsed() >= limit {
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
    /// [`ErrorKind::Invalid`] if there is none, or it is empty.
    pub fn supplied(&self, variable: &str) -> Result<SecretString, ProviderError> {
        let value = self.supplier.supply(variable).filter(|value| !value.expose_secret().is_empty());
        value.ok_or_else(|| ProviderError {
            kind: ErrorKind::Invalid,
            operation: String::new(),
            code: String::new(),
            message: format!("the environment variable {variable}, which supplies the value, is not set, or is empty"),
            help: format!("set it for `plan` and for `apply`, as in `{variable}=$(pass show ..) cargo run -- apply`"),
        })
    }
}

/// Whether a call was refused because an object is between two states, or still used.
pub(crate) fn is_transitional(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Transitional
}

/// Whether a call is made once more, of which so many attempts, in such a time, came to nothing.
fn is_repeated(kind: ErrorKind, effect: Effect, attempts: u32, passed: Duration) -> bool {
    match kind {
        ErrorKind::Throttled => passed < THROTTLED,
        ErrorKind::Unreached => attempts < ATTEMPTS && passed < PATIENCE,
        ErrorKind::Service => effect == Effect::Read && attempts < ATTEMPTS && passed < PATIENCE,
        _ => false,
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        operations::{DeleteVpc, DeleteVpcOutput, DescribeVpcs, DescribeVpcsOutput},
        shapes::Select,
    };

    /// A service that fails so many times as it is told, each time after a while.
    struct Failing {
        kind: ErrorKind,
        times: Mutex<u32>,
        after: Duration,
    }

    impl Backend for Failing {
        fn region(&self) -> &'static str {
            "us-east-1"
        }

        fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
            Box::pin(async move {
                sleep(self.after).await;
                let mut times = self.times.lock().unwrap();
                if *times > 0 {
                    *times -= 1;
                    let (message, help) = (String::new(), String::new());
                    return Err(ProviderError {
                        kind: self.kind,
                        operation: String::new(),
                        code: String::new(),
                        message,
                        help,
                    });
                }
                Ok(match request {
                    Request::DescribeVpcs(_) => Response::DescribeVpcs(DescribeVpcsOutput { vpcs: Vec::new() }),
                    _ => Response::DeleteVpc(DeleteVpcOutput {}),
                })
            })
        }
    }

    impl Supplier for Failing {
        fn supply(&self, _: &str) -> Option<SecretString> {
            None
        }
    }

    const FOREVER: u32 = u32::MAX;

    /// Whether a read and a write succeed, each with a service that fails first, and how long they take.
    async fn made(kind: ErrorKind, times: u32, after: Duration) -> [(bool, Duration); 2] {
        let aws = || {
            let failing = Arc::new(Failing { kind, times: Mutex::new(times), after });
            Aws::new(failing.clone(), failing)
        };
        let vpc = palisade_core::Id::reported("vpc-1").unwrap();
        let start = Instant::now();
        let read = aws().call(DescribeVpcs { select: Select::Ids(Vec::new()) }).await.is_ok();
        let read = (read, start.elapsed());
        let start = Instant::now();
        let write = aws().call(DeleteVpc { vpc_id: vpc }).await.is_ok();
        [read, (write, start.elapsed())]
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_may_have_had_its_effect_is_not_repeated() {
        let [read, write] = made(ErrorKind::Service, 3, Duration::ZERO).await;
        assert!(read.0 && !write.0);
        assert_eq!(write.1, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_sent_is_repeated_also_where_it_writes() {
        assert!(made(ErrorKind::Unreached, 3, Duration::ZERO).await.iter().all(|(made, _)| *made));
        for (made, took) in made(ErrorKind::Unreached, FOREVER, Duration::ZERO).await {
            assert!(!made && took > Duration::from_secs(20) && took < PATIENCE, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_throttled_is_repeated_for_as_long_as_others_may_need() {
        assert!(made(ErrorKind::Throttled, 20, Duration::ZERO).await.iter().all(|(made, _)| *made));
        for (made, took) in made(ErrorKind::Throttled, FOREVER, Duration::ZERO).await {
            assert!(!made && took >= THROTTLED, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_hangs_is_given_up_after_two_attempts() {
        let attempt = Duration::from_secs(30);
        let [read, write] = made(ErrorKind::Service, FOREVER, attempt).await;
        assert!(!read.0 && read.1 < attempt * 2 + Duration::from_secs(1), "{read:?}");
        assert_eq!(write, (false, attempt));
    }

    #[test]
    fn a_call_is_repeated_until_its_attempts_or_its_time_are_used_up() {
        let before = |limit: Duration| limit - Duration::from_millis(1);
        for (kind, effect) in [
            (ErrorKind::Unreached, Effect::Read),
            (ErrorKind::Unreached, Effect::Write),
            (ErrorKind::Service, Effect::Read),
        ] {
            let repeated = |attempts, passed| is_repeated(kind, effect, attempts, passed);
            assert!(repeated(ATTEMPTS - 1, before(PATIENCE)), "{kind:?}");
            assert!(!repeated(ATTEMPTS, before(PATIENCE)), "{kind:?}: this was the last attempt");
            assert!(!repeated(ATTEMPTS - 1, PATIENCE), "{kind:?}: the time is used up");
        }
        let throttled = |passed| is_repeated(ErrorKind::Throttled, Effect::Write, 100, passed);
        assert!(throttled(before(THROTTLED)) && !throttled(THROTTLED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_refused_for_a_state_is_repeated_until_the_limit_has_passed() {
        let limit = Duration::from_secs(20);
        let made = async |kind, times| {
            let failing = Arc::new(Failing { kind, times: Mutex::new(times), after: Duration::ZERO });
            let delete = DeleteVpc { vpc_id: palisade_core::Id::reported("vpc-1").unwrap() };
            let start = Instant::now();
            let answer = Aws::new(failing.clone(), failing).call_until_settled(limit, delete).await;
            (answer.map(drop).map_err(|error| error.kind), start.elapsed())
        };
        assert_eq!(made(ErrorKind::Transitional, 1).await, (Ok(()), Duration::from_secs(5)));
        assert_eq!(made(ErrorKind::Transitional, FOREVER).await, (Err(ErrorKind::Transitional), limit));
        assert_eq!(made(ErrorKind::Denied, 1).await, (Err(ErrorKind::Denied), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_first_attempt_or_look_waits_for_does_not_count() {
        let (limit, hour) = (Duration::from_secs(20), Duration::from_secs(3600));
        let failing = Arc::new(Failing { kind: ErrorKind::Service, times: Mutex::new(0), after: Duration::ZERO });
        let (aws, first) = (Aws::new(failing.clone(), failing), AtomicBool::new(true));
        let refused = async || {
            if first.swap(false, Ordering::Relaxed) {
                aws.pause(hour).await?;
                return Err(ProviderError { kind: ErrorKind::Transitional, ..interrupted() });
            }
            Ok(())
        };
        aws.until_accepted(limit, is_transitional, refused).await.unwrap();
        first.store(true, Ordering::Relaxed);
        let unseen = async || {
            if first.swap(false, Ordering::Relaxed) {
                aws.pause(hour).await?;
                return Ok(None);
            }
            Ok(Some(()))
        };
        aws.wait("something", limit, unseen).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_not_repeated() {
        for kind in [ErrorKind::Denied, ErrorKind::Invalid, ErrorKind::Quota, ErrorKind::NotFound] {
            for (made, took) in made(kind, 1, Duration::ZERO).await {
                // A description waits a moment for others; the first pause before a repetition is longer.
                assert!(!made && took < Duration::from_millis(200), "{kind:?}: {took:?}");
            }
        }
    }

    /// The turn of a run that is to stop.
    struct Ended;

    impl Turn for Ended {
        fn slot(&self) -> BoxFuture<'_, Result<palisade_core::provider::Slot, ProviderError>> {
            Box::pin(std::future::ready(Err(interrupted())))
        }

        fn stopped(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_to_stop_sends_nothing_and_waits_for_nothing() {
        let answering = Arc::new(Failing { kind: ErrorKind::Service, times: Mutex::new(0), after: Duration::ZERO });
        let aws = Aws::new(answering.clone(), answering);
        let (start, hour) = (Instant::now(), Duration::from_secs(3600));
        assert!(aws.pause(hour).await.is_ok() && start.elapsed() == hour, "who works alone waits");

        let turn: Arc<dyn Turn> = Arc::new(Ended);
        let (aws, start) = (aws.in_turn(&turn), Instant::now());
        let vpc_id = palisade_core::Id::reported("vpc-1").unwrap();
        let kind = |error: ProviderError| error.kind;
        assert_eq!(aws.pause(hour).await.map_err(kind), Err(ErrorKind::Interrupted));
        assert_eq!(aws.call(DeleteVpc { vpc_id }).await.map(drop).map_err(kind), Err(ErrorKind::Interrupted));
        let waited = aws.wait("nothing", hour, async || Ok(None::<()>)).await;
        assert_eq!(waited.map_err(kind), Err(ErrorKind::Interrupted));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
