//! [`CommandError`]: why a command failed, and what to do about it. This is the one place that knows the cures.

use std::{fs, io, path::Path};

use palisade_core::{
    Finding, Stack,
    provider::{ErrorKind, ProviderError, Untracked},
};
use palisade_engine::{PlanError, StateError};
use palisade_terraform::ExportError;

use crate::{
    ConnectError,
    render::{
        findings::{self, Sources},
        progress,
        style::{ERROR, HELP, paint},
    },
    signals::Interrupted,
};

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// Something is wrong that one sentence tells.
    Problem {
        /// What is wrong, as a text that fits "error: {message}".
        message: String,
        /// What to do about it, in the order in which to try it.
        help: Vec<String>,
    },
    /// The program, or the plan of it, is wrong in places of its source.
    Findings(Vec<Finding>),
    /// The objects of a kind could not be read.
    Unread {
        /// The kind.
        kind: String,
        /// Why.
        error: Box<ProviderError>,
    },
    /// What is wrong was told already.
    Told,
    /// It was interrupted.
    Interrupted,
}

/// How many resources a message names at most.
const NAMED: usize = 3;

impl CommandError {
    /// A problem with one cure.
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Problem { message: message.into(), help: vec![help.into()] }
    }

    /// The same problem with one more thing to do about it.
    pub(crate) fn with_help(self, text: String) -> Self {
        match self {
            Self::Problem { message, mut help } => {
                help.push(text);
                Self::Problem { message, help }
            }
            Self::Findings(_) | Self::Unread { .. } | Self::Told | Self::Interrupted => self,
        }
    }

    /// The same error, with the places in the program that it is about.
    pub(crate) fn located(self, stack: &Stack) -> Self {
        let Self::Unread { kind, error } = self else { return self };
        let mut message = format!(
            "cannot read the {kind} objects of the stack, so there is no plan, and nothing was changed: {}",
            progress::cause(&error)
        );
        let nodes: Vec<_> = stack.nodes().iter().filter(|node| node.address.kind() == kind).collect();
        for node in nodes.iter().take(NAMED) {
            message += &format!("\n  --> {}: {}", progress::place(node.location), node.address);
        }
        if let Some(more @ 1..) = nodes.len().checked_sub(NAMED) {
            message += &format!("\n      and {more} more");
        }
        Self::new(message, error.help)
    }

    /// The text of the error, with a line end where there is a text.
    pub(crate) fn render(&self, sources: &Sources) -> String {
        match self {
            Self::Told | Self::Interrupted => String::new(),
            // Without the program there are no places in it.
            Self::Unread { kind, error } => {
                let error = error.clone();
                Self::Unread { kind: kind.clone(), error }.located(&Stack::new("")).render(sources)
            }
            Self::Findings(findings) => findings::findings(findings, sources) + "\n",
            Self::Problem { message, help } => {
                let mut text = format!("{} {message}\n", paint(ERROR, "error:"));
                for help in help.iter().filter(|help| !help.is_empty()) {
                    text += &format!("{} {help}\n", paint(HELP, "help:"));
                }
                text
            }
        }
    }
}

#[cfg(test)]
impl CommandError {
    /// The text of the error without colors.
    pub(crate) fn text(&self) -> String {
        crate::render::style::plain(&self.render(&Sources::new(None)))
    }
}

