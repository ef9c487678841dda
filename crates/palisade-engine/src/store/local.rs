//! [`LocalStore`]: the state in a folder. With its tests, this is the one module that touches files.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use palisade_core::provider::BoxFuture;
use sha2::{Digest, Sha256};

use super::{Hold, SHORT, Store, Writer};
use crate::{
    Record, State, StateError,
    format::{self, FORMAT, Identity, Snapshot},
};

/// Keeps the state in the file `FOLDER/STACK.state.json`, and the changes since it was written in `STACK.state.journal`;
/// `docs/state-format.md` describes both.
///
/// What is written is on the disk when the call returns, and no other future of the thread goes on before.
#[derive(Debug)]
pub struct LocalStore {
    folder: PathBuf,
    stack: String,
    path: PathBuf,
}

/// The writer of a stack in a folder.
struct LocalWriter<'a> {
    store: &'a LocalStore,
    lock: Arc<FileLock>,
    memory: Mutex<Memory>,
}

/// The lock of a stack. It ends when this is dropped, or with the process, however that ends.
#[derive(Debug)]
struct FileLock {
    stack: String,
    path: PathBuf,
    id: FileId,
    /// The operating system locks the file, not its name. So the lock is lost once another file has the name.
    _file: File,
}

/// What a writer knows of the files.
#[derive(Default)]
struct Memory {
    /// What the files may hold if nobody else has written to them: first what was read or written last, then what was sent
    /// since by writes that have failed or are under way. Empty before the first look.
    own: Vec<Option<Print>>,
    /// What the files hold; `None` before the first look, and after a failed write.
    kept: Option<Kept>,
}

/// What the files hold, as far as the next write needs it.
struct Kept {
    stamps: Stamps,
    content: Option<Content>,
}

/// A state that is kept.
struct Content {
    /// The state with all changes.
    state: Identity,
    format: u64,
    is_journaled: bool,
    /// The length of the snapshot in bytes.
    length: u64,
    snapshot: Hash,
    /// `None` if there is no journal, or none with an entry that the snapshot does not have.
    journal: Option<Journal>,
}

/// The whole entries of a journal. An interrupted write may have left a part of another one behind them.
#[derive(Default)]
struct Journal {
    length: u64,
    hash: Sha256,
}

/// What was read of a state.
struct Found {
    state: State,
    format: u64,
    is_journaled: bool,
    snapshot: Vec<u8>,
    /// The whole entries of the journal, if it has one that the snapshot does not have.
    journal: Option<Vec<u8>>,
}

/// Tells a state from every other that could be kept, also from one with as many changes.
#[derive(PartialEq)]
struct Print {
    state: Identity,
    snapshot: Hash,
    journal: Option<Hash>,
}

type Hash = [u8; 32];

/// Tells, without reading them, whether the files may have been written to.
#[derive(Clone, Copy, PartialEq)]
struct Stamps {
    snapshot: Option<Stamp>,
    journal: Option<Stamp>,
}

/// One version of one file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stamp {
    id: FileId,
    length: u64,
    modified: Option<Duration>,
    /// The time of the last change, also one that sets `modified` back.
    #[cfg(unix)]
    changed: (i64, i64),
}

/// Tells a file from all others that are open.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg(unix)]
struct FileId {
    device: u64,
    inode: u64,
}

/// Tells a file from others. The standard library knows nothing better here.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg(not(unix))]
struct FileId {
    created: Option<Duration>,
}

impl LocalStore {
    /// The store of `stack` in `folder`, which is made when the state is kept first.
    pub fn new(folder: impl Into<PathBuf>, stack: &str) -> Self {
        let folder = folder.into();
        let path = folder.join(format!("{stack}.state.json"));
        Self { folder, stack: stack.to_owned(), path }
    }

    /// The file that holds the snapshot.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that holds the changes since.
    pub fn journal_path(&self) -> PathBuf {
        self.sibling("state.journal")
    }

    /// Locks the stack. The operating system holds the lock, so that a killed process leaves none behind.
    fn lock_now(&self, holder: &str) -> Result<LocalWriter<'_>, StateError> {
        let path = self.sibling("lock");
        self.create_folder()?;
        let lock = loop {
            let mut file =
                private().read(true).create(true).truncate(false).open(&path).map_err(cannot("open", &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(self.locked(&mut file)),
                Err(TryLockError::Error(error)) => return Err(cannot("lock", &path)(error)),
            }
            let write = |file: &mut File| {
                file.set_len(0)?;
                file.rewind()?;
                file.write_all(holder.as_bytes())?;
                file.metadata()
            };
            let id = FileId::of(&write(&mut file).map_err(cannot("write", &path))?);
            let lock = FileLock { stack: self.stack.clone(), path: path.clone(), id, _file: file };
            // Between opening and locking, the file may have been removed: then the lock is that of no stack.
            if lock.check().is_ok() {
                break lock;
            }
        };
        Ok(LocalWriter { store: self, lock: Arc::new(lock), memory: Mutex::default() })
    }

    fn locked(&self, file: &mut File) -> StateError {
        let mut holder = String::new();
        // The holder may be between taking the lock and writing its name.
        if file.read_to_string(&mut holder).is_err() || holder.is_empty() {
            holder = "another process".to_owned();
        }
        StateError::Locked { stack: self.stack.clone(), holder }
    }

    fn create_folder(&self) -> Result<(), StateError> {
        fs::create_dir_all(&self.folder).map_err(cannot("create", &self.folder))
    }

