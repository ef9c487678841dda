//! The errors of the engine. Their texts are fragments that fit "error: {text}".

use std::path::PathBuf;

use palisade_core::{
    Address, Finding, joined_with_and,
    provider::{ProviderError, Untracked},
};

use crate::ObjectsError;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The account could not be read.
    #[error("cannot read the {kind} objects of the stack: {error}")]
    Read {
        /// The kind of the objects.
        kind: String,
        /// What the provider said.
        #[source]
        error: Box<ProviderError>,
    },
    /// The state holds a kind of resource that the program cannot have been built with.
    #[error("the state holds {address}, but this program knows no resource of the kind {kind}", kind = address.kind())]
    UnknownKind {
        /// The resource.
        address: Address,
    },
    /// There is no object to replace, though a replacement was asked for.
    #[error("cannot replace {address}: {why}", why = if *is_declared { "it has no object yet" } else { "it is not in the program" })]
    NothingToReplace {
        /// The resource.
        address: Address,
        /// Whether the program declares it.
        is_declared: bool,
    },
    /// The plan cannot be carried out; each finding says why and what to do.
    #[error("the plan cannot be carried out")]
    Impossible(Vec<Finding>),
}

/// Why the state could not be read or written, or may not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file is empty, which no write of the engine leaves behind.
    #[error("the state file {path} is empty", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what the engine wrote.
    #[error("the state file {path} is damaged: {detail}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where it is not JSON.
        detail: String,
    },
    /// There is no file, and beside its place is what was kept with it: a copy or the journal of a snapshot, so that the stack
    /// is not a new one; or a snapshot that has a journal, so that the state is not whole.
    #[error("the state file {path} is gone, and {beside}, which was kept with it, is still there",
        path = path.display(), beside = beside.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Its copy, its journal, or its snapshot.
        beside: PathBuf,
    },
    /// Somebody has put an earlier state in the place of the one that was kept last, of which there is a copy.
    #[error("the state file {path} was restored from before the last run: it ends with change {found}, and its copy, {copy}, with change {expected}",
        path = path.display(), copy = copy.display())]
    Restored {
        /// The file.
        path: PathBuf,
        /// Its copy.
        copy: PathBuf,
        /// The serial of the file with its journal.
        found: u64,
        /// The serial of the copy.
        expected: u64,
        /// Whether the file and the journal beside it are a whole state, so that it stays one if the copy is removed.
        is_whole: bool,
    },
    /// A journal does not go on from the state file beside it.
    #[error("the journal {path} does not belong to the state file beside it: {detail}", path = path.display())]
    OtherJournal {
        /// The journal.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The state was changed after this run has read it.
    #[error("another run has changed the state {path}: this run goes on from change {expected}, and the last is {found}",
        path = path.display())]
    Overtaken {
        /// The file.
        path: PathBuf,
        /// The serial of the state that is kept.
        found: u64,
        /// The serial of the state that this run continues.
        expected: u64,
    },
    /// Somebody has put an earlier state in the place of the one that this run has read or written, or with which an earlier run has
    /// ended.
    #[error("the state {path} was replaced by an earlier one, which ends with change {found}; change {expected} had been saved",
        path = path.display())]
    TakenBack {
        /// The file.
        path: PathBuf,
        /// The serial of the state that is kept.
        found: u64,
        /// The serial of the one that was kept.
        expected: u64,
    },
    /// The state that this run has read is not there any more.
    #[error("the state {path}, which this run has read up to change {expected}, is gone", path = path.display())]
    Gone {
        /// The file.
        path: PathBuf,
        /// The serial of the state that this run continues.
        expected: u64,
    },
    /// Another state was put in the place of the one that this run has read, and not by a later change of it.
    #[error("the state {path} was replaced while this run was under way: {detail}", path = path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
        /// What is there now.
        detail: &'static str,
    },
    /// The file is what was written, and this version does not know all of it.
    #[error("a newer version of Palisade wrote the state file {path}: {detail}", path = path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What is not known.
        detail: String,
    },
    /// A later version of Palisade wrote the file.
    #[error("the state file {path} has the format {found}, and this program reads the formats up to {known}",
        path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
        /// The latest format that this version knows.
        known: u64,
    },
    /// The file belongs to another stack.
    #[error("the state file {path} belongs to the stack `{found}`, and this is the stack `{expected}`",
        path = path.display())]
    OtherStack {
        /// The file.
        path: PathBuf,
        /// The stack that the file names.
        found: String,
        /// The stack of the program.
        expected: String,
    },
    /// The account has objects that a run of this state has created, and that the state does not know: it was restored from before
    /// that run, or a copy of it was applied.
    #[error("the state {path} is older than the account, so nothing was changed: its last change is {serial}, and it does not have {objects}",
        path = path.display(), objects = objects(found))]
    Behind {
        /// The file.
        path: PathBuf,
        /// The serial of the state.
        serial: u64,
        /// The objects.
        found: Box<Untracked>,
    },
    /// It could not be found out whether the account has objects that the state does not know.
    #[error("cannot find out whether the state {path} has all objects of the stack, so nothing was changed: {error}",
        path = path.display())]
    Unchecked {
        /// The file.
        path: PathBuf,
        /// What the provider said.
        #[source]
        error: Box<ProviderError>,
    },
    /// An object on record is there, and the plan has not seen it. So it is wrong about all that refers to the object, too.
    #[error("{address} exists, and was not seen when the plan was made, so nothing was changed")]
    Missed {
        /// The resource.
        address: Address,
    },
    /// Objects on record were not seen when the plan was made, and could not be looked for again.
    #[error("cannot look again for a {kind} that was not seen when the plan was made, so nothing was changed: {error}")]
    Unseen {
        /// Their kind.
        kind: String,
        /// What the provider said.
        #[source]
        error: Box<ProviderError>,
    },
    /// The plan deletes objects with data that cannot be recovered, and nobody has consented to that.
    #[error("data would be lost without consent, so nothing was changed: {losses}", losses = losses.iter()
        .map(|(address, fate)| format!("{address}: {fate}")).collect::<Vec<_>>().join("; "))]
    NoConsent {
        /// The resources of the objects, each with what becomes of the data.
        losses: Vec<(Address, String)>,
    },
    /// Another run holds the state.
    #[error("the stack `{stack}` is locked by {holder}")]
    Locked {
        /// The stack.
        stack: String,
        /// Who holds it: command, process, host and since when, as far as the lock tells.
        holder: String,
    },
    /// This run holds the stack no longer, so that it may send no further call.
    #[error("this run has lost the lock of the stack `{stack}`: {detail}")]
    LeaseLost {
        /// The stack.
        stack: String,
        /// How that came about.
        detail: String,
    },
    /// This run does not give the stack back, as it gave up a call without an answer. The next run is to begin once that call can
    /// no longer take effect.
    #[error("a call for the stack `{stack}` was given up without an answer, and may still take effect")]
    Unanswered {
        /// The stack.
        stack: String,
    },
    /// The place where the state is shared did not do what was asked of it.
    #[error("cannot {action} {path}: {error}", path = path.display())]
    Unreachable {
        /// What was tried, as in "write".
        action: &'static str,
        /// The object.
        path: PathBuf,
        /// What that place said.
        #[source]
        error: ObjectsError,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {error}", path = path.display())]
    Io {
        /// What was tried, as in "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: std::io::Error,
    },
}

/// The objects in words, as in "Vpc.main (vpc-1) and Vpc.other (vpc-2)".
fn objects(found: &Untracked) -> String {
    let objects: Vec<_> = found.objects.iter().map(|object| format!("{} ({})", object.resource, object.id)).collect();
    joined_with_and(&objects)
}