impl From<Interrupted> for CommandError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        Self::new(error.message, error.help)
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        let message = error.to_string();
        match error {
            PlanError::Impossible(findings) => Self::Findings(findings),
            PlanError::Read { kind, error } => Self::Unread { kind, error },
            PlanError::NothingToReplace { .. } => {
                Self::new(message, "leave `--replace` out: an apply creates the object")
            }
            PlanError::UnknownKind { .. } => {
                Self::new(message, "build the program with the version of Palisade that made the resource")
            }
        }
    }
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> Self {
        let message = error.to_string();
        let help = match &error {
            StateError::Empty { path } | StateError::Corrupt { path, .. } | StateError::Missing { path, .. }
                if is_journal(path) =>
            {
                unjournaled(path)
            }
            StateError::Empty { path } | StateError::Corrupt { path, .. } => vec![restore(path)],
            StateError::Missing { path, beside } => {
                vec![restore(path), format!("delete {} if the stack is gone: then this is a new one", beside.display())]
            }
            StateError::Restored { path, copy, is_whole, .. } => restored(path, copy, *is_whole),
            StateError::OtherJournal { path, .. } => vec![format!(
                "restore the state file that belongs to {}; or delete the journal, if all that its run has created is deleted",
                path.display()
            )],
            StateError::NoConsent { .. } => {
                vec!["consent to each of these with `--allow-data-loss ADDRESS`, if the data may be lost".to_owned()]
            }
            StateError::Missed { .. } => vec!["run the command again: the next plan takes it as it is".to_owned()],
            StateError::Overtaken { .. } => vec!["run the command again, on the state as it is now".to_owned()],
            StateError::TakenBack { path, expected, .. } => taken_back(path, *expected),
            StateError::Gone { path, .. } => vec![format!(
                "put {} back, from a backup of yours: without it, a run knows no objects, and creates all of them again",
                path.display()
            )],
            StateError::Replaced { path, .. } => vec![
                format!("make sure that {} is the state of this stack, and run the command again", path.display()),
            ],
            StateError::Newer { .. } | StateError::Unknown { .. } => {
                vec!["update Palisade, with `cargo update -p palisade`, to the version that wrote the file".to_owned()]
            }
            StateError::OtherStack { found, .. } => vec![
                "keep each stack's state in a folder of its own: name one with --state-dir".to_owned(),
                format!("if the stack was renamed, give it the name `{found}` again in the call of `run`"),
            ],
            StateError::Behind { path, found, .. } => behind(path, found),
            StateError::Unchecked { error, .. } | StateError::Unseen { error, .. } if error.kind == ErrorKind::Denied => vec![format!(
                "allow the caller to call `{}`; `iam-policy` prints all that is needed",
                error.operation
            )],
            StateError::Unchecked { error, .. } | StateError::Unseen { error, .. } => vec![error.help.clone()],
            StateError::Unanswered { .. } => vec!["run the command again: it waits until the lock has ended".to_owned()],
            StateError::Locked { .. } => vec!["wait until that run has ended, and run the command again".to_owned()],
            StateError::LeaseLost { .. } => vec![
                "for a state in S3: answer the question within a minute after the lock is taken, or do without it by --auto-approve; see that nothing stops \
                 this process, and that S3 can be reached"
                    .to_owned(),
                "for a state in a folder: never remove the lock file; a lock ends with its process, and the file locks nothing"
                    .to_owned(),
            ],
            StateError::Unreachable { error, .. } => vec![error.help.clone()],
            StateError::Io { path, error, .. } => vec![io_help(path, error, "--state-dir")],
        };
        Self::Problem { message, help }
    }
}

impl From<ExportError> for CommandError {
    fn from(error: ExportError) -> Self {
        let help = match &error {
            ExportError::NotInTerraform { .. } => "leave it out of what is exported, as behind a condition",
            ExportError::ForeignReference { .. } => "add the resource to this stack, or write its id with `id!`",
            ExportError::UnknownAttribute { .. } | ExportError::NoImportId { .. } => {
                "this is a mistake in the resource's own module: please report it"
            }
            ExportError::Collision { .. } => "give one of the two another name",
        };
        Self::new(error.to_string(), help)
    }
}

/// The cure of a state file that is not one. It never deletes the file: what is left of it may be all that knows the
/// objects.
fn restore(path: &Path) -> String {
    if is_shared(path) && path.ends_with("lease.json") {
        // It is no state: it says who may write one, and the log says the same.
        return format!(
            "remove {}: the next run waits a minute, as another one may be at work, and writes a new one",
            path.display()
        );
    }
    if is_shared(path) {
        return format!(
            "bring {} back as it was, from the versions that the bucket keeps: without its state, a stack knows no objects",
            path.display()
        );
    }
    // Beside each state file, the engine keeps a copy of it. The journal goes on from either.
    let mut backup = path.as_os_str().to_owned();
    backup.push(".backup");
    let is_journal = is_journal(path);
    let (state, path, backup) = (path, path.display(), Path::new(&backup));
    if is_journal {
        format!("put a copy of {path} in its place, from a backup of yours: what it holds is in no other file")
    } else if backup.exists() && !is_same(backup, state) {
        format!("put its copy in its place: cp {} {path}", backup.display())
    } else {
        format!(
            "put a copy of {path} in its place, from a backup of yours: without its state, a stack knows no objects"
        )
    }
}