    /// The file beside the snapshot that ends in `extension`.
    fn sibling(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.stack))
    }

    /// The file that holds a copy of the snapshot.
    fn backup(&self) -> PathBuf {
        self.sibling("state.json.backup")
    }

    fn load_now(&self) -> Result<Option<State>, StateError> {
        Ok(self.find()?.map(|found| found.state))
    }

    /// Reads what is kept.
    fn find(&self) -> Result<Option<Found>, StateError> {
        let path = self.journal_path();
        loop {
            // The journal is read first. A run may be writing a snapshot now; whatever it takes out of the journal is in the
            // snapshot by then.
            let journal_bytes = read(&path)?;
            let Some(snapshot) = read(&self.path)? else {
                if self.is_new()? {
                    return Ok(None);
                }
                continue;
            };
            let Snapshot { mut state, format, is_journaled } =
                format::read_snapshot(&snapshot, &self.stack, &self.path)?;
            let mut journal = None;
            if let Some(bytes) = &journal_bytes {
                let read = format::read_journal(bytes, &self.stack, &path)?;
                // One that has nothing new is replaced by the next.
                journal = read.is_ahead_of(state.serial).then(|| bytes[..read.length].to_owned());
                read.replay(&mut state, &path)?;
            }
            if is_journaled && journal.is_none() {
                // If a run has begun or ended its journal since the first read, one of the two files is another by now.
                if read(&path)? != journal_bytes || read(&self.path)?.as_ref() != Some(&snapshot) {
                    continue;
                }
                return Err(match journal_bytes {
                    None => StateError::Missing { path, beside: self.path.clone() },
                    Some(_) => StateError::OtherJournal {
                        path,
                        detail: format!(
                            "it has no change after change {}, and the state file says it has",
                            state.serial
                        ),
                    },
                });
            }
            return Ok(Some(Found { state, format, is_journaled, snapshot, journal }));
        }
    }

    /// Whether there has never been a state: an error if there has been one. False if there is one by now.
    fn is_new(&self) -> Result<bool, StateError> {
        for beside in [self.backup(), self.journal_path()] {
            if beside.try_exists().map_err(cannot("read", &beside))? {
                // The first run of the stack may have written its first snapshot in the meantime.
                if self.path.try_exists().map_err(cannot("read", &self.path))? {
                    return Ok(false);
                }
                return Err(StateError::Missing { path: self.path.clone(), beside });
            }
        }
        Ok(true)
    }

    fn stamps(&self) -> Result<Stamps, StateError> {
        Ok(Stamps { snapshot: stamp(&self.path)?, journal: stamp(&self.journal_path())? })
    }

    /// Writes a file under another name, and gives it its own once all of it is on the disk and `guard` allows it.
    fn put(
        &self,
        path: &Path,
        text: &str,
        guard: impl FnOnce() -> Result<(), StateError>,
    ) -> Result<Stamp, StateError> {
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".tmp");
        let fresh = PathBuf::from(fresh);
        let write = || {
            let mut file = private().create(true).truncate(true).open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(file)
        };
        let file = write().map_err(cannot("write", &fresh))?;
        guard()?;
        fs::rename(&fresh, path).map_err(cannot("write", path))?;
        // By the file and not by its name, which may be that of another one by now.
        Ok(Stamp::of(&file.metadata().map_err(cannot("read", path))?))
    }

    /// Brings the journal and its name to the disk, if there is one.
    fn sync_journal(&self) -> Result<(), StateError> {
        let path = self.journal_path();
        match OpenOptions::new().append(true).open(&path).and_then(|file| file.sync_all()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("write", &path)(error)),
            _ => self.sync(),
        }
    }

    /// Makes the renames in the folder survive a crash of the machine.
    fn sync(&self) -> Result<(), StateError> {
        sync_folder(&self.folder).map_err(cannot("write", &self.folder))
    }
}

