//! The format of the state: a snapshot, and the journal that goes on from it. `docs/state-format.md` describes both.
//!
//! Nothing here touches a file. What a [`Store`](crate::Store) reads goes through here, whatever it reads it from, so there
//! is one place that says what is a state and what is damage. The paths are for the errors.

use std::{collections::BTreeSet, path::Path};

use palisade_core::Json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Record, State, StateError, digest::sha256};

/// The format that this version writes, and the latest that it reads.
///
/// It is 2 since there is a journal: a program that knows no journal would take the snapshot alone for the state. It is 3
/// since a snapshot says that it has a journal: a program that does not know the mark would not miss a journal that is gone.
pub const FORMAT: u64 = 3;

/// How each entry of a journal begins, and nothing inside of one: in JSON, a quote inside of a text has a backslash.
const ENTRY_BEGINS: &[u8] = b"{\"checksum\":\"";

/// A document, once its format is known.
#[derive(Deserialize)]
struct Document<'a> {
    checksum: String,
    /// The text of what the document holds. The checksum is that of this text, so that it need not be written anew to be
    /// checked.
    #[serde(borrow, alias = "state", alias = "journal", alias = "entry", alias = "lease")]
    content: &'a RawValue,
}

/// An entry of a journal: what one write has added.
#[derive(Deserialize)]
struct Entry<'a> {
    checksum: String,
    #[serde(borrow)]
    records: &'a RawValue,
}

/// All that every format says at the same place.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: Json,
}

/// A snapshot whose state is not whole without its journal.
#[derive(Serialize)]
struct Journaled<'a> {
    #[serde(flatten)]
    state: &'a State,
    journaled: bool,
    unmarked: &'a str,
}

/// What a snapshot says of itself beside the state.
#[derive(Deserialize)]
struct Mark {
    #[serde(default)]
    journaled: bool,
    /// The digest that it had without the mark. An earlier version of Palisade did not write it.
    unmarked: Option<String>,
}

/// A snapshot that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// The format of the file.
    pub format: u64,
    /// Whether it has a journal, without which the state is not whole.
    pub is_journaled: bool,
    /// What its journal knows it by: the SHA-256 of the file, as it is without the mark of the journal. `None` if an earlier version
    /// of Palisade has marked it.
    pub digest: Option<String>,
}

/// Which state is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The name of the stack.
    pub stack: String,
    /// The lineage of the stack.
    pub lineage: String,
    /// The serial of the state.
    pub serial: u64,
}

/// What a journal continues: the text of its first line.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Beginning {
    stack: String,
    lineage: String,
    /// The serial of the snapshot.
    continues: u64,
    /// The digest of the snapshot. An earlier version of Palisade did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
}

/// A journal that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    beginning: Beginning,
    /// The records of all whole entries, in their order.
    pub records: Vec<Record>,
    /// The length of the whole entries in bytes. What follows is a write that has not come to its end.
    pub length: usize,
}

/// An object of a log. All that is kept of a stack in a shared place is one log, in the order of the positions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LogEntry {
    /// The name of the stack.
    pub stack: String,
    /// The place in the log: each is one more than the one before.
    pub position: u64,
    /// The fencing number of the lease under which it was written.
    pub fencing: u64,
    /// What it says.
    pub content: LogContent,
}

/// What an object of a log says.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum LogContent {
    /// The whole state. Nothing before it is needed any more, but the fences.
    State {
        /// The state.
        state: State,
        /// The positions of all fences before it.
        fences: BTreeSet<u64>,
    },
    /// What one write has added to the state.
    Records(Vec<Record>),
    /// The holder before may write no more: the place of its next write is taken.
    Fence {
        /// Who has put it there.
        holder: String,
        /// What tells that run from all others.
        run: String,
    },
}

/// Who may write to a log.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Lease {
    /// The name of the stack.
    pub stack: String,
    /// Counts the holders.
    pub fencing: u64,
    /// The holder, as others are told: command, process, host, time.
    pub holder: String,
    /// What tells the holder's run from all others.
    pub run: String,
    /// How long the lease lasts without being renewed, in milliseconds.
    pub ttl: u64,
    /// Counts how often the holder has renewed it. So no two texts of a lease are the same.
    pub renewals: u64,
    /// Whether the holder has given it back, with no write on its way.
    pub is_free: bool,
    /// The highest serial of all states with which the lease was given back: a state that is kept is not older.
    pub serial: u64,
}

