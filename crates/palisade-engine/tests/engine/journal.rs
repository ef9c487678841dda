//! The journal of random runs, in real files.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use palisade_core::provider::BoxFuture;
use palisade_engine::{ApplyOptions, Hold, LocalStore, Lock, Record, State, StateError, Store, Writer, apply};
use proptest::prelude::*;

use crate::{
    account::Account,
    random::{edit, graph_of},
    runs::{planned, run, state},
    schema,
};

/// A store in files, which remembers what it was told, and finds after each write that another process would read the same.
struct Watched<'a> {
    files: &'a LocalStore,
    writer: Lock<'a>,
    /// What it was told: each state and, if it is one that a journal ends with, the length of the journal.
    told: Mutex<Vec<(State, Option<usize>)>>,
}

impl<'a> Watched<'a> {
    async fn new(files: &'a LocalStore) -> Self {
        let kept = files.load().await.unwrap();
        let writer = files.lock("apply", &mut |_| {}).await.unwrap();
        Self { files, writer, told: Mutex::new(kept.map(|state| (state, None)).into_iter().collect()) }
    }

    fn told(&self) -> Option<State> {
        self.told.lock().unwrap().last().map(|(state, _)| state.clone())
    }

    async fn note(&self, state: State) {
        assert_eq!(self.files.load().await.unwrap().as_ref(), Some(&state));
        let journal = fs::read(self.files.journal_path()).ok();
        schema::assert_valid(&fs::read_to_string(self.files.path()).unwrap());
        schema::assert_valid(journal.as_ref().map_or("", |journal| str::from_utf8(journal).unwrap()));
        self.told.lock().unwrap().push((state, journal.map(|journal| journal.len())));
    }
}

impl Store for Watched<'_> {
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

impl Writer for &Watched<'_> {
    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        self.writer.begin(continued)
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            self.writer.append(records).await?;
            let mut state = self.told().expect("a state comes first");
            for record in records {
                state.apply(&record.change);
                assert_eq!(record.serial, state.serial);
            }
            self.note(state).await;
            Ok(())
        })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async move {
            // What is in memory is what was written, up to the changes that are not written yet.
            if let Some(told) = self.told().filter(|told| told.serial == state.serial) {
                assert_eq!(&told, state);
            }
            // The end of a run: the journal is about to go.
            self.assert_prefixes().await;
            self.writer.replace(state).await?;
            self.note(state.clone()).await;
            Ok(())
        })
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

impl Watched<'_> {
    /// Asserts that the journal, cut off anywhere, leads to the state that was written last before the cut, or
    /// is missed.
    async fn assert_prefixes(&self) {
        let Ok(journal) = fs::read(self.files.journal_path()) else { return };
        let told = self.told.lock().unwrap().clone();
        let snapshot = told.iter().rposition(|(_, length)| length.is_none()).unwrap();
        let first = journal.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let ends = told[snapshot + 1..].iter().map(|(state, length)| (length.unwrap(), Some(state)));
        // The first entry is there before the snapshot says that there is a journal.
        let prefixes: Vec<_> = [(first, None)].into_iter().chain(ends).collect();
        for (index, (end, state)) in prefixes.iter().enumerate() {
            // An entry may lack its line end.
            let next = prefixes.get(index + 1).map_or(journal.len() + 2, |(end, _)| *end) - 1;
            for length in [*end - 1, *end, end + 1, usize::midpoint(*end, next), next - 1] {
                fs::write(self.files.journal_path(), &journal[..length.min(next - 1)]).unwrap();
                match self.files.load().await {
                    Err(StateError::Corrupt { .. }) if state.is_none() => {}
                    found => assert_eq!(found.unwrap().as_ref(), *state, "{length} of {next} bytes"),
                }
            }
        }
        fs::write(self.files.journal_path(), journal).unwrap();
    }
}

proptest! {
    #![proptest_config(crate::config(12))]

    #[test]
    fn every_prefix_of_the_journal_is_a_state_that_there_was((before, after) in edit()) {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let account = Account::default();
            for program in [before, after] {
                let graph = graph_of(&program);
                let Ok(plan) = planned(&account, &graph).await else { return };
                let files = LocalStore::new(folder.path(), "test");
                let writer = Watched::new(&files).await;
                let base = writer.told().unwrap_or_else(|| state(&account));
                let options = ApplyOptions::default();
                let mut lock = writer.lock("apply", &mut |_| {}).await.unwrap();
                apply(&account, &mut lock, base, &graph, &plan, &options, &mut |_| {}).await.unwrap();
                let last = writer.told();
                account.lock().saved = last.clone();
                assert_eq!(files.load().await.unwrap(), last.filter(|state| state.serial > 0));
                assert!(!files.journal_path().exists(), "a journal is left");
            }
        });
    }
}
