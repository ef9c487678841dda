//! [`LocalStore`]: the state in a folder. With its tests, this is the one module that touches files.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use palisade_core::provider::BoxFuture;

use super::{Hold, SHORT, Store, Writer};
use crate::{
    Record, State, StateError,
    format::{self, FORMAT, Identity},
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
    /// Where the next entry goes, once it is known. It is forgotten where a write fails, and looked for again.
    end: Mutex<Option<End>>,
}

/// The writer of a stack in a folder.
struct LocalWriter<'a> {
    store: &'a LocalStore,
    lock: Arc<FileLock>,
}

/// The lock of a stack. It ends when this is dropped, or with the process, however that ends.
#[derive(Debug)]
struct FileLock {
    _file: File,
}

/// The end of what is kept.
#[derive(Debug)]
struct End {
    /// The state with all changes.
    state: Identity,
    /// The length of the snapshot in bytes.
    snapshot: u64,
    /// The journal and its length in bytes, if it has an entry that the snapshot does not have.
    journal: Option<(File, u64)>,
}

impl LocalStore {
    /// The store of `stack` in `folder`, which is made when the state is kept first.
    pub fn new(folder: impl Into<PathBuf>, stack: &str) -> Self {
        let folder = folder.into();
        let path = folder.join(format!("{stack}.state.json"));
        Self { folder, stack: stack.to_owned(), path, end: Mutex::new(None) }
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
    fn lock_now(&self, holder: &str) -> Result<FileLock, StateError> {
        let path = self.sibling("lock");
        self.create_folder()?;
        let mut file = private().read(true).create(true).truncate(false).open(&path).map_err(cannot("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.locked(&mut file)),
            Err(TryLockError::Error(error)) => return Err(cannot("lock", &path)(error)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(holder.as_bytes())
        };
        write(&mut file).map_err(cannot("write", &path))?;
        Ok(FileLock { _file: file })
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

    fn end(&self) -> MutexGuard<'_, Option<End>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load_now(&self) -> Result<Option<State>, StateError> {
        let path = self.journal_path();
        // The journal is read first. A run may be writing a snapshot now; whatever it takes out of the journal is in the
        // snapshot by then.
        let journal = read(&path)?;
        let Some(snapshot) = read(&self.path)? else { return self.load_nothing() };
        let mut state = format::read_snapshot(&snapshot, &self.stack, &self.path)?;
        if let Some(journal) = journal {
            format::read_journal(&journal, &self.stack, &path)?.replay(&mut state, &path)?;
        }
        Ok(Some(state))
    }

    /// What it means that there is no snapshot: an error if there has been one.
    fn load_nothing(&self) -> Result<Option<State>, StateError> {
        for beside in [self.backup(), self.journal_path()] {
            if beside.try_exists().map_err(cannot("read", &beside))? {
                // The first run of the stack may have written its first snapshot in the meantime.
                if self.path.try_exists().map_err(cannot("read", &self.path))? {
                    return self.load_now();
                }
                return Err(StateError::Missing { path: self.path.clone(), beside });
            }
        }
        Ok(None)
    }

    fn append_now(&self, records: &[Record]) -> Result<(), StateError> {
        let mut known = self.end();
        let mut end = match known.take() {
            Some(end) => end,
            None => self.find_end(records)?,
        };
        let records = format::fresh(records, end.state.serial, &self.path)?;
        if let Some(last) = records.last() {
            let length = self.append_entry(&mut end, &format::entry(records))?;
            end.state.serial = last.serial;
            if length > SHORT.max(2 * end.snapshot) {
                // What is on the disk says it all. So no state is copied, and each byte is checked.
                let state = self.load_now()?.ok_or_else(|| self.nothing(records))?;
                end = self.write_snapshot(&state)?;
            }
        }
        *known = Some(end);
        Ok(())
    }

    fn replace_now(&self, state: &State) -> Result<(), StateError> {
        let mut known = self.end();
        *known = None;
        *known = Some(self.write_snapshot(state)?);
        Ok(())
    }

    /// Adds an entry to the journal, and returns how long the journal is then.
    fn append_entry(&self, end: &mut End, entry: &str) -> Result<u64, StateError> {
        let path = self.journal_path();
        match &mut end.journal {
            Some((file, length)) => {
                file.write_all(entry.as_bytes()).and_then(|()| file.sync_data()).map_err(cannot("write", &path))?;
                *length += entry.len() as u64;
                Ok(*length)
            }
            None => {
                // It gets its name with its first entry, so that no journal is without a first line.
                let text = format::journal(&end.state) + entry;
                let file = self.put(&path, &text)?;
                sync_folder(&self.folder).map_err(cannot("write", &self.folder))?;
                end.journal = Some((file, text.len() as u64));
                Ok(text.len() as u64)
            }
        }
    }

    /// Looks for the end of what is kept, to which `records` are to be added. What an interrupted write has left behind it
    /// is cut off.
    fn find_end(&self, records: &[Record]) -> Result<End, StateError> {
        let Some(bytes) = read(&self.path)? else { return Err(self.nothing(records)) };
        let (format, mut state) = format::read_identity(&bytes, &self.stack, &self.path)?;
        if format < FORMAT {
            // A program that knows that format only must not read it without the journal.
            let state = self.load_now()?.ok_or_else(|| self.nothing(records))?;
            return self.write_snapshot(&state);
        }
        let path = self.journal_path();
        let mut open = None;
        if let Some(bytes) = read(&path)? {
            let journal = format::read_journal(&bytes, &self.stack, &path)?;
            journal.continues(&state, &path)?;
            // One that has nothing new is replaced by the next.
            if let Some(last) = journal.records.last().filter(|last| last.serial > state.serial) {
                state.serial = last.serial;
                let cut = || {
                    let file = OpenOptions::new().append(true).open(&path)?;
                    file.set_len(journal.length as u64)?;
                    file.sync_all()?;
                    Ok(file)
                };
                open = Some((cut().map_err(cannot("write", &path))?, journal.length as u64));
            }
        }
        Ok(End { state, snapshot: bytes.len() as u64, journal: open })
    }

    /// The state that `records` are to be added to is not there.
    fn nothing(&self, records: &[Record]) -> StateError {
        format::fresh(records, 0, &self.path).err().unwrap_or(StateError::Empty { path: self.path.clone() })
    }

    /// Writes the snapshot and its copy, and then removes the journal. At every moment there is one whole snapshot and, if
    /// it is the one before, its journal.
    fn write_snapshot(&self, state: &State) -> Result<End, StateError> {
        let text = format::snapshot(state);
        self.create_folder()?;
        for path in [&self.path, &self.backup()] {
            self.put(path, &text)?;
        }
        sync_folder(&self.folder).map_err(cannot("write", &self.folder))?;
        let journal = self.journal_path();
        match fs::remove_file(&journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot("remove", &journal)(error)),
            _ => {}
        }
        Ok(End { state: Identity::of(state), snapshot: text.len() as u64, journal: None })
    }

    /// Writes a file under another name, and gives it its own once all of it is on the disk.
    fn put(&self, path: &Path, text: &str) -> Result<File, StateError> {
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
        fs::rename(&fresh, path).map_err(cannot("write", path))?;
        Ok(file)
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
        Box::pin(async {
            let lock = Arc::new(self.lock_now(holder)?);
            Ok(Box::new(LocalWriter { store: self, lock }) as Box<dyn Writer>)
        })
    }
}

impl Writer for LocalWriter<'_> {
    fn begin<'a>(&'a self, continued: &'a Identity) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            self.lock.check()?;
            let kept = self.store.load_now()?;
            format::continues(kept.as_ref().map(Identity::of), continued, &self.store.path)
        })
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.store.append_now(records) })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async { self.store.replace_now(state) })
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
        Ok(())
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

    fn replace(store: &LocalStore, state: &State) -> Result<(), StateError> {
        store.replace_now(state)
    }

    /// A store with a snapshot of serial 1 and three entries, the second of which has two changes.
    fn journaled() -> (tempfile::TempDir, LocalStore) {
        let (folder, store) = store();
        replace(&store, &state(1)).unwrap();
        for records in [&[record(2)][..], &[record(3), record(4)], &[record(5)]] {
            store.append_now(records).unwrap();
        }
        (folder, store)
    }

    /// The same files, as another process finds them.
    fn reopened(store: &LocalStore) -> LocalStore {
        LocalStore::new(&store.folder, "shop")
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
        assert_eq!(names(&store), ["shop.state.json", "shop.state.json.backup"]);
    }

    #[test]
    fn changes_are_added_until_the_state_is_replaced() {
        let (_folder, store) = journaled();
        assert_eq!(store.load_now().unwrap(), Some(changed(5)));
        assert_eq!(names(&store), ["shop.state.journal", "shop.state.json", "shop.state.json.backup"]);
        let store = reopened(&store);
        store.append_now(&[record(6)]).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(6)));
        replace(&store, &changed(7)).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(7)));
        assert_eq!(names(&store), ["shop.state.json", "shop.state.json.backup"]);
        store.append_now(&[record(8)]).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(8)));
    }

    #[test]
    fn the_documents_begin_with_their_format() {
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        store.append_now(&[record(2)]).unwrap();
        insta::assert_snapshot!(text(store.path()), @r#"{"format":2,"checksum":"7f2f1db2febfafc2ac35160f6ad7bb2c56cdc8374dc46e983ed5551f231e7389","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{},"durations":{}}}"#);
        insta::assert_snapshot!(text(&store.journal_path()), @r#"
        {"format":2,"checksum":"2f32b801d617d38630f77f5dc2ebf7acd9c0d17879032dd99f3edce894805d39","journal":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","continues":1}}
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
        let mut state = format::read_snapshot(snapshot, "shop", "snapshot".as_ref())?;
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
                1 => state(1),
                2 => changed(2),
                3 => changed(4),
                _ => changed(5),
            };
            assert_eq!(load(snapshot.as_bytes(), torn.as_bytes()).unwrap(), expected, "{length} bytes");
            // The next writer goes on from there.
            if ends.iter().any(|end| length.abs_diff(*end) < 2) || length % 100 == 0 {
                fs::write(store.journal_path(), torn).unwrap();
                let next = expected.serial + 1;
                reopened(&store).append_now(&[record(next)]).unwrap();
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
        for (at, damaged) in flips(&snapshot) {
            assert!(load(&damaged, &journal).is_err(), "byte {at} of the snapshot");
        }
        for (at, damaged) in flips(&journal) {
            match load(&snapshot, &damaged) {
                Err(_) => {}
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
            let next = reopened(&store);
            next.append_now(&[record(serial + 1)]).unwrap();
            assert_eq!(store.load_now().unwrap(), Some(changed(serial + 1)));
        }
    }

    #[test]
    fn a_journal_of_another_snapshot_is_refused() {
        let (_folder, store) = journaled();
        write(&store, &format::snapshot(&state(0)));
        let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
        assert_eq!(detail, "it goes on from change 1, and the state file ends with change 0");
        assert!(matches!(reopened(&store).append_now(&[record(1)]), Err(StateError::OtherJournal { .. })));
        write(&store, &format::snapshot(&State { lineage: "other".to_owned(), ..state(1) }));
        let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
        assert_eq!(detail, "it is of another stack of the same name");
    }

    #[test]
    fn changes_that_do_not_go_on_from_the_state_are_refused() {
        let (_folder, store) = store();
        let overtaken = |records: &[Record]| match store.append_now(records) {
            Err(StateError::Overtaken { found, expected, .. }) => (found, expected),
            other => panic!("{other:?}"),
        };
        assert_eq!(overtaken(&[record(3)]), (0, 2));
        assert!(matches!(store.append_now(&[record(1)]), Err(StateError::Empty { .. })));
        replace(&store, &state(1)).unwrap();
        assert_eq!(overtaken(&[record(3)]), (1, 2));
        store.append_now(&[record(2), record(3)]).unwrap();
        // A repetition changes nothing, and its new part is added.
        store.append_now(&[record(2), record(3)]).unwrap();
        store.append_now(&[record(3), record(4)]).unwrap();
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
            store.append_now(&[long(serial)]).unwrap();
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
        store.append_now(&[record(2)]).unwrap();
        assert!(text(store.path()).starts_with(r#"{"format":2,"#));
        assert_eq!(store.load_now().unwrap(), Some(changed(2)));
    }

    #[test]
    fn a_later_format_is_refused_before_anything_else_is_looked_at() {
        let (_folder, store) = journaled();
        for path in [store.journal_path(), store.path().to_owned()] {
            fs::write(&path, "{\"format\": 3, \"resources\": []}\n").unwrap();
            let Err(StateError::Newer { path: of, found: 3, known: 2 }) = store.load_now() else {
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
        assert!(matches!(replace(&store, &state(1)), Err(StateError::Io { action: "create", .. })));
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
                        _ => store.append_now(&[record(serial)]).unwrap(),
                    }
                }
            });
            let mut last = 1;
            while !writer.is_finished() {
                let found = reopened(&store).load_now().unwrap().unwrap();
                assert!(found.serial >= last, "it goes back from {last} to {}", found.serial);
                last = found.serial;
                assert!(last == 1 || found == changed(last));
            }
        });
    }
}