impl Identity {
    /// The identity of `state`.
    pub fn of(state: &State) -> Self {
        Self { stack: state.stack.clone(), lineage: state.lineage.clone(), serial: state.serial }
    }
}

/// The text of a snapshot that is the whole state.
pub fn snapshot(state: &State) -> String {
    document("state", state)
}

/// The text of a snapshot from which a journal continues: it is refused once the journal is gone. `digest` is that of the snapshot without
/// this mark.
pub fn journaled_snapshot(state: &State, digest: &str) -> String {
    document("state", &Journaled { state, journaled: true, unmarked: digest })
}

/// Reads a snapshot of `stack`.
///
/// # Errors
/// [`StateError`] if the bytes are not a whole snapshot of this stack in a format that is known.
pub fn read_snapshot(bytes: &[u8], stack: &str, path: &Path) -> Result<Snapshot, StateError> {
    let format = format_of(bytes, path)?;
    let text = content(bytes, path)?;
    let state: State = parse(text, path)?;
    of_stack(&state.stack, stack, path)?;
    let Mark { journaled, unmarked } = parse(text, path)?;
    let digest = if journaled { unmarked } else { Some(sha256(bytes)) };
    Ok(Snapshot { state, format, is_journaled: journaled, digest })
}

/// The first line of the journal that continues the snapshot of a state, which has this digest.
pub fn journal(continued: &Identity, digest: Option<String>) -> String {
    let Identity { stack, lineage, serial } = continued.clone();
    document("journal", &Beginning { stack, lineage, continues: serial, snapshot: digest })
}

/// An entry of a journal: one line, whatever is in it, so that a torn write is a torn line.
pub fn entry(records: &[Record]) -> String {
    let records = json(&records);
    let checksum = sha256(&records);
    format!("{{\"checksum\":\"{checksum}\",\"records\":{records}}}\n")
}

/// Reads a journal of `stack`. An entry that is not whole ends it, if none follows that is: then it is a write that has not
/// come to its end, on which nothing depends. An entry that only lacks its line end is whole: something else than a write may have
/// taken that.
///
/// # Errors
/// [`StateError`] if the first line is not that of a journal of this stack in a format that is known, or if a whole entry
/// follows one that is damaged. [`StateError::Unknown`] if an entry is whole, and holds what this version does not know.
pub fn read_journal(bytes: &[u8], stack: &str, path: &Path) -> Result<Journal, StateError> {
    let Some(first) = first_line(bytes) else {
        // A journal is put in its place with its first line, so this is no write that has not come to its end.
        return Err(match bytes {
            [] => StateError::Empty { path: path.to_owned() },
            _ => corrupt(path, "its first line is not whole"),
        });
    };
    let beginning: Beginning = parse(content(first, path)?, path)?;
    of_stack(&beginning.stack, stack, path)?;
    let mut journal = Journal { beginning, records: Vec::new(), length: first.len() };
    while let line = line(&bytes[journal.length..])
        && let Some(records) = whole_entry(line)
    {
        journal.records.extend(parse::<Vec<Record>>(records, path)?);
        journal.length += line.len();
    }
    let rest = &bytes[journal.length..];
    if holds_an_entry(rest.get(1..).unwrap_or_default()) {
        let line = bytes[..journal.length].iter().filter(|byte| **byte == b'\n').count() + 1;
        return Err(corrupt(path, format!("line {line} is not what was written, and whole entries follow it")));
    }
    Ok(journal)
}

/// The text of an object of a log.
pub fn log_entry(entry: &LogEntry) -> String {
    document("entry", entry)
}

/// Reads the object at `position` of the log of `stack`.
///
/// # Errors
/// [`StateError`] if the bytes are not a whole object of this place in a format that is known. [`StateError::Unknown`] if
/// they are whole, and hold what this version does not know.
pub fn read_log_entry(bytes: &[u8], stack: &str, position: u64, path: &Path) -> Result<LogEntry, StateError> {
    let entry: LogEntry = parse(content(bytes, path)?, path)?;
    of_stack(&entry.stack, stack, path)?;
    if entry.position != position {
        return Err(corrupt(path, format!("it was written for the position {} of the log", entry.position)));
    }
    Ok(entry)
}

/// The text of a lease.
pub fn lease(lease: &Lease) -> String {
    document("lease", lease)
}

