//! [`RemoteStore`]: the state in a place that several people share.

use std::{sync::Arc, time::Duration};

use palisade_core::provider::BoxFuture;
use tokio::sync::Mutex;

use super::{
    Condition, Hold, Objects, Put, Store, Writer,
    lease::{self, LeaseHold, Taken},
    log::{Log, Place, patiently},
};
use crate::{
    Record, State, StateError,
    format::{self, Identity, LogContent, LogEntry},
};

/// How long a lease lasts without being renewed.
const TTL: Duration = Duration::from_secs(60);

/// Keeps the state of a stack in objects: a log, each entry of which is one, and a lease that says who may write to it.
/// `docs/state-format.md` describes both, and `docs/decisions` why a writer that comes too late can do no harm.
pub struct RemoteStore {
    objects: Arc<dyn Objects>,
    stack: String,
    run: String,
    lease: Arc<LeaseHold>,
    /// What this run knows of the log, as long as it may write.
    log: Mutex<Option<LogWriter>>,
}

/// The end of the log, as the run that may write knows it.
struct LogWriter {
    taken: Taken,
    log: Log,
    /// What was sent to the next position, and may be there or yet come there.
    sent: Option<String>,
}

/// The writer of a stack in a shared place.
struct RemoteWriter<'a> {
    store: &'a RemoteStore,
}

impl RemoteStore {
    /// The store of `stack` in `objects`. `run` is what tells this run from all others, and so its own writes from theirs.
    pub fn new(objects: Arc<dyn Objects>, stack: &str, run: impl Into<String>) -> Self {
        let run = run.into();
        let lease = Arc::new(LeaseHold::new(stack, run.clone(), TTL));
        Self { objects, stack: stack.to_owned(), run, lease, log: Mutex::new(None) }
    }

