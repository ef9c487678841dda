//! [`Store`]: where the state is kept. This is the one module that touches files.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use palisade_core::Json;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{State, StateError, digest::sha256};

/// The format that this version writes, and the latest that it reads.
const FORMAT: u64 = 1;

/// Keeps the state of one stack.
pub trait Store: Send + Sync {
    /// The state as it was saved last, or `None` if there has never been one.
    ///
    /// # Errors
    /// [`StateError`] if there is something that is not a state of this stack, or if there are traces of an earlier state;
    /// that is never taken for a new stack.
    fn load(&self) -> Result<Option<State>, StateError>;

    /// Saves the state. When it returns, the state survives a crash of the machine; when it fails, the state that was
    /// saved before is still there.
    ///
    /// # Errors
    /// [`StateError::Io`] if the state cannot be written.
    fn save(&self, state: &State) -> Result<(), StateError>;
}

/// Keeps the state in the file `FOLDER/STACK.state.json`; `docs/state-format.md` describes it.
#[derive(Clone, Debug)]
pub struct LocalStore {
    folder: PathBuf,
    stack: String,
    path: PathBuf,
}

/// The hold on a stack. It ends when this is dropped, or with the process, however that ends.
#[derive(Debug)]
#[must_use = "the stack is locked for as long as this lives"]
pub struct StoreLock {
    _file: File,
}

/// Keeps the state in memory, for tests and rehearsals.
#[derive(Debug, Default)]
pub struct MemoryStore {
    saved: Mutex<Option<State>>,
}

/// The file, once its format is known.
#[derive(Deserialize)]
struct Document<'a> {
    checksum: String,
    /// The text of the state. The checksum is that of this text, so that it need not be written anew to be checked.
    #[serde(borrow)]
    state: &'a RawValue,
}

/// All that every format says at the same place.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: Json,
}

impl LocalStore {
    /// The store of `stack` in `folder`, which is made when the state is saved first.
    pub fn new(folder: impl Into<PathBuf>, stack: &str) -> Self {
        let folder = folder.into();
        let path = folder.join(format!("{stack}.state.json"));
        Self { folder, stack: stack.to_owned(), path }
    }

    /// The file that holds the state.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the stack against every other process. `holder` is what the others are told: command, process, host, time.
    ///
    /// The operating system holds the lock, so that none is left behind by a process that was killed.
    ///
    /// # Errors
    /// [`StateError::Locked`] if another process holds it; [`StateError::Io`] if the lock file cannot be opened or written.
    pub fn lock(&self, holder: &str) -> Result<StoreLock, StateError> {
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
        Ok(StoreLock { _file: file })
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

    /// The file beside the state that ends in `extension`.
    fn sibling(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.stack))
    }

    /// Keeps the present file under another name, so that at no moment one of the two is missing or half written.
    fn keep_backup(&self) -> Result<(), StateError> {
        let backup = self.backup();
        let fresh = self.sibling("state.json.backup.tmp");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot("remove", &fresh)(error)),
            _ => {}
        }
        match fs::hard_link(&self.path, &fresh) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A file system without links.
            Err(_) => _ = fs::copy(&self.path, &fresh).map_err(cannot("copy", &self.path))?,
        }
        fs::rename(&fresh, &backup).map_err(cannot("write", &backup))
    }

    /// An error if there has been a state. Each save but the first leaves a backup, and at no moment is there one without
    /// the file.
    fn never_saved(&self) -> Result<(), StateError> {
        let backup = self.backup();
        match backup.try_exists() {
            Ok(false) => Ok(()),
            Ok(true) => Err(StateError::Missing { path: self.path.clone(), backup }),
            Err(error) => Err(cannot("read", &backup)(error)),
        }
    }

    /// The file that holds the version before.
    fn backup(&self) -> PathBuf {
        self.sibling("state.json.backup")
    }

    fn corrupt(&self, detail: impl Into<String>) -> StateError {
        StateError::Corrupt { path: self.path.clone(), detail: detail.into() }
    }

    /// The one gate by which a state comes in.
    fn decode(&self, bytes: &[u8]) -> Result<State, StateError> {
        if bytes.is_empty() {
            return Err(StateError::Empty { path: self.path.clone() });
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|error| self.corrupt(error.to_string()))?;
        // The format comes first: in a later one, nothing else need be where it is in this one.
        match head.format.as_u64() {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => {
                return Err(StateError::Newer { path: self.path.clone(), found, known: FORMAT });
            }
            _ => return Err(self.corrupt("it does not say which format it has")),
        }
        let document: Document<'_> = serde_json::from_slice(bytes).map_err(|error| self.corrupt(error.to_string()))?;
        if document.checksum != sha256(document.state.get()) {
            return Err(self.corrupt("its checksum is wrong, so it was edited by hand, or damaged"));
        }
        let state: State =
            serde_json::from_str(document.state.get()).map_err(|error| self.corrupt(error.to_string()))?;
        if state.stack != self.stack {
            let (path, found, expected) = (self.path.clone(), state.stack, self.stack.clone());
            return Err(StateError::OtherStack { path, found, expected });
        }
        Ok(state)
    }
}