/// Reads the lease of `stack`.
///
/// # Errors
/// [`StateError`] if the bytes are not a whole lease of this stack in a format that is known.
pub fn read_lease(bytes: &[u8], stack: &str, path: &Path) -> Result<Lease, StateError> {
    let lease: Lease = parse(content(bytes, path)?, path)?;
    of_stack(&lease.stack, stack, path)?;
    Ok(lease)
}

/// Those of `records` that a store does not have yet, whose state has the serial `known`.
///
/// # Errors
/// [`StateError::TakenBack`] if there are others between the state and the records.
pub fn fresh<'a>(records: &'a [Record], known: u64, path: &Path) -> Result<&'a [Record], StateError> {
    let records = &records[records.partition_point(|record| record.serial <= known)..];
    match records.first() {
        Some(first) if first.serial != known + 1 => Err(overtaken(path, known, first.serial - 1)),
        _ => Ok(records),
    }
}

/// Whether `continued` is the state that is `kept`, apart from the account, which a run adds to a state that has none. A state that
/// was never kept has the serial zero.
///
/// # Errors
/// As of [`continues`], and [`StateError::Replaced`] if another state with as many changes is kept.
pub fn is_kept(kept: Option<&State>, continued: &State, path: &Path) -> Result<(), StateError> {
    continues(kept.map(Identity::of), &Identity::of(continued), path)?;
    match kept {
        Some(kept)
            if *continued
                != (State { account: kept.account.clone().or(continued.account.clone()), ..kept.clone() }) =>
        {
            Err(with_other_changes(path))
        }
        _ => Ok(()),
    }
}

/// The error of a state that has as many changes as the one that is expected, and is another.
pub fn with_other_changes(path: &Path) -> StateError {
    StateError::Replaced { path: path.to_owned(), detail: "it has the same number of changes, but not the same ones" }
}

/// The error where a state with the serial `found` is kept in the place of the one with the serial `expected`.
pub fn overtaken(path: &Path, found: u64, expected: u64) -> StateError {
    let path = path.to_owned();
    if found < expected {
        StateError::TakenBack { path, found, expected }
    } else {
        StateError::Overtaken { path, found, expected }
    }
}

/// Whether a run that continues one state may write where another one is `kept`. A state that was never kept has the serial
/// zero.
///
/// # Errors
/// [`StateError::Replaced`] if a state of another lineage is kept, [`StateError::Overtaken`] if a later one is,
/// [`StateError::TakenBack`] if an earlier one is, and [`StateError::Gone`] if none is.
pub fn continues(kept: Option<Identity>, continued: &Identity, path: &Path) -> Result<(), StateError> {
    let (found, expected) = (kept.as_ref().map(|kept| kept.serial), continued.serial);
    of_lineage(kept, continued, path)?;
    match found {
        None if expected > 0 => Err(StateError::Gone { path: path.to_owned(), expected }),
        Some(found) if found != expected => Err(overtaken(path, found, expected)),
        _ => Ok(()),
    }
}

/// Whether a state may be written in the place of the one that is `kept`, which it must not take back.
///
/// # Errors
/// [`StateError::Replaced`] if a state of another lineage is kept, and [`StateError::Overtaken`] if a later one is.
pub fn replaces(kept: Option<Identity>, written: &Identity, path: &Path) -> Result<(), StateError> {
    let found = kept.as_ref().map_or(0, |kept| kept.serial);
    of_lineage(kept, written, path)?;
    if found <= written.serial { Ok(()) } else { Err(overtaken(path, found, written.serial)) }
}

impl Journal {
    /// Brings the state of `snapshot` to what the journal says. Records that the snapshot has are left out: a snapshot may
    /// be written, and the journal before it not be removed yet.
    ///
    /// # Errors
    /// [`StateError::OtherJournal`] if the journal does not continue this snapshot.
    pub fn replay(&self, snapshot: &mut Snapshot, path: &Path) -> Result<(), StateError> {
        self.check(snapshot, path)?;
        let state = &mut snapshot.state;
        for Record { serial, change } in &self.records {
            if *serial > state.serial + 1 {
                return Err(corrupt(path, format!("change {} is followed by change {serial}", state.serial)));
            }
            if *serial == state.serial + 1 {
                state.apply(change);
            }
        }
        Ok(())
    }

