//! [`Ledger`]: the one place where an apply changes the state. Each change is on disk before the next call is sent.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use palisade_core::{
    Address, Graph, Json, JsonMap, Schema,
    provider::{LINEAGE_DIGITS, Observation, Token},
};
use tokio::{sync, task::yield_now};

use crate::{
    Action, Change, Event, ObjectState, Phase, Plan, Record, State, StateError, Step, Took, Writer,
    deletion::at_deletion, dependencies::Dependencies, digest::sha256, gate::Gate, steps::Target,
};

/// The state of a running apply, and who is told of it. All steps that run at a time share one.
pub(crate) struct Ledger<'a> {
    /// What tells the run from all others.
    run: String,
    writer: &'a dyn Writer,
    /// Is closed once a write fails.
    gate: Arc<Gate>,
    book: Mutex<Book<'a>>,
    /// Whoever holds it writes; the others wait, and what they have recorded meanwhile is written at once by the next.
    turn: sync::Mutex<()>,
    /// Whether the holder of the turn waits for what the other steps are about to record.
    is_gathering: AtomicBool,
}

/// What is in memory.
struct Book<'a> {
    state: State,
    listener: &'a mut (dyn FnMut(Event) + Send),
    /// The changes that the store may not have yet, in their order.
    queue: VecDeque<Record>,
    /// Whether the store has a state that the queue goes on from. Else the whole state is written first.
    is_continued: bool,
    /// Whether there is anything that the store may not have, or has in its journal only.
    is_ahead: bool,
}

/// An attempt at a creation.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// What its object is found by.
    pub(crate) token: Token,
    /// Whether no earlier one has the token.
    pub(crate) is_first: bool,
    /// Whether it has deposed the object that was the current one.
    has_deposed: bool,
}

/// The state could not be saved; the gate is closed, and keeps the reason.
#[derive(Debug)]
pub(crate) struct Unsaved;

impl<'a> Ledger<'a> {
    /// The ledger of `state`, which was made of the state that is `saved`.
    pub(crate) fn new(
        mut state: State,
        saved: &State,
        run: &str,
        writer: &'a dyn Writer,
        gate: &Arc<Gate>,
        listener: &'a mut (dyn FnMut(Event) + Send),
    ) -> Self {
        let is_ahead = state != *saved;
        let is_continued = !is_ahead && saved.serial > 0;
        if !is_continued {
            // The snapshot that is written first counts as a change.
            state.serial += 1;
        }
        let book = Mutex::new(Book { state, listener, queue: VecDeque::new(), is_continued, is_ahead });
        let (turn, is_gathering) = (sync::Mutex::new(()), AtomicBool::new(false));
        Self { run: run.to_owned(), writer, gate: Arc::clone(gate), book, turn, is_gathering }
    }

