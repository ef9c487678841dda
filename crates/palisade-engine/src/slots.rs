//! [`Slots`]: how many calls are under way at a time, and whose is the next.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{self, AtomicBool},
    },
    task::{Context, Waker},
    time::Duration,
};

use palisade_core::provider::{BoxFuture, ProviderError, Slot, StepKind, Turn, interrupted};
use petgraph::algo::toposort;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    gate::Gate,
    steps::{Steps, Task},
};

/// The slots of a run. A slot that is given back is handed on by [`Slots::hand_out`], once all steps have gone as far as they
/// can: then what the end of a call has made ready is in the line too, and can be the next.
#[derive(Debug)]
pub(crate) struct Slots(Mutex<Line>);

#[derive(Debug)]
struct Line {
    count: usize,
    free: usize,
    /// The calls that wait, by their priorities, and of equals by their arrival. The last one is the next.
    waiting: BTreeMap<(Priority, Reverse<usize>), Waiting>,
    arrivals: usize,
    /// Of the task that hands out.
    waker: Option<Waker>,
}

/// Whose call is the next: the greatest of all that wait.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Priority {
    /// How long it takes from here to the end of the run, if nothing but the dependencies holds it up.
    remaining: Duration,
    /// The place in the plan, so that equals have an order.
    place: Reverse<usize>,
}

/// Somebody in the line.
#[derive(Debug)]
struct Waiting {
    share: Share,
    granted: oneshot::Sender<()>,
}

/// How many of the slots somebody needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Share {
    One,
    /// All: while this call is under way, no other one is.
    All,
}

impl Slots {
    pub(crate) fn new(count: NonZeroUsize) -> Self {
        let (count, waiting) = (count.get(), BTreeMap::new());
        Self(Mutex::new(Line { count, free: count, waiting, arrivals: 0, waker: None }))
    }

    /// Waits in the line for a share of the slots. A future that is dropped leaves the line, and gives back what it was granted.
    async fn take(self: &Arc<Self>, priority: Priority, share: Share) -> Held {
        let mut place = Place { slots: self, share, granted: self.line().queue(priority, share) };
        // The other end is in the line, which lives as long as the slots.
        let _ = (&mut place.granted).await;
        Held { slots: Arc::clone(self), share }
    }

    /// Gives what is free to those that are first in the line, which wakes them. The task of `context` is woken when there may
    /// be more to give.
    pub(crate) fn hand_out(&self, context: &Context<'_>) {
        let mut line = self.line();
        line.waker = Some(context.waker().clone());
        while let Some(next) = line.waiting.last_entry() {
            let (share, is_closed) = (next.get().share, next.get().granted.is_closed());
            let size = line.size(share);
            // A closed one takes nothing. Until there is enough for the first one, all others wait with it.
            if size > line.free && !is_closed {
                break;
            }
            if line.waiting.pop_last().is_some_and(|(_, next)| next.granted.send(()).is_ok()) {
                line.free -= size;
            }
        }
    }

    fn give_back(&self, share: Share) {
        let mut line = self.line();
        line.free += line.size(share);
        line.wake();
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn size(&self, share: Share) -> usize {
        match share {
            Share::One => 1,
            Share::All => self.count,
        }
    }

    fn queue(&mut self, priority: Priority, share: Share) -> oneshot::Receiver<()> {
        let (granted, receiver) = oneshot::channel();
        self.arrivals += 1;
        self.waiting.insert((priority, Reverse(self.arrivals)), Waiting { share, granted });
        self.wake();
        receiver
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A share of the slots, which is given back when it is dropped.
struct Held {
    slots: Arc<Slots>,
    share: Share,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.slots.give_back(self.share);
    }
}

/// A place in the line.
struct Place<'a> {
    slots: &'a Slots,
    share: Share,
    granted: oneshot::Receiver<()>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.granted.close();
        if self.granted.try_recv().is_ok() {
            self.slots.give_back(self.share);
        }
    }
}

/// The priorities of all steps: longest remaining path first. `expected` says how long a step of a kind takes.
pub(crate) fn priorities(steps: &Steps, expected: impl Fn(&str, StepKind) -> Duration) -> Vec<Priority> {
    let mut remaining = vec![Duration::ZERO; steps.node_count()];
    // Steps that wait for each other are not done at all, so that their order is nobody's concern.
    for step in toposort(steps, None).unwrap_or_default().into_iter().rev() {
        let then = steps.neighbors(step).map(|next| remaining[next.index()]).max().unwrap_or_default();
        let work = &steps[step];
        let is_work = work.task != Task::Meet;
        let own = if is_work { expected(work.address.kind(), work.kind()) } else { Duration::ZERO };
        remaining[step.index()] = own.saturating_add(then);
    }
    let each = remaining.into_iter().enumerate();
    each.map(|(place, remaining)| Priority { remaining, place: Reverse(place) }).collect()
}

