//! [`apply`]: a plan becomes done.

use futures_util::{StreamExt, stream::FuturesUnordered};
use palisade_core::{
    Address, Graph,
    provider::{ErrorKind, Provider, ProviderError},
};
use petgraph::{Direction, graph::NodeIndex};
use tokio::{sync::watch, time::Instant};

use crate::{
    Event, Failure, Plan, Report, State, StateError, StepKind, Store,
    align::aligned,
    execute::{Executor, StepError},
    ledger::Ledger,
    steps::{Steps, steps},
};

/// How an apply behaves when something goes wrong.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Whether no step is begun after one has failed. Else only those are left out that wait for it.
    pub fail_fast: bool,
    /// Once it is true, no further step is begun. Those that run go on to their end, as what they have sent can have its
    /// effect in any case, and has to be recorded.
    pub stop: watch::Receiver<bool>,
}

impl Default for ApplyOptions {
    /// Goes on with what does not depend on a failure, and never stops.
    fn default() -> Self {
        Self { fail_fast: false, stop: watch::channel(false).1 }
    }
}

/// Carries out `plan`, which was made of `graph` and `state`, and tells `listener` what happens.
///
/// Each step begins as soon as all that it waits for have ended, and all of these run side by side. That a creation begins
/// is saved before its call is sent, and the id before any further call, so a crash at any moment leaves a state from which
/// the next run goes on: it finds what was created, and creates nothing twice.
///
/// Failed steps are in the [`Report`]; they are no error of this function.
///
/// # Errors
/// [`StateError`] if the state cannot be saved. Then no step is begun any more, and those that run stop before their next
/// call. All that has happened by then is saved by one last attempt. If that fails too, the state is as it was saved
/// last, and nothing is lost by it: of an object that was being created, the intent is on record, by which the next run
/// finds it; an update shows as a difference again; and a deletion is repeated, and finds nothing.
pub async fn apply(
    provider: &dyn Provider,
    store: &dyn Store,
    state: State,
    graph: &Graph,
    plan: &Plan,
    options: &ApplyOptions,
    listener: &mut (dyn FnMut(Event) + Send),
) -> Result<Report, StateError> {
    let begin = Instant::now();
    let saved = state;
    // The same that the plan was made of.
    let state = aligned(graph, &saved).state;
    let steps = steps(graph, &state, plan);
    let executor = Executor::new(provider, graph, Ledger::new(state, &saved, store, listener));
    let mut report = Run::new(&executor, &steps, options).complete().await;
    let state = executor.into_ledger().finish(graph, plan)?;
    report.outputs = state.outputs;
    report.took = begin.elapsed();
    Ok(report)
}

/// The steps on their way.
struct Run<'r, 'a> {
    executor: &'r Executor<'a>,
    steps: &'r Steps,
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
    /// It has begun.
    Begun,
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
    fn new(executor: &'r Executor<'a>, steps: &'r Steps, options: &'r ApplyOptions) -> Self {
        let waits = |step| steps.neighbors_directed(step, Direction::Incoming).count();
        let progress: Vec<_> = steps.node_indices().map(|step| Progress::Waiting(waits(step))).collect();
        let ready = steps.node_indices().filter(|step| progress[step.index()] == Progress::Waiting(0)).collect();
        Self { executor, steps, options, progress, ready, report: Report::default() }
    }

    async fn complete(mut self) -> Report {
        let mut running = FuturesUnordered::new();
        loop {
            if !self.is_to_stop() {
                for step in std::mem::take(&mut self.ready) {
                    self.progress[step.index()] = Progress::Begun;
                    let (executor, work) = (self.executor, &self.steps[step]);
                    running.push(Box::pin(async move {
                        let begin = Instant::now();
                        Ended { step, begin, result: executor.run(work).await }
                    }));
                }
            }
            match running.next().await {
                Some(ended) => self.end(ended),
                None => break,
            }
        }
        self.account_for_the_rest();
        self.report
    }

    fn is_to_stop(&self) -> bool {
        let has_failed = self.options.fail_fast && !self.report.failures.is_empty();
        has_failed || *self.options.stop.borrow() || self.executor.ledger().is_broken()
    }

    fn end(&mut self, Ended { step, begin, result }: Ended) {
        match result {
            Ok(id) => self.finish(step, id, begin),
            Err(StepError::Failed(error)) => self.fail(step, error),
            // The ledger keeps the reason, and the apply ends with it.
            Err(StepError::Unsaved) => {}
        }
    }

    fn finish(&mut self, step: NodeIndex, id: String, begin: Instant) {
        let (address, kind) = self.name(step);
        match kind {
            StepKind::Create => self.report.added += 1,
            StepKind::Update => self.report.changed += 1,
            StepKind::Delete => self.report.destroyed += 1,
        }
        self.tell(Event::Finished { address, step: kind, id, took: begin.elapsed() });
        for next in self.steps.neighbors(step) {
            if let Progress::Waiting(others) = &mut self.progress[next.index()] {
                *others -= 1;
                if *others == 0 {
                    self.ready.push(next);
                }
            }
        }
        self.ready.sort();
    }

    fn fail(&mut self, step: NodeIndex, error: ProviderError) {
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
            let (address, kind) = self.name(step);
            self.report.skipped.push((address.clone(), kind, because.clone()));
            self.tell(Event::Skipped { address, step: kind, because: because.clone() });
            reached.extend(self.steps.neighbors(step));
        }
    }

    /// Reports the steps that have neither begun nor been skipped.
    fn account_for_the_rest(&mut self) {
        let is_to_stop = self.is_to_stop();
        for step in self.steps.node_indices() {
            if !matches!(self.progress[step.index()], Progress::Waiting(_)) {
                continue;
            }
            if is_to_stop {
                self.report.not_begun.push(self.name(step));
            } else {
                // `plan` refuses such a plan, so this one is of another program or another state.
                self.progress[step.index()] = Progress::Begun;
                self.fail(step, waits_for_itself());
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

fn waits_for_itself() -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        operation: String::new(),
        code: String::new(),
        message: "the step waits for others that wait for it".to_owned(),
        help: "make a new plan".to_owned(),
    }
}
