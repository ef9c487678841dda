//! The live lane: the stacks through the AWS SDKs, against ministack.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    ci,
    ministack::{self, Ministack},
    step::{self, Outcome},
    workspace::Workspace,
};

/// The program whose process the tests start, and kill.
const PROGRAM: &str = "secured-redis";

/// Builds, starts ministack, and runs the package `palisade-live-tests` against it.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    // Before the build, which takes minutes.
    let installed = match ministack::find_or_install(workspace) {
        Ok(installed) => installed,
        Err(outcome) => return outcome,
    };
    let program = match build(workspace) {
        Ok(program) => program,
        Err(problem) => return Outcome::Failed(problem),
    };
    match installed.start() {
        Ok(ministack) => test(workspace, &ministack, &program),
        Err(problem) => Outcome::Failed(problem),
    }
}

/// What is built to run: the tests, and the program. Both at once, since what is selected decides on features.
const BUILT: [&str; 4] = ["--bin", PROGRAM, "--test", "live"];

/// Builds what the lane runs; the path of the program.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, String> {
    let mut command = workspace.cargo();
    command.arg("build").args(ci::LIVE).args(BUILT).arg(step::MESSAGES);
    println!("building the AWS SDKs takes minutes, once");
    let messages = step::capture(&mut command)?;
    step::programs_of(&messages).remove(PROGRAM).ok_or_else(|| format!("cargo built no program for {PROGRAM}"))
}

fn test(workspace: &Workspace, ministack: &Ministack, program: &Path) -> Outcome {
    let mut command: Command = workspace.cargo();
    command.args(["test", "--test", "live"]).args(ci::LIVE);
    // They share one account, which each of them empties.
    command.args(["--", "--test-threads=1"]);
    ministack.lead(&mut command);
    step::run(command.env("PALISADE_LIVE_PROGRAM", program))
}