/// Whether the state is in a bucket.
fn is_shared(path: &Path) -> bool {
    path.to_string_lossy().contains("://")
}

/// Whether the file is the journal of a state.
fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "journal")
}

/// The cures of a journal that is gone or damaged: without it, the state is that of before a run.
fn unjournaled(journal: &Path) -> Vec<String> {
    let (state, copy) = (journal.with_extension("json"), journal.with_extension("json.backup"));
    let mut help = vec![restore(journal)];
    if copy.exists() {
        let remove = if journal.exists() { format!("rm {} && ", journal.display()) } else { String::new() };
        help.push(format!(
            "if there is none, continue without the changes of the last run: delete in the account what that run has created, \
             and put the copy from before it in place: {remove}cp {} {}",
            copy.display(),
            state.display()
        ));
    }
    help
}

/// The cures of a state that is older than its copy. `is_whole` says whether it stays a state if that is removed.
fn restored(path: &Path, copy: &Path, is_whole: bool) -> Vec<String> {
    let (journal, path, copy) = (path.with_extension("journal"), path.display(), copy.display());
    let mut help = vec![format!("put its copy in its place: cp {copy} {path}")];
    // A journal that does not continue the earlier state may continue the copy.
    if is_whole || !journal.exists() {
        help.push(
            "if a run was interrupted since, bring its journal back too, from a backup of yours: what that run has created is in no \
             other file"
                .to_owned(),
        );
    }
    if is_whole {
        help.push(format!(
            "if the earlier state is the right one, delete in the account what later runs have created, and then the copy: rm {copy}"
        ));
    }
    help
}

/// The cures of an earlier state in the place of the one that ended with the change `expected`.
fn taken_back(path: &Path, expected: u64) -> Vec<String> {
    let (from, then) = if is_shared(path) {
        let lease = path.parent().unwrap_or(path).join("lease.json");
        ("the versions that the bucket keeps", format!("remove {}, and run the command again", lease.display()))
    } else {
        ("a backup of yours", "run the command again".to_owned())
    };
    vec![
        format!(
            "bring back the newest state, up to change {expected}, from {from}: the earlier one does not know what was created since"
        ),
        format!(
            "if the earlier state is the right one, delete in the account what later runs have created, and then {then}"
        ),
    ]
}

/// The cures of a state that does not have all objects of the stack.
fn behind(path: &Path, found: &Untracked) -> Vec<String> {
    let newest = if is_shared(path) {
        "bring back the newest state, from the versions that the bucket keeps"
    } else {
        "put the newest state in its place"
    };
    let mut help = vec![
        format!("{newest}: this one was restored from before the last run, or a copy of it was applied"),
        "if there is no newer one, delete these objects in the account, and run the command again".to_owned(),
    ];
    if !found.release.is_empty() {
        let commands = found.release.join(" && ");
        help.push(format!(
            "to keep them, and with them the VPC that they are in, remove the tags by which they are found: {commands}"
        ));
    }
    help
}

/// Whether two files have the same bytes, so that it is of no use to copy one over the other.
fn is_same(one: &Path, other: &Path) -> bool {
    fs::read(one).ok().is_some_and(|one| fs::read(other).is_ok_and(|other| one == other))
}

/// The cure of a file or folder that the operating system refused. `option` names another folder.
pub(crate) fn io_help(path: &Path, error: &io::Error, option: &str) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("make {path} and its folder writable for you, or name another folder with {option}")
        }
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            format!("something else is at {path}: move it away, or name another folder with {option}")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("make room on the disk that holds {path}, or name another folder with {option}")
        }
        _ => format!("see that {path} can be read and written, or name another folder with {option}"),
    }
}

#[cfg(test)]
mod tests {
    use palisade_core::{Address, provider::UntrackedObject};

    use super::*;

