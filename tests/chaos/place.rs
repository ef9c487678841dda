//! [`Place`]: where the state of a stack is kept, and what becomes of it when the process that writes it is killed.

use std::{
    io,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use palisade_core::{Json, provider::BoxFuture};
use palisade_engine::{
    Condition, Hold, LocalStore, MemoryObjects, Object, Objects, ObjectsError, Put, Record, RemoteStore, State,
    StateError, Store, Writer,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    network::Network,
    weather::{End, Weather},
};

/// How long after its last renewal a run may begin a call.
const HELD: Duration = Duration::from_secs(50);

/// Which kind of place a state is kept in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kept {
    InFolder,
    InBucket,
}

/// Where the state of a stack is kept. What was written stays, whatever becomes of the process.
pub(crate) struct Place {
    kind: Kind,
    /// How often a state was written, or changes of it.
    writes: AtomicU32,
    /// How often somebody has removed the lock.
    removals: Arc<AtomicU32>,
}

enum Kind {
    Folder(tempfile::TempDir),
    Bucket(Arc<Bucket>),
}

impl Place {
    pub(crate) fn new(kept: Kept) -> Self {
        let kind = match kept {
            Kept::InFolder => Kind::Folder(folder()),
            Kept::InBucket => Kind::Bucket(Arc::default()),
        };
        Self { kind, writes: AtomicU32::new(0), removals: Arc::default() }
    }

    pub(crate) fn writes(&self) -> u32 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The store, as the process `run` opens it, and what it meets on its way there. `killed` hears of it if the process is killed at one
    /// of its calls to a bucket.
    pub(crate) fn store(&self, run: &str, weather: &Weather, killed: &Arc<Notify>) -> Box<dyn Store> {
        let bucket = match &self.kind {
            Kind::Folder(folder) => return Box::new(LocalStore::new(folder.path(), "test")),
            Kind::Bucket(bucket) => bucket,
        };
        let network = match weather.network {
            Some(seed) => Network::random(bucket, seed),
            None => Network::new(bucket, &[]),
        };
        if let Some((begin, length)) = weather.outage {
            let network = Arc::clone(&network);
            tokio::spawn(async move {
                sleep(Duration::from_secs(begin.into())).await;
                network.set_down(true);
                sleep(Duration::from_secs(length.into())).await;
                network.set_down(false);
            });
        }
        let (end, calls, killed) = (weather.end, AtomicU32::new(0), Arc::clone(killed));
        Box::new(RemoteStore::new(Arc::new(Mortal { objects: network, end, calls, killed }), "test", run))
    }

    /// Somebody removes the lock, or the lease.
    pub(crate) async fn remove_lock(&self) {
        self.removals.fetch_add(1, Ordering::Relaxed);
        match &self.kind {
            // There is none before the first run.
            Kind::Folder(folder) => _ = std::fs::remove_file(folder.path().join("test.lock")),
            Kind::Bucket(bucket) => bucket.delete("test/lease.json").await.expect("memory does not fail"),
        }
    }

    /// What tells whether `run`, which has just taken the lock, may send a call: as the place itself shows it, not as the run believes.
    pub(crate) fn held(&self, run: &str) -> Held {
        match &self.kind {
            Kind::Folder(_) => {
                Held::File { removals: Arc::clone(&self.removals), before: self.removals.load(Ordering::Relaxed) }
            }
            Kind::Bucket(bucket) => Held::Object { bucket: Arc::clone(bucket), run: run.to_owned() },
        }
    }

    /// What a process that holds the lock writes to, until it ends in that way.
    pub(crate) fn written<'a>(&'a self, inner: &'a dyn Writer, end: End) -> impl Store {
        PlaceStore { place: self, inner, end, writes: AtomicU32::new(0) }
    }

    /// All that is there.
    pub(crate) async fn texts(&self) -> Vec<String> {
        match &self.kind {
            Kind::Folder(folder) => {
                let files = std::fs::read_dir(folder.path()).expect("the disk does not fail");
                let text = |file: io::Result<std::fs::DirEntry>| std::fs::read_to_string(file?.path());
                files.map(|file| text(file).expect("state is text")).collect()
            }
            Kind::Bucket(bucket) => {
                let mut texts = Vec::new();
                for key in bucket.list("").await.expect("memory does not fail") {
                    let object = bucket.get(&key).await.expect("memory does not fail");
                    texts.extend(object.map(|object| String::from_utf8(object.bytes).expect("state is text")));
                }
                texts
            }
        }
    }

    /// Leaves, of what was added to a journal that was so long, only so many of 255 parts.
    fn tear(&self, before: u64, part: u8) {
        let Some((path, after)) = self.journal() else { return };
        // A journal gets its name with its first entry whole, and then grows byte by byte.
        if before > 0 && after > before {
            let kept = before + (after - before) * u64::from(part) / 255;
            let file = std::fs::OpenOptions::new().write(true).open(path);
            file.and_then(|file| file.set_len(kept)).expect("the disk does not fail");
        }
    }

    /// The journal, and how long it is. A bucket has none: each object is there as a whole, or not at all.
    fn journal(&self) -> Option<(PathBuf, u64)> {
        let Kind::Folder(folder) = &self.kind else { return None };
        let path = folder.path().join("test.state.journal");
        let length = path.metadata().map_or(0, |file| file.len());
        Some((path, length))
    }
}

