//! Signals to a real process in the middle of an apply. `env` of the GNU coreutils, 8.31 or later, says which signals the
//! process begins with.

use std::{
    fs::{self, File},
    io::{self, PipeReader, PipeWriter, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tokio::time::Instant;

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
    fn apply_until(&self, until: impl Fn(&str) -> bool, environment: &[(&str, &str)]) -> Process {
        let mut command = self.command(&["apply", "-y"]);
        command.envs(environment.iter().copied());
        self.start(&mut command, until)
    }

    fn start(&self, command: &mut Command, until: impl Fn(&str) -> bool) -> Process {
        command.stdout(File::create(self.path("stdout")).unwrap()).stderr(File::create(self.path("stderr")).unwrap());
        let mut child = Process::start(command);
        self.wait_for(&mut child, until);
        child
    }

    fn wait_for(&self, child: &mut Process, until: impl Fn(&str) -> bool) {
        let is_reached = child.comes_to(|| until(&self.said()));
        assert!(is_reached, "it has ended too early, or comes no further: {}", self.said());
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

/// A child that does not outlive its test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn send(&self, signal: &str) {
        let status = Command::new("kill").args([format!("-{signal}"), self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Whether something comes to be before the process ends, and within a minute.
    fn comes_to(&mut self, is_so: impl Fn() -> bool) -> bool {
        for _ in 0..6000 {
            if is_so() {
                return true;
            }
            if self.0.try_wait().unwrap().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    fn ended(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    /// Sends a signal, and returns the exit code of the process, which ends within five seconds.
    fn interrupt(mut self, signal: &str) -> Option<i32> {
        let begin = Instant::now();
        self.send(signal);
        self.comes_to(|| false);
        let took = begin.elapsed();
        assert!(took <= Duration::from_secs(5), "it took {took:?}");
        self.ended()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails where the process has ended.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A pipe that is full, and that nobody reads.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    // It ends with the reader.
    thread::spawn(move || while filler.write_all(&[b'\n'; 4096]).is_ok() {});
    (reader, writer)
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
    let child = desk.apply_until(waits_for_group, &[]);
    assert_eq!(child.interrupt("INT"), Some(130), "{}", desk.said());
    insta::assert_snapshot!(desk.said_at_last(), @r"
    Under way:
      UserGroup.redis (create)

    Not tried:
      ReplicationGroup.redis (create): not started, the run was stopping

    Done and recorded: 18 added, 0 changed, 0 destroyed.
    help: run `apply` again: it goes on from here
    ");
    desk.finish();
}

#[test]
fn the_end_of_a_terminal_and_a_kill_stop_an_apply_as_well() {
    for (signal, code) in [("HUP", 129), ("TERM", 143)] {
        let desk = Desk::new();
        let child = desk.apply_until(|said| said.contains("RedisUser.admin: Creating..."), &[]);
        assert_eq!(child.interrupt(signal), Some(code));
        assert!(desk.said_at_last().ends_with("help: run `apply` again: it goes on from here\n"), "{}", desk.said());
        desk.finish();
    }
}

#[test]
fn a_call_without_an_answer_is_left_and_found_by_the_next_run() {
    let desk = Desk::new();
    let child = desk.apply_until(first_calls_are_sent, &[("NO_ANSWER", "1")]);
    assert_eq!(child.interrupt("INT"), Some(130));
    let line = |said: &str| said.lines().find(|line| line.contains("without an answer")).map(str::to_owned);
    assert!(line(&desk.said_at_last()).is_some(), "{}", desk.said());
    desk.finish();
}

#[test]
fn a_second_signal_ends_the_program_at_once_and_loses_nothing() {
    let desk = Desk::new();
    let mut child = desk.apply_until(first_calls_are_sent, &[("NO_ANSWER", "1")]);
    child.send("INT");
    desk.wait_for(&mut child, |said| said.contains("Interrupted:"));
    child.send("TERM");
    assert_eq!(child.ended(), Some(143));
    assert!(!desk.said().contains("Done and recorded"), "{}", desk.said());
    desk.finish();
}

#[test]
fn the_end_of_a_terminal_that_is_told_twice_is_no_second_ctrl_c() {
    let desk = Desk::new();
    let mut child = desk.apply_until(first_calls_are_sent, &[("NO_ANSWER", "1")]);
    // The shell tells it as it ends, and then the system.
    child.send("HUP");
    thread::sleep(Duration::from_millis(300));
    child.send("HUP");
    assert_eq!(child.ended(), Some(129));
    assert!(desk.said_at_last().ends_with("help: run `apply` again: it goes on from here\n"), "{}", desk.said());
    desk.finish();
}

#[test]
fn an_apply_whose_output_nobody_reads_goes_on_until_it_is_interrupted() {
    let desk = Desk::new();
    let (_reader, writer) = full_pipe();
    let mut command = desk.command(&["apply", "-y"]);
    let mut child = Process::start(command.stdout(writer.try_clone().unwrap()).stderr(writer));
    // It has come to the last step before a wait of minutes.
    let state = desk.path(".palisade/secured-redis.state.journal");
    let is_far = || fs::read_to_string(&state).is_ok_and(|state| state.matches("\"Ready\"").count() >= 18);
    assert!(child.comes_to(is_far), "it comes no further");
    assert_eq!(child.interrupt("INT"), Some(130));
    desk.finish();
}

#[test]
fn a_plan_that_nobody_reads_can_be_interrupted() {
    let desk = Desk::new();
    let (_reader, writer) = full_pipe();
    let mut command = desk.command(&["apply"]);
    command.stdin(Stdio::piped()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = Process::start(&mut command);
    assert!(child.comes_to(|| desk.path(".palisade/secured-redis.lock").exists()));
    assert_eq!(child.interrupt("INT"), Some(130));
    assert!(!desk.path(".palisade/account.json").exists());
    desk.finish();
}

#[test]
fn a_signal_at_the_question_counts_as_a_no() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let desk = Desk::new();
        let mut command = desk.command(&["apply"]);
        let child = desk.start(command.stdin(Stdio::piped()), |said| said.contains("Enter a value:"));
        assert_eq!(child.interrupt(signal), Some(code));
        assert!(desk.said().ends_with("\nApply cancelled. Nothing was changed.\n"), "{}", desk.said());
        assert!(!desk.path(".palisade/account.json").exists());
        desk.finish();
    }
}

#[test]
fn a_process_that_stands_still_ends_all_the_same() {
    let desk = Desk::new();
    let mut command = desk.command(&["apply", "-y", "--state", "s3://acme/prod"]);
    let mut child = desk.start(&mut command, |_| true);
    let has_planned = || fs::read_to_string(desk.path("stdout")).unwrap().contains("Plan: ");
    assert!(child.comes_to(has_planned));
    assert_eq!(child.interrupt("INT"), Some(130));
}

#[test]
fn what_is_to_outlive_its_terminal_does() {
    let desk = Desk::new();
    let mut command = desk.command_by(&["--default-signal=INT", "--ignore-signal=HUP"], &["apply", "-y"]);
    let mut child = desk.start(&mut command, |said| said.contains("RedisUser.admin: Creating..."));
    child.send("HUP");
    // It goes on to the end of a step that takes seconds.
    desk.wait_for(&mut child, |said| said.contains("RedisUser.admin: Creation complete"));
    child.send("INT");
    assert_eq!(child.ended(), Some(130));
}
