//! [`apply`]: a plan becomes done.

use std::{future::poll_fn, num::NonZeroUsize, pin::pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream::FuturesUnordered};
use palisade_core::{
    Address, Graph,
    provider::{ErrorKind, Provider, ProviderError},
};
use petgraph::{Direction, graph::NodeIndex};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    Consent, Event, Failure, Interruption, Lock, Plan, Report, State, StateError, StepKind, Writer,
    align::{aligned, set_aside},
    contested::contested,
    execute::{Executor, StepError},
    gate::Gate,
    ledger::Ledger,
    loss::consents,
    missed,
    slots::{Priority, Slots, StepTurn, priorities},
    steps::{Steps, Task, steps},
    untracked,
};

/// How an apply behaves.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Whether no step is begun after one has failed. Else only those are left out that wait for it.
    pub fail_fast: bool,
    /// How many calls are under way at a time. A step that only waits takes no part of it.
    pub parallelism: NonZeroUsize,
    /// Once it is true, no further call is sent, and nothing but answers is waited for. Calls that are under way come back
    /// and are recorded, as they can have their effect in any case.
    pub stop: watch::Receiver<bool>,
    /// How long they have for it, as after a failed write of the state or the loss of the lock. What has not come back by
    /// then is left: the state says that it was begun.
    pub patience: Duration,
    /// What tells the run from all others. It is a part of the tokens of its creations: two runs may continue the same state, as after it
    /// was restored, and then neither takes what the other one has created for its own. Any text; empty by default.
    pub run: String,
    /// To which losses of data somebody has consented. To none by default; then a plan that needs consent is refused.
    pub consent: Consent,
}

impl Default for ApplyOptions {
    /// Ten calls at a time, as other tools have it. Goes on with what does not depend on a failure, and never stops.
    fn default() -> Self {
        let parallelism = const { NonZeroUsize::new(10).unwrap() };
        // Whoever stops a program expects its end within five seconds.
        Self {
            fail_fast: false,
            parallelism,
            stop: watch::channel(false).1,
            patience: Duration::from_secs(4),
            run: String::new(),
            consent: Consent::default(),
        }
    }
}

/// Carries out `plan`, which was made of `graph` and `state`, and tells `listener` what happens.
///
/// Each step begins as soon as all that it waits for have ended, and all of these run side by side. Where more could send
/// a call than may, the one goes first from which the longest way leads to the end of the run. That a creation begins
/// is saved before its call is sent, and the id before any further call, so a crash at any moment leaves a state from which
/// the next run goes on: it finds what was created, and creates nothing twice.
///
/// Failed steps are in the [`Report`]; they are no error of this function.
///
/// `lock` is kept meanwhile: a lease is renewed.
///
/// # Errors
/// - [`StateError::NoConsent`] if `plan` deletes an object whose data cannot be recovered, and neither `options.consent` nor `state` has
///   consent to that. Nothing was sent or written.
/// - [`StateError::Overtaken`], [`StateError::TakenBack`], [`StateError::Replaced`] or [`StateError::Gone`] if what is kept is not
///   `state` any more. Nothing was begun.
/// - [`StateError::Behind`] if the account has objects that a later `state` must know, and [`StateError::Unchecked`] if that
///   cannot be found out. Nothing was begun.
/// - [`StateError::Missed`] if an object of `state` exists that `plan` creates, as it was not seen then, and [`StateError::Unseen`] if
///   that cannot be found out. Nothing was begun.
/// - [`StateError::LeaseLost`] if the stack is no longer held, and [`StateError`] if the state cannot be saved. No call is sent
///   from then on, and all waits end. Calls in flight have `options.patience` to come back. All that has happened by then is
///   saved by one last attempt, which a store refuses if another run may have changed the state. If that fails too, the state is
///   as it was saved last, and nothing is lost by it: of an object that was being created, the intent is on record, by which
///   the next run finds it; an update shows as a difference again; and a deletion is repeated, and finds nothing.
pub async fn apply(
    provider: &dyn Provider,
    lock: &mut Lock<'_>,
    state: State,
    graph: &Graph,
    plan: &Plan,
    options: &ApplyOptions,
    listener: &mut (dyn FnMut(Event) + Send),
) -> Result<Report, StateError> {
    let (begin, writer): (_, &dyn Writer) = (Instant::now(), &**lock);
    let saved = state;
    // The same that the plan was made of.
    let mut state = aligned(graph, &saved).state;
    let suspects = missed::suspects(plan, &state);
    for step in &plan.steps {
        set_aside(graph, step, &mut state);
    }
    let consents = consents(plan, &state, &options.consent)?;
    writer.begin(&saved).await?;
    let gate = Arc::new(Gate::new(writer.hold(), options.stop.clone()));
    let steps = steps(graph, &state, plan);
    let typical = |kind: &str, step| provider.typical_duration(kind, step);
    let priorities = priorities(&steps, |kind, step| state.duration(kind, step).unwrap_or_else(|| typical(kind, step)));
    let contested = contested(graph, &state);
    let ledger = Ledger::new(state.into_owned(), &saved, &options.run, writer, &gate, listener);
    let executor = Executor::new(provider, graph, ledger, &gate, contested);
    let search = untracked::search(graph, &saved, plan);
    let mut work = pin!(async {
        missed::check(provider, &gate, &suspects, executor.ledger()).await?;
        if let Some(search) = &search {
            untracked::check(provider, &gate, search, (writer.path(), saved.serial), executor.ledger()).await?;
        }
        // If this is not saved, the gate is closed, so no step begins.
        _ = executor.ledger().consent(consents).await;
        let report = Run::new(&executor, &steps, priorities, &gate, options).complete().await;
        let state = executor.into_ledger().finish(graph, plan, report.is_complete()).await?;
        Ok(Report { outputs: state.outputs, took: begin.elapsed(), ..report })
    });
    tokio::select! {
        biased;
        lost = writer.keep() => gate.fail(lost),
        result = &mut work => return result,
    }
    work.await
}