    #[test]
    fn each_refusal_of_the_operating_system_has_a_cure() {
        let cure = |kind: io::ErrorKind| io_help(Path::new("infra"), &kind.into(), "--out");
        insta::assert_snapshot!(cure(io::ErrorKind::PermissionDenied), @"make infra and its folder writable for you, or name another folder with --out");
        insta::assert_snapshot!(cure(io::ErrorKind::StorageFull), @"make room on the disk that holds infra, or name another folder with --out");
        insta::assert_snapshot!(cure(io::ErrorKind::NotADirectory), @"something else is at infra: move it away, or name another folder with --out");
        insta::assert_snapshot!(cure(io::ErrorKind::Other), @"see that infra can be read and written, or name another folder with --out");
    }

    #[test]
    fn a_plan_that_did_not_see_an_object_has_a_cure() {
        let missed = StateError::Missed { address: Address::new("Vpc", "main") };
        insta::assert_snapshot!(CommandError::from(missed).text(), @r"
        error: Vpc.main exists, and was not seen when the plan was made, so nothing was changed
        help: run the command again: the next plan takes it as it is
        ");
        let error = |kind, help: &str| ProviderError {
            kind,
            operation: "DescribeVpcs".to_owned(),
            code: String::new(),
            message: "it is so".to_owned(),
            help: help.to_owned(),
        };
        let unseen = |error| StateError::Unseen { kind: "Vpc".to_owned(), error: Box::new(error) };
        insta::assert_snapshot!(CommandError::from(unseen(error(ErrorKind::Denied, ""))).text(), @r"
        error: cannot look again for a Vpc that was not seen when the plan was made, so nothing was changed: it is so
        help: allow the caller to call `DescribeVpcs`; `iam-policy` prints all that is needed
        ");
        let service = error(ErrorKind::Service, "run the same command again");
        insta::assert_snapshot!(CommandError::from(unseen(service)).text(), @r"
        error: cannot look again for a Vpc that was not seen when the plan was made, so nothing was changed: it is so
        help: run the same command again
        ");
    }

    #[test]
    fn a_journal_of_another_state_has_a_cure() {
        let detail = "it is of another stack of the same name".to_owned();
        let text = CommandError::from(StateError::OtherJournal { path: "a.state.journal".into(), detail }).text();
        insta::assert_snapshot!(text, @r"
        error: the journal a.state.journal does not belong to the state file beside it: it is of another stack of the same name
        help: restore the state file that belongs to a.state.journal; or delete the journal, if all that its run has created is deleted
        ");
    }

    #[test]
    fn a_cure_names_no_copy_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, beside) = (folder.path().join("a.state.journal"), folder.path().join("a.state.json"));
        let text = CommandError::from(StateError::Missing { path, beside }).text();
        insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "FOLDER"), @r"
        error: the state file FOLDER/a.state.journal is gone, and FOLDER/a.state.json, which was kept with it, is still there
        help: put a copy of FOLDER/a.state.journal in its place, from a backup of yours: what it holds is in no other file
        ");
    }

    #[test]
    fn what_would_lead_to_the_next_refusal_is_no_cure_of_a_restored_state() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a.state.json"), folder.path().join("a.state.json.backup"));
        let text = |is_whole| {
            let (path, copy) = (path.clone(), copy.clone());
            let text = CommandError::from(StateError::Restored { path, copy, found: 1, expected: 4, is_whole }).text();
            text.replace(folder.path().to_str().unwrap(), "FOLDER")
        };
        insta::assert_snapshot!(text(false), @r"
        error: the state file FOLDER/a.state.json was restored from before the last run: it ends with change 1, and its copy, FOLDER/a.state.json.backup, with change 4
        help: put its copy in its place: cp FOLDER/a.state.json.backup FOLDER/a.state.json
        help: if a run was interrupted since, bring its journal back too, from a backup of yours: what that run has created is in no other file
        ");
        insta::assert_snapshot!(text(true), @r"
        error: the state file FOLDER/a.state.json was restored from before the last run: it ends with change 1, and its copy, FOLDER/a.state.json.backup, with change 4
        help: put its copy in its place: cp FOLDER/a.state.json.backup FOLDER/a.state.json
        help: if a run was interrupted since, bring its journal back too, from a backup of yours: what that run has created is in no other file
        help: if the earlier state is the right one, delete in the account what later runs have created, and then the copy: rm FOLDER/a.state.json.backup
        ");
        std::fs::write(path.with_extension("journal"), "").unwrap();
        insta::assert_snapshot!(text(false), @r"
        error: the state file FOLDER/a.state.json was restored from before the last run: it ends with change 1, and its copy, FOLDER/a.state.json.backup, with change 4
        help: put its copy in its place: cp FOLDER/a.state.json.backup FOLDER/a.state.json
        ");
    }

    #[test]
    fn a_state_that_is_gone_can_be_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup) = (folder.path().join("a.json"), folder.path().join("a.json.backup"));
        std::fs::write(&backup, "").unwrap();
        let text = CommandError::from(StateError::Missing { path, beside: backup }).text();
        insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "FOLDER"), @r"
        error: the state file FOLDER/a.json is gone, and FOLDER/a.json.backup, which was kept with it, is still there
        help: put its copy in its place: cp FOLDER/a.json.backup FOLDER/a.json
        help: delete FOLDER/a.json.backup if the stack is gone: then this is a new one
        ");
    }

