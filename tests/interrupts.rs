//! Signals to a real process in the middle of an apply. `env` of the GNU coreutils, 8.31 or later, says which signals the
//! process begins with.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// A folder, and the programs that run in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        // A job in the background, as in a CI, may have been started to ignore signals, and the program respects that.
        self.command_by(&["--default-signal=INT,HUP,TERM"], arguments)
    }

    /// The program, started by `env` with these options.
    fn command_by(&self, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command.args(options).arg(env!("CARGO_BIN_EXE_patient")).args(arguments);
        command.current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command
    }

    /// Starts an apply, and returns it once what it has said fulfils `until`.
    fn apply_until(&self, until: impl Fn(&str) -> bool, environment: &[(&str, &str)]) -> Child {
        let mut command = self.command(&["apply", "-y"]);
        command.envs(environment.iter().copied());
        self.start(&mut command, until)
    }

    fn start(&self, command: &mut Command, until: impl Fn(&str) -> bool) -> Child {
        command.stdout(File::create(self.path("stdout")).unwrap()).stderr(File::create(self.path("stderr")).unwrap());
        let mut child = command.spawn().unwrap();
        self.wait_for(&mut child, until);
        child
    }

    fn wait_for(&self, child: &mut Child, until: impl Fn(&str) -> bool) {
        while !until(&self.said()) {
            assert!(child.try_wait().unwrap().is_none(), "it has ended too early: {}", self.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn said(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap()
    }

    /// What is said after the steps, without their lines.
    fn said_at_last(&self) -> String {
        let said = self.said();
        said.split_once("\n\n").map(|(_, rest)| rest.to_owned()).unwrap_or(said)
    }

    /// Finishes the apply without waiting, and asserts that nothing is missing and nothing is there twice.
    fn finish(&self) {
        let run = |arguments| {
            let output = self.command(arguments).env("PAUSED", "").output().unwrap();
            assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
            text(&output.stdout)
        };
        run(&["apply", "-y"]);
        assert!(run(&["plan"]).contains("No changes."));
        let mut applied = palisade_testing::Rehearsal::new();
        applied.apply(secured_redis::stack);
        let kinds = |emulator: &palisade_emulator::Emulator| {
            emulator.inventory().into_iter().map(|item| item.kind).collect::<Vec<_>>()
        };
        let account = palisade_emulator::Emulator::open(&self.path(".palisade"), "us-east-1").unwrap();
        assert_eq!(kinds(&account), kinds(applied.emulator()));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// All is there that does not take a minute: the group waits, and the cache waits for the group.
fn waits_for_group(said: &str) -> bool {
    said.contains("UserGroup.redis: Creating...") && said.matches("Creation complete").count() == 18
}

fn first_calls_are_sent(said: &str) -> bool {
    said.contains("Creation complete")
}

#[test]
fn ctrl_c_ends_the_waits_and_the_next_run_goes_on() {
    let desk = Desk::new();
    let mut child = desk.apply_until(waits_for_group, &[]);
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{}", desk.said());
    insta::assert_snapshot!(desk.said_at_last(), @r"
    Under way:
      UserGroup.redis (create)

    Not tried:
      ReplicationGroup.redis (create), as the run was to stop

    Done and recorded: 18 added, 0 changed, 0 destroyed.
    help: run `apply` again: it goes on from here
    ");
    desk.finish();
}

#[test]
fn the_end_of_a_terminal_and_a_kill_stop_an_apply_as_well() {
    for (signal, code) in [("HUP", 129), ("TERM", 143)] {
        let desk = Desk::new();
        let mut child = desk.apply_until(|said| said.contains("RedisUser.admin: Creating..."), &[]);
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert!(desk.said_at_last().ends_with("help: run `apply` again: it goes on from here\n"), "{}", desk.said());
        desk.finish();
    }
}

#[test]
fn a_call_without_an_answer_is_left_and_found_by_the_next_run() {
    let desk = Desk::new();
    let mut child = desk.apply_until(first_calls_are_sent, &[("NO_ANSWER", "1")]);
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let line = |said: &str| said.lines().find(|line| line.contains("without an answer")).map(str::to_owned);
    assert!(line(&desk.said_at_last()).is_some(), "{}", desk.said());
    desk.finish();
}

#[test]
fn a_second_signal_ends_the_program_at_once_and_loses_nothing() {
    let desk = Desk::new();
    let mut child = desk.apply_until(first_calls_are_sent, &[("NO_ANSWER", "1")]);
    send("INT", &child);
    desk.wait_for(&mut child, |said| said.contains("Interrupted:"));
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!desk.said().contains("Done and recorded"), "{}", desk.said());
    desk.finish();
}

#[test]
fn ctrl_c_at_the_question_ends_the_program_with_nothing_done() {
    let desk = Desk::new();
    let mut command = desk.command(&["apply"]);
    let mut child = desk.start(command.stdin(Stdio::piped()), |said| said.contains("Enter a value:"));
    send("INT", &child);
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert!(!desk.path(".palisade/account.json").exists());
    desk.finish();
}

#[test]
fn what_is_to_outlive_its_terminal_does() {
    let desk = Desk::new();
    let mut command = desk.command_by(&["--default-signal=INT", "--ignore-signal=HUP"], &["apply", "-y"]);
    let mut child = desk.start(&mut command, |said| said.contains("RedisUser.admin: Creating..."));
    send("HUP", &child);
    // It goes on to the end of a step that takes seconds.
    desk.wait_for(&mut child, |said| said.contains("RedisUser.admin: Creation complete"));
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