/// The steps on their way.
struct Run<'r, 'a> {
    executor: &'r Executor<'a>,
    steps: &'r Steps,
    priorities: Vec<Priority>,
    slots: Arc<Slots>,
    gate: &'r Arc<Gate>,
    options: &'r ApplyOptions,
    progress: Vec<Progress>,
    ready: Vec<NodeIndex>,
    report: Report,
}

/// How far a step has come.
#[derive(Clone, Copy, PartialEq)]
enum Progress {
    /// It waits for so many others.
    Waiting(usize),
    /// It has begun, or is about to.
    Begun,
    /// It has ended, well or not.
    Ended,
    /// It is not tried, as one that it waits for has failed.
    Skipped,
}

/// What a step came to.
struct Ended {
    step: NodeIndex,
    begin: Instant,
    result: Result<String, StepError>,
}

impl<'r, 'a> Run<'r, 'a> {
    fn new(
        executor: &'r Executor<'a>,
        steps: &'r Steps,
        priorities: Vec<Priority>,
        gate: &'r Arc<Gate>,
        options: &'r ApplyOptions,
    ) -> Self {
        let waits = |step| steps.neighbors_directed(step, Direction::Incoming).count();
        let progress: Vec<_> = steps.node_indices().map(|step| Progress::Waiting(waits(step))).collect();
        let ready = steps.node_indices().filter(|step| progress[step.index()] == Progress::Waiting(0)).collect();
        let slots = Arc::new(Slots::new(options.parallelism));
        Self { executor, steps, priorities, slots, gate, options, progress, ready, report: Report::default() }
    }

    async fn complete(mut self) -> Report {
        let mut running = FuturesUnordered::new();
        let slots = Arc::clone(&self.slots);
        let mut closed = pin!(self.gate.closed());
        let mut patience = pin!(sleep(Duration::ZERO));
        let mut is_ending = false;
        loop {
            // A step may have heard of it first, so this is asked after the end of each.
            if !is_ending && (self.gate.is_stopped() || self.gate.has_failed()) {
                is_ending = true;
                patience.as_mut().reset(Instant::now() + self.options.patience);
            }
            if !self.report.is_stopped && self.gate.is_stopped() {
                self.report.is_stopped = true;
                self.tell(Event::Stopping);
            }
            if self.executor.may_begin() {
                for step in std::mem::take(&mut self.ready) {
                    self.progress[step.index()] = Progress::Begun;
                    running.push(Box::pin(self.work(step)));
                }
            }
            tokio::select! {
                biased;
                () = &mut closed, if !is_ending => {}
                ended = next(&mut running, &slots, self.executor.ledger()) => match ended {
                    Some(ended) => self.end(ended),
                    None => break,
                },
                () = &mut patience, if is_ending => break,
            }
        }
        drop(running);
        self.account_for_the_rest();
        self.report
    }

    /// The work of a step, which begins once it can send its first call.
    fn work(&self, step: NodeIndex) -> impl Future<Output = Ended> + use<'r, 'a> {
        let (executor, work) = (self.executor, &self.steps[step]);
        let turn = StepTurn::new(&self.slots, self.priorities[step.index()], self.gate);
        async move {
            let may_begin = turn.begin().await.is_ok() && executor.may_begin();
            let begin = Instant::now();
            let result = if may_begin { executor.run(work, &turn).await } else { Err(StepError::NotBegun) };
            Ended { step, begin, result }
        }
    }

