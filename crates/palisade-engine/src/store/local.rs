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

use super::{Hold, Store, Writer, is_long};
use crate::{
    Record, State, StateError,
    digest::sha256,
    format::{self, FORMAT, Identity, Snapshot},
};

#[cfg(test)]
mod tests;

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
    is_journaled: bool,
    /// Whether the journal becomes a part of the snapshot before the next entry.
    is_to_fold: bool,
    /// What the journal knows the snapshot by.
    digest: Option<String>,
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
    /// Of the entries with their line ends.
    hash: Sha256,
}

/// What was read of a state.
struct Found {
    /// The snapshot, with all changes.
    snapshot: Snapshot,
    bytes: Vec<u8>,
    /// The whole entries of the journal, if it has one that the snapshot does not have.
    journal: Option<Vec<u8>>,
    /// Whether the copy is newer than the snapshot, so that the journal does not continue it.
    has_newer_copy: bool,
}

/// What a snapshot and a journal come to.
struct Replayed {
    snapshot: Snapshot,
    /// As of [`Found`].
    journal: Option<Vec<u8>>,
    /// Whether the journal was begun on the snapshot.
    starts_at_snapshot: bool,
}

impl Replayed {
    /// Whether there is the journal that the snapshot says it has.
    fn is_whole(&self) -> bool {
        !self.snapshot.is_journaled || self.journal.is_some()
    }
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
    /// The store of `stack` in `folder`, which is made when the stack is locked first.
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

    /// Makes the folder, if there is none.
    fn create_folder(&self) -> Result<(), StateError> {
        if !self.folder.is_dir() {
            fs::create_dir_all(&self.folder).map_err(cannot("create", &self.folder))?;
            let folder = std::path::absolute(&self.folder).map_err(cannot("read", &self.folder))?;
            // Its name, and those of the folders that were made for it. One that may not be read was not made here.
            folder.ancestors().skip(1).for_each(|folder| _ = sync_folder(folder));
        }
        Ok(())
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
        Ok(self.find()?.map(|found| found.snapshot.state))
    }

    /// Reads what is kept.
    fn find(&self) -> Result<Option<Found>, StateError> {
        let path = self.journal_path();
        loop {
            // The journal is read first. A run may be writing a snapshot now; whatever it takes out of the journal is in the
            // snapshot by then.
            let journal_bytes = read(&path)?;
            let Some(bytes) = read(&self.path)? else {
                if self.is_new()? {
                    return Ok(None);
                }
                continue;
            };
            let snapshot = format::read_snapshot(&bytes, &self.stack, &self.path)?;
            let (found, newer) = (snapshot.state.serial, self.newer_copy(&bytes, &snapshot.state));
            let replayed = self.replayed(snapshot, journal_bytes.as_deref());
            let is_whole = replayed.as_ref().is_ok_and(Replayed::is_whole);
            // A journal that cannot be read is what is to be mended first.
            let last = match &replayed {
                Ok(it) => Some(it.snapshot.state.serial),
                Err(StateError::OtherJournal { .. }) => Some(found),
                Err(_) => None,
            };
            if let Some((last, expected)) = last.zip(newer).filter(|(last, copy)| last < copy) {
                // If a run has written the two since, it is another one by now.
                if read(&self.path)?.as_ref() != Some(&bytes) {
                    continue;
                }
                let (path, copy) = (self.path.clone(), self.backup());
                return Err(StateError::Restored { path, copy, found: last, expected, is_whole });
            }
            let Replayed { snapshot, journal, starts_at_snapshot } = replayed?;
            if !is_whole {
                // If a run has begun or ended its journal since the first read, one of the two files is another by now.
                if read(&path)? != journal_bytes || read(&self.path)?.as_ref() != Some(&bytes) {
                    continue;
                }
                return Err(match journal_bytes {
                    None => StateError::Missing { path, beside: self.path.clone() },
                    // It has had one since it got its name.
                    Some(_) if starts_at_snapshot => {
                        StateError::Corrupt { path, detail: "it has no whole change".to_owned() }
                    }
                    Some(_) => StateError::OtherJournal {
                        path,
                        detail: format!("it has no change after change {found}, and the state file says it has"),
                    },
                });
            }
            return Ok(Some(Found { snapshot, bytes, journal, has_newer_copy: newer.is_some() }));
        }
    }

    /// The snapshot with what the journal says.
    fn replayed(&self, mut snapshot: Snapshot, journal: Option<&[u8]>) -> Result<Replayed, StateError> {
        let Some(bytes) = journal else { return Ok(Replayed { snapshot, journal: None, starts_at_snapshot: false }) };
        let path = self.journal_path();
        let read = format::read_journal(bytes, &self.stack, &path)?;
        let starts_at_snapshot = read.continues() == snapshot.state.serial;
        // One that has nothing new is replaced by the next.
        let journal = read.is_ahead_of(snapshot.state.serial).then(|| bytes[..read.length].to_owned());
        read.replay(&mut snapshot, &path)?;
        Ok(Replayed { snapshot, journal, starts_at_snapshot })
    }

