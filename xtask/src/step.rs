//! Named steps with a duration, and the summary at the end.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value as Json;

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ok,
    Failed(String),
    /// What could not be checked here, and why: a check that is left out is always named.
    Skipped(String),
}

#[derive(Debug)]
struct Ended {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// The steps of one run, in order.
#[derive(Debug, Default)]
#[must_use = "call `finish`, which prints the summary and gives the exit code"]
pub(crate) struct Report {
    ended: Vec<Ended>,
}

impl Report {
    /// Runs a step; true when it did not fail.
    pub(crate) fn step(&mut self, name: &'static str, check: impl FnOnce() -> Outcome) -> bool {
        println!("==> {name}");
        let begin = Instant::now();
        let outcome = check();
        let took = begin.elapsed();
        if let Outcome::Skipped(reason) = &outcome {
            println!("skipped: {reason}");
        }
        let passed = !matches!(outcome, Outcome::Failed(_));
        self.ended.push(Ended { name, outcome, took });
        passed
    }

    /// Runs a step where `possible`; otherwise it makes no sense after what failed before, which is the `reason`.
    pub(crate) fn step_if(
        &mut self,
        possible: bool,
        name: &'static str,
        reason: &str,
        check: impl FnOnce() -> Outcome,
    ) {
        if possible {
            self.step(name, check);
        } else {
            self.skip(name, reason);
        }
    }

    fn skip(&mut self, name: &'static str, reason: &str) {
        self.ended.push(Ended { name, outcome: Outcome::Skipped(reason.to_owned()), took: Duration::ZERO });
    }

    /// Prints the summary; the exit code is 1 when a step failed.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n==> summary");
        print!("{}", self.summary());
        if self.ended.iter().any(|ended| matches!(ended.outcome, Outcome::Failed(_))) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn summary(&self) -> String {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        let mut text = String::new();
        for Ended { name, outcome, took } in &self.ended {
            let (label, note) = match outcome {
                Outcome::Ok => {
                    passed += 1;
                    ("ok", String::new())
                }
                Outcome::Failed(reason) => {
                    failed += 1;
                    ("FAILED", format!("  {reason}"))
                }
                Outcome::Skipped(reason) => {
                    skipped += 1;
                    ("skipped", format!("  {reason}"))
                }
            };
            text += &format!("{label:<8} {name:<10} {:>7.1} s{note}\n", took.as_secs_f64());
        }
        text + &format!("{passed} passed, {failed} failed, {skipped} skipped\n")
    }
}

/// Runs a program whose output the reader sees. It gets no standard input, so that none can wait for an answer.
pub(crate) fn run(command: &mut Command) -> Outcome {
    match status(command) {
        Ok(status) if status.success() => Outcome::Ok,
        Ok(status) => Outcome::Failed(status.to_string()),
        Err(problem) => Outcome::Failed(problem),
    }
}

/// Runs a program whose output the reader sees and whose exit code means more than good or bad.
///
/// # Errors
/// When it does not start.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, String> {
    println!("$ {}", shown(command));
    let status = command.stdin(Stdio::null()).status();
    status.map_err(|error| format!("{} does not start: {error}", command.get_program().display()))
}

/// Runs a program for its standard output.
///
/// # Errors
/// What it printed, when it does not start or does not end with 0.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} does not start: {error}", command.get_program().display()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(format!("`{}`: {}\n{}{}", shown(command), output.status, err, out).trim_end().to_owned())
    }
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program.file_stem().unwrap_or(command.get_program()).display().to_string();
    for argument in command.get_args() {
        text += &format!(" {}", argument.display());
    }
    text
}

/// Makes cargo say on its standard output what it builds.
pub(crate) const MESSAGES: &str = "--message-format=json-render-diagnostics";

/// The programs that cargo says it has built, by the name of their target.
pub(crate) fn programs_of(messages: &str) -> HashMap<String, PathBuf> {
    messages.lines().filter_map(program_of_message).collect()
}

/// The example of this name that cargo says it has built.
pub(crate) fn example_of(messages: &str, name: &str) -> Option<PathBuf> {
    let mut examples = messages.lines().filter_map(|line| executable_of(line, "example"));
    examples.find(|(found, _)| found == name).map(|(_, path)| path)
}

fn program_of_message(line: &str) -> Option<(String, PathBuf)> {
    executable_of(line, "bin")
}

fn executable_of(line: &str, kind: &str) -> Option<(String, PathBuf)> {
    let message: Json = serde_json::from_str(line).ok()?;
    let is_program = message["target"]["kind"][0] == kind && message["profile"]["test"] == false;
    let executable = message["executable"].as_str().filter(|_| is_program)?;
    Some((message["target"]["name"].as_str()?.to_owned(), executable.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_each_step_and_counts() {
        let mut report = Report::default();
        assert!(report.step("fmt", || Outcome::Ok));
        assert!(!report.step("clippy", || Outcome::Failed("exit status: 101".into())));
        report.skip("docs", "the workspace does not build");
        for ended in &mut report.ended {
            ended.took = Duration::from_millis(1500);
        }
        assert_eq!(
            report.summary(),
            "ok       fmt            1.5 s\n\
             FAILED   clippy         1.5 s  exit status: 101\n\
             skipped  docs           1.5 s  the workspace does not build\n\
             1 passed, 1 failed, 1 skipped\n"
        );
    }

    #[test]
    fn a_command_is_shown_without_the_folder_of_its_program() {
        assert_eq!(shown(Command::new("bin/cargo").args(["fmt", "--all"])), "cargo fmt --all");
    }

    #[test]
    fn only_programs_are_taken_from_cargos_messages() {
        let message = |kind: &str, test: bool| {
            serde_json::json!({
                "reason": "compiler-artifact", "target": {"kind": [kind], "name": "redis"},
                "profile": {"test": test}, "executable": "target/debug/redis",
            })
            .to_string()
        };
        let program = program_of_message(&message("bin", false));
        assert_eq!(program, Some(("redis".into(), "target/debug/redis".into())));
        assert_eq!(program_of_message(&message("bin", true)), None);
        assert_eq!(program_of_message(&message("test", false)), None);
        assert_eq!(program_of_message("not JSON"), None);
    }
}
