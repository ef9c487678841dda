//! [`Limiter`]: as many calls a second as a service takes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// How many calls a second are made before a service has said anything about it. AWS lets a bucket of about as many calls
/// through at once, and fills it more slowly.
const MOST: f64 = 100.0;
/// How many are made at least, however much the service complains.
const LEAST: f64 = 0.5;
/// For how long after the rate was lowered another complaint says nothing new: it is about calls that were under way.
const ROUND: Duration = Duration::from_millis(500);

/// Spaces the calls to one service out.
///
/// AWS tells nobody what the limits are: they differ between actions, accounts and regions. So the rate is found out as TCP
/// does it. Each complaint halves it, and each second of answers raises it by one call a second.
#[derive(Debug)]
pub(crate) struct Limiter {
    bucket: Mutex<Bucket>,
    /// Whoever waits for a call waits here, first come, first served.
    queue: tokio::sync::Mutex<()>,
}

/// Calls that may be made: they trickle in at a rate, and as many as come in one second can gather.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    calls: f64,
    filled_at: Instant,
    slowed_at: Option<Instant>,
}

impl Limiter {
    /// A limiter of a service that has not complained yet.
    pub(crate) fn new() -> Self {
        let bucket = Bucket { rate: MOST, calls: MOST, filled_at: Instant::now(), slowed_at: None };
        Self { bucket: Mutex::new(bucket), queue: tokio::sync::Mutex::new(()) }
    }

    /// Waits until the next call may be made.
    pub(crate) async fn ready(&self) {
        let _turn = self.queue.lock().await;
        loop {
            let pause = self.bucket().take(Instant::now());
            match pause {
                Some(pause) => sleep(pause).await,
                None => return,
            }
        }
    }

    /// Learns from an answer whether the service complained about the rate.
    pub(crate) fn learn(&self, throttled: bool) {
        let mut bucket = self.bucket();
        if throttled { bucket.slow(Instant::now()) } else { bucket.hasten() }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        // Nothing can panic between two writes of the bucket, so there is no half of a change.
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    /// Takes a call out, or says how long to wait for one.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        let passed = now.duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        // One call can always gather, or a rate below one would never let any through.
        self.calls = (self.calls + passed * self.rate).min(self.rate.max(1.0));
        if self.calls >= 1.0 {
            self.calls -= 1.0;
            None
        } else {
            Some(Duration::from_secs_f64((1.0 - self.calls) / self.rate))
        }
    }

    fn slow(&mut self, now: Instant) {
        if self.slowed_at.is_none_or(|slowed_at| now.duration_since(slowed_at) >= ROUND) {
            self.slowed_at = Some(now);
            self.rate = (self.rate / 2.0).max(LEAST);
            (self.calls, self.filled_at) = (0.0, now);
        }
    }

    fn hasten(&mut self) {
        // At `rate` calls a second, this adds up to one within a second.
        self.rate = (self.rate + 1.0 / self.rate.max(1.0)).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long `count` calls take from now on, each answered at once.
    async fn time(limiter: &Limiter, count: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..count {
            limiter.ready().await;
        }
        start.elapsed()
    }

    async fn rest() {
        sleep(ROUND).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_complain_is_not_waited_for() {
        let limiter = Limiter::new();
        assert_eq!(time(&limiter, 100).await, Duration::ZERO);
        let next = time(&limiter, 100).await;
        assert!((990..1200).contains(&next.as_millis()), "{next:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_complaint_halves_the_rate_once() {
        let limiter = Limiter::new();
        for _ in 0..10 {
            limiter.learn(true);
        }
        let halved = time(&limiter, 50).await;
        assert!((990..1200).contains(&halved.as_millis()), "{halved:?}");
        rest().await;
        limiter.learn(true);
        let quartered = time(&limiter, 25).await;
        assert!((990..1200).contains(&quartered.as_millis()), "{quartered:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_has_a_floor_and_comes_back() {
        let limiter = Limiter::new();
        for _ in 0..20 {
            limiter.learn(true);
            rest().await;
        }
        limiter.ready().await;
        assert_eq!(time(&limiter, 1).await, Duration::from_secs(2));
        for _ in 0..10_000 {
            limiter.learn(false);
        }
        rest().await;
        rest().await;
        assert_eq!(time(&limiter, 100).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_first_goes_first() {
        let limiter = Limiter::new();
        limiter.learn(true);
        let start = Instant::now();
        let at = async || {
            limiter.ready().await;
            start.elapsed()
        };
        let (first, second, third) = tokio::join!(at(), at(), at());
        assert!(first < second && second < third, "{first:?} {second:?} {third:?}");
    }
}
