//! [`Clock`]: how long a lease has lasted, also while the machine sleeps.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::protocol::Now;

/// Tokio's clock, which stands still on some systems while the machine sleeps, and how long that was.
#[derive(Clone)]
pub(super) struct Clock {
    begin: Instant,
    slept: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// `slept` says how long the machine has slept since some moment.
    pub(super) fn new(slept: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { begin: Instant::now(), slept: Arc::new(slept) }
    }

    pub(super) fn now(&self) -> Now {
        // In this order: if the process is stopped in between, tokio's clock has that time, and no clock has it twice.
        let slept = (self.slept)();
        let awake = self.begin.elapsed();
        Now { awake, total: awake + slept }
    }
}

/// How long the machine has slept since the first call: the time that has passed on a clock that runs meanwhile, and not on the
/// one that tokio reads.
///
/// A system without such a clock has the wall clock in its place. When somebody sets that ahead, a holder stops too early.
#[cfg(unix)]
pub(super) fn slept() -> Duration {
    use std::{sync::OnceLock, time::Instant};

    use rustix::time::{ClockId, Timespec, clock_gettime};

    #[cfg(any(target_os = "linux", target_os = "android"))]
    const RUNS_IN_SLEEP: ClockId = ClockId::Boottime;
    // The one that stands still is `CLOCK_UPTIME_RAW`, which the standard library reads.
    #[cfg(target_vendor = "apple")]
    const RUNS_IN_SLEEP: ClockId = ClockId::Monotonic;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    const RUNS_IN_SLEEP: ClockId = ClockId::Realtime;

    static FIRST: OnceLock<(Duration, Instant)> = OnceLock::new();

    let Timespec { tv_sec, tv_nsec } = clock_gettime(RUNS_IN_SLEEP);
    let passed = Duration::new(u64::try_from(tv_sec).unwrap_or_default(), u32::try_from(tv_nsec).unwrap_or_default());
    #[expect(clippy::disallowed_methods, reason = "it is compared to a clock that no test can pause")]
    let now = Instant::now();
    let (first, begin) = FIRST.get_or_init(|| (passed, now));
    passed.saturating_sub(*first).saturating_sub(now.saturating_duration_since(*begin))
}

/// Nothing: the clock that tokio reads runs while Windows sleeps.
#[cfg(not(unix))]
pub(super) fn slept() -> Duration {
    Duration::ZERO
}
