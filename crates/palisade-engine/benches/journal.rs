//! What a step costs on the disk, in stacks of different sizes: `cargo bench -p palisade-engine`.
//!
//! The number of objects must not show in it. The duration informs: it is that of this machine's disk.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a report to a terminal; what goes wrong ends it")]
#![expect(clippy::disallowed_methods, reason = "it measures durations")]

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use palisade_core::{
    Address, Declaration, Declare, FieldSchema, Graph, IntoInput, JsonMap, OnChange, Resource, Schema, Stack,
    provider::{BoxFuture, CreateError, Look, Object, Observation, Provider, ProviderError, Token, Turn},
};
use palisade_engine::{
    ApplyOptions, Entry, Hold, LocalStore, Lock, ObjectState, Phase, Record, State, StateError, Store, Writer, apply,
    plan,
};
use serde::{Deserialize, Serialize};

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
/// How many objects the measured apply creates.
const STEPS: usize = 100;

const TEXT: &str = "some text of a usual length";

static SCHEMA: Schema = Schema::new("Thing", &[FieldSchema::new("text", OnChange::Update)]);

#[derive(Debug, Deserialize, Serialize)]
struct Thing;

impl Resource for Thing {
    type Attributes = ();
    type Fields<'a> = ();
    const SCHEMA: &'static Schema = &SCHEMA;
}

impl Declare for Thing {
    type Resource = Self;
    type Brand = ();

    fn declare(self) -> Declaration {
        let mut declaration = Declaration::new(&SCHEMA);
        declaration.set("text", IntoInput::<String>::into_input(TEXT));
        declaration
    }
}

/// A cloud in which each creation takes a while, so that steps run side by side.
struct Cloud;

impl Provider for Cloud {
    fn schema(&self, _: &str) -> Option<&'static Schema> {
        Some(&SCHEMA)
    }

    fn read<'a>(
        &'a self,
        _: &'a Arc<dyn Turn>,
        _: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        let of = |object: &Object<'_>| Some(Observation { fields: object.inputs.clone(), attributes: JsonMap::new() });
        Box::pin(async move { Ok(objects.iter().map(of).collect()) })
    }

    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        _: &'a str,
        _: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        Box::pin(async move {
            let _slot = turn.slot().await?;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Ok(token.resource.clone())
        })
    }

    fn find<'a>(
        &'a self,
        _: &'a Arc<dyn Turn>,
        _: &'a str,
        _: &'a JsonMap,
        _: &'a Token,
        _: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>> {
        Box::pin(async { Ok(None) })
    }

    fn converge<'a>(
        &'a self,
        _: &'a Arc<dyn Turn>,
        _: &'a str,
        _: &'a str,
        _: &'a JsonMap,
        _: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(
        &'a self,
        _: &'a Arc<dyn Turn>,
        _: &'a str,
        _: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }
}

/// The store in files, with a count of what goes to the disk for the changes.
struct Counted<'a> {
    files: &'a LocalStore,
    writer: Lock<'a>,
    appends: AtomicU64,
    bytes: AtomicU64,
    snapshots: AtomicU64,
}

impl Store for Counted<'_> {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        self.files.load()
    }

    fn acquire<'a: 'w, 'w>(
        &'a self,
        _holder: &'w str,
        _wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        Box::pin(async move { Ok(Box::new(self) as Box<dyn Writer>) })
    }
}

impl Writer for &Counted<'_> {
    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        self.writer.begin(continued)
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            let length = || fs::metadata(self.files.journal_path()).map_or(0, |journal| journal.len());
            let before = length();
            self.writer.append(records).await?;
            self.appends.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(length().saturating_sub(before), Ordering::Relaxed);
            Ok(())
        })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        self.snapshots.fetch_add(1, Ordering::Relaxed);
        self.writer.replace(state)
    }

    fn path(&self) -> PathBuf {
        self.writer.path()
    }

    fn hold(&self) -> Arc<dyn Hold> {
        self.writer.hold()
    }

    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a,
    {
        Box::pin(async { Ok(()) })
    }
}

fn graph(size: usize) -> Graph {
    let mut stack = Stack::new("bench");
    for index in 0..size {
        stack.add(&name(index), Thing);
    }
    Graph::new(&stack)
}

/// The state of a stack in which all of it was applied.
fn state(size: usize) -> State {
    let inputs = JsonMap::from_iter([("text".to_owned(), TEXT.into())]);
    let entry = |index: usize| {
        let address = Address::new("Thing", name(index));
        let token = Token { stack: "bench".to_owned(), resource: address.to_string(), digest: format!("{index:064}") };
        let object = ObjectState {
            id: Some(address.to_string()),
            phase: Phase::Ready,
            token,
            inputs: inputs.clone(),
            attempted: None,
            is_being_deleted: false,
            observed: Some(Arc::new(Observation { fields: inputs.clone(), attributes: JsonMap::new() })),
            depends_on: BTreeSet::new(),
            released: BTreeSet::new(),
            missed: None,
        };
        (address, Entry { current: Some(object), deposed: Vec::new() })
    };
    State { serial: 1, resources: (0..size).map(entry).collect(), ..State::new("bench", "0".repeat(32)) }
}

fn name(index: usize) -> String {
    format!("thing-{index:05}")
}

async fn run(store: &Counted<'_>, graph: &Graph) -> f64 {
    let state = store.load().await.unwrap().unwrap();
    let plan = plan(&Cloud, graph, &state).await.unwrap();
    let begin = Instant::now();
    let mut lock = store.lock("bench", &mut |_| {}).await.unwrap();
    let report = apply(&Cloud, &mut lock, state, graph, &plan, &ApplyOptions::default(), &mut |_| {}).await.unwrap();
    assert!(report.is_complete());
    begin.elapsed().as_secs_f64()
}

fn main() {
    println!("An apply that creates {STEPS} objects, three changes each, ten calls at a time:");
    println!("{:>8} {:>12} {:>16} {:>12} {:>14}", "objects", "bytes/step", "appends/step", "snapshots", "ms/step");
    for size in SIZES {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let files = LocalStore::new(folder.path(), "bench");
            let writer = files.lock("bench", &mut |_| {}).await.unwrap();
            writer.replace(&state(size)).await.unwrap();
            let counted = Counted {
                files: &files,
                writer,
                appends: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
                snapshots: AtomicU64::new(0),
            };
            let took = run(&counted, &graph(size + STEPS)).await;
            let each = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / STEPS as f64;
            println!(
                "{size:>8} {:>12.0} {:>16.2} {:>12} {:>14.2}",
                each(&counted.bytes),
                each(&counted.appends),
                counted.snapshots.load(Ordering::Relaxed),
                took * 1000.0 / STEPS as f64
            );
        });
    }
    println!(
        "Each append is one write and one sync; the first of a run also gives the journal its name, and marks the snapshot."
    );
}