impl LocalWriter<'_> {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_now(&self, continued: &Identity) -> Result<(), StateError> {
        self.lock.check()?;
        let mut memory = self.memory();
        let (kept, _) = self.look(&memory.own)?;
        format::continues(kept.identity().cloned(), continued, &self.store.path)?;
        memory.settle(kept);
        Ok(())
    }

    fn append_now(&self, records: &[Record]) -> Result<(), StateError> {
        let mut memory = self.memory();
        let mut kept = self.kept(&mut memory)?;
        if memory.own.len() > 1 {
            // What the failed write has left counts as written, and may not be on the disk yet.
            self.store.sync_journal()?;
        }
        // What is kept is this writer's own, so what is left out is so too.
        let records = format::fresh(records, kept.serial(), &self.store.path)?;
        let Some(content) = &kept.content else { return Err(StateError::Empty { path: self.store.path.clone() }) };
        if content.format < FORMAT {
            // A program that knows that format only must not read it without the journal.
            self.fold(&mut memory, &mut kept)?;
        }
        if !records.is_empty() {
            self.add_entry(&mut memory, &mut kept, records)?;
        }
        self.mark(&mut memory, &mut kept)?;
        if kept.content.as_ref().is_some_and(Content::is_long) {
            self.fold(&mut memory, &mut kept)?;
        }
        memory.settle(kept);
        Ok(())
    }

    fn replace_now(&self, state: &State) -> Result<(), StateError> {
        let mut memory = self.memory();
        let mut kept = self.kept(&mut memory)?;
        format::replaces(kept.identity().cloned(), &Identity::of(state), &self.store.path)?;
        self.write_snapshot(&mut memory, &mut kept, state)?;
        memory.settle(kept);
        Ok(())
    }

    /// Takes from memory what the files hold, after making sure that it is still so.
    fn kept(&self, memory: &mut Memory) -> Result<Kept, StateError> {
        self.lock.check()?;
        match memory.kept.take() {
            Some(kept) if kept.stamps == self.store.stamps()? => Ok(kept),
            _ => Ok(self.look(&memory.own)?.0),
        }
    }

    /// Reads what the files hold, which must be one of `own`.
    fn look(&self, own: &[Option<Print>]) -> Result<(Kept, Option<State>), StateError> {
        // They are read before the files are. So a later write is noticed, if only by the next look.
        let stamps = self.store.stamps()?;
        let found = self.store.find()?;
        let kept = Kept { stamps, content: found.as_ref().map(Content::of) };
        if let Some(last) = own.last()
            && !own.contains(&kept.print())
        {
            let path = &self.store.path;
            return Err(match last {
                None => StateError::Overtaken { path: path.clone(), found: kept.serial(), expected: 0 },
                Some(last) => {
                    format::continues(kept.identity().cloned(), &last.state, path).err().unwrap_or_else(|| {
                        let detail = "it has as many changes, and they are others";
                        StateError::Replaced { path: path.clone(), detail }
                    })
                }
            });
        }
        Ok((kept, found.map(|found| found.state)))
    }

    /// Makes sure, right before a step that could take away what others have written, that there is nothing of others.
    fn guard(&self, stamps: &Stamps, own: &[Option<Print>]) -> Result<(), StateError> {
        self.lock.check()?;
        if self.store.stamps()? != *stamps {
            self.look(own)?;
        }
        Ok(())
    }

    /// Adds an entry to the journal, which it begins if there is none.
    fn add_entry(&self, memory: &mut Memory, kept: &mut Kept, records: &[Record]) -> Result<(), StateError> {
        let (path, stamps) = (self.store.journal_path(), kept.stamps);
        let (Some(content), Some(last)) = (&mut kept.content, records.last()) else { return Ok(()) };
        let mut text = format::entry(records);
        let journal = content.journal.get_or_insert_with(|| {
            // It gets its name with its first line and its first entry, so that no journal is without them.
            text.insert_str(0, &format::journal(&content.state));
            Journal::default()
        });
        let before = journal.length;
        journal.hash.update(&text);
        journal.length += text.len() as u64;
        let length = journal.length;
        content.state.serial = last.serial;
        memory.own.push(Some(content.print()));
        let guard = || self.guard(&stamps, &memory.own);
        let written = if before == 0 {
            let written = self.store.put(&path, &text, guard)?;
            self.store.sync()?;
            written
        } else {
            guard()?;
            let is_torn = stamps.journal.is_some_and(|journal| journal.length > before);
            extend(&path, is_torn.then_some(before), &text).map_err(cannot("write", &path))?
        };
        kept.stamps.journal = Some(written);
        // If another run has written since the guard looked, the entry may not be where it is looked for.
        if written.length != length || stamp(&path)? != Some(written) {
            *kept = self.look(&memory.own)?.0;
            if kept.serial() < last.serial {
                let (path, found) = (self.store.path.clone(), kept.serial());
                return Err(StateError::Overtaken { path, found, expected: last.serial });
            }
        }
        Ok(())
    }

    /// Notes in the snapshot that there is a journal. The journal is there already, so at no moment one is missed that there
    /// never was.
    fn mark(&self, memory: &mut Memory, kept: &mut Kept) -> Result<(), StateError> {
        let (path, stamps) = (&self.store.path, kept.stamps);
        let Some(content) = kept.content.as_mut().filter(|content| content.journal.is_some() && !content.is_journaled)
        else {
            return Ok(());
        };
        let gone = || StateError::Missing { path: path.clone(), beside: self.store.journal_path() };
        let bytes = read(path)?.ok_or_else(gone)?;
        let Snapshot { state, .. } = format::read_snapshot(&bytes, &self.store.stack, path)?;
        let text = format::journaled_snapshot(&state);
        content.is_journaled = true;
        content.length = text.len() as u64;
        content.snapshot = Sha256::digest(&text).into();
        memory.own.push(Some(content.print()));
        kept.stamps.snapshot = Some(self.store.put(path, &text, || self.guard(&stamps, &memory.own))?);
        self.store.sync()
    }

    /// Makes the journal a part of the snapshot.
    fn fold(&self, memory: &mut Memory, kept: &mut Kept) -> Result<(), StateError> {
        // What is on the disk says it all. So no state is copied, and each byte is checked.
        let (found, state) = self.look(&memory.own)?;
        *kept = found;
        state.map_or(Ok(()), |state| self.write_snapshot(memory, kept, &state))
    }

    /// Writes the snapshot and its copy, and then removes the journal. At every moment there is one whole snapshot and, if
    /// it is the one before, its journal.
    fn write_snapshot(&self, memory: &mut Memory, kept: &mut Kept, state: &State) -> Result<(), StateError> {
        let store = self.store;
        let text = format::snapshot(state);
        let content = kept.content.insert(Content {
            state: Identity::of(state),
            format: FORMAT,
            is_journaled: false,
            length: text.len() as u64,
            snapshot: Sha256::digest(&text).into(),
            journal: None,
        });
        memory.own.push(Some(content.print()));
        store.create_folder()?;
        let guard = |stamps: &Stamps| self.guard(stamps, &memory.own);
        kept.stamps.snapshot = Some(store.put(&store.path, &text, || guard(&kept.stamps))?);
        store.put(&store.backup(), &text, || guard(&kept.stamps))?;
        store.sync()?;
        guard(&kept.stamps)?;
        let journal = store.journal_path();
        match fs::remove_file(&journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot("remove", &journal)(error)),
            _ => {}
        }
        kept.stamps.journal = None;
        Ok(())
    }
}

impl Memory {
    /// Nothing but `kept` is known to be there.
    fn settle(&mut self, kept: Kept) {
        self.own = vec![kept.print()];
        self.kept = Some(kept);
    }
}

impl Kept {
    fn identity(&self) -> Option<&Identity> {
        self.content.as_ref().map(|content| &content.state)
    }

    /// The serial of the state; zero if there is none.
    fn serial(&self) -> u64 {
        self.identity().map_or(0, |state| state.serial)
    }

    fn print(&self) -> Option<Print> {
        self.content.as_ref().map(Content::print)
    }
}

impl Content {
    fn of(found: &Found) -> Self {
        let Found { state, format, is_journaled, snapshot, journal } = found;
        Self {
            state: Identity::of(state),
            format: *format,
            is_journaled: *is_journaled,
            length: snapshot.len() as u64,
            snapshot: Sha256::digest(snapshot).into(),
            journal: journal
                .as_ref()
                .map(|whole| Journal { length: whole.len() as u64, hash: Sha256::new_with_prefix(whole) }),
        }
    }

    fn print(&self) -> Print {
        let journal = self.journal.as_ref().map(|journal| journal.hash.clone().finalize().into());
        Print { state: self.state.clone(), snapshot: self.snapshot, journal }
    }

    /// Whether the journal is so long that it should become a part of the snapshot.
    fn is_long(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.length > SHORT.max(2 * self.length))
    }
}