    /// Looks at the state, with all that is recorded.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&self.book().state)
    }

    /// Whether a write is about to begin that waits for nothing but the next round of the steps.
    pub(crate) fn is_gathering(&self) -> bool {
        self.is_gathering.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.book().listener)(event);
    }

    /// Records that a creation is attempted. With `keep_old`, the object that exists is deposed by the same write.
    ///
    /// A creation that is unsettled goes on under its token if it asks for the same: a call that is still on its way then has
    /// its effect once. Else it is deposed in any case, so that what it may have left is not forgotten.
    ///
    /// What is deposed is deleted by what `inputs` say of a deletion, whatever a later program says.
    pub(crate) async fn begin_creation(
        &self,
        address: &Address,
        schema: &Schema,
        inputs: &JsonMap,
        dependencies: Dependencies,
        keep_old: bool,
    ) -> Result<Attempt, Unsaved> {
        let (attempt, serial) = {
            let mut book = self.book();
            let old = book.state.current(address);
            let is_unsettled = old.is_some_and(ObjectState::is_unsettled);
            let continued = old.filter(|old| is_unsettled && old.inputs == *inputs);
            let attempt = Attempt {
                is_first: continued.is_none(),
                has_deposed: continued.is_none() && old.is_some() && (keep_old || is_unsettled),
                token: continued.map_or_else(|| book.fresh_token(address, &self.run), |old| old.token.clone()),
            };
            let recorded = continued.map(Dependencies::recorded).unwrap_or_default();
            let Dependencies { all: depends_on, released } = recorded.union(&dependencies);
            let (address, inputs) = (address.clone(), inputs.clone());
            let (keep_old, token) = (attempt.has_deposed, attempt.token.clone());
            let at_deletion =
                if keep_old { at_deletion(schema, |field| inputs.get(field).cloned()) } else { JsonMap::new() };
            let begun = Change::Begun { address, keep_old, token, inputs, depends_on, released, at_deletion };
            (attempt, book.record(begun))
        };
        if let Err(unsaved) = self.written(serial).await {
            // It will not be sent. If the last attempt to save the state succeeds, nobody has to look for it.
            if attempt.is_first {
                self.book().record(abandoned(address, &attempt));
            }
            return Err(unsaved);
        }
        Ok(attempt)
    }

    /// Records the id of an object whose creation had begun.
    pub(crate) async fn created(&self, address: &Address, id: &str) -> Result<(), Unsaved> {
        self.write(Change::Created { address: address.clone(), id: id.to_owned() }).await
    }

    /// Records that a creation has had no effect, of which `attempt` was the first. What it was to replace is the current object again.
    pub(crate) async fn abandon_creation(&self, address: &Address, attempt: &Attempt) -> Result<(), Unsaved> {
        self.write(abandoned(address, attempt)).await
    }

    /// Records that an object may get `inputs` from now on, and what it may refer to meanwhile: until then what it refers to,
    /// and soon what it will.
    pub(crate) async fn begin_update(
        &self,
        address: &Address,
        schema: &Schema,
        inputs: &JsonMap,
        dependencies: &Dependencies,
    ) -> Result<(), Unsaved> {
        let Some(object) = self.look(|state| state.current(address).cloned()) else { return Ok(()) };
        let recorded = Dependencies::recorded(&object);
        let union = recorded.union(dependencies);
        // What an earlier attempt may have left is still there until this one has come to its end; but an attempt leaves nothing of
        // what counts only at the deletion.
        let counts = |field: &str, value: &Json| {
            object.inputs.get(field) != Some(value) || schema.field(field).is_some_and(|field| field.at_deletion)
        };
        let mut attempted = object.previous(inputs).into_owned();
        attempted.extend(inputs.iter().filter(|(field, value)| counts(field, value)).map(clone));
        let is_on_record = match &object.attempted {
            Some(before) => *before == attempted,
            // A creation that continues only repeats its own calls. Any other update may change what others have done, though the
            // inputs stay the same.
            None => object.inputs == attempted && object.phase != Phase::Ready && !object.is_being_deleted,
        };
        if union == recorded && is_on_record {
            return Ok(());
        }
        let (address, inputs) = (address.clone(), attempted);
        self.write(Change::Attempted { address, inputs, depends_on: union.all, released: union.released }).await
    }

    /// Records that an object is about to be deleted, and by which values of the fields that count only then. The deletion may take
    /// several calls, so an interruption may leave an object that has lost what it had, and does not show it yet.
    pub(crate) async fn begin_deletion(
        &self,
        address: &Address,
        target: &Target,
        at_deletion: JsonMap,
    ) -> Result<(), Unsaved> {
        let is_known = self.look(|state| {
            let is_same = |object: &ObjectState| at_deletion.iter().all(|(field, value)| object.input(field) == value);
            state.object(address, target).is_none_or(|object| object.is_being_deleted && is_same(object))
        });
        if is_known {
            return Ok(());
        }
        let deposed = target.token().map(str::to_owned);
        self.write(Change::Deleting { address: address.clone(), deposed, at_deletion }).await
    }

    /// Records which losses of data somebody has consented to, if they are others than those on record.
    pub(crate) async fn consent(&self, consents: BTreeMap<Address, String>) -> Result<(), Unsaved> {
        if self.look(|state| state.consents == consents) {
            return Ok(());
        }
        self.write(Change::Consented { consents }).await
    }

    /// Records that an object has been brought to `inputs`, and what it is then.
    pub(crate) async fn ready(
        &self,
        address: &Address,
        inputs: JsonMap,
        dependencies: Dependencies,
        observed: Observation,
        took: Option<Took>,
    ) -> Result<(), Unsaved> {
        let Dependencies { all: depends_on, released } = dependencies;
        let address = address.clone();
        self.write(Change::Ready { address, inputs, depends_on, released, observed, took }).await
    }

    /// Records that an object does not exist any more.
    pub(crate) async fn deleted(&self, address: &Address, target: &Target, took: Option<Took>) -> Result<(), Unsaved> {
        let deposed = target.token().map(str::to_owned);
        self.write(Change::Deleted { address: address.clone(), deposed, took }).await
    }

    /// Brings what follows from the objects up to date, and returns the state, once nothing runs any more. The whole state
    /// is written, so that the next run finds no journal. Consent to losses of data ends with a run that has completed.
    ///
    /// After a failed write it tries once more, so that a disk that was full for a moment costs no record. The error is
    /// returned all the same.
    pub(crate) async fn finish(self, graph: &Graph, plan: &Plan, is_complete: bool) -> Result<State, StateError> {
        let mut book = self.book.into_inner().unwrap_or_else(PoisonError::into_inner);
        book.update_dependencies(graph, plan);
        if is_complete && !book.state.consents.is_empty() {
            book.record(Change::Consented { consents: BTreeMap::new() });
        }
        let outputs = book.outputs(plan);
        if outputs != book.state.outputs {
            book.record(Change::Outputs { outputs });
        }
        if book.is_ahead
            && let Err(error) = self.writer.replace(&book.state).await
        {
            self.gate.fail(error);
        }
        self.gate.take_error().map_or(Ok(book.state), Err)
    }

    async fn write(&self, change: Change) -> Result<(), Unsaved> {
        let serial = self.book().record(change);
        self.written(serial).await
    }

    /// Returns once the store has the change `serial`.
    async fn written(&self, serial: u64) -> Result<(), Unsaved> {
        let _turn = self.turn.lock().await;
        if self.gate.has_failed() {
            return Err(Unsaved);
        }
        if self.book().is_written(serial) {
            return Ok(());
        }
        // What others are ready to record goes with it: a long write to the disk takes no longer than a short one.
        self.is_gathering.store(true, Ordering::Relaxed);
        yield_now().await;
        self.is_gathering.store(false, Ordering::Relaxed);
        let (records, state) = {
            let book = self.book();
            // They remain in the queue until the store has them: this future may be dropped before.
            (book.queue.iter().cloned().collect::<Vec<_>>(), (!book.is_continued).then(|| book.state.clone()))
        };
        let result = match &state {
            Some(state) => self.writer.replace(state).await,
            None => self.writer.append(&records).await,
        };
        if let Err(error) = result {
            self.gate.fail(error);
            return Err(Unsaved);
        }
        let mut book = self.book();
        book.is_continued = true;
        book.queue.drain(..records.len());
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, Book<'a>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book<'_> {
    /// Makes a change, and returns its serial.
    fn record(&mut self, change: Change) -> u64 {
        self.state.apply(&change);
        let serial = self.state.serial;
        self.queue.push_back(Record { serial, change });
        self.is_ahead = true;
        serial
    }

    /// Whether the store has the change `serial`.
    fn is_written(&self, serial: u64) -> bool {
        self.queue.front().is_none_or(|first| serial < first.serial)
    }

    /// The outputs after `plan`: those that are known now, and the earlier values of those that are not. An output that the
    /// plan does not have, as where it was saved before the program had it, stays as it is.
    fn outputs(&self, plan: &Plan) -> JsonMap {
        let mut outputs = self.state.outputs.clone();
        for change in &plan.outputs {
            let Some(value) = &change.after else {
                outputs.remove(&change.name);
                continue;
            };
            let value = value.substitute(&|r| self.state.attribute(&r.address, &r.attribute));
            outputs.extend(value.into_json().map(|value| (change.name.clone(), value)));
        }
        outputs
    }

    /// An object that needs no step may refer to others than it did, by the same values.
    fn update_dependencies(&mut self, graph: &Graph, plan: &Plan) {
        let is_unchanged = |step: &&Step| step.action == Action::Nothing && step.blocked.is_none();
        for step in plan.steps.iter().filter(is_unchanged) {
            let known = graph.node(&step.address).zip(self.state.current(&step.address));
            let Some((node, object)) = known else { continue };
            let dependencies = Dependencies::of(node);
            if Dependencies::recorded(object) != dependencies {
                self.record(related(&step.address, dependencies));
            }
        }
    }

    /// A token that no other creation has: the change that begins it is counted once by the run.
    fn fresh_token(&self, address: &Address, run: &str) -> Token {
        let State { stack, lineage, serial, .. } = &self.state;
        let text = serde_json::json!([stack, lineage, run, address, serial + 1]).to_string();
        // The state knows all objects whose tokens begin like this, so that nobody else can be using one that it does not know.
        let digest = format!("{}{}", self.state.lineage_digits(), &sha256(&text)[LINEAGE_DIGITS..]);
        Token { stack: stack.clone(), resource: address.to_string(), digest }
    }
}

/// That a creation has had no effect, of which `attempt` was the first.
fn abandoned(address: &Address, attempt: &Attempt) -> Change {
    let address = address.clone();
    if attempt.has_deposed {
        Change::Abandoned { address }
    } else {
        Change::Deleted { address, deposed: None, took: None }
    }
}

fn clone((field, value): (&String, &Json)) -> (String, Json) {
    (field.clone(), value.clone())
}

fn related(address: &Address, Dependencies { all: depends_on, released }: Dependencies) -> Change {
    Change::Related { address: address.clone(), depends_on, released }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use futures_util::{FutureExt, future::join_all};
    use palisade_core::{FieldSchema, OnChange, provider::BoxFuture};
    use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

    use super::*;
    use crate::{Hold, StepKind, deletion};

    static NET: Schema = Schema::new(
        "Net",
        &[
            FieldSchema::new("free", OnChange::Update),
            FieldSchema { at_deletion: true, ..FieldSchema::new("last", OnChange::Update) },
        ],
    );

    /// Keeps a state in memory, and counts the writes.
    #[derive(Default)]
    struct Counted {
        kept: Mutex<Option<State>>,
        appends: Mutex<Vec<usize>>,
        replaces: Mutex<usize>,
        /// Whether the next append fails.
        is_failing: AtomicBool,
    }

    impl Writer for Counted {
        fn begin<'a>(&'a self, _: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
            Box::pin(async { Ok(()) })
        }

        fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
            self.appends.lock().unwrap().push(records.len());
            if self.is_failing.swap(false, Ordering::Relaxed) {
                return Box::pin(async { Err(StateError::Empty { path: "memory".into() }) });
            }
            // What is read back is what was written.
            let records: Vec<Record> = serde_json::from_str(&serde_json::to_string(records).unwrap()).unwrap();
            Box::pin(async move {
                // A store that is reached by a network takes its time, and others go on meanwhile.
                yield_now().await;
                let mut kept = self.kept.lock().unwrap();
                let kept = kept.as_mut().unwrap();
                for record in &records {
                    // A step that was dropped while it wrote may have written.
                    if record.serial > kept.serial {
                        kept.apply(&record.change);
                    }
                    assert!(record.serial <= kept.serial);
                }
                Ok(())
            })
        }

        fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
            *self.kept.lock().unwrap() = Some(state.clone());
            *self.replaces.lock().unwrap() += 1;
            Box::pin(async { Ok(()) })
        }

        fn path(&self) -> PathBuf {
            "memory".into()
        }

        fn hold(&self) -> Arc<dyn Hold> {
            Arc::new(())
        }

        fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>> {
            Box::pin(async { Ok(()) })
        }
    }

    fn ledger<'a>(store: &'a Counted, listener: &'a mut (dyn FnMut(Event) + Send)) -> Ledger<'a> {
        let state = State::new("test", "00");
        let gate = Arc::new(Gate::new(store.hold(), tokio::sync::watch::channel(false).1));
        Ledger::new(state.clone(), &state, "", store, &gate, listener)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn address(number: u8) -> Address {
        Address::new("Net", format!("n{number}"))
    }

    /// One of all changes that there are, whether it fits the state or not.
    async fn change(ledger: &Ledger<'_>, what: u8, number: u8) {
        let address = address(number);
        let inputs = JsonMap::from_iter([("number".to_owned(), Json::from(number))]);
        let all = (0..number).map(self::address).collect();
        let dependencies = Dependencies { all, ..Dependencies::default() };
        let took = Some(Took { step: StepKind::Create, millis: u64::from(number) });
        let deposed = ledger.look(|state| {
            let entry = state.resources.get(&address)?;
            entry.deposed.first().map(|object| object.token.digest.clone())
        });
        match what {
            0 | 1 => ledger.begin_creation(&address, &NET, &inputs, dependencies, what == 1).await.map(drop),
            2 => ledger.created(&address, &format!("net-{number}")).await,
            3 => {
                let attempt = ledger.begin_creation(&address, &NET, &inputs, dependencies, true).await.unwrap();
                ledger.abandon_creation(&address, &attempt).await
            }
            4 => ledger.begin_update(&address, &NET, &inputs, &dependencies).await,
            5 => ledger.ready(&address, inputs, dependencies, Observation::default(), took).await,
            6 => ledger.deleted(&address, &Target::Deposed(deposed.unwrap_or_default()), took).await,
            _ => ledger.deleted(&address, &Target::Current, None).await,
        }
        .unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            cases: 200,
            rng_seed: RngSeed::Fixed(0x5eed),
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_kept_is_what_is_in_memory(groups in vec(vec((0..8_u8, 0..3_u8), 1..5), 1..20)) {
            run(async {
                let store = Counted::default();
                let mut listener = |_| {};
                let ledger = ledger(&store, &mut listener);
                for group in groups {
                    join_all(group.iter().map(|(what, number)| change(&ledger, *what, *number))).await;
                    let kept = store.kept.lock().unwrap().clone();
                    // An update that adds no reference is no change, and may be the first.
                    assert!(kept.is_none() && group.iter().all(|(what, _)| *what == 4) || kept == Some(ledger.look(State::clone)));
                }
            });
        }
    }

    #[test]
    fn an_unsettled_creation_goes_on_or_is_deposed() {
        run(async {
            let store = Counted::default();
            let mut listener = |_| {};
            let ledger = ledger(&store, &mut listener);
            let begin = async |text: &str| {
                let inputs = JsonMap::from_iter([("text".to_owned(), text.into())]);
                ledger.begin_creation(&address(0), &NET, &inputs, Dependencies::default(), false).await.unwrap()
            };
            let (first, again, other) = (begin("a").await, begin("a").await, begin("b").await);
            assert_eq!((first.is_first, again.is_first, other.is_first), (true, false, true));
            assert_eq!((&first.token, first.token == other.token), (&again.token, false));
            let deposed = ledger.look(|state| state.resources[&address(0)].deposed.clone());
            assert_eq!(deposed.iter().map(|object| &object.token).collect::<Vec<_>>(), [&first.token]);
            ledger.abandon_creation(&address(0), &other).await.unwrap();
            let entry = ledger.look(|state| state.resources[&address(0)].clone());
            assert_eq!((entry.current.unwrap().token, entry.deposed.len()), (first.token, 0));
        });
    }

    #[test]
    fn a_creation_that_is_attempted_again_still_depends_on_what_the_first_attempt_did() {
        run(async {
            let store = Counted::default();
            let mut listener = |_| {};
            let ledger = ledger(&store, &mut listener);
            // Both give it the same inputs. The object may be that of the first attempt.
            for number in [1, 2] {
                let dependencies = Dependencies { all: [address(number)].into(), ..Dependencies::default() };
                ledger.begin_creation(&address(0), &NET, &JsonMap::new(), dependencies, false).await.unwrap();
            }
            let depends_on = ledger.look(|state| state.current(&address(0)).unwrap().depends_on.clone());
            assert_eq!(depends_on, [address(1), address(2)].into());
        });
    }

    #[test]
    fn an_update_records_what_it_may_reach_and_writes_nothing_that_is_on_record() {
        run(async {
            let store = Counted::default();
            let mut listener = |_| {};
            let ledger = ledger(&store, &mut listener);
            let inputs =
                |free: u8| JsonMap::from_iter([("fixed".to_owned(), 1.into()), ("free".to_owned(), free.into())]);
            let to = |number| Dependencies { all: [address(number)].into(), ..Dependencies::default() };
            ledger.begin_creation(&address(0), &NET, &inputs(1), to(1), false).await.unwrap();
            let update = async |inputs: JsonMap, dependencies: Dependencies| {
                let writes = store.appends.lock().unwrap().len();
                ledger.begin_update(&address(0), &NET, &inputs, &dependencies).await.unwrap();
                let object = ledger.look(|state| state.current(&address(0)).unwrap().clone());
                let depends_on = object.depends_on.iter().map(Address::name).map(str::to_owned).collect::<Vec<_>>();
                (store.appends.lock().unwrap().len() - writes, object.attempted, depends_on.concat())
            };
            ledger.created(&address(0), "id").await.unwrap();
            assert_eq!(update(inputs(1), to(1)).await, (0, None, "n1".into()), "its creation continues");
            ledger.ready(&address(0), inputs(1), to(1), Observation::default(), None).await.unwrap();
            // It may take back what others have done.
            assert_eq!(update(inputs(1), to(1)).await, (1, Some(inputs(1)), "n1".into()));
            assert_eq!(update(inputs(1), to(1)).await, (0, Some(inputs(1)), "n1".into()));
            assert_eq!(update(inputs(2), to(1)).await, (1, Some(inputs(2)), "n1".into()));
            assert_eq!(update(inputs(2), to(1)).await, (0, Some(inputs(2)), "n1".into()));
            assert_eq!(update(inputs(2), to(2)).await, (1, Some(inputs(2)), "n1n2".into()));
            // The object may have what was sent before, until this update has come to its end.
            assert_eq!(update(inputs(1), to(1)).await, (0, Some(inputs(2)), "n1n2".into()));
            assert_eq!(update(inputs(3), to(1)).await, (1, Some(inputs(3)), "n1n2".into()));
            // A creation that continues after its deletion had begun brings back what that may have taken.
            ledger.begin_creation(&address(3), &NET, &inputs(1), to(1), false).await.unwrap();
            ledger.created(&address(3), "id").await.unwrap();
            ledger.begin_deletion(&address(3), &Target::Current, JsonMap::new()).await.unwrap();
            ledger.begin_update(&address(3), &NET, &inputs(1), &to(1)).await.unwrap();
            let attempted = ledger.look(|state| state.current(&address(3)).unwrap().attempted.clone());
            assert_eq!(attempted, Some(inputs(1)));
        });
    }

    #[test]
    fn what_counts_at_the_deletion_is_what_was_said_last() {
        run(async {
            let store = Counted::default();
            let mut listener = |_| {};
            let ledger = ledger(&store, &mut listener);
            let inputs = |free: &str, last: Json| {
                JsonMap::from_iter([("free".to_owned(), free.into()), ("last".to_owned(), last)])
            };
            let to = || Dependencies::default();
            ledger.begin_creation(&address(0), &NET, &inputs("a", Json::Null), to(), false).await.unwrap();
            ledger.created(&address(0), "id").await.unwrap();
            ledger.ready(&address(0), inputs("a", Json::Null), to(), Observation::default(), None).await.unwrap();
            let graph = Graph::empty("test");
            let at_deletion = || {
                ledger.look(|state| {
                    let object = state.current(&address(0)).unwrap();
                    deletion::inputs(&graph, state, &address(0), &Target::Current, object)
                })
            };
            assert_eq!(at_deletion(), inputs("a", Json::Null));
            ledger.begin_update(&address(0), &NET, &inputs("b", "keep".into()), &to()).await.unwrap();
            assert_eq!(at_deletion(), inputs("b", "keep".into()));
            // What may have been sent may be there; what is only said counts no more.
            ledger.begin_update(&address(0), &NET, &inputs("a", Json::Null), &to()).await.unwrap();
            assert_eq!(at_deletion(), inputs("b", Json::Null));
        });
    }

    #[test]
    fn changes_that_are_ready_together_share_a_write() {
        run(async {
            let store = Counted::default();
            let mut listener = |_| {};
            let ledger = ledger(&store, &mut listener);
            change(&ledger, 0, 0).await;
            assert_eq!(*store.appends.lock().unwrap(), [0; 0], "the first write is that of the whole state");
            join_all((1..100).map(|number| change(&ledger, 0, number))).await;
            assert_eq!(*store.appends.lock().unwrap(), [99]);
        });
    }

    #[test]
    fn after_a_write_that_has_failed_only_the_end_of_the_apply_writes_once_more() {
        run(async {
            let store = Counted::default();
            let mut listener = |_| {};
            let ledger = ledger(&store, &mut listener);
            change(&ledger, 0, 0).await;
            store.is_failing.store(true, Ordering::Relaxed);
            // The change of the second step waits for the write of the first one.
            let net = address(0);
            let (first, second) = tokio::join!(ledger.created(&net, "id"), ledger.created(&net, "id"));
            assert!(first.is_err() && second.is_err());
            assert_eq!((store.appends.lock().unwrap().len(), *store.replaces.lock().unwrap()), (1, 1));
            let plan = Plan { stack: "test".to_owned(), ..Plan::default() };
            assert!(matches!(ledger.finish(&Graph::empty("test"), &plan, false).await, Err(StateError::Empty { .. })));
            assert_eq!((store.appends.lock().unwrap().len(), *store.replaces.lock().unwrap()), (1, 2));
        });
    }

    #[test]
    fn a_step_that_is_dropped_while_it_writes_takes_no_record_along() {
        run(async {
            let store = Counted::default();
            let mut listener = |_| {};
            let ledger = ledger(&store, &mut listener);
            change(&ledger, 0, 0).await;
            for polls in 1..5 {
                let mut dropped = Box::pin(change(&ledger, 0, 1));
                for _ in 0..polls {
                    if (&mut dropped).now_or_never().is_some() {
                        break;
                    }
                    yield_now().await;
                }
                drop(dropped);
                change(&ledger, 2, 0).await;
                assert_eq!(*store.kept.lock().unwrap(), Some(ledger.look(State::clone)));
            }
        });
    }
}