    fn end(&mut self, Ended { step, begin, result }: Ended) {
        self.progress[step.index()] = Progress::Ended;
        match result {
            Ok(id) => self.finish(step, id, begin),
            Err(StepError::Failed(error)) if error.kind == ErrorKind::Interrupted => self.interrupt(step, true),
            Err(StepError::Failed(error)) => self.fail(step, error),
            // The gate keeps the reason, and the apply ends with it.
            Err(StepError::Unsaved) => {}
            Err(StepError::NotBegun) => self.progress[step.index()] = Progress::Waiting(0),
        }
    }

    fn finish(&mut self, step: NodeIndex, id: String, begin: Instant) {
        let (address, kind) = self.name(step);
        match self.steps[step].task {
            Task::Create { .. } => self.report.added += 1,
            // The update follows, and counts. What had begun to go, the plan has taken for gone.
            Task::Prepare { .. } | Task::FinishDeletion | Task::Meet => {}
            Task::Update => self.report.changed += 1,
            Task::Delete(_) => self.report.destroyed += 1,
        }
        self.tell(Event::Finished { address, step: kind, id, took: begin.elapsed() });
        self.let_follow(step);
        self.ready.sort();
    }

    /// Makes those ready that have waited for `step` alone.
    fn let_follow(&mut self, step: NodeIndex) {
        let mut ended = vec![step];
        while let Some(step) = ended.pop() {
            for next in self.steps.neighbors(step) {
                let Progress::Waiting(others) = &mut self.progress[next.index()] else { continue };
                *others -= 1;
                if *others == 0 {
                    if self.steps[next].task == Task::Meet { &mut ended } else { &mut self.ready }.push(next);
                }
            }
        }
    }

    fn interrupt(&mut self, step: NodeIndex, is_answered: bool) {
        let (address, kind) = self.name(step);
        self.executor.close();
        self.report.interrupted.push(Interruption { address: address.clone(), step: kind, is_answered });
        self.tell(Event::Interrupted { address, step: kind });
    }

    fn fail(&mut self, step: NodeIndex, error: ProviderError) {
        if self.options.fail_fast {
            self.executor.close();
        }
        let (address, kind) = self.name(step);
        let failure = Failure { address: address.clone(), step: kind, error };
        self.report.failures.push(failure.clone());
        self.tell(Event::Failed(failure));
        self.skip_dependents(step, &address);
    }

    /// Leaves out all that waits for `step`, however far away.
    fn skip_dependents(&mut self, step: NodeIndex, because: &Address) {
        let mut reached: Vec<_> = self.steps.neighbors(step).collect();
        while let Some(step) = reached.pop() {
            if !matches!(self.progress[step.index()], Progress::Waiting(_)) {
                continue;
            }
            self.progress[step.index()] = Progress::Skipped;
            reached.extend(self.steps.neighbors(step));
            if self.steps[step].task == Task::Meet {
                continue;
            }
            let (address, kind) = self.name(step);
            // Otherwise it is the rest of an update of which the first part has failed.
            if address != *because || kind != StepKind::Update {
                self.report.skipped.push((address.clone(), kind, because.clone()));
                self.tell(Event::Skipped { address, step: kind, because: because.clone() });
            }
        }
    }

    /// Reports the steps that have not come to an end.
    fn account_for_the_rest(&mut self) {
        let is_to_stop = !self.executor.may_begin();
        for step in self.steps.node_indices() {
            // One that comes in two parts is named once, for its second one.
            let is_first_part = matches!(self.steps[step].task, Task::Prepare { .. } | Task::FinishDeletion);
            match self.progress[step.index()] {
                _ if self.steps[step].task == Task::Meet => {}
                Progress::Waiting(_) if is_to_stop && is_first_part => {}
                Progress::Waiting(_) if is_to_stop => self.report.not_begun.push(self.name(step)),
                // `plan` refuses such a plan, so this one is of another program or another state.
                Progress::Waiting(_) => {
                    self.progress[step.index()] = Progress::Ended;
                    self.fail(step, waits_for_itself());
                }
                Progress::Begun => {
                    self.gate.leave_unanswered();
                    self.interrupt(step, false);
                }
                Progress::Ended | Progress::Skipped => {}
            }
        }
    }

    fn name(&self, step: NodeIndex) -> (Address, StepKind) {
        (self.steps[step].address.clone(), self.steps[step].kind())
    }

    fn tell(&self, event: Event) {
        self.executor.ledger().tell(event);
    }
}

/// The next step that ends. Slots are handed out once all steps have gone on as far as they can, so not before what they
/// have recorded is written.
async fn next(running: &mut (impl Stream<Item = Ended> + Unpin), slots: &Slots, ledger: &Ledger<'_>) -> Option<Ended> {
    poll_fn(|context| {
        let ended = running.poll_next_unpin(context);
        if ended.is_pending() && !ledger.is_gathering() {
            slots.hand_out(context);
        }
        ended
    })
    .await
}

fn waits_for_itself() -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        operation: String::new(),
        code: String::new(),
        message: "the step waits for others that wait for it".to_owned(),
        help: "make a new plan".to_owned(),
    }
}