#[cfg(unix)]
impl FileId {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

#[cfg(not(unix))]
impl FileId {
    fn of(metadata: &Metadata) -> Self {
        Self { created: metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()) }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            id: FileId::of(metadata),
            length: metadata.len(),
            modified: metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()),
            #[cfg(unix)]
            changed: {
                use std::os::unix::fs::MetadataExt;
                (metadata.ctime(), metadata.ctime_nsec())
            },
        }
    }
}

impl Store for LocalStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        Box::pin(async { self.load_now() })
    }

    fn lock<'a: 'w, 'w>(
        &'a self,
        holder: &'w str,
        _wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        // The operating system knows whether the holder is there.
        Box::pin(async { Ok(Box::new(self.lock_now(holder)?) as Box<dyn Writer>) })
    }
}

impl Writer for LocalWriter<'_> {
    fn begin<'a>(&'a self, continued: &'a Identity) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.begin_now(continued) })
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.append_now(records) })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.replace_now(state) })
    }

    fn hold(&self) -> Arc<dyn Hold> {
        Arc::<FileLock>::clone(&self.lock)
    }

    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a,
    {
        Box::pin(async { Ok(()) })
    }
}

impl Hold for FileLock {
    fn check(&self) -> Result<(), StateError> {
        let path = self.path.display();
        let detail = match fs::metadata(&self.path) {
            Ok(metadata) if FileId::of(&metadata) == self.id => return Ok(()),
            Ok(_) => format!("another file is in the place of its lock file {path}"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => format!("its lock file {path} was removed"),
            Err(error) => format!("its lock file {path} cannot be read: {error}"),
        };
        Err(StateError::LeaseLost { stack: self.stack.clone(), detail })
    }
}

/// The bytes of a file, or `None` if there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", path)(error)),
    }
}

/// The stamp of a file, or `None` if there is none.
fn stamp(path: &Path) -> Result<Option<Stamp>, StateError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(Stamp::of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", path)(error)),
    }
}

/// Adds `text` to a file, after cutting it to the length `cut`.
fn extend(path: &Path, cut: Option<u64>, text: &str) -> io::Result<Stamp> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    if let Some(length) = cut {
        file.set_len(length)?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    Ok(Stamp::of(&file.metadata()?))
}

/// Options for a file that only its owner may read and write.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a rename in `folder` survive a crash of the machine.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened here, and the file system writes a rename through.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn cannot(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |error| StateError::Io { action, path, error }
}

#[cfg(test)]
mod tests {
    use palisade_core::{Json, JsonMap};

    use super::*;
    use crate::Change;

