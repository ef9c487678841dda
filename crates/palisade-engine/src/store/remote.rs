//! [`RemoteStore`]: the state in a place that several people share.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use palisade_core::provider::BoxFuture;
use tokio::sync::Mutex;

use super::{
    Condition, Hold, Objects, Store, Writer,
    clock::{Clock, slept},
    lease::{self, LeaseHold},
    log::{Log, Place, patiently},
    protocol::{Change, LogAnswer, LogEnd, LogRequest, Outcome, Rules, Step, Write},
};
use crate::{
    Record, State, StateError,
    format::{self, LogContent, LogEntry},
};

/// How long a lease lasts without being renewed.
const TTL: Duration = Duration::from_secs(60);

/// Keeps the state of a stack in objects: a log, each entry of which is one, and a lease that says who may write to it.
/// `docs/state-format.md` describes both, and `docs/decisions` why a writer that comes too late can do no harm.
pub struct RemoteStore {
    objects: Arc<dyn Objects>,
    stack: String,
    run: String,
    ttl: Duration,
    clock: Clock,
    lease: Arc<LeaseHold>,
    /// What this run knows of the log, as long as it may write.
    log: Mutex<Option<LogWriter>>,
    /// Where this run has written the whole state last, and the fences that have to stay.
    written: std::sync::Mutex<Option<(u64, BTreeSet<u64>)>>,
}

/// The end of the log, as the run that may write knows it.
struct LogWriter {
    log: Log,
    end: LogEnd<Arc<Entry>>,
}

/// An entry of the log, and its text.
#[derive(Debug, PartialEq)]
struct Entry {
    text: String,
    entry: LogEntry,
}

/// The writer of a stack in a shared place.
struct RemoteWriter<'a> {
    store: &'a RemoteStore,
}

impl RemoteStore {
    /// The store of `stack` in `objects`. `run` is what tells this run from all others, and so its own writes from theirs.
    pub fn new(objects: Arc<dyn Objects>, stack: &str, run: impl Into<String>) -> Self {
        let run = run.into();
        let clock = Clock::new(slept);
        let lease = Arc::new(LeaseHold::new(stack, run.clone(), TTL, clock.clone()));
        Self {
            objects,
            stack: stack.to_owned(),
            run,
            ttl: TTL,
            clock,
            lease,
            log: Mutex::new(None),
            written: std::sync::Mutex::default(),
        }
    }

