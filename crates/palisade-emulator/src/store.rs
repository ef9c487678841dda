//! [`Store`]: the account's file. With the vault, this is what touches files.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{account::Account, clock::RESTART, vault::Vault};

/// The format that this version writes, and the latest that it reads.
const FORMAT: u64 = 1;

/// Why an account cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot read the emulated account in {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The file is empty, which an account never is.
    #[error("the file of the emulated account, {}, is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is no account.
    #[error("the file of the emulated account, {}, is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A later version has written the file.
    #[error("the emulated account in {} has the format {found}, and this version reads up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
        /// The latest format that this version reads.
        known: u64,
    },
    /// The account was opened for another region.
    #[error("the emulated account in {} is of the region {found}, not {wanted}", path.display())]
    OtherRegion {
        /// The file.
        path: PathBuf,
        /// The region of the account.
        found: String,
        /// The region that was asked for.
        wanted: String,
    },
    /// The key that the account's secrets are encrypted with is missing or damaged.
    #[error("the key of the emulated account's secrets, {}, cannot be used: {detail}", path.display())]
    Key {
        /// The file of the key.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

impl OpenError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { path, error } if error.kind() == io::ErrorKind::NotADirectory => {
                let folder = path.parent().unwrap_or(path).display();
                format!("{folder} is no folder: move it away, or name another folder with --state-dir")
            }
            Self::Unreadable { .. } => "make the file readable for this user".to_owned(),
            Self::Empty { .. } | Self::Damaged { .. } => {
                "restore the file from a copy, or delete it to begin with an empty account: what the state says exists is then gone"
                    .to_owned()
            }
            Self::Newer { .. } => "use the version of Palisade that wrote the file, or a later one".to_owned(),
            Self::OtherRegion { found, .. } => {
                format!("use the region {found}, or another folder for the account of this region")
            }
            Self::Key { .. } => {
                "restore the key from a copy: without it, nobody can read the secrets; or delete the account's file too, to \
                 begin with an empty account"
                    .to_owned()
            }
        }
    }
}

/// Where an account is kept: `account.json` in a folder, and beside it the key of its secrets.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    /// How often the file had been written when it was read or written last.
    serial: u64,
    /// The length and the time of the file when it was read last.
    stamp: Option<(u64, Duration)>,
    /// Held from the first write on, so that no two processes change the account at once.
    lock: Option<File>,
}

/// The file as it is written.
#[derive(Serialize)]
struct Document<'a> {
    format: u64,
    serial: u64,
    account: &'a Account,
}

/// The file as it is read, once its format is known.
#[derive(Deserialize)]
struct Known {
    serial: u64,
    account: Account,
}

impl Store {
    /// The account in `folder`. Nothing is written before something is changed.
    pub(crate) fn open(folder: &Path, region: &str) -> Result<(Self, Account), OpenError> {
        let mut store = Self { folder: folder.to_owned(), serial: 0, stamp: None, lock: None };
        let stamp = stamp(&store.file());
        let (serial, account) = store.load(region)?;
        (store.serial, store.stamp) = (serial, stamp);
        Ok((store, account))
    }

    /// Makes ready to change `account`: nobody else may from here on, and what somebody else changed since it was read is
    /// read again. Says whether it was.
    pub(crate) fn prepare(&mut self, account: &mut Account) -> Result<bool, String> {
        if self.lock.is_some() {
            return Ok(false);
        }
        let lock = self.lock_file().map_err(|error| format!("cannot lock the emulated account: {error}"))?;
        let has_changed = self.reload(account)?;
        self.lock = Some(lock);
        Ok(has_changed)
    }

    /// Reads again what somebody else has changed since `account` was read. Says whether it was.
    pub(crate) fn look(&mut self, account: &mut Account) -> Result<bool, String> {
        if self.lock.is_some() || stamp(&self.file()) == self.stamp { Ok(false) } else { self.reload(account) }
    }

    fn reload(&mut self, account: &mut Account) -> Result<bool, String> {
        let (region, lag) = (account.region.clone(), account.lag);
        // Before the file is read, so that a later change is noticed.
        let stamp = stamp(&self.file());
        let (serial, fresh) = self.load(&region).map_err(|error| error.to_string())?;
        self.stamp = stamp;
        if std::mem::replace(&mut self.serial, serial) == serial {
            return Ok(false);
        }
        *account = Account { lag, ..fresh };
        Ok(true)
    }

    /// Writes the account.
    pub(crate) fn save(&mut self, account: &Account) -> Result<(), String> {
        let document = Document { format: FORMAT, serial: self.serial + 1, account };
        let write = || put(&self.file(), format!("{}\n", serde_json::to_string(&document)?).as_bytes());
        write().map_err(|error: io::Error| format!("cannot write {}: {error}", self.file().display()))?;
        self.serial += 1;
        Ok(())
    }

    /// The account in the file, and how often that had been written.
    fn load(&self, region: &str) -> Result<(u64, Account), OpenError> {
        let path = self.file();
        let (serial, mut account) = match fs::read(&path) {
            Ok(bytes) => {
                let Known { serial, mut account } = decode(&path, &bytes)?;
                account.now = account.now.saturating_add(RESTART);
                account.complete_network_acls();
                (serial, account)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, Account::new(region)),
            Err(error) => return Err(OpenError::Unreadable { path, error }),
        };
        if account.region != region {
            return Err(OpenError::OtherRegion { path, found: account.region, wanted: region.to_owned() });
        }
        account.vault = self.vault(&account)?;
        Ok((serial, account))
    }

    fn vault(&self, account: &Account) -> Result<Vault, OpenError> {
        let path = self.folder.join("account.key");
        let vault = match Vault::open(path.clone()) {
            Ok(vault) => vault,
            Err(detail) => return Err(OpenError::Key { path, detail }),
        };
        if account.needs_key() && !vault.has_key() {
            return Err(OpenError::Key { path, detail: "it does not exist, and the account has secrets".to_owned() });
        }
        Ok(vault)
    }

    fn lock_file(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join("account.json.lock");
        let file = private().create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                Err(io::Error::other("another process is changing it; wait for that one to end"))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("account.json")
    }
}

fn stamp(path: &Path) -> Option<(u64, Duration)> {
    let file = fs::metadata(path).ok()?;
    Some((file.len(), file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?))
}

/// The one gate by which an account comes in.
fn decode(path: &Path, bytes: &[u8]) -> Result<Known, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { path: path.to_owned(), detail };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(OpenError::Empty { path: path.to_owned() });
    }
    let document: Json = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    // The format comes first: in a later one, nothing else need be where it is in this one.
    match document.get("format").and_then(Json::as_u64) {
        Some(FORMAT) => {}
        Some(found) if found > FORMAT => {
            return Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT });
        }
        _ => return Err(damaged("it does not say which format it has".to_owned())),
    }
    serde_json::from_value(document).map_err(|error| damaged(error.to_string()))
}

/// Writes a file that only its owner may read and write: either all of it, or, if the process is killed meanwhile, what was there before.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".tmp");
    private().create(true).truncate(true).open(&fresh)?.write_all(bytes)?;
    fs::rename(&fresh, path)
}

/// Options for a file that only its owner may read and write.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