    fn store() -> (tempfile::TempDir, LocalStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().join("state"), "shop");
        (folder, store)
    }

    fn state(serial: u64) -> State {
        State { serial, ..State::new("shop", "00112233445566778899aabbccddeeff") }
    }

    /// A change that can be told from all others.
    fn record(serial: u64) -> Record {
        let outputs = JsonMap::from_iter([("serial".to_owned(), Json::from(serial))]);
        Record { serial, change: Change::Outputs { outputs } }
    }

    /// The state after the change `serial`.
    fn changed(serial: u64) -> State {
        let mut state = state(serial - 1);
        state.apply(&record(serial).change);
        state
    }

    fn writer(store: &LocalStore) -> LocalWriter<'_> {
        store.lock_now("a test").unwrap()
    }

    /// What a run does that has nothing in memory.
    fn replace(store: &LocalStore, state: &State) -> Result<(), StateError> {
        store.lock_now("a test")?.replace_now(state)
    }

    fn append(store: &LocalStore, records: &[Record]) -> Result<(), StateError> {
        store.lock_now("a test")?.append_now(records)
    }

    /// A store with a snapshot of serial 1 and three entries, the second of which has two changes.
    fn journaled() -> (tempfile::TempDir, LocalStore) {
        let (folder, store) = store();
        replace(&store, &state(1)).unwrap();
        let writer = writer(&store);
        for records in [&[record(2)][..], &[record(3), record(4)], &[record(5)]] {
            writer.append_now(records).unwrap();
        }
        drop(writer);
        (folder, store)
    }

    fn write(store: &LocalStore, text: &str) {
        fs::create_dir_all(&store.folder).unwrap();
        fs::write(store.path(), text).unwrap();
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn names(store: &LocalStore) -> Vec<String> {
        let entries = fs::read_dir(&store.folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_kept_is_loaded_and_there_is_a_copy_of_it() {
        let (_folder, store) = store();
        assert_eq!(store.load_now().unwrap(), None);
        for serial in 1..=3 {
            replace(&store, &state(serial)).unwrap();
            assert_eq!(store.load_now().unwrap(), Some(state(serial)));
            assert_eq!(text(store.path()), text(&store.backup()));
        }
        assert_eq!(names(&store), ["shop.lock", "shop.state.json", "shop.state.json.backup"]);
    }

    #[test]
    fn changes_are_added_until_the_state_is_replaced() {
        let (_folder, store) = journaled();
        assert_eq!(store.load_now().unwrap(), Some(changed(5)));
        assert_eq!(names(&store), ["shop.lock", "shop.state.journal", "shop.state.json", "shop.state.json.backup"]);
        append(&store, &[record(6)]).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(6)));
        replace(&store, &changed(7)).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(7)));
        assert_eq!(names(&store), ["shop.lock", "shop.state.json", "shop.state.json.backup"]);
        append(&store, &[record(8)]).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(8)));
    }

    #[test]
    fn the_documents_begin_with_their_format() {
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        insta::assert_snapshot!(text(store.path()), @r#"{"format":3,"checksum":"7f2f1db2febfafc2ac35160f6ad7bb2c56cdc8374dc46e983ed5551f231e7389","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{},"durations":{}}}"#);
        append(&store, &[record(2)]).unwrap();
        insta::assert_snapshot!(text(store.path()), @r#"{"format":3,"checksum":"e79e94f93811898802f2ca0ec6e26478ebb0af83997622b768ec600e7c348627","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{},"durations":{},"journaled":true}}"#);
        insta::assert_snapshot!(text(&store.journal_path()), @r#"
        {"format":3,"checksum":"2f32b801d617d38630f77f5dc2ebf7acd9c0d17879032dd99f3edce894805d39","journal":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","continues":1}}
        {"checksum":"a799f850d4d146c56d22d9fe0f54e0381d0341e128ffbb8d54602d780772bee5","records":[{"serial":2,"change":{"Outputs":{"outputs":{"serial":2}}}}]}
        "#);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, store) = journaled();
        let _lock = store.lock_now("apply").unwrap();
        for name in names(&store) {
            let path = store.folder.join(name);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
    }

    #[test]
    fn an_empty_file_is_not_a_new_stack() {
        let (_folder, store) = store();
        write(&store, "");
        assert!(matches!(store.load_now(), Err(StateError::Empty { .. })));
        let (_folder, store) = journaled();
        fs::write(store.journal_path(), "").unwrap();
        let Err(StateError::Empty { path }) = store.load_now() else { panic!("the journal is taken for none") };
        assert_eq!(path, store.journal_path());
    }

    #[test]
    fn a_file_that_is_gone_is_not_a_new_stack() {
        let (_folder, store) = journaled();
        fs::remove_file(store.path()).unwrap();
        let Err(StateError::Missing { path, beside }) = store.load_now() else { panic!("it is taken for a new stack") };
        fs::copy(&beside, path).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(5)), "the copy has the same journal");
        for path in [store.path(), &beside] {
            fs::remove_file(path).unwrap();
        }
        let Err(StateError::Missing { beside, .. }) = store.load_now() else { panic!("it is taken for a new stack") };
        assert_eq!(beside, store.journal_path());
    }

    #[test]
    fn a_torn_snapshot_is_refused_at_every_length() {
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        let whole = text(store.path());
        for length in 1..whole.trim_end().len() {
            write(&store, &whole[..length]);
            let Err(StateError::Corrupt { detail, .. }) = store.load_now() else {
                panic!("{length} bytes are accepted")
            };
            assert!(detail.contains("line ") && detail.contains("column "), "{detail}");
        }
    }

    /// What a load finds in these bytes, without the disk, which takes longer.
    fn load(snapshot: &[u8], journal: &[u8]) -> Result<State, StateError> {
        let mut state = format::read_snapshot(snapshot, "shop", "snapshot".as_ref())?.state;
        format::read_journal(journal, "shop", "journal".as_ref())?.replay(&mut state, "journal".as_ref())?;
        Ok(state)
    }

    #[test]
    fn a_torn_journal_ends_with_its_last_whole_entry() {
        let (_folder, store) = journaled();
        let (snapshot, whole) = (text(store.path()), text(&store.journal_path()));
        let ends: Vec<usize> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
        for length in 0..=whole.len() {
            let torn = &whole[..length];
            let expected = match ends.iter().filter(|end| **end <= length).count() {
                // The first line comes into place with the first entry, so it is never torn.
                0 => {
                    let error = load(snapshot.as_bytes(), torn.as_bytes()).unwrap_err();
                    assert!(matches!(error, StateError::Empty { .. } | StateError::Corrupt { .. }));
                    continue;
                }
                1 => {
                    assert_eq!(load(snapshot.as_bytes(), torn.as_bytes()).unwrap(), state(1));
                    // It had its first entry before the snapshot said that there is a journal.
                    fs::write(store.journal_path(), torn).unwrap();
                    assert!(matches!(store.load_now(), Err(StateError::OtherJournal { .. })), "{length} bytes");
                    continue;
                }
                2 => changed(2),
                3 => changed(4),
                _ => changed(5),
            };
            assert_eq!(load(snapshot.as_bytes(), torn.as_bytes()).unwrap(), expected, "{length} bytes");
            // The next writer goes on from there.
            if ends.iter().any(|end| length.abs_diff(*end) < 2) || length % 100 == 0 {
                fs::write(store.journal_path(), torn).unwrap();
                let next = expected.serial + 1;
                append(&store, &[record(next)]).unwrap();
                assert_eq!(store.load_now().unwrap(), Some(changed(next)), "{length} bytes");
            }
        }
    }

    #[test]
    fn a_write_that_has_not_come_to_its_end_may_have_left_anything() {
        let (_folder, store) = journaled();
        let whole = text(&store.journal_path());
        let last = whole.trim_end().rfind('\n').unwrap() + 1;
        for rest in ["\n".to_owned(), "\0".repeat(5000), "{}\n{}\n".to_owned(), whole[last + 1..].to_owned()] {
            fs::write(store.journal_path(), whole[..last].to_owned() + &rest).unwrap();
            assert_eq!(store.load_now().unwrap(), Some(changed(4)), "{rest}");
        }
    }

    /// The bytes with each bit in turn the other way round, and the byte in which it is.
    fn flips(whole: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
        let flips = (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, 1_u8 << bit)));
        flips.map(|(at, flip)| {
            let mut damaged = whole.to_owned();
            damaged[at] ^= flip;
            (at, damaged)
        })
    }

    #[test]
    fn a_damaged_byte_is_found_or_costs_the_last_write_and_never_makes_another_state() {
        let (_folder, store) = journaled();
        let (snapshot, journal) = (fs::read(store.path()).unwrap(), fs::read(store.journal_path()).unwrap());
        let last = journal.trim_ascii_end().iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        // What one bit makes of the number of the format may be an earlier one, and the content is still what was written.
        let format = r#"{"format":"#.len();
        for (at, damaged) in flips(&snapshot) {
            match load(&damaged, &journal) {
                Err(_) => {}
                Ok(state) => assert!(at == format && state == changed(5), "byte {at} of the snapshot"),
            }
        }
        for (at, damaged) in flips(&journal) {
            match load(&snapshot, &damaged) {
                Err(_) => {}
                Ok(state) if at == format => assert_eq!(state, changed(5)),
                Ok(state) => assert!(at >= last && state == changed(4), "byte {at} of the journal: {state:?}"),
            }
        }
    }

    #[test]
    fn damage_before_whole_entries_says_where_it_is() {
        let (_folder, store) = journaled();
        let whole = text(&store.journal_path());
        let mut lines: Vec<&str> = whole.lines().collect();
        lines.remove(2);
        fs::write(store.journal_path(), lines.join("\n") + "\n").unwrap();
        let Err(StateError::Corrupt { path, detail }) = store.load_now() else { panic!("a line may be missing") };
        assert_eq!((path, detail.as_str()), (store.journal_path(), "change 2 is followed by change 5"));
        fs::write(store.journal_path(), whole.replace(r#""serial":3"#, r#""serial":9"#)).unwrap();
        let Err(StateError::Corrupt { detail, .. }) = store.load_now() else { panic!("the edit is accepted") };
        assert_eq!(detail, "line 3 is not what was written, and whole entries follow it");
    }

    #[test]
    fn a_snapshot_whose_journal_was_not_removed_yet_has_all() {
        for serial in [5, 6] {
            let (_folder, store) = journaled();
            let journal = fs::read(store.journal_path()).unwrap();
            replace(&store, &changed(serial)).unwrap();
            fs::write(store.journal_path(), journal).unwrap();
            assert_eq!(store.load_now().unwrap(), Some(changed(serial)));
            append(&store, &[record(serial + 1)]).unwrap();
            assert_eq!(store.load_now().unwrap(), Some(changed(serial + 1)));
        }
    }

    #[test]
    fn a_journal_of_another_snapshot_is_refused() {
        let (_folder, store) = journaled();
        write(&store, &format::snapshot(&state(0)));
        let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
        assert_eq!(detail, "it goes on from change 1, and the state file ends with change 0");
        assert!(matches!(append(&store, &[record(1)]), Err(StateError::OtherJournal { .. })));
        write(&store, &format::snapshot(&State { lineage: "other".to_owned(), ..state(1) }));
        let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
        assert_eq!(detail, "it is of another stack of the same name");
    }

    #[test]
    fn changes_that_do_not_go_on_from_the_state_are_refused() {
        let (_folder, store) = store();
        let overtaken = |records: &[Record]| match append(&store, records) {
            Err(StateError::Overtaken { found, expected, .. }) => (found, expected),
            other => panic!("{other:?}"),
        };
        assert_eq!(overtaken(&[record(3)]), (0, 2));
        assert!(matches!(append(&store, &[record(1)]), Err(StateError::Empty { .. })));
        replace(&store, &state(1)).unwrap();
        assert_eq!(overtaken(&[record(3)]), (1, 2));
        append(&store, &[record(2), record(3)]).unwrap();
        // A repetition changes nothing, and its new part is added.
        append(&store, &[record(2), record(3)]).unwrap();
        append(&store, &[record(3), record(4)]).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(4)));
    }

    #[test]
    fn a_long_journal_becomes_a_part_of_the_snapshot() {
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        let long = |serial: u64| {
            let outputs = JsonMap::from_iter([(serial.to_string(), Json::from("x".repeat(100_000)))]);
            Record { serial, change: Change::Outputs { outputs } }
        };
        let mut longest = 0;
        for serial in 2..40 {
            append(&store, &[long(serial)]).unwrap();
            let journal = fs::metadata(store.journal_path()).map_or(0, |metadata| metadata.len());
            longest = longest.max(journal);
            assert_eq!(store.load_now().unwrap().unwrap().serial, serial);
        }
        assert!((900_000..=SHORT).contains(&longest), "{longest}");
    }

    #[test]
    fn an_edit_by_hand_is_noticed() {
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        write(&store, &text(store.path()).replace(r#""serial":1"#, r#""serial":2"#));
        let Err(StateError::Corrupt { detail, .. }) = store.load_now() else { panic!("the edit is accepted") };
        assert!(detail.contains("edited by hand, or damaged"), "{detail}");
    }

    #[test]
    fn a_file_of_the_format_before_is_read_and_gets_no_journal() {
        let (_folder, store) = store();
        // As the version before has written it.
        let old = r#"{"format":1,"checksum":"ff73d181490ef1eb27367ede767d3789949f8680fe6e5ffc5e08efb7365e2221","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{}}}"#;
        write(&store, &format!("{old}\n"));
        assert_eq!(store.load_now().unwrap(), Some(state(1)));
        assert!(text(store.path()).starts_with(r#"{"format":1,"#), "reading writes nothing");
        append(&store, &[record(2)]).unwrap();
        assert!(text(store.path()).starts_with(r#"{"format":3,"#));
        assert_eq!(store.load_now().unwrap(), Some(changed(2)));
    }

    #[test]
    fn a_later_format_is_refused_before_anything_else_is_looked_at() {
        let (_folder, store) = journaled();
        for path in [store.journal_path(), store.path().to_owned()] {
            fs::write(&path, "{\"format\": 4, \"resources\": []}\n").unwrap();
            let Err(StateError::Newer { path: of, found: 4, known: 3 }) = store.load_now() else {
                panic!("it is read")
            };
            assert_eq!(of, path);
        }
        write(&store, r#"{"version": 4, "resources": []}"#);
        assert!(matches!(store.load_now(), Err(StateError::Corrupt { .. })));
    }

    #[test]
    fn a_state_of_another_stack_is_refused() {
        let (_folder, store) = store();
        replace(&store, &State::new("bank", "")).unwrap();
        let Err(StateError::OtherStack { found, expected, .. }) = store.load_now() else { panic!("it is accepted") };
        assert_eq!((found.as_str(), expected.as_str()), ("bank", "shop"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let (folder, _) = store();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let store = LocalStore::new(&file, "shop");
        assert!(matches!(store.lock_now("a test"), Err(StateError::Io { action: "create", .. })));
    }

    type Intrusion<'a> = &'a dyn Fn(&LocalStore);

    /// What another run leaves that has taken the lock of `store` away: all is as it was, and then `change` was made.
    fn intrude(store: &LocalStore, change: impl FnOnce(&LocalStore)) {
        let lock = store.sibling("lock");
        let kept = store.sibling("kept");
        fs::rename(&lock, &kept).unwrap();
        change(store);
        // So that the lock alone does not give it away.
        fs::rename(&kept, &lock).unwrap();
    }

    /// The names and the bytes of all files of the state.
    fn files(store: &LocalStore) -> Vec<(String, Vec<u8>)> {
        let names = names(store).into_iter().filter(|name| !name.ends_with("lock") && !name.ends_with("tmp"));
        names.map(|name| (name.clone(), fs::read(store.folder.join(name)).unwrap())).collect()
    }

    /// A state with as many changes as `changed(serial)`, and another last one.
    fn other(serial: u64) -> State {
        State { outputs: JsonMap::from_iter([("other".to_owned(), Json::from(serial))]), ..state(serial) }
    }

    #[test]
    fn what_another_run_has_written_is_never_written_over() {
        let changes: [(&str, Intrusion<'_>); 7] = [
            ("1 goes on from change 5, and the last is 6", &|store| append(store, &[record(6)]).unwrap()),
            ("2 goes on from change 5, and the last is 7", &|store| replace(store, &changed(7)).unwrap()),
            ("3 it has as many changes, and they are others", &|store| replace(store, &other(5)).unwrap()),
            ("4 goes on from change 5, and the last is 1", &|store| {
                write(store, &format::snapshot(&state(1)));
                fs::remove_file(store.journal_path()).unwrap();
            }),
            ("5 it is that of another stack of the same name", &|store| {
                write(store, &format::snapshot(&State { lineage: "other".to_owned(), ..state(9) }));
                fs::remove_file(store.journal_path()).unwrap();
            }),
            ("6 state.journal is gone", &|store| fs::remove_file(store.journal_path()).unwrap()),
            ("7 goes on from change 5, and the last is 0", &|store| {
                for name in names(store).iter().filter(|name| name.starts_with("shop.state")) {
                    fs::remove_file(store.folder.join(name)).unwrap();
                }
            }),
        ];
        for (expected, change) in changes {
            let (_folder, store) = journaled();
            let writer = writer(&store);
            writer.begin_now(&Identity::of(&changed(5))).unwrap();
            intrude(&store, change);
            let left = files(&store);
            let next = [record(6)];
            let attempts: [&dyn Fn() -> Result<(), StateError>; 5] = [
                &|| writer.append_now(&next),
                &|| writer.append_now(&next),
                &|| writer.replace_now(&changed(6)),
                &|| writer.append_now(&next),
                &|| writer.begin_now(&Identity::of(&changed(5))),
            ];
            for attempt in attempts {
                let error = attempt().unwrap_err().to_string();
                assert!(error.contains(&expected[2..]), "{expected}: {error}");
                assert!(files(&store) == left, "{expected}");
            }
        }
    }

    #[test]
    fn what_another_run_writes_in_the_last_moment_is_not_written_over() {
        let (_folder, store) = journaled();
        let writer = writer(&store);
        let mut memory = writer.memory();
        let mut kept = writer.kept(&mut memory).unwrap();
        memory.own.push(kept.print());
        // The files are looked at once more, right before each of these steps.
        intrude(&store, |store| append(store, &[record(6)]).unwrap());
        let left = files(&store);
        assert!(writer.write_snapshot(&mut memory, &mut kept, &changed(6)).is_err());
        kept.content = store.find().unwrap().as_ref().map(Content::of);
        assert!(writer.add_entry(&mut memory, &mut kept, &[record(7)]).is_err());
        kept.content.as_mut().unwrap().is_journaled = false;
        assert!(writer.mark(&mut memory, &mut kept).is_err());
        assert!(files(&store) == left);
    }

    #[test]
    fn a_file_that_was_only_touched_is_still_that_of_the_run() {
        let (_folder, store) = journaled();
        let writer = writer(&store);
        writer.begin_now(&Identity::of(&changed(5))).unwrap();
        for path in [store.path(), &store.journal_path()] {
            let copy = fs::read(path).unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path, copy).unwrap();
        }
        writer.append_now(&[record(6)]).unwrap();
        writer.replace_now(&changed(6)).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(6)));
    }

    /// Makes each write of `path` fail, as on a full disk.
    fn obstruct(path: &Path) -> PathBuf {
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".tmp");
        fs::create_dir(&fresh).unwrap();
        fresh.into()
    }

    #[test]
    fn a_write_that_has_failed_is_known_again_and_can_be_repeated() {
        // The journal is there, and the mark is not.
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        let first = writer(&store);
        let obstacle = obstruct(store.path());
        for _ in 0..2 {
            assert!(matches!(first.append_now(&[record(2)]), Err(StateError::Io { .. })));
            assert_eq!(store.load_now().unwrap(), Some(changed(2)));
        }
        fs::remove_dir(obstacle).unwrap();
        first.append_now(&[record(2)]).unwrap();
        assert!(text(store.path()).contains(r#""journaled":true"#), "a repetition does what is left");
        assert_eq!(text(&store.journal_path()).lines().count(), 2);
        // The snapshot is there, and neither its copy is nor has the journal been removed.
        let obstacle = obstruct(&store.backup());
        assert!(matches!(first.replace_now(&changed(3)), Err(StateError::Io { .. })));
        assert_eq!(store.load_now().unwrap(), Some(changed(3)));
        fs::remove_dir(obstacle).unwrap();
        first.append_now(&[record(3), record(4)]).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(4)));
        first.replace_now(&changed(4)).unwrap();
        assert_eq!(files(&store).len(), 2);
    }

    #[test]
    fn what_another_run_writes_after_a_failed_write_is_not_taken_for_that() {
        // With as many changes as the failed write would have led to.
        let intrusions: [Intrusion<'_>; 2] = [&|store| replace(store, &other(2)).unwrap(), &|store| {
            replace(store, &state(1)).unwrap();
            let outputs = JsonMap::new();
            append(store, &[Record { serial: 2, change: Change::Outputs { outputs } }]).unwrap();
        }];
        for intrusion in intrusions {
            let (_folder, store) = store();
            replace(&store, &state(1)).unwrap();
            let first = writer(&store);
            let obstacle = obstruct(&store.journal_path());
            assert!(matches!(first.append_now(&[record(2)]), Err(StateError::Io { .. })));
            fs::remove_dir(obstacle).unwrap();
            intrude(&store, intrusion);
            let left = files(&store);
            assert!(matches!(first.append_now(&[record(2)]), Err(StateError::Replaced { .. })));
            assert!(matches!(first.replace_now(&changed(2)), Err(StateError::Replaced { .. })));
            assert!(files(&store) == left);
        }
    }

    #[test]
    fn a_state_is_not_taken_back() {
        let (_folder, store) = journaled();
        assert!(matches!(replace(&store, &changed(4)), Err(StateError::Overtaken { found: 5, expected: 4, .. })));
        let other = State { lineage: "other".to_owned(), ..changed(6) };
        assert!(matches!(replace(&store, &other), Err(StateError::Replaced { .. })));
        assert_eq!(store.load_now().unwrap(), Some(changed(5)));
    }

    #[test]
    fn a_journal_that_is_gone_is_missed_until_it_is_a_part_of_the_snapshot() {
        let (_folder, store) = journaled();
        let journal = fs::read(store.journal_path()).unwrap();
        fs::remove_file(store.journal_path()).unwrap();
        let Err(StateError::Missing { path, beside }) = store.load_now() else { panic!("it is not missed") };
        assert_eq!((path, beside.as_path()), (store.journal_path(), store.path()));
        // One from before that run is not what is missing.
        let old = format::journal(&Identity::of(&state(0))) + &format::entry(&[record(1)]);
        fs::write(store.journal_path(), old).unwrap();
        let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is not missed") };
        assert_eq!(detail, "it has no change after change 1, and the state file says it has");
        fs::write(store.journal_path(), journal).unwrap();
        replace(&store, &changed(5)).unwrap();
        assert!(!store.journal_path().exists());
        assert_eq!(store.load_now().unwrap(), Some(changed(5)), "nothing is missed once the run has ended");
    }

    #[test]
    fn a_run_that_ends_before_it_has_marked_the_snapshot_leaves_nothing_wrong() {
        let (_folder, store) = journaled();
        write(&store, &format::snapshot(&state(1)));
        assert_eq!(store.load_now().unwrap(), Some(changed(5)));
        append(&store, &[record(6)]).unwrap();
        assert!(text(store.path()).contains(r#""journaled":true"#), "the next one marks it");
        assert_eq!(store.load_now().unwrap(), Some(changed(6)));
    }

    #[test]
    fn a_whole_entry_that_this_version_does_not_know_is_no_torn_one() {
        for (records, expected) in [
            (r#"[{"serial":6,"change":{"Tagged":{"address":"Vpc.main"}}}]"#, "unknown variant `Tagged`"),
            (r#"[{"serial":6,"change":{"Outputs":{"outputs":{},"more":1}}}]"#, "unknown field `more`"),
            (r#"[{"serial":6,"change":{"Outputs":{"outputs":{}}},"more":1}]"#, "unknown field `more`"),
        ] {
            let (_folder, store) = journaled();
            let checksum: String = Sha256::digest(records).iter().map(|byte| format!("{byte:02x}")).collect();
            let entry = format!("{{\"checksum\":\"{checksum}\",\"records\":{records}}}\n");
            let journal = text(&store.journal_path()) + &entry;
            for torn in ["", "{", "\0\0"] {
                fs::write(store.journal_path(), journal.clone() + torn).unwrap();
                let Err(StateError::Unknown { path, detail }) = store.load_now() else {
                    panic!("{records} is left out")
                };
                assert_eq!(path, store.journal_path());
                assert!(detail.starts_with(expected), "{detail}");
                assert!(matches!(append(&store, &[record(6)]), Err(StateError::Unknown { .. })));
                assert_eq!(text(&store.journal_path()), journal.clone() + torn, "it is not cut off");
            }
        }
    }

    #[test]
    fn a_lock_is_lost_with_its_file() {
        let (_folder, store) = journaled();
        let lock = store.sibling("lock");
        let ways: [(&str, &dyn Fn()); 2] = [
            ("was removed", &|| fs::remove_file(&lock).unwrap()),
            ("another file is in the place", &|| {
                fs::remove_file(&lock).unwrap();
                fs::write(&lock, "").unwrap();
            }),
        ];
        for (expected, way) in ways {
            let writer = writer(&store);
            writer.begin_now(&Identity::of(&changed(5))).unwrap();
            writer.lock.check().unwrap();
            let left = files(&store);
            way();
            for result in [
                writer.lock.check(),
                writer.begin_now(&Identity::of(&changed(5))),
                writer.append_now(&[record(6)]),
                writer.replace_now(&changed(6)),
            ] {
                let Err(StateError::LeaseLost { stack, detail }) = result else { panic!("{expected}: it is held") };
                assert!(stack == "shop" && detail.contains(expected) && detail.contains("shop.lock"), "{detail}");
            }
            assert!(files(&store) == left);
        }
    }

    #[test]
    fn a_lock_names_its_holder_and_ends_when_it_is_dropped() {
        let (_folder, store) = store();
        let lock = store.lock_now("apply, process 7").unwrap();
        let Err(StateError::Locked { holder, .. }) = store.lock_now("destroy") else { panic!("it is locked twice") };
        assert_eq!(holder, "apply, process 7");
        drop(lock);
        drop(store.lock_now("destroy").unwrap());
    }

    #[test]
    fn who_reads_while_another_writes_gets_a_state_that_there_was() {
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for serial in 2..200 {
                    match serial % 10 {
                        0 => replace(&store, &changed(serial)).unwrap(),
                        _ => append(&store, &[record(serial)]).unwrap(),
                    }
                }
            });
            let mut last = 1;
            while !writer.is_finished() {
                let found = store.load_now().unwrap().unwrap();
                assert!(found.serial >= last, "it goes back from {last} to {}", found.serial);
                last = found.serial;
                assert!(last == 1 || found == changed(last));
            }
        });
    }
}
