//! Transcripts of the program as its user sees it: what it prints, where, and its exit code.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A folder in which the program is run, with an environment of its own.
struct Session {
    folder: tempfile::TempDir,
    transcript: String,
}

impl Session {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), transcript: String::new() }
    }

    /// Runs the program without standard input, writes what came of it into the transcript, and returns the exit code.
    fn run(&mut self, arguments: &[&str]) -> i32 {
        let output = Command::new(env!("CARGO_BIN_EXE_secured-redis"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let code = output.status.code().unwrap();
        let text = &mut self.transcript;
        writeln!(text, "$ secured-redis {}", arguments.join(" ")).unwrap();
        for (stream, bytes) in [("", output.stdout), ("stderr: ", output.stderr)] {
            for line in String::from_utf8(bytes).unwrap().lines() {
                writeln!(text, "{}", format!("{stream}{line}").trim_end()).unwrap();
            }
        }
        if code != 0 {
            writeln!(text, "[exit code {code}]").unwrap();
        }
        writeln!(text).unwrap();
        code
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn snapshot(&self, name: &str) {
        insta::with_settings!({
            snapshot_path => "../../../snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
            filters => vec![
                (regex_escaped(self.folder.path()).as_str(), "[FOLDER]"),
                // Steps that run at a time end in an order that no one promises.
                (r"(?m)^stderr: .*(Creating|Creation|Modif|Destr).*\n", ""),
                (r"\(\d+m \d+s of emulated AWS time\)", "([TIME] of emulated AWS time)"),
            ],
        }, {
            insta::assert_snapshot!(name, self.transcript);
        });
    }
}

fn regex_escaped(path: &Path) -> String {
    path.display().to_string().replace('.', "\\.")
}

#[test]
fn the_main_job() {
    let mut session = Session::new();
    assert_eq!(session.run(&["plan", "--detailed-exitcode"]), 2);
    assert_eq!(session.run(&["apply", "--auto-approve"]), 0);
    assert_eq!(session.run(&["plan", "--detailed-exitcode"]), 0);
    assert_eq!(session.run(&["apply", "--yes"]), 0);
    assert_eq!(session.run(&["output"]), 0);
    assert_eq!(session.run(&["output", "--raw", "redis_primary_endpoint"]), 0);
    assert_eq!(session.run(&["state", "list"]), 0);
    assert_eq!(session.run(&["state", "show", "UserGroup.redis"]), 0);
    assert_eq!(session.run(&["destroy", "--auto-approve"]), 0);
    assert_eq!(session.run(&["state", "list"]), 0);
    session.snapshot("secured-redis.main-job");
}

#[test]
fn pictures_and_export_need_no_cloud() {
    let mut session = Session::new();
    assert_eq!(session.run(&["graph"]), 0);
    assert_eq!(session.run(&["graph", "--format", "dot"]), 0);
    assert_eq!(session.run(&["export", "terraform", "--out", "infra"]), 0);
    assert!(session.path("infra/main.tf.json").is_file());
    assert!(!session.path(".palisade").exists());
    session.snapshot("secured-redis.graph-and-export");
}

#[test]
fn help_teaches() {
    let mut session = Session::new();
    assert_eq!(session.run(&["--help"]), 0);
    assert_eq!(session.run(&["plan", "--help"]), 0);
    assert_eq!(session.run(&["apply", "--help"]), 0);
    session.snapshot("secured-redis.help");
}

#[test]
fn bad_input_has_a_message_a_cure_and_exit_code_1() {
    let mut session = Session::new();
    for arguments in [
        &["plna"][..],
        &["plan", "--detailed-exit-code"],
        &[],
        &["apply"],
        &["output", "nothing"],
        &["state", "show", "Vpc.mian"],
    ] {
        assert_eq!(session.run(arguments), 1, "{arguments:?}");
    }
    session.snapshot("secured-redis.bad-input");
}

#[test]
fn a_damaged_state_is_never_a_new_stack() {
    let mut session = Session::new();
    assert_eq!(session.run(&["apply", "--auto-approve"]), 0);
    session.transcript.clear();
    let state = session.path(".palisade/secured-redis.state.json");
    let intact = std::fs::read_to_string(&state).unwrap();
    for damaged in
        ["", "{", &intact.replace("10.0.1.0/24", "10.0.9.0/24"), &intact.replacen("\"format\":3", "\"format\":99", 1)]
    {
        std::fs::write(&state, damaged).unwrap();
        for command in [&["plan"][..], &["apply", "--auto-approve"], &["destroy", "--auto-approve"]] {
            assert_eq!(session.run(command), 1);
        }
        assert_eq!(std::fs::read_to_string(&state).unwrap(), damaged, "nothing is written over it");
    }
    std::fs::write(&state, intact).unwrap();
    assert_eq!(session.run(&["plan", "--detailed-exitcode"]), 0);
    session.snapshot("secured-redis.damaged-state");
}

#[test]
fn a_pipe_that_closes_does_not_stop_an_apply() {
    let session = Session::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_secured-redis"))
        .args(["apply", "--auto-approve"])
        .current_dir(session.folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("could not be printed") && !stderr.contains("panicked"), "{stderr}");
    let mut session = session;
    assert_eq!(session.run(&["plan", "--detailed-exitcode"]), 0, "{}", session.transcript);
}
