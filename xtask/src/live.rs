//! The live lane: the stacks through the AWS SDKs, against ministack.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    ci,
    ministack::{self, Ministack},
    step::{self, Outcome},
    terraform,
    workspace::Workspace,
};

/// The program whose process the tests start, and kill.
const PROGRAM: &str = "secured-redis";

/// The tests for which Terraform works beside us. They are a step of their own, as it is not on every machine.
const HANDOVER: &str = "handover::";

/// Builds, starts ministack, and runs the package `palisade-live-tests` against it.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    tests(workspace, |command| command.args(["--skip", HANDOVER]))
}

/// The same, for the tests that need Terraform.
pub(crate) fn handover(workspace: &Workspace) -> Outcome {
    match terraform::find(workspace) {
        Ok(config) => tests(workspace, |command| command.arg(HANDOVER).env("PALISADE_TERRAFORM_CONFIG", config)),
        Err(outcome) => outcome,
    }
}

/// Runs the tests that `select` says to a command of cargo.
fn tests(workspace: &Workspace, select: impl FnOnce(&mut Command) -> &mut Command) -> Outcome {
    // Before the build, which takes minutes.
    let installed = match ministack::PACKAGE.find_or_install(workspace) {
        Ok(installed) => installed,
        Err(outcome) => return outcome,
    };
    let program = match build(workspace) {
        Ok(program) => program,
        Err(problem) => return Outcome::Failed(problem),
    };
    match ministack::start(&installed) {
        Ok(ministack) => test(workspace, &ministack, &program, select),
        Err(problem) => Outcome::Failed(problem),
    }
}

/// What is built to run: the tests, and the programs. All at once, since what is selected decides on features.
const BUILT: [&str; 6] = ["--bin", PROGRAM, "--bin", "auth-token", "--test", "live"];

/// Builds what the lane runs; the path of the program.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, String> {
    let mut command = workspace.cargo();
    command.arg("build").args(ci::LIVE).args(BUILT).arg(step::MESSAGES);
    println!("building the AWS SDKs takes minutes, once");
    let messages = step::capture(&mut command)?;
    step::programs_of(&messages).remove(PROGRAM).ok_or_else(|| format!("cargo built no program for {PROGRAM}"))
}

fn test(
    workspace: &Workspace,
    ministack: &Ministack,
    program: &Path,
    select: impl FnOnce(&mut Command) -> &mut Command,
) -> Outcome {
    let mut command: Command = workspace.cargo();
    command.args(["test", "--test", "live"]).args(ci::LIVE);
    // Each has accounts of its own, and most of the time they wait.
    select(command.args(["--", "--test-threads=3"]));
    ministack.lead(&mut command);
    step::run(command.env("PALISADE_LIVE_PROGRAM", program))
}