/// The turn of one step.
pub(crate) struct StepTurn {
    slots: Arc<Slots>,
    priority: Priority,
    gate: Arc<Gate>,
    /// The slot that the step began with, until its first call.
    first: Mutex<Option<Slot>>,
    /// Whether it has all slots.
    is_alone: AtomicBool,
    began: OnceLock<Instant>,
}

/// All slots, which a step has until this is dropped.
pub(crate) struct Alone<'a> {
    turn: &'a StepTurn,
    _all: Slot,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.turn.is_alone.store(false, atomic::Ordering::Relaxed);
    }
}

impl StepTurn {
    pub(crate) fn new(slots: &Arc<Slots>, priority: Priority, gate: &Arc<Gate>) -> Arc<Self> {
        let (slots, gate) = (Arc::clone(slots), Arc::clone(gate));
        let (first, is_alone) = (Mutex::new(None), AtomicBool::new(false));
        Arc::new(Self { slots, priority, gate, first, is_alone, began: OnceLock::new() })
    }

    /// Waits until the step can make its first call, which it keeps the slot for: what has only begun to wait has not begun,
    /// and has left nothing on record.
    pub(crate) async fn begin(&self) -> Result<(), ProviderError> {
        let slot = self.wait_for(Share::One).await?;
        *self.first() = Some(slot);
        self.began.get_or_init(Instant::now);
        Ok(())
    }

