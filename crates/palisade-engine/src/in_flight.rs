//! [`InFlight`]: futures that run side by side on one task.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use palisade_core::provider::BoxFuture;

/// Futures that run side by side on the task that awaits [`InFlight::next`], so that they may borrow what it owns.
///
/// Only those that were woken are polled, so a thousand waiting futures cost nothing while one of them works.
pub(crate) struct InFlight<'a, T> {
    futures: HashMap<usize, BoxFuture<'a, T>>,
    pushed: usize,
    woken: Arc<Mutex<Woken>>,
}

/// Which futures want to be polled, and whom to wake when one more does.
#[derive(Default)]
struct Woken {
    keys: VecDeque<usize>,
    task: Option<Waker>,
}

/// The waker of one future.
struct Bell {
    key: usize,
    woken: Arc<Mutex<Woken>>,
}

impl<'a, T> InFlight<'a, T> {
    pub(crate) fn new() -> Self {
        Self { futures: HashMap::new(), pushed: 0, woken: Arc::default() }
    }

    /// Adds a future. It begins to run when [`InFlight::next`] is awaited.
    pub(crate) fn push(&mut self, future: BoxFuture<'a, T>) {
        let key = self.pushed;
        self.pushed += 1;
        self.futures.insert(key, future);
        lock(&self.woken).keys.push_back(key);
    }

    /// Waits for the next future that ends; `None` if there is none left.
    pub(crate) async fn next(&mut self) -> Option<T> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.futures.is_empty() {
            return Poll::Ready(None);
        }
        lock(&self.woken).task = Some(context.waker().clone());
        loop {
            // A statement of its own: the lock is not held while the future is polled, as that may ring the bell.
            let key = lock(&self.woken).keys.pop_front();
            let Some(key) = key else { return Poll::Pending };
            // A future may be woken twice, and end at the first time.
            let Some(future) = self.futures.get_mut(&key) else { continue };
            let waker = Waker::from(Arc::new(Bell { key, woken: Arc::clone(&self.woken) }));
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.futures.remove(&key);
                return Poll::Ready(Some(value));
            }
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let task = {
            let mut woken = lock(&self.woken);
            woken.keys.push_back(self.key);
            woken.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// A panic while the lock is held leaves the queue as it was, so a poisoned lock is as good as any.
fn lock(woken: &Mutex<Woken>) -> MutexGuard<'_, Woken> {
    woken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn futures_run_side_by_side_and_come_back_as_they_end() {
        let begin = tokio::time::Instant::now();
        let mut in_flight = InFlight::new();
        for seconds in [3, 1, 2] {
            in_flight.push(Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                tokio::task::yield_now().await;
                seconds
            }));
        }
        let mut ended = Vec::new();
        while let Some(seconds) = in_flight.next().await {
            ended.push(seconds);
        }
        assert_eq!(ended, [1, 2, 3]);
        assert_eq!(begin.elapsed().as_secs(), 3);
    }
}