    /// The serial of the snapshot that the journal was begun on.
    pub fn continues(&self) -> u64 {
        self.beginning.continues
    }

    /// Whether the journal has changes that a snapshot with this serial does not have.
    pub fn is_ahead_of(&self, serial: u64) -> bool {
        self.records.last().is_some_and(|last| last.serial > serial)
    }

    /// Whether the journal continues this snapshot, or one before it and has nothing new.
    fn check(&self, Snapshot { state: snapshot, digest, .. }: &Snapshot, path: &Path) -> Result<(), StateError> {
        let Beginning { lineage, continues, .. } = &self.beginning;
        let is_of_another = self.beginning.snapshot.as_ref().zip(digest.as_ref()).is_some_and(|(of, it)| of != it);
        let detail = if *lineage != snapshot.lineage {
            "it is of another stack of the same name".to_owned()
        } else if *continues > snapshot.serial {
            format!("it continues change {continues}, and the state file ends with change {}", snapshot.serial)
        } else if *continues < snapshot.serial && self.is_ahead_of(snapshot.serial) {
            // A snapshot that is written while there is a journal has all of it.
            format!(
                "it continues change {continues}, and the state file has a part of it, up to change {}",
                snapshot.serial
            )
        } else if *continues == snapshot.serial && is_of_another {
            format!("it continues another state, which also ended with change {continues}")
        } else {
            return Ok(());
        };
        Err(StateError::OtherJournal { path: path.to_owned(), detail })
    }
}

fn document(name: &str, content: &impl Serialize) -> String {
    let content = json(content);
    let checksum = sha256(&content);
    format!("{{\"format\":{FORMAT},\"checksum\":\"{checksum}\",\"{name}\":{content}}}\n")
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("all keys are texts, so there is JSON for it")
}

/// The one gate by which a document comes in: the text of what it holds.
fn content<'a>(bytes: &'a [u8], path: &Path) -> Result<&'a str, StateError> {
    format_of(bytes, path)?;
    let document: Document<'_> = serde_json::from_slice(bytes).map_err(|error| corrupt(path, error.to_string()))?;
    if document.checksum != sha256(document.content.get()) {
        return Err(corrupt(path, "its checksum is wrong, so it was edited by hand, or damaged"));
    }
    Ok(document.content.get())
}

/// What a text says whose checksum is right. So it is what was written, and no damage.
fn parse<'a, T: Deserialize<'a>>(text: &'a str, path: &Path) -> Result<T, StateError> {
    serde_json::from_str(text).map_err(|error| StateError::Unknown { path: path.to_owned(), detail: error.to_string() })
}

/// The format comes first: in a later one, nothing else need be where it is in this one.
fn format_of(bytes: &[u8], path: &Path) -> Result<u64, StateError> {
    if bytes.is_empty() {
        return Err(StateError::Empty { path: path.to_owned() });
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|error| corrupt(path, error.to_string()))?;
    match head.format.as_u64() {
        None | Some(0) => Err(corrupt(path, "it does not say which format it has")),
        Some(found @ 1..=FORMAT) => Ok(found),
        Some(found) => Err(StateError::Newer { path: path.to_owned(), found, known: FORMAT }),
    }
}

fn of_stack(found: &str, expected: &str, path: &Path) -> Result<(), StateError> {
    if found == expected {
        return Ok(());
    }
    let (path, found, expected) = (path.to_owned(), found.to_owned(), expected.to_owned());
    Err(StateError::OtherStack { path, found, expected })
}

fn of_lineage(kept: Option<Identity>, expected: &Identity, path: &Path) -> Result<(), StateError> {
    match kept {
        Some(kept) if kept.lineage != expected.lineage => {
            Err(StateError::Replaced { path: path.to_owned(), detail: "it is that of another stack of the same name" })
        }
        _ => Ok(()),
    }
}

/// The first line with its end, if it has one.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some(&bytes[..=end])
}

/// The first line, be it without its end.
fn line(bytes: &[u8]) -> &[u8] {
    first_line(bytes).unwrap_or(bytes)
}

/// The text of the records of an entry, or `None` if the bytes are not what was written.
fn whole_entry(line: &[u8]) -> Option<&str> {
    let entry: Entry<'_> = serde_json::from_slice(line).ok()?;
    (entry.checksum == sha256(entry.records.get())).then(|| entry.records.get())
}

