//! The policy of dependencies, `deny.toml`, checked by cargo-deny.

use std::{
    env::consts::EXE_SUFFIX,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    step::{self, Outcome},
    workspace::Workspace,
};

const VERSION: &str = "0.20.2";

const CHECK: [&str; 6] = ["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];

/// Parts of what cargo prints when it cannot reach the registry. Any other failure to install is a failure.
const NO_NETWORK: [&str; 8] = [
    "failed to download",
    "download of",
    "Could not resolve",
    "spurious network error",
    "failed to query replaced source",
    "failed to fetch",
    "offline",
    "could not find `cargo-deny` in registry",
];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let program = match find_or_install(workspace) {
        Ok(program) => program,
        Err(outcome) => return outcome,
    };
    println!("advisories are not checked: their list is a git repository, which cannot be fetched everywhere");
    let mut command = Command::new(program);
    step::run(command.current_dir(&workspace.root).args(CHECK))
}

fn find_or_install(workspace: &Workspace) -> Result<PathBuf, Outcome> {
    let tools = workspace.target.join("tools");
    let ours = tools.join("bin").join(format!("cargo-deny{EXE_SUFFIX}"));
    if let Some(found) = [ours.clone(), "cargo-deny".into()].into_iter().find(|program| has_version(program)) {
        return Ok(found);
    }
    println!("cargo-deny {VERSION} is installed into {}, once; this takes some minutes", tools.display());
    install(workspace, &tools).map(|()| ours)
}

fn has_version(program: &Path) -> bool {
    step::capture(Command::new(program).arg("--version")).is_ok_and(|said| said.trim().ends_with(VERSION))
}

fn install(workspace: &Workspace, tools: &Path) -> Result<(), Outcome> {
    let failed = |what: String| Outcome::Failed(format!("cargo-deny {VERSION} does not install: {what}"));
    fs::create_dir_all(tools).map_err(|error| failed(error.to_string()))?;
    let log = tools.join("install.log");
    let file = File::create(&log).map_err(|error| failed(format!("{}: {error}", log.display())))?;
    let mut command = workspace.cargo();
    command.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--root"]).arg(tools);
    // A folder that stays until the end: an installation that was interrupted goes on from there.
    let build = tools.join("build");
    command.arg("--target-dir").arg(&build).stdin(Stdio::null()).stderr(file);
    let status = command.status().map_err(|error| failed(error.to_string()))?;
    let said = fs::read_to_string(&log).unwrap_or_default();
    if status.success() {
        // The program is copied out of it by now. What cannot be removed costs only space.
        fs::remove_dir_all(&build).ok();
        Ok(())
    } else if is_no_network(&said) {
        Err(Outcome::Skipped(format!("cargo-deny {VERSION} is not here, and the registry cannot be reached")))
    } else {
        println!("{said}");
        Err(failed(format!("{status}; see {}", log.display())))
    }
}

fn is_no_network(said: &str) -> bool {
    NO_NETWORK.iter().any(|part| said.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lack_of_a_network_is_a_reason_to_skip() {
        assert!(is_no_network("error: failed to download from `https://index.crates.io/config.json`"));
        assert!(is_no_network("[6] Could not resolve hostname (Could not resolve host: index.crates.io)"));
        assert!(!is_no_network("error: could not compile `cargo-deny` (lib) due to 1 previous error"));
    }
}