fn folder() -> tempfile::TempDir {
    // In memory, where there is such a place: what a disk does when its power is lost is not what is tested.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("there is a place for temporary files")
}

/// What a killed process unwinds with.
pub(crate) struct Killed;

/// What writes to a place, until the process is killed.
struct PlaceStore<'a> {
    place: &'a Place,
    inner: &'a dyn Writer,
    end: End,
    writes: AtomicU32,
}

impl PlaceStore<'_> {
    /// Counts a write, and says how much of it comes to be, if the process is killed at it.
    fn count(&self) -> Option<u8> {
        self.place.writes.fetch_add(1, Ordering::Relaxed);
        let number = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        match self.end {
            End::KilledAtWrite { nth, part } if nth == number => Some(part),
            _ => None,
        }
    }

    /// Ends the process. Not by a panic, since nobody is to be told.
    fn kill(&self) -> ! {
        resume_unwind(Box::new(Killed))
    }
}

impl Store for PlaceStore<'_> {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        unreachable!("the run has loaded it before")
    }

    fn acquire<'a: 'w, 'w>(
        &'a self,
        _holder: &'w str,
        _wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        Box::pin(async move { Ok(Box::new(self) as Box<dyn Writer>) })
    }
}

impl Writer for &PlaceStore<'_> {
    fn path(&self) -> PathBuf {
        self.inner.path()
    }

    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        self.inner.begin(continued)
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let killed = self.count();
            let before = self.place.journal();
            // A journal is torn anywhere, and an object is there as a whole, or not at all.
            if killed.is_none_or(|part| part >= 128) || before.is_some() {
                self.inner.append(records).await?;
            }
            let Some(part) = killed else { return Ok(()) };
            self.place.tear(before.map_or(0, |(_, length)| length), part);
            self.kill()
        })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let killed = self.count();
            // A snapshot is there as a whole, or not at all.
            if killed.is_none_or(|part| part >= 128) {
                self.inner.replace(state).await?;
            }
            if killed.is_some() { self.kill() } else { Ok(()) }
        })
    }

    fn hold(&self) -> Arc<dyn Hold> {
        self.inner.hold()
    }

    fn keep(&self) -> BoxFuture<'_, StateError> {
        self.inner.keep()
    }

    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a,
    {
        unreachable!("the run gives back the writer that it got from the lock")
    }
}

/// Objects that remember who has taken or renewed the lease last.
#[derive(Default)]
pub(crate) struct Bucket {
    objects: MemoryObjects,
    renewed: Mutex<Option<(String, Instant)>>,
}

impl Objects for Bucket {
    fn location(&self, key: &str) -> String {
        self.objects.location(key)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, ObjectsError>> {
        self.objects.get(key)
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>> {
        Box::pin(async move {
            let put = self.objects.put(key, bytes, condition).await?;
            if key.ends_with("lease.json") && matches!(put, Put::Done(_)) {
                let lease: Json = serde_json::from_slice(bytes).expect("a lease is JSON");
                let (run, is_free) = (&lease["lease"]["run"], &lease["lease"]["is_free"]);
                let holder = (*is_free == false).then(|| run.as_str().expect("a lease names its run").to_owned());
                *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) =
                    holder.map(|holder| (holder, Instant::now()));
            }
            Ok(put)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>> {
        self.objects.list(prefix)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        self.objects.delete(key)
    }
}

/// Objects as a process reaches them, until it is killed at one of its calls.
struct Mortal {
    objects: Arc<dyn Objects>,
    end: End,
    calls: AtomicU32,
    killed: Arc<Notify>,
}

impl Mortal {
    async fn pass<T>(&self, call: BoxFuture<'_, T>) -> T {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        match self.end {
            End::KilledAtObject { nth, is_sent } if nth == number => {
                if is_sent {
                    call.await;
                }
                self.killed.notify_one();
                std::future::pending().await
            }
            _ => call.await,
        }
    }
}

impl Objects for Mortal {
    fn location(&self, key: &str) -> String {
        self.objects.location(key)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, ObjectsError>> {
        Box::pin(self.pass(self.objects.get(key)))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>> {
        Box::pin(self.pass(self.objects.put(key, bytes, condition)))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>> {
        Box::pin(self.pass(self.objects.list(prefix)))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        Box::pin(self.pass(self.objects.delete(key)))
    }
}

/// What a run holds, as the place shows it.
pub(crate) enum Held {
    /// The file that it has locked, when so many had been removed.
    File {
        removals: Arc<AtomicU32>,
        before: u32,
    },
    Object {
        bucket: Arc<Bucket>,
        run: String,
    },
}

impl Held {
    /// Why a call that the run sends now may meet those of another one; `None` if it cannot.
    pub(crate) fn lost(&self) -> Option<String> {
        let (bucket, holder) = match self {
            Self::File { removals, before } => {
                let is_lost = removals.load(Ordering::Relaxed) > *before;
                return is_lost.then(|| "its lock file was removed".to_owned());
            }
            Self::Object { bucket, run } => (bucket, run),
        };
        let renewed = bucket.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*renewed {
            Some((run, at)) if run == holder => {
                let age = at.elapsed();
                (age > HELD).then(|| format!("its lease was renewed {age:?} ago"))
            }
            Some((run, _)) => Some(format!("the lease is of {run}")),
            None => Some("the lease is free".to_owned()),
        }
    }
}