    /// The serial of the copy of the snapshot, if that is of the same stack and newer than `state`. It is written after the snapshot, so
    /// somebody has put an earlier snapshot in place. A copy that is damaged says nothing.
    fn newer_copy(&self, bytes: &[u8], state: &State) -> Option<u64> {
        let copy = read(&self.backup()).ok()?.filter(|copy| copy != bytes)?;
        let copy = format::read_snapshot(&copy, &self.stack, &self.backup()).ok()?.state;
        (copy.lineage == state.lineage && copy.serial > state.serial).then_some(copy.serial)
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

    fn begin_now(&self, continued: &State) -> Result<(), StateError> {
        self.lock.check()?;
        let mut memory = self.memory();
        let (kept, state) = self.look(&memory.own)?;
        format::is_kept(state.as_ref(), continued, &self.store.path)?;
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
        if content.is_to_fold {
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
                None => format::overtaken(path, kept.serial(), 0),
                Some(last) => {
                    let continued = format::continues(kept.identity().cloned(), &last.state, path);
                    continued.err().unwrap_or_else(|| format::with_other_changes(path))
                }
            });
        }
        Ok((kept, found.map(|found| found.snapshot.state)))
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
        let (path, stamps, torn) = (self.store.journal_path(), kept.stamps, kept.torn());
        let Some(content) = &mut kept.content else { return Ok(()) };
        let begins = content.journal.is_none();
        let text = content.enter(records);
        memory.own.push(Some(content.print()));
        let guard = || self.guard(&stamps, &memory.own);
        let written = if begins {
            let written = self.store.put(&path, &text, guard)?;
            self.store.sync()?;
            written
        } else {
            guard()?;
            extend(&path, torn, &text).map_err(cannot("write", &path))?
        };
        self.find_entry(memory, kept, written)
    }

    /// Makes sure that the last entry is in the journal, `written` as it is after it. If another run has written since the guard
    /// looked, it may be elsewhere, or gone.
    fn find_entry(&self, memory: &Memory, kept: &mut Kept, written: Stamp) -> Result<(), StateError> {
        let (expected, length) = (kept.serial(), kept.journal_length());
        kept.stamps.journal = Some(written);
        if Some(written.length) != length || stamp(&self.store.journal_path())? != Some(written) {
            *kept = self.look(&memory.own)?.0;
            if kept.serial() < expected {
                return Err(format::overtaken(&self.store.path, kept.serial(), expected));
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
        // A journal continues the copy as well, and an interruption may have left an earlier one.
        let backup = self.store.backup();
        if read(&backup)?.as_ref() != Some(&bytes) {
            self.store.put(&backup, &String::from_utf8_lossy(&bytes), || self.guard(&stamps, &memory.own))?;
        }
        let text = format::journaled_snapshot(&state, &sha256(&bytes));
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
            is_journaled: false,
            is_to_fold: false,
            digest: Some(sha256(&text)),
            length: text.len() as u64,
            snapshot: Sha256::digest(&text).into(),
            journal: None,
        });
        memory.own.push(Some(content.print()));
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

    /// The length of the whole entries of the journal, if there is one.
    fn journal_length(&self) -> Option<u64> {
        Some(self.content.as_ref()?.journal.as_ref()?.length)
    }

    /// Where the part of an entry begins that an interrupted write has left.
    fn torn(&self) -> Option<u64> {
        self.journal_length().filter(|whole| self.stamps.journal.is_some_and(|journal| journal.length > *whole))
    }
}

impl Journal {
    fn of(whole: &[u8]) -> Self {
        let mut hash = Sha256::new_with_prefix(whole);
        if !whole.ends_with(b"\n") {
            hash.update("\n");
        }
        Self { length: whole.len() as u64, hash }
    }
}

impl Content {
    fn of(found: &Found) -> Self {
        let Found { snapshot: Snapshot { state, format, is_journaled, digest }, bytes, journal, has_newer_copy } =
            found;
        let is_open = journal.as_ref().is_some_and(|journal| !journal.ends_with(b"\n"));
        Self {
            state: Identity::of(state),
            is_journaled: *is_journaled,
            // A program that knows an earlier format only must not read the snapshot without the journal; no entry can follow one
            // without its line end; and a journal has to continue the copy, too.
            is_to_fold: *format < FORMAT || is_open || *has_newer_copy,
            digest: digest.clone(),
            length: bytes.len() as u64,
            snapshot: Sha256::digest(bytes).into(),
            journal: journal.as_deref().map(Journal::of),
        }
    }

    /// Adds an entry to what is known of the journal. Returns its text.
    fn enter(&mut self, records: &[Record]) -> String {
        let mut text = format::entry(records);
        let journal = self.journal.get_or_insert_with(|| {
            // It gets its name with its first line and its first entry, so that no journal is without them.
            text.insert_str(0, &format::journal(&self.state, self.digest.clone()));
            Journal::default()
        });
        journal.hash.update(&text);
        journal.length += text.len() as u64;
        self.state.serial = records.last().map_or(self.state.serial, |last| last.serial);
        text
    }

    fn print(&self) -> Print {
        let journal = self.journal.as_ref().map(|journal| journal.hash.clone().finalize().into());
        Print { state: self.state.clone(), snapshot: self.snapshot, journal }
    }

    /// Whether the journal is so long that it should become a part of the snapshot.
    fn is_long(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| is_long(journal.length, self.length))
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

    fn acquire<'a: 'w, 'w>(
        &'a self,
        holder: &'w str,
        _wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        // The operating system knows whether the holder is there.
        Box::pin(async { Ok(Box::new(self.lock_now(holder)?) as Box<dyn Writer>) })
    }
}

impl Writer for LocalWriter<'_> {
    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.begin_now(continued) })
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.append_now(records) })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.replace_now(state) })
    }

    fn path(&self) -> PathBuf {
        self.store.path.clone()
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