    /// Waits until no other call is under way. None is sent then, but those of this step, before the answer is dropped.
    ///
    /// Meanwhile the step must not wait for what another one sends.
    pub(crate) async fn alone(&self) -> Result<Alone<'_>, ProviderError> {
        self.give_way();
        let all = self.wait_for(Share::All).await?;
        self.is_alone.store(true, atomic::Ordering::Relaxed);
        Ok(Alone { turn: self, _all: all })
    }

    /// How long ago the step has begun, on tokio's clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.get().map(Instant::elapsed).unwrap_or_default()
    }

    /// The turn, as a provider takes it.
    pub(crate) fn shared(self: &Arc<Self>) -> Arc<dyn Turn> {
        Arc::<Self>::clone(self)
    }

    async fn wait_for(&self, share: Share) -> Result<Slot, ProviderError> {
        tokio::select! {
            biased;
            () = self.gate.closed() => Err(interrupted()),
            held = self.slots.take(self.priority, share) => Ok(Slot::new(held)),
        }
    }

    fn first(&self) -> MutexGuard<'_, Option<Slot>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn for StepTurn {
    fn slot(&self) -> BoxFuture<'_, Result<Slot, ProviderError>> {
        Box::pin(async {
            let first = self.first().take();
            let slot = match first {
                Some(slot) => slot,
                None if self.is_alone.load(atomic::Ordering::Relaxed) => Slot::new(()),
                None => self.wait_for(Share::One).await?,
            };
            // Asked last: between this and the call, nothing is waited for.
            self.may_send().map(|()| slot)
        })
    }

    fn may_send(&self) -> Result<(), ProviderError> {
        self.gate.may_send()
    }

    fn give_way(&self) {
        self.first().take();
    }

    fn stopped(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.gate.closed())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicBool, Ordering::Relaxed},
        task::Wake,
    };

    use futures_util::FutureExt;
    use tokio::sync::watch;

    use super::*;

    fn one() -> Arc<Slots> {
        Arc::new(Slots::new(NonZeroUsize::MIN))
    }

    fn priority(seconds: u64) -> Priority {
        Priority { remaining: Duration::from_secs(seconds), place: Reverse(0) }
    }

    fn hand_out(slots: &Slots) {
        slots.hand_out(&Context::from_waker(Waker::noop()));
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Relaxed);
        }
    }

    #[test]
    fn the_longest_way_goes_first_and_of_equals_the_first_that_came() {
        let slots = one();
        let mut first = pin!(slots.take(priority(1), Share::One));
        let mut second = pin!(slots.take(priority(1), Share::One));
        let mut longest = pin!(slots.take(priority(2), Share::One));
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_none() && (&mut longest).now_or_never().is_none());
        hand_out(&slots);
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop((&mut longest).now_or_never().expect("it has the slot"));
        hand_out(&slots);
        assert!((&mut second).now_or_never().is_none());
        drop((&mut first).now_or_never().expect("it has the slot"));
        hand_out(&slots);
        assert!((&mut second).now_or_never().is_some());
    }

    #[test]
    fn a_dropped_future_gives_back_the_slot_that_it_was_granted() {
        let slots = one();
        let mut leaving = Box::pin(slots.take(priority(2), Share::One));
        let mut staying = pin!(slots.take(priority(1), Share::One));
        assert!((&mut leaving).now_or_never().is_none() && (&mut staying).now_or_never().is_none());
        hand_out(&slots);
        drop(leaving);
        hand_out(&slots);
        assert!((&mut staying).now_or_never().is_some());
    }

    #[test]
    fn a_dropped_future_gets_no_slot() {
        let slots = one();
        let mut leaving = Box::pin(slots.take(priority(2), Share::One));
        let mut staying = pin!(slots.take(priority(1), Share::One));
        assert!((&mut leaving).now_or_never().is_none() && (&mut staying).now_or_never().is_none());
        drop(leaving);
        hand_out(&slots);
        assert!((&mut staying).now_or_never().is_some());
    }

    #[test]
    fn a_call_that_needs_all_slots_waits_for_them_and_all_later_calls_wait_behind_it() {
        let slots = Arc::new(Slots::new(NonZeroUsize::new(2).unwrap()));
        let mut under_way = pin!(slots.take(priority(3), Share::One));
        let mut all = pin!(slots.take(priority(2), Share::All));
        let mut later = pin!(slots.take(priority(1), Share::One));
        assert!((&mut under_way).now_or_never().is_none());
        assert!((&mut all).now_or_never().is_none() && (&mut later).now_or_never().is_none());
        hand_out(&slots);
        let held = (&mut under_way).now_or_never().expect("it has a slot");
        assert!((&mut all).now_or_never().is_none() && (&mut later).now_or_never().is_none());
        drop(held);
        hand_out(&slots);
        let held = (&mut all).now_or_never().expect("it has both");
        assert!((&mut later).now_or_never().is_none());
        drop(held);
        hand_out(&slots);
        assert!((&mut later).now_or_never().is_some());
    }

    #[test]
    fn the_task_that_hands_out_is_woken_when_a_slot_is_asked_for_or_given_back() {
        let slots = one();
        let woken = Arc::new(Woken::default());
        let hand_out = || {
            woken.0.store(false, Relaxed);
            slots.hand_out(&Context::from_waker(&Waker::from(Arc::clone(&woken))));
        };
        hand_out();
        let mut taken = pin!(slots.take(priority(1), Share::One));
        assert!((&mut taken).now_or_never().is_none() && woken.0.load(Relaxed));
        hand_out();
        let held = taken.now_or_never().expect("it has the slot");
        assert!(!woken.0.load(Relaxed));
        drop(held);
        assert!(woken.0.load(Relaxed));
    }

    #[test]
    fn a_step_that_gives_way_leaves_its_slot_to_others() {
        let (slots, gate) = (one(), Arc::new(Gate::new(Arc::new(()), watch::channel(false).1)));
        let [first, second] = [2, 1].map(|seconds| StepTurn::new(&slots, priority(seconds), &gate));
        let (mut first_begins, mut second_begins) = (pin!(first.begin()), pin!(second.begin()));
        assert!((&mut first_begins).now_or_never().is_none() && (&mut second_begins).now_or_never().is_none());
        hand_out(&slots);
        assert!(first_begins.now_or_never().is_some() && (&mut second_begins).now_or_never().is_none());
        first.give_way();
        hand_out(&slots);
        assert!(second_begins.now_or_never().is_some());
    }

    #[test]
    fn a_step_that_is_alone_needs_no_slot_for_its_calls_and_afterwards_waits_as_all_others() {
        let (slots, gate) = (one(), Arc::new(Gate::new(Arc::new(()), watch::channel(false).1)));
        let step = StepTurn::new(&slots, priority(1), &gate);
        let mut alone = pin!(step.alone());
        assert!((&mut alone).now_or_never().is_none());
        hand_out(&slots);
        let alone = alone.now_or_never().expect("it has all slots").unwrap();
        assert!(step.slot().now_or_never().is_some());
        drop(alone);
        assert!(step.slot().now_or_never().is_none());
    }
}