impl Store for LocalStore {
    fn load(&self) -> Result<Option<State>, StateError> {
        match fs::read(&self.path) {
            Ok(bytes) => self.decode(&bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.never_saved().map(|()| None),
            Err(error) => Err(cannot("read", &self.path)(error)),
        }
    }

    /// Writes a file beside the old one, and gives it the old one's name once all of it is on the disk. The version before
    /// is kept as `STACK.state.json.backup`.
    fn save(&self, state: &State) -> Result<(), StateError> {
        let text = encode(state).map_err(io::Error::from).map_err(cannot("write", &self.path))?;
        self.create_folder()?;
        let fresh = self.sibling("state.json.tmp");
        let write = || {
            let mut file = private().create(true).truncate(true).open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(cannot("write", &fresh))?;
        self.keep_backup()?;
        fs::rename(&fresh, &self.path).map_err(cannot("write", &self.path))?;
        sync_folder(&self.folder).map_err(cannot("write", &self.folder))
    }
}

impl Store for MemoryStore {
    fn load(&self) -> Result<Option<State>, StateError> {
        Ok(self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, state: &State) -> Result<(), StateError> {
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
        Ok(())
    }
}

/// The file as a text. There are several saves for each object, so the state is written out once only.
fn encode(state: &State) -> Result<String, serde_json::Error> {
    let state = serde_json::to_string(state)?;
    let checksum = sha256(&state);
    Ok(format!("{{\"format\":{FORMAT},\"checksum\":\"{checksum}\",\"state\":{state}}}\n"))
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
    use super::*;

    fn store() -> (tempfile::TempDir, LocalStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::new(folder.path().join("state"), "shop");
        (folder, store)
    }

    fn state(serial: u64) -> State {
        State { serial, ..State::new("shop", "00112233445566778899aabbccddeeff") }
    }

    fn write(store: &LocalStore, text: &str) {
        fs::create_dir_all(&store.folder).unwrap();
        fs::write(store.path(), text).unwrap();
    }

    fn text(store: &LocalStore) -> String {
        fs::read_to_string(store.path()).unwrap()
    }

    #[test]
    fn what_is_saved_is_loaded_and_the_version_before_is_kept() {
        let (_folder, store) = store();
        assert_eq!(store.load().unwrap(), None);
        for serial in 1..=3 {
            store.save(&state(serial)).unwrap();
            assert_eq!(store.load().unwrap(), Some(state(serial)));
        }
        let backup = fs::read(store.backup()).unwrap();
        assert_eq!(store.decode(&backup).unwrap(), state(2));
        let names: Vec<_> = fs::read_dir(&store.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "temporary files are left: {names:?}");
    }

    #[test]
    fn the_document_begins_with_its_format() {
        let (_folder, store) = store();
        store.save(&state(1)).unwrap();
        insta::assert_snapshot!(text(&store), @r#"{"format":1,"checksum":"ff73d181490ef1eb27367ede767d3789949f8680fe6e5ffc5e08efb7365e2221","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{}}}"#);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, store) = store();
        store.save(&state(1)).unwrap();
        let _lock = store.lock("apply").unwrap();
        for path in [store.path(), &store.sibling("lock")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn an_empty_file_is_not_a_new_stack() {
        let (_folder, store) = store();
        write(&store, "");
        assert!(matches!(store.load(), Err(StateError::Empty { .. })));
    }

    #[test]
    fn a_file_that_is_gone_is_not_a_new_stack() {
        let (_folder, store) = store();
        store.save(&state(1)).unwrap();
        fs::remove_file(store.path()).unwrap();
        assert_eq!(store.load().unwrap(), None, "one save leaves no backup");
        store.save(&state(1)).unwrap();
        store.save(&state(2)).unwrap();
        fs::remove_file(store.path()).unwrap();
        let Err(StateError::Missing { path, backup }) = store.load() else { panic!("it is taken for a new stack") };
        fs::copy(backup, path).unwrap();
        assert_eq!(store.load().unwrap(), Some(state(1)));
    }

    #[test]
    fn a_torn_file_is_refused_at_every_length() {
        let (_folder, store) = store();
        store.save(&state(1)).unwrap();
        let whole = text(&store);
        for length in 1..whole.trim_end().len() {
            write(&store, &whole[..length]);
            let Err(StateError::Corrupt { detail, .. }) = store.load() else { panic!("{length} bytes are accepted") };
            assert!(detail.contains("line ") && detail.contains("column "), "{detail}");
        }
    }

    #[test]
    fn an_edit_by_hand_is_noticed() {
        let (_folder, store) = store();
        store.save(&state(1)).unwrap();
        write(&store, &text(&store).replace(r#""serial":1"#, r#""serial":2"#));
        let Err(StateError::Corrupt { detail, .. }) = store.load() else { panic!("the edit is accepted") };
        assert!(detail.contains("edited by hand, or damaged"), "{detail}");
    }

    #[test]
    fn a_later_format_is_refused_before_anything_else_is_looked_at() {
        let (_folder, store) = store();
        write(&store, r#"{"format": 2, "resources": []}"#);
        assert!(matches!(store.load(), Err(StateError::Newer { found: 2, known: 1, .. })));
        write(&store, r#"{"version": 4, "resources": []}"#);
        assert!(matches!(store.load(), Err(StateError::Corrupt { .. })));
    }

    #[test]
    fn a_state_of_another_stack_is_refused() {
        let (_folder, store) = store();
        store.save(&State::new("bank", "")).unwrap();
        let Err(StateError::OtherStack { found, expected, .. }) = store.load() else { panic!("it is accepted") };
        assert_eq!((found.as_str(), expected.as_str()), ("bank", "shop"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let (folder, _) = store();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let store = LocalStore::new(&file, "shop");
        assert!(matches!(store.save(&state(1)), Err(StateError::Io { action: "create", .. })));
    }

    #[test]
    fn a_lock_names_its_holder_and_ends_when_it_is_dropped() {
        let (_folder, store) = store();
        let lock = store.lock("apply, process 7").unwrap();
        let Err(StateError::Locked { holder, .. }) = store.lock("destroy") else { panic!("it is locked twice") };
        assert_eq!(holder, "apply, process 7");
        drop(lock);
        drop(store.lock("destroy").unwrap());
    }
}