    /// The same store, whose lease lasts for `ttl` without being renewed. It should be long enough for many calls.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.lease = Arc::new(LeaseHold::new(&self.stack, self.run.clone(), ttl));
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
        if log.serial() < least {
            let (path, beside) = (place.path(&place.log_prefix()), place.path(&lease::key(&place)));
            return Err(StateError::Missing { path, beside });
        }
        Ok(log.state)
    }

    async fn acquire(&self, holder: &str, wait: &mut (dyn FnMut(&str) + Send)) -> Result<(), StateError> {
        let place = self.place();
        let mut writer = self.log.lock().await;
        let taken = self.lease.acquire(&place, holder, wait).await?;
        let log = match place.read_log().await {
            Ok(log) => log,
            Err(error) => {
                // Nobody has to wait for a run that cannot begin. Where it owes a fence, the next one must put that in its
                // place, and learns of it by a lease that was not given back.
                if !taken.needs_fence {
                    // The error that stopped this run is the one to tell.
                    let _ = self.lease.release(&place, None).await;
                }
                return Err(error);
            }
        };
        let current = writer.insert(LogWriter { taken, log, sent: None });
        if taken.needs_fence {
            let fence = LogContent::Fence { holder: holder.to_owned(), run: self.run.clone() };
            self.write(current, |_| Ok(Some(fence.clone()))).await?;
        }
        Ok(())
    }

    /// Writes what `choose` says of the log as it is then; nothing, if that is `None`.
    ///
    /// A run sends one text only to each position, and goes on to the next once it is known to be there. So the first new
    /// text of a run that another one has overtaken is sent to where the fence is.
    async fn write(
        &self,
        writer: &mut LogWriter,
        choose: impl Fn(&Log) -> Result<Option<LogContent>, StateError>,
    ) -> Result<(), StateError> {
        // What became of the last text is found out by sending it again.
        self.send(writer, false).await?;
        while let Some(content) = choose(&writer.log)? {
            let (stack, position, fencing) = (self.stack.clone(), writer.log.position + 1, writer.taken.fencing);
            let is_fence = matches!(content, LogContent::Fence { .. });
            // From now on it may be there, even if this future is dropped.
            writer.sent = Some(format::log_entry(&LogEntry { stack, position, fencing, content }));
            if self.send(writer, is_fence).await? {
                break;
            }
        }
        Ok(())
    }

    /// Sends what is to be at the next position, and goes on by what is there then. False if that is what the holder before
    /// has written in the meantime, which only a run that puts its fence accepts.
    async fn send(&self, writer: &mut LogWriter, is_fence: bool) -> Result<bool, StateError> {
        let Some(text) = writer.sent.clone() else { return Ok(true) };
        let (place, position) = (self.place(), writer.log.position + 1);
        let key = place.entry_key(position);
        let put = patiently(|| self.objects.put(&key, text.as_bytes(), Condition::Absent)).await;
        let found = match put.map_err(|error| place.cannot("write", &key, error))? {
            Put::Done(_) => text.clone().into_bytes(),
            Put::Refused => match place.get(&key).await? {
                Some(object) => object.bytes,
                // It was removed, as what other runs have written since holds it.
                None => return Err(self.overtaken(&place, &writer.log).await),
            },
        };
        let path = place.path(&key);
        let entry = format::read_log_entry(&found, &self.stack, position, &path)?;
        let is_own = found == text.as_bytes();
        let is_accepted = is_own || is_fence && entry.fencing < writer.taken.fencing;
        if !is_accepted {
            return Err(self.overtaken(&place, &writer.log).await);
        }
        writer.log.add(entry, found.len() as u64, &path)?;
        writer.sent = None;
        Ok(is_own)
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

    async fn begin(&self, continued: &Identity) -> Result<(), StateError> {
        self.lease.renew(&self.place()).await?;
        let mut writer = self.log.lock().await;
        let kept = self.writing(&mut writer)?.log.state.as_ref().map(Identity::of);
        format::continues(kept, continued, &self.place().path(&self.place().log_prefix()))
    }

    async fn append_now(&self, records: &[Record]) -> Result<(), StateError> {
        let mut writer = self.log.lock().await;
        let writer = self.writing(&mut writer)?;
        let path = self.place().path(&self.place().log_prefix());
        self.write(writer, |log| {
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

    /// Writes the whole state behind all else, and removes what that makes superfluous.
    async fn write_state(&self, writer: &mut LogWriter, state: &State) -> Result<(), StateError> {
        let content = |log: &Log| {
            let (state, fences) = (state.clone(), log.fences.clone());
            Ok(Some(LogContent::State { state, fences }))
        };
        self.write(writer, content).await?;
        self.place().prune(writer.log.position, &writer.log.fences).await;
        Ok(())
    }

    fn writing<'w>(&self, writer: &'w mut Option<LogWriter>) -> Result<&'w mut LogWriter, StateError> {
        let stack = self.stack.clone();
        writer.as_mut().ok_or(StateError::LeaseLost { stack, detail: "it has not taken it".to_owned() })
    }

    async fn release(&self) -> Result<(), StateError> {
        let Some(LogWriter { log, sent, .. }) = self.log.lock().await.take() else { return Ok(()) };
        // What may yet come must find a fence, which the next holder puts there if the lease was not given back.
        if sent.is_none() { self.lease.release(&self.place(), Some(log.serial())).await } else { Ok(()) }
    }
}

impl Store for RemoteStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        Box::pin(self.load_now())
    }

    fn lock<'a: 'w, 'w>(
        &'a self,
        holder: &'w str,
        wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        Box::pin(async move {
            self.acquire(holder, wait).await?;
            Ok(Box::new(RemoteWriter { store: self }) as Box<dyn Writer>)
        })
    }
}

impl Writer for RemoteWriter<'_> {
    fn begin<'a>(&'a self, continued: &'a Identity) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(self.store.begin(continued))
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(self.store.append_now(records))
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(self.store.replace_now(state))
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
