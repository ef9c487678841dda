//! The state: `output`, `state list`, `state show`, and what is told of a state that cannot be used.

use std::{collections::BTreeSet, fs, path::PathBuf, sync::Mutex};

use insta::assert_snapshot;
use palisade_core::{
    Address, JsonMap,
    provider::{ErrorKind, ProviderError, Token, Untracked, UntrackedObject},
};
use palisade_engine::{
    Change, Entry, LocalStore, ObjectState, Phase, Record, State, Store,
    format::{self, Identity},
};

use super::{harness::Desk, shared::run};

/// A desk at which [`pair`] has been applied.
fn applied() -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.run("apply -y").code, 0);
    desk
}

fn keep(store: &LocalStore, state: &State) {
    run(async { store.lock("a test", &mut |_| {}).await?.replace(state).await }).unwrap();
}

#[test]
fn an_empty_state_is_refused_by_every_command() {
    let desk = Desk::new();
    desk.write_state("");
    assert_snapshot!(desk.run("plan").error(), @r"
    error: the state file DESK/state/test.state.json is empty
    help: put a copy of DESK/state/test.state.json in its place, from a backup of yours: without its state, a stack knows no objects
    ");
    for command in ["apply -y", "destroy -y", "output", "state list", "state show Thing.main"] {
        assert!(desk.run(command).error().contains("is empty"), "{command}");
    }
}

#[test]
fn a_damaged_state_is_refused() {
    let desk = Desk::new();
    desk.write_state("{\"format\": 1,");
    fs::write(desk.state_dir().join("test.state.json.backup"), "").unwrap();
    assert_snapshot!(desk.run("plan").error(), @r"
    error: the state file DESK/state/test.state.json is damaged: EOF while parsing a value at line 1 column 13
    help: put its copy in its place: cp DESK/state/test.state.json.backup DESK/state/test.state.json
    ");
}

#[test]
fn a_state_of_a_newer_format_is_refused() {
    let desk = Desk::new();
    desk.write_state("{\"format\": 1000}");
    assert_snapshot!(desk.run("apply -y").error(), @r"
    error: the state file DESK/state/test.state.json has the format 1000, and this program reads the formats up to 3
    help: update Palisade, with `cargo update -p palisade`, to the version that wrote the file
    ");
}

#[test]
fn a_state_of_another_stack_is_refused() {
    let desk = Desk::new();
    let other = LocalStore::new(desk.path("other"), "bank");
    keep(&other, &State::new("bank", ""));
    desk.write_state(&fs::read_to_string(other.path()).unwrap());
    assert_snapshot!(desk.run("plan").error(), @r"
    error: the state file DESK/state/test.state.json belongs to the stack `bank`, and this is the stack `test`
    help: keep each stack's state in a folder of its own: name one with --state-dir
    help: if the stack was renamed, give it the name `bank` again in the call of `run`
    ");
}

#[test]
fn a_state_of_another_account_is_refused() {
    let desk = Desk::new();
    let store = LocalStore::new(desk.state_dir(), "test");
    keep(&store, &State { account: Some("aws 111122223333 us-east-1".to_owned()), ..State::new("test", "") });
    for command in ["plan", "apply --yes", "destroy --yes"] {
        insta::allow_duplicates! {
            assert_snapshot!(desk.run(command).error(), @r"
            error: the state is of the account `aws 111122223333 us-east-1`, and this is `fake`
            help: choose that account, with its credentials, `--region` or `--emulated`; or name another folder for the state of this one with `--state-dir`
            ");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_before_anything_is_changed() {
    let desk = Desk::new();
    fs::write(desk.state_dir(), "a file in the place of the folder").unwrap();
    assert_snapshot!(desk.run("apply -y").error(), @r"
    error: cannot create DESK/state: File exists (os error 17)
    help: something else is at DESK/state: move it away, or name another folder with --state-dir
    ");
    assert_eq!(desk.account.count(), 0);
}

/// The errors of an apply at whose question `meanwhile` has happened. What it has left there is there afterwards too, and no
/// call was sent.
#[track_caller]
fn refused(desk: &Desk, meanwhile: impl Fn(&Desk) + Send + Sync) -> String {
    let (left, count) = (Mutex::new(Vec::new()), Mutex::new(0));
    let outcome = desk.run_paused("apply", || {
        meanwhile(desk);
        *left.lock().unwrap() = files(desk);
        *count.lock().unwrap() = desk.account.count();
    });
    assert_eq!(outcome.code, 1, "{}", outcome.transcript());
    assert_eq!(files(desk), *left.lock().unwrap());
    assert_eq!(desk.account.count(), *count.lock().unwrap());
    let (_, errors) = outcome.stderr.split_once("Enter a value:").unwrap();
    errors.trim_start().to_owned()
}

/// The files of the state.
fn files(desk: &Desk) -> Vec<(PathBuf, String)> {
    let names = fs::read_dir(desk.state_dir()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = names.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn an_apply_whose_lock_was_removed_at_its_question_leaves_what_another_run_has_written() {
    let desk = Desk::new();
    let errors = refused(&desk, |desk| {
        fs::remove_file(desk.state_dir().join("test.lock")).unwrap();
        assert_eq!(desk.run("apply -y").code, 0);
    });
    assert_snapshot!(errors, @r"
    error: this run has lost the lock of the stack `test`: another file is in the place of its lock file DESK/state/test.lock
    help: for a state in S3: answer the question within a minute after the lock is taken, or do without it by --auto-approve; see that nothing stops this process, and that S3 can be reached
    help: for a state in a folder: never remove the lock file; a lock ends with its process, and the file locks nothing
    help: nothing was changed: run `apply` again
    ");
    assert_eq!(desk.run("plan --detailed-exitcode").code, 0, "what the other run has made is in the state");
    assert_eq!(desk.run("destroy -y").code, 0);
    let errors = refused(&desk, |desk| fs::remove_file(desk.state_dir().join("test.lock")).unwrap());
    assert_snapshot!(errors, @r"
    error: this run has lost the lock of the stack `test`: its lock file DESK/state/test.lock was removed
    help: for a state in S3: answer the question within a minute after the lock is taken, or do without it by --auto-approve; see that nothing stops this process, and that S3 can be reached
    help: for a state in a folder: never remove the lock file; a lock ends with its process, and the file locks nothing
    help: nothing was changed: run `apply` again
    ");
}

#[test]
fn an_apply_whose_lock_is_removed_while_it_works_says_how_to_go_on() {
    let desk = Desk::new();
    desk.account.remove_at("CreateThing", desk.state_dir().join("test.lock"));
    assert_snapshot!(desk.run("apply -y").stderr, @r"
    Thing.main: Creating...
    error: this run has lost the lock of the stack `test`: its lock file DESK/state/test.lock was removed
    help: for a state in S3: answer the question within a minute after the lock is taken, or do without it by --auto-approve; see that nothing stops this process, and that S3 can be reached
    help: for a state in a folder: never remove the lock file; a lock ends with its process, and the file locks nothing
    help: nothing is lost as long as the state is still there: run `apply` again once it can be written, to continue
    ");
    assert_eq!(desk.run("apply -y").code, 0);
}

#[test]
fn an_apply_under_which_another_state_was_put_leaves_it_there() {
    let desk = Desk::new();
    keep(&LocalStore::new(desk.state_dir(), "test"), &state(3));
    let put = |state: State| move |desk: &Desk| desk.write_state(&format::snapshot(&state));
    assert_snapshot!(refused(&desk, put(state(7))), @r"
    error: another run has changed the state DESK/state/test.state.json: this run goes on from change 3, and the last is 7
    help: run the command again, on the state as it is now
    ");
    let mut other = state(3);
    other.outputs.insert("endpoint".to_owned(), "elsewhere".into());
    desk.write_state(&format::snapshot(&state(3)));
    let gone = refused(&desk, |desk| {
        for name in ["test.state.json", "test.state.json.backup"] {
            fs::remove_file(desk.state_dir().join(name)).unwrap();
        }
    });
    assert_snapshot!(gone, @r"
    error: the state DESK/state/test.state.json, which this run has read up to change 3, is gone
    help: put DESK/state/test.state.json back, from a backup of yours: without it, a run knows no objects, and creates all of them again
    ");
    desk.write_state(&format::snapshot(&state(3)));
    assert_snapshot!(refused(&desk, put(other)), @r"
    error: the state DESK/state/test.state.json was replaced while this run was under way: it has the same number of changes, but not the same ones
    help: make sure that DESK/state/test.state.json is the state of this stack, and run the command again
    ");
    assert_snapshot!(refused(&desk, put(State { lineage: "ff".to_owned(), ..state(7) })), @r"
    error: the state DESK/state/test.state.json was replaced while this run was under way: it is that of another stack of the same name
    help: make sure that DESK/state/test.state.json is the state of this stack, and run the command again
    ");
    desk.write_state(&format::snapshot(&state(3)));
    let taken_back = refused(&desk, |desk| {
        for name in ["test.state.json", "test.state.json.backup"] {
            fs::write(desk.state_dir().join(name), format::snapshot(&state(2))).unwrap();
        }
    });
    assert_snapshot!(taken_back, @r"
    error: the state DESK/state/test.state.json was replaced by an earlier one, which ends with change 2; change 3 had been saved
    help: bring back the newest state, up to change 3, from a backup of yours: the earlier one does not know what was created since
    help: if the earlier state is the right one, delete in the account what later runs have created, and then run the command again
    ");
}

fn state(serial: u64) -> State {
    State { account: Some("fake".to_owned()), serial, ..State::new("test", "00") }
}

#[test]
fn a_journal_that_is_gone_while_a_run_was_open_is_missed() {
    let desk = Desk::new();
    let store = LocalStore::new(desk.state_dir(), "test");
    keep(&store, &state(1));
    let record = Record { serial: 2, change: Change::Outputs { outputs: JsonMap::new() } };
    run(async { store.lock("a test", &mut |_| {}).await?.append(&[record]).await }).unwrap();
    let errors = refused(&desk, |desk| fs::remove_file(desk.state_dir().join("test.state.journal")).unwrap());
    assert_snapshot!(errors, @r"
    error: the state file DESK/state/test.state.journal is gone, and DESK/state/test.state.json, which was kept with it, is still there
    help: put a copy of DESK/state/test.state.journal in its place, from a backup of yours: what it holds is in no other file
    help: if there is none, continue without the changes of the last run: delete in the account what that run has created, and put the copy from before it in place: cp DESK/state/test.state.json.backup DESK/state/test.state.json
    ");
    for command in ["plan", "apply -y", "destroy -y", "output", "state list"] {
        assert!(desk.run(command).error().contains("test.state.journal is gone"), "{command}");
    }
    fs::copy(desk.state_dir().join("test.state.json.backup"), store.path()).unwrap();
    assert_eq!(desk.run("apply -y").code, 0);
}

#[test]
fn a_state_that_was_restored_is_noticed_by_its_copy() {
    let desk = Desk::new();
    let store = LocalStore::new(desk.state_dir(), "test");
    keep(&store, &state(1));
    let earlier = fs::read(store.path()).unwrap();
    keep(&store, &state(4));
    let copy = desk.state_dir().join("test.state.json.backup");
    fs::write(store.path(), &earlier).unwrap();
    assert_snapshot!(desk.run("plan").error(), @r"
    error: the state file DESK/state/test.state.json was restored from before the last run: it ends with change 1, and its copy, DESK/state/test.state.json.backup, with change 4
    help: put its copy in its place: cp DESK/state/test.state.json.backup DESK/state/test.state.json
    help: if a run was interrupted since, bring its journal back too, from a backup of yours: what that run has created is in no other file
    help: if the earlier state is the right one, delete in the account what later runs have created, and then the copy: rm DESK/state/test.state.json.backup
    ");
    for command in ["apply -y", "destroy -y", "output", "state list"] {
        assert!(desk.run(command).error().contains("was restored from before the last run"), "{command}");
    }
    assert_eq!(desk.account.count(), 0);
    // The two cures.
    fs::copy(&copy, store.path()).unwrap();
    assert_eq!(desk.run("apply -y").code, 0);
    fs::write(store.path(), &earlier).unwrap();
    fs::remove_file(&copy).unwrap();
    assert_eq!(desk.run("state list").code, 0);
}

#[test]
fn two_runs_that_continue_the_same_state_make_other_tokens() {
    let tokens = [(); 2].map(|()| {
        let desk = Desk::new();
        desk.write_state(&format::snapshot(&state(3)));
        assert_eq!(desk.run("apply -y").code, 0);
        let state = run(LocalStore::new(desk.state_dir(), "test").load()).unwrap().unwrap();
        let objects = state.resources.into_values().flat_map(|entry| entry.current);
        objects.map(|object| object.token.digest).collect::<Vec<_>>()
    });
    assert!(!tokens[0].is_empty() && tokens[0].iter().all(|token| !tokens[1].contains(token)), "{tokens:?}");
}

#[test]
fn a_journal_that_is_damaged_can_be_done_without() {
    let desk = Desk::new();
    let store = LocalStore::new(desk.state_dir(), "test");
    keep(&store, &state(1));
    let record = Record { serial: 2, change: Change::Outputs { outputs: JsonMap::new() } };
    run(async { store.lock("a test", &mut |_| {}).await?.append(&[record]).await }).unwrap();
    let journal = fs::read_to_string(store.journal_path()).unwrap();
    fs::write(store.journal_path(), journal.lines().next().unwrap().to_owned() + "\n").unwrap();
    assert_snapshot!(desk.run("apply -y").error(), @r"
    error: the state file DESK/state/test.state.journal is damaged: it has no whole change
    help: put a copy of DESK/state/test.state.journal in its place, from a backup of yours: what it holds is in no other file
    help: if there is none, continue without the changes of the last run: delete in the account what that run has created, and put the copy from before it in place: rm DESK/state/test.state.journal && cp DESK/state/test.state.json.backup DESK/state/test.state.json
    ");
    // The two commands.
    fs::remove_file(store.journal_path()).unwrap();
    fs::copy(desk.state_dir().join("test.state.json.backup"), store.path()).unwrap();
    assert_eq!(desk.run("apply -y").code, 0);
}

#[test]
fn a_state_that_does_not_have_all_objects_is_refused_before_anything_is_changed() {
    let desk = applied();
    desk.account.edit(|objects| _ = objects.remove("thing-2"));
    let object = |resource: &str, id: &str| UntrackedObject { resource: resource.to_owned(), id: id.to_owned() };
    let (third, fourth) = (object("Thing.child", "thing-3"), object("Thing.other", "thing-4"));
    let found = Untracked { objects: vec![third, fourth], release: vec!["fake untag thing-3 thing-4".to_owned()] };
    desk.account.find_untracked(Ok(found.clone()));
    let before = files(&desk);
    assert_snapshot!(desk.run("apply -y").stderr, @r"
    error: the state DESK/state/test.state.json is older than the account, so nothing was changed: its last change is 8, and it does not have Thing.child (thing-3) and Thing.other (thing-4)
    help: put the newest state in its place: this one was restored from before the last run, or a copy of it was applied
    help: if there is no newer one, delete these objects in the account, and run the command again
    help: to keep them, and with them the VPC that they are in, remove the tags by which they are found: fake untag thing-3 thing-4
    ");
    desk.account
        .find_untracked(Ok(Untracked { release: vec!["fake untag".to_owned(), "fake rename".to_owned()], ..found }));
    assert!(desk.run("apply -y").stderr.ends_with(": fake untag && fake rename\n"));
    desk.account.find_untracked(Err(ProviderError {
        kind: ErrorKind::Denied,
        operation: "ListThings".to_owned(),
        code: "AccessDenied".to_owned(),
        message: "you may not".to_owned(),
        help: String::new(),
    }));
    assert_snapshot!(desk.run("apply -y").stderr, @r"
    error: cannot find out whether the state DESK/state/test.state.json has all objects of the stack, so nothing was changed: you may not
    help: allow the caller to call `ListThings`; `iam-policy` prints all that is needed
    ");
    assert_eq!((files(&desk), desk.account.count()), (before, 1), "nothing was changed");
    assert_eq!((desk.run("destroy -y").code, desk.account.count()), (1, 1), "it deletes nothing either");
    assert_eq!(desk.run("plan").code, 0, "a plan does not look");
    desk.account.find_untracked(Ok(Untracked::default()));
    assert_eq!(desk.run("destroy -y").code, 0);
}

#[test]
fn a_change_that_a_newer_version_has_written_is_refused() {
    let desk = Desk::new();
    let store = LocalStore::new(desk.state_dir(), "test");
    keep(&store, &state(1));
    let entry = r#"{"checksum":"4ed60774885a90485ce8bec63932697fed5d8f210e7391082163ebb3e578bd69","records":[{"serial":2,"change":{"Tagged":{}}}]}"#;
    let head = format::journal(&Identity::of(&state(1)), None);
    fs::write(store.journal_path(), format!("{head}{entry}\n")).unwrap();
    assert_snapshot!(desk.run("apply -y").error(), @r"
    error: a newer version of Palisade wrote the state file DESK/state/test.state.journal: unknown variant `Tagged`, expected one of `Begun`, `Created`, `Abandoned`, `Attempted`, `Deleting`, `Related`, `Ready`, `Deleted`, `Consented`, `Outputs` at line 1 column 31
    help: update Palisade, with `cargo update -p palisade`, to the version that wrote the file
    ");
}

#[test]
fn outputs_are_shown_as_they_were_at_the_last_apply() {
    let desk = applied();
    assert_snapshot!(desk.run("output").transcript(), @r#"
    exit code 0
    --- stdout
    endpoint = "thing-1.example"
    --- stderr
    Cloud: a fake account, region us-east-1
    "#);
    assert_eq!(desk.run("output endpoint").stdout, "\"thing-1.example\"\n");
    assert_eq!(desk.run("output endpoint --raw").stdout, "thing-1.example");
    assert_eq!(desk.run("output endpoint --json").stdout, "\"thing-1.example\"\n");
    assert_snapshot!(desk.run("output --json").stdout, @r#"
    {
      "endpoint": "thing-1.example"
    }
    "#);
}

#[test]
fn an_unknown_output_gets_the_names_of_all() {
    assert_snapshot!(applied().run("output endpiont").error(), @r"
    Cloud: a fake account, region us-east-1
    error: there is no output `endpiont` in the state
    help: did you mean `endpoint`?
    help: the outputs are `endpoint`
    ");
    assert_snapshot!(Desk::new().run("output endpoint").error(), @r"
    Cloud: a fake account, region us-east-1
    error: there is no output `endpoint` in the state
    help: the state has no outputs: run `apply` first
    ");
}

#[test]
fn a_stack_without_state_has_no_outputs_and_no_resources() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("output").transcript(), @r"
    exit code 0
    --- stdout
    --- stderr
    Cloud: a fake account, region us-east-1
    No outputs in the state.
    ");
    assert_eq!(desk.run("output --json").stdout, "{}\n");
    assert_snapshot!(desk.run("state list").transcript(), @r"
    exit code 0
    --- stdout
    --- stderr
    Cloud: a fake account, region us-east-1
    No resources in the state.
    ");
    assert!(!desk.state_dir().exists());
}

#[test]
fn the_state_is_listed_and_shown() {
    let desk = applied();
    assert_eq!(desk.run("state list").stdout, "Thing.child\nThing.main\n");
    assert_snapshot!(desk.run("state show Thing.child").stdout, @r#"
    # Thing.child
    id         = "thing-2"
    phase      = "ready"
    inputs     = { "parent" = "thing-1", "text" = null }
    attributes = { "endpoint" = "thing-2.example" }
    depends_on = ["Thing.main"]
    "#);
}

#[test]
fn an_unknown_address_gets_the_one_that_is_meant() {
    let desk = applied();
    assert_snapshot!(desk.run("state show Thing.chidl").error(), @r"
    Cloud: a fake account, region us-east-1
    error: there is no resource `Thing.chidl` in the state
    help: did you mean `Thing.child`?
    ");
    assert_snapshot!(desk.run("state show nonsense").error(), @r"
    Cloud: a fake account, region us-east-1
    error: there is no resource `nonsense` in the state
    help: `state list` shows what the state holds; an address is KIND.NAME, as in Subnet.private-a
    ");
}

#[test]
fn the_state_can_be_read_when_the_cloud_cannot_be_reached() {
    let outcome = applied().run("output --region nowhere-1");
    assert_eq!(outcome.code, 0);
    assert_snapshot!(outcome.stderr, @"Cloud: not reached, and not needed: there is no region `nowhere-1`");
}

#[test]
fn what_an_interrupted_apply_left_is_shown_as_what_it_is() {
    let desk = Desk::new();
    let address = Address::new("Thing", "main");
    let token = Token { stack: "test".to_owned(), resource: address.to_string(), digest: "0123".to_owned() };
    let (inputs, depends_on, released) = (JsonMap::new(), BTreeSet::new(), BTreeSet::new());
    let begun = ObjectState {
        id: None,
        phase: Phase::Creating,
        token,
        inputs,
        attempted: None,
        is_being_deleted: false,
        observed: None,
        depends_on,
        released,
        missed: None,
    };
    let made = ObjectState { id: Some("thing-1".to_owned()), phase: Phase::Created, ..begun.clone() };
    let mut state = State::new("test", "");
    state.resources.insert(address, Entry { current: Some(begun), deposed: vec![made] });
    keep(&LocalStore::new(desk.state_dir(), "test"), &state);
    assert_snapshot!(desk.run("state show Thing.main").stdout, @r#"
    # Thing.main
    id         = null
    phase      = "creating: the object may exist, which the next apply settles"
    inputs     = {}
    attributes = null
    depends_on = []
    # Thing.main, another object that the next apply deletes
    id         = "thing-1"
    phase      = "created: the next apply goes on from here"
    inputs     = {}
    attributes = null
    depends_on = []
    "#);
}
