//! [`Log`]: what is kept of a stack in a shared place, read to its end.
//!
//! Each write is an object of its own, at the next position. An object is only written where there is none, so all writers
//! agree on what is at a position, and the log is one line of history, whoever writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use palisade_core::provider::BoxFuture;
use tokio::time::sleep;

use super::{Object, Objects, ObjectsError, is_long, protocol::superfluous};
use crate::{
    Record, State, StateError,
    format::{self, LogContent, LogEntry},
};

/// How many objects are read at a time.
const READS: usize = 16;
/// How often a call is tried that fails for a reason that may pass.
const ATTEMPTS: u32 = 6;
/// How long after the first attempt the second comes; each later one takes twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// The objects of one stack.
pub(super) struct Place<'a> {
    pub(super) objects: &'a dyn Objects,
    pub(super) stack: &'a str,
}

/// The log up to its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Log {
    /// The last position that is taken; zero if there is none.
    pub(super) position: u64,
    /// The fencing number of the last object.
    pub(super) fencing: u64,
    /// The state that it comes to; `None` if there has never been one.
    pub(super) state: Option<State>,
    /// The positions of all fences.
    pub(super) fences: BTreeSet<u64>,
    /// How long the last object with a whole state is, in bytes.
    snapshot: u64,
    /// How long all objects since are, in bytes.
    journal: u64,
}

impl Place<'_> {
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.stack)
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.objects.location(key).into()
    }

    pub(super) fn entry_key(&self, position: u64) -> String {
        // As many digits as the greatest number has, so that the order of the texts is that of the numbers.
        format!("{}{position:020}.json", self.log_prefix())
    }

    pub(super) fn log_prefix(&self) -> String {
        self.key("log/")
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
        patiently(|| self.objects.get(key)).await.map_err(|error| self.cannot("read", key, error))
    }

    pub(super) fn cannot(&self, action: &'static str, key: &str, error: ObjectsError) -> StateError {
        StateError::Unreachable { action, path: self.path(key), error }
    }

    /// The positions that are taken.
    async fn positions(&self) -> Result<BTreeSet<u64>, StateError> {
        let prefix = self.log_prefix();
        let keys = patiently(|| self.objects.list(&prefix)).await;
        let keys = keys.map_err(|error| self.cannot("list", &prefix, error))?;
        // The console of S3 makes an object in the place of a folder.
        let entries = keys.iter().filter(|key| **key != prefix);
        entries
            .map(|key| {
                let digits = key.strip_prefix(&prefix).and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
                let position = digits.parse().ok().filter(|position| self.entry_key(*position) == **key);
                position.ok_or_else(|| StateError::Corrupt {
                    path: self.path(key),
                    detail: "no object of a log has such a name".to_owned(),
                })
            })
            .collect()
    }

    /// Reads the log to its end.
    pub(super) async fn read_log(&self) -> Result<Log, StateError> {
        loop {
            let positions = self.positions().await?;
            let mut found = BTreeMap::new();
            let reads: Vec<_> = positions.iter().rev().map(|position| self.read_entry(*position)).collect();
            let mut entries = stream::iter(reads).buffered(READS);
            let mut is_changing = false;
            // Back to the last whole state: what is before it is not needed.
            while let Some(read) = entries.try_next().await? {
                let Some((entry, length)) = read else {
                    // A run has put a whole state behind it, and removed it.
                    is_changing = true;
                    break;
                };
                let is_state = matches!(entry.content, LogContent::State { .. });
                found.insert(entry.position, (entry, length));
                if is_state {
                    break;
                }
            }
            if !is_changing {
                return self.replay(found);
            }
        }
    }

    fn replay(&self, entries: BTreeMap<u64, (LogEntry, u64)>) -> Result<Log, StateError> {
        let mut log = Log::default();
        let mut before = 0;
        for (position, (entry, length)) in entries {
            let key = self.entry_key(position);
            // What was removed is before the last whole state, so all else goes on from what is right before it.
            if before + 1 != position && !matches!(entry.content, LogContent::State { .. }) {
                let path = self.path(&self.entry_key(position.saturating_sub(1)));
                return Err(StateError::Missing { path, beside: self.path(&key) });
            }
            log.add(entry, length, &self.path(&key))?;
            before = position;
        }
        Ok(log)
    }

    /// Deletes all before `position` that is no fence. What cannot be deleted is left to the next time.
    pub(super) async fn prune(&self, position: u64, fences: &BTreeSet<u64>) {
        let positions = self.positions().await.unwrap_or_default();
        let old = superfluous(&positions, position, fences);
        let deletions: Vec<_> = old.into_iter().map(|old| self.delete_entry(old)).collect();
        stream::iter(deletions).buffer_unordered(READS).collect::<Vec<_>>().await;
    }

    /// The object at a position, and how long it is.
    fn read_entry(&self, position: u64) -> BoxFuture<'_, Result<Option<(LogEntry, u64)>, StateError>> {
        Box::pin(async move {
            let key = self.entry_key(position);
            let Some(object) = self.get(&key).await? else { return Ok(None) };
            let entry = format::read_log_entry(&object.bytes, self.stack, position, &self.path(&key))?;
            Ok(Some((entry, object.bytes.len() as u64)))
        })
    }

    fn delete_entry(&self, position: u64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Nothing depends on it.
            self.objects.delete(&self.entry_key(position)).await.ok();
        })
    }
}

impl Log {
    /// The serial of the state; zero if there is none.
    pub(super) fn serial(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.serial)
    }

    /// Goes on by an object, which has `length` bytes.
    pub(super) fn add(&mut self, entry: LogEntry, length: u64, path: &Path) -> Result<(), StateError> {
        let corrupt = |detail| StateError::Corrupt { path: path.to_owned(), detail };
        match entry.content {
            LogContent::State { state, fences } => {
                self.fences.extend(fences);
                (self.state, self.snapshot, self.journal) = (Some(state), length, 0);
            }
            LogContent::Records(records) => {
                let Some(state) = &mut self.state else {
                    return Err(corrupt("it changes a state that there is not".to_owned()));
                };
                for Record { serial, change } in &records {
                    if *serial != state.serial + 1 {
                        return Err(corrupt(format!("change {} is followed by change {serial}", state.serial)));
                    }
                    state.apply(change);
                }
                self.journal += length;
            }
            LogContent::Fence { .. } => {
                self.fences.insert(entry.position);
            }
        }
        (self.position, self.fencing) = (entry.position, entry.fencing);
        Ok(())
    }

    /// Whether what follows the last whole state is so long that another one should be written.
    pub(super) fn is_long(&self) -> bool {
        is_long(self.journal, self.snapshot)
    }
}

/// Tries a call until it succeeds, or fails for a reason that will not pass by itself.
pub(super) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, ObjectsError>
where
    F: Future<Output = Result<T, ObjectsError>>,
{
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(error) if error.is_transient => sleep(pause).await,
            ended => return ended,
        }
        pause *= 2;
    }
    call().await
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::ready};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_is_repeated_after_ever_longer_pauses_while_its_failure_may_pass() {
        for (is_transient, calls, millis) in [(true, 6, 200 + 400 + 800 + 1600 + 3200), (false, 1, 0)] {
            let (begin, made) = (Instant::now(), Cell::new(0));
            let call = || {
                made.set(made.get() + 1);
                ready(Err::<(), _>(ObjectsError { message: String::new(), help: String::new(), is_transient }))
            };
            assert!(patiently(call).await.is_err());
            assert_eq!((made.get(), begin.elapsed()), (calls, Duration::from_millis(millis)));
        }
    }
}