    /// The same store, whose lease lasts for `ttl` without being renewed. It should be long enough for many calls.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self.with_new_lease()
    }

    /// The same store, which learns from `slept` how long the machine has slept since some moment. By itself it asks the
    /// operating system; this is for tests.
    #[must_use]
    pub fn with_sleep(mut self, slept: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(slept);
        self.with_new_lease()
    }

    fn with_new_lease(mut self) -> Self {
        self.lease = Arc::new(LeaseHold::new(&self.stack, self.run.clone(), self.ttl, self.clock.clone()));
        self
    }

    fn place(&self) -> Place<'_> {
        Place { objects: &*self.objects, stack: &self.stack }
    }

    async fn load_now(&self) -> Result<Option<State>, StateError> {
        let place = self.place();
        // The lease is read first, so that what it says is not newer than the log.
        let least = lease::least_serial(&place).await?;
        let log = place.read_log().await?;
        let path = place.path(&place.log_prefix());
        match log.state {
            Some(state) if state.serial < least => Err(format::overtaken(&path, state.serial, least)),
            None if least > 0 => Err(StateError::Missing { path, beside: place.path(&lease::key(&place)) }),
            state => Ok(state),
        }
    }

    async fn acquire_now(&self, holder: &str, wait: &mut (dyn FnMut(&str) + Send)) -> Result<(), StateError> {
        let place = self.place();
        let mut writer = self.log.lock().await;
        let taken = self.lease.acquire(&place, holder, wait).await?;
        let mut has_fenced = false;
        loop {
            let log = match place.read_log().await {
                Ok(log) => log,
                Err(error) => {
                    // Nobody has to wait for a run that cannot begin. Where it owes a fence, the next one must put that in its
                    // place, and learns of it by a lease that was not given back.
                    if !taken.needs_fence {
                        // The error that stopped this run is the one to tell.
                        let _ = self.lease.change(&place, Change::Release(None)).await;
                    }
                    return Err(error);
                }
            };
            let Some((end, fence)) = LogEnd::new(taken, log.position, log.fencing, has_fenced, Rules::ALL) else {
                // If another run has it by now, that is the error.
                self.lease.change(&place, Change::Raise(log.fencing)).await?;
                let holder = "a run in place of whose lease somebody has put an earlier one".to_owned();
                return Err(StateError::Locked { stack: self.stack.clone(), holder });
            };
            let current = writer.insert(LogWriter { log, end });
            let Some(fence) = fence else { return Ok(()) };
            let content = LogContent::Fence { holder: holder.to_owned(), run: self.run.clone() };
            self.write(current, fence, |_| Ok(Some(content.clone()))).await?;
            has_fenced = true;
        }
    }

    /// Writes what `choose` says of the log as it is then; nothing, if that is `None`.
    async fn write(
        &self,
        writer: &mut LogWriter,
        mut write: Write,
        choose: impl Fn(&Log) -> Result<Option<LogContent>, StateError>,
    ) -> Result<(), StateError> {
        let place = self.place();
        let mut answer = LogAnswer::Nothing;
        loop {
            let request = match write.next(&mut writer.end, answer) {
                Step::Done(Outcome::Written) => return Ok(()),
                Step::Done(Outcome::Overtaken) => return Err(self.overtaken(&place, &writer.log).await),
                Step::Ask(request) => request,
            };
            answer = match request {
                LogRequest::Content => LogAnswer::Content(choose(&writer.log)?.map(|content| {
                    let (stack, position) = (self.stack.clone(), writer.end.next());
                    let entry = LogEntry { stack, position, fencing: writer.end.fencing(), content };
                    Arc::new(Entry { text: format::log_entry(&entry), entry })
                })),
                LogRequest::Put(position, entry) => {
                    let key = place.entry_key(position);
                    let put = patiently(|| self.objects.put(&key, entry.text.as_bytes(), Condition::Absent)).await;
                    LogAnswer::Put(put.map_err(|error| place.cannot("write", &key, error))?)
                }
                LogRequest::Get(position) => LogAnswer::Got(self.get_entry(&place, position).await?),
                LogRequest::Add(entry) => {
                    let path = place.path(&place.entry_key(entry.entry.position));
                    writer.log.add(entry.entry.clone(), entry.text.len() as u64, &path)?;
                    LogAnswer::Added(entry)
                }
            };
        }
    }

    /// The entry at a position, if there is one, and the number of the lease under which it was written.
    async fn get_entry(&self, place: &Place<'_>, position: u64) -> Result<Option<(Arc<Entry>, u64)>, StateError> {
        let key = place.entry_key(position);
        let Some(object) = place.get(&key).await? else { return Ok(None) };
        let path = place.path(&key);
        let entry = format::read_log_entry(&object.bytes, &self.stack, position, &path)?;
        let text =
            String::from_utf8(object.bytes).map_err(|error| StateError::Corrupt { path, detail: error.to_string() })?;
        let fencing = entry.fencing;
        Ok(Some((Arc::new(Entry { text, entry }), fencing)))
    }

    /// The error of a write that another run has come before.
    async fn overtaken(&self, place: &Place<'_>, log: &Log) -> StateError {
        let expected = log.serial();
        match place.read_log().await {
            Ok(now) => {
                let path = place.path(&place.entry_key(log.position + 1));
                StateError::Overtaken { path, found: now.serial(), expected }
            }
            Err(error) => error,
        }
    }

    async fn begin(&self, continued: &State) -> Result<(), StateError> {
        let place = self.place();
        // No other run writes while this one has the lease. But somebody may have put other objects there. Nothing renews the lease while
        // they are read, so that comes after.
        let log = place.read_log().await;
        self.lease.change(&place, Change::Renew).await?;
        let (log, mut writer) = (log?, self.log.lock().await);
        let known = &self.writing(&mut writer)?.log;
        let path = place.path(&place.log_prefix());
        format::is_kept(log.state.as_ref(), continued, &path)?;
        let is_same = (log.position, log.fencing) == (known.position, known.fencing);
        if is_same { Ok(()) } else { Err(format::with_other_changes(&path)) }
    }

    async fn append_now(&self, records: &[Record]) -> Result<(), StateError> {
        let mut writer = self.log.lock().await;
        let writer = self.writing(&mut writer)?;
        let path = self.place().path(&self.place().log_prefix());
        self.write(writer, Write::default(), |log| {
            let records = format::fresh(records, log.serial(), &path)?;
            match &log.state {
                _ if records.is_empty() => Ok(None),
                Some(_) => Ok(Some(LogContent::Records(records.to_vec()))),
                None => Err(StateError::Empty { path: path.clone() }),
            }
        })
        .await?;
        match &writer.log.state {
            Some(state) if writer.log.is_long() => {
                let state = state.clone();
                self.write_state(writer, &state).await
            }
            _ => Ok(()),
        }
    }

    async fn replace_now(&self, state: &State) -> Result<(), StateError> {
        let mut writer = self.log.lock().await;
        let writer = self.writing(&mut writer)?;
        self.write_state(writer, state).await
    }

    /// Writes the whole state behind all else. What that makes superfluous is not removed here: a run that is to end soon does not wait
    /// for it, and a reader goes back to the last whole state only.
    async fn write_state(&self, writer: &mut LogWriter, state: &State) -> Result<(), StateError> {
        let content = |log: &Log| {
            let (state, fences) = (state.clone(), log.fences.clone());
            Ok(Some(LogContent::State { state, fences }))
        };
        self.write(writer, Write::default(), content).await?;
        *self.written() = Some((writer.log.position, writer.log.fences.clone()));
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, Option<(u64, BTreeSet<u64>)>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing<'w>(&self, writer: &'w mut Option<LogWriter>) -> Result<&'w mut LogWriter, StateError> {
        let stack = self.stack.clone();
        writer.as_mut().ok_or(StateError::LeaseLost { stack, detail: "it has not taken it".to_owned() })
    }

    async fn release(&self) -> Result<(), StateError> {
        let Some(mut writer) = self.log.lock().await.take() else { return Ok(()) };
        self.lease.stop();
        // The next run puts no fence after a lease that was given back. So what became of the last write must be known, as it
        // might arrive while that run is at work. If it cannot be found out, the lease ends by itself.
        self.write(&mut writer, Write::default(), |_| Ok(None)).await?;
        self.lease.change(&self.place(), Change::Release(Some(writer.log.serial()))).await
    }
}

impl Store for RemoteStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        Box::pin(self.load_now())
    }

    fn acquire<'a: 'w, 'w>(
        &'a self,
        holder: &'w str,
        wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        Box::pin(async move {
            self.acquire_now(holder, wait).await?;
            Ok(Box::new(RemoteWriter { store: self }) as Box<dyn Writer>)
        })
    }

    fn tidy(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let written = self.written().clone();
            if let Some((position, fences)) = written {
                self.place().prune(position, &fences).await;
            }
        })
    }
}

impl Writer for RemoteWriter<'_> {
    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(self.store.begin(continued))
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(self.store.append_now(records))
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(self.store.replace_now(state))
    }

    fn path(&self) -> PathBuf {
        self.store.place().path(&self.store.place().log_prefix())
    }

    fn hold(&self) -> Arc<dyn Hold> {
        Arc::<LeaseHold>::clone(&self.store.lease)
    }

    fn keep(&self) -> BoxFuture<'_, StateError> {
        Box::pin(async { self.store.lease.keep(&self.store.place()).await })
    }

    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a,
    {
        let store = self.store;
        Box::pin(async { store.release().await })
    }
}