/// Whether there is a whole entry anywhere, even in the middle of a line, as the end of the line before may be damaged.
fn holds_an_entry(bytes: &[u8]) -> bool {
    let begins = bytes.windows(ENTRY_BEGINS.len()).enumerate().filter(|(_, window)| *window == ENTRY_BEGINS);
    begins.map(|(at, _)| line(&bytes[at..])).any(|line| whole_entry(line).is_some())
}

fn corrupt(path: &Path, detail: impl Into<String>) -> StateError {
    StateError::Corrupt { path: path.to_owned(), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document with a word in the place of another one, and a checksum that is right.
    fn altered(document: &str, from: &str, to: &str) -> String {
        let (head, content) = document.trim_end().split_at(document.find(r#"":{"#).unwrap() + 2);
        let altered = content[..content.len() - 1].replacen(from, to, 1);
        assert_ne!(altered, content);
        let (start, name) = head.split_at(head.rfind(r#"",""#).unwrap());
        let start = &start[..start.len() - 64];
        format!("{start}{}{name}{altered}}}\n", sha256(&altered))
    }

    #[test]
    fn what_is_whole_and_not_known_is_of_a_newer_version() {
        let path = Path::new("a file");
        let is_unknown = |result: Result<(), StateError>| matches!(result, Err(StateError::Unknown { .. }));
        let records =
            vec![Record { serial: 1, change: crate::Change::Outputs { outputs: palisade_core::JsonMap::new() } }];
        let content = LogContent::Records(records);
        let entry = log_entry(&LogEntry { stack: "shop".to_owned(), position: 1, fencing: 1, content });
        let read = |text: &str| read_log_entry(text.as_bytes(), "shop", 1, path).map(drop);
        read(&altered(&entry, "\"fencing\":1", "\"fencing\":2")).unwrap();
        for (from, to) in [("Outputs", "Tagged"), ("Records", "Other"), ("\"outputs\":{}", "\"outputs\":{},\"more\":1")]
        {
            assert!(is_unknown(read(&altered(&entry, from, to))), "{to}");
            assert!(matches!(read(&entry.replacen(from, to, 1)), Err(StateError::Corrupt { .. })), "{to}");
        }
        let state = State::new("shop", "00");
        let read = |text: &str| read_snapshot(text.as_bytes(), "shop", path).map(drop);
        assert!(is_unknown(read(&altered(&snapshot(&state), "\"resources\":{}", "\"resources\":[1]"))));
        assert!(is_unknown(read(&altered(&journaled_snapshot(&state, ""), "\"journaled\":true", "\"journaled\":3"))));
        let head = altered(&journal(&Identity::of(&state), None), "continues", "follows");
        assert!(is_unknown(read_journal(head.as_bytes(), "shop", path).map(drop)));
    }

    #[test]
    fn a_snapshot_says_whether_it_has_a_journal() {
        let state = State::new("shop", "00");
        let unmarked = sha256(snapshot(&state));
        for (text, is_journaled, digest) in
            [(snapshot(&state), false, &*unmarked), (journaled_snapshot(&state, "before"), true, "before")]
        {
            let digest = Some(digest.to_owned());
            let expected = Snapshot { state: state.clone(), format: FORMAT, is_journaled, digest };
            assert_eq!(read_snapshot(text.as_bytes(), "shop", Path::new("a file")).unwrap(), expected);
        }
    }

    #[test]
    fn a_journal_continues_the_snapshot_that_it_names_and_an_earlier_version_names_none() {
        let (state, path) = (State::new("shop", "00"), Path::new("a file"));
        let marked = journaled_snapshot(&state, "one");
        let earlier = altered(&marked, r#","unmarked":"one""#, "");
        for (snapshot, digest, is_right) in [
            (&marked, Some("one"), true),
            (&marked, Some("other"), false),
            (&marked, None, true),
            (&earlier, Some("one"), true),
            (&earlier, None, true),
        ] {
            let mut snapshot = read_snapshot(snapshot.as_bytes(), "shop", path).unwrap();
            let journal = journal(&Identity::of(&state), digest.map(str::to_owned));
            let replayed = read_journal(journal.as_bytes(), "shop", path).unwrap().replay(&mut snapshot, path);
            assert_eq!(replayed.is_ok(), is_right, "{digest:?} {snapshot:?}");
        }
    }
}