    #[test]
    fn a_copy_with_the_same_damage_is_not_offered() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup) = (folder.path().join("a.json"), folder.path().join("a.json.backup"));
        for file in [&path, &backup] {
            std::fs::write(file, "").unwrap();
        }
        let text = CommandError::from(StateError::Empty { path }).text();
        insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "FOLDER"), @r"
        error: the state file FOLDER/a.json is empty
        help: put a copy of FOLDER/a.json in its place, from a backup of yours: without its state, a stack knows no objects
        ");
    }

    #[test]
    fn an_older_state_in_a_bucket_is_brought_back_from_its_versions() {
        let object = UntrackedObject { resource: "Thing.main".to_owned(), id: "thing-1".to_owned() };
        let found = Box::new(Untracked { objects: vec![object], release: Vec::new() });
        let error = StateError::Behind { path: "s3://acme/log/".into(), serial: 7, found };
        insta::assert_snapshot!(CommandError::from(error).text(), @r"
        error: the state s3://acme/log/ is older than the account, so nothing was changed: its last change is 7, and it does not have Thing.main (thing-1)
        help: bring back the newest state, from the versions that the bucket keeps: this one was restored from before the last run, or a copy of it was applied
        help: if there is no newer one, delete these objects in the account, and run the command again
        ");
    }

    #[test]
    fn a_lease_that_is_damaged_is_made_anew() {
        let detail = "it is no JSON".to_owned();
        let error = StateError::Corrupt { path: "s3://acme/prod/shop/lease.json".into(), detail };
        insta::assert_snapshot!(CommandError::from(error).text(), @r"
        error: the state file s3://acme/prod/shop/lease.json is damaged: it is no JSON
        help: remove s3://acme/prod/shop/lease.json: the next run waits a minute, as another one may be at work, and writes a new one
        ");
    }

    #[test]
    fn what_the_cloud_advises_is_passed_on() {
        let error = palisade_core::provider::ProviderError {
            kind: palisade_core::provider::ErrorKind::Denied,
            operation: "DescribeVpcs".to_owned(),
            code: "UnauthorizedOperation".to_owned(),
            message: "you are not authorized".to_owned(),
            help: "allow ec2:DescribeVpcs".to_owned(),
        };
        let error = CommandError::from(PlanError::Read { kind: "Vpc".to_owned(), error: Box::new(error) });
        insta::assert_snapshot!(error.text(), @r"
        error: cannot read the Vpc objects of the stack, so there is no plan, and nothing was changed: DescribeVpcs: UnauthorizedOperation: you are not authorized
        help: allow ec2:DescribeVpcs
        ");
    }

    #[test]
    fn a_kind_that_the_program_does_not_know_has_a_cure() {
        let address = palisade_core::Address::new("Queue", "jobs");
        insta::assert_snapshot!(CommandError::from(PlanError::UnknownKind { address }).text(), @r"
        error: the state holds Queue.jobs, but this program knows no resource of the kind Queue
        help: build the program with the version of Palisade that made the resource
        ");
    }
}
