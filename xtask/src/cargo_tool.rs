//! Programs from crates.io, each of one version, under the folder of what is built.

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

/// Parts of what cargo prints when it cannot reach the registry. Any other failure to install is a failure.
const NO_NETWORK: [&str; 7] = [
    "failed to download",
    "download of",
    "Could not resolve",
    "spurious network error",
    "failed to query replaced source",
    "failed to fetch",
    "offline",
];

/// A subcommand of cargo that crates.io has.
pub(crate) struct CargoTool {
    /// The crate, which is the program as well.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Makes the program print its version.
    pub(crate) version_arguments: &'static [&'static str],
}

impl CargoTool {
    /// Finds the program on the `PATH` or under the folder of what is built, or installs it there.
    ///
    /// # Errors
    /// How the step ends when there is none: skipped for want of a network, failed for any other reason.
    pub(crate) fn find_or_install(&self, workspace: &Workspace) -> Result<PathBuf, Outcome> {
        let Self { name, version, .. } = self;
        let tools = workspace.target.join("tools");
        let ours = tools.join("bin").join(format!("{name}{EXE_SUFFIX}"));
        if let Some(found) = [ours.clone(), (*name).into()].into_iter().find(|program| self.is(program)) {
            return Ok(found);
        }
        println!("{name} {version} is installed into {}, once; this takes some minutes", tools.display());
        self.install(workspace, &tools).map(|()| ours)
    }

    fn is(&self, program: &Path) -> bool {
        let said = step::capture(Command::new(program).args(self.version_arguments));
        said.is_ok_and(|said| said.trim().ends_with(self.version))
    }

    fn install(&self, workspace: &Workspace, tools: &Path) -> Result<(), Outcome> {
        let Self { name, version, .. } = self;
        let failed = |what: String| Outcome::Failed(format!("{name} {version} does not install: {what}"));
        fs::create_dir_all(tools).map_err(|error| failed(error.to_string()))?;
        let log = tools.join("install.log");
        let file = File::create(&log).map_err(|error| failed(format!("{}: {error}", log.display())))?;
        let mut command = workspace.cargo();
        command.args(["install", name, "--version", version, "--locked", "--root"]).arg(tools);
        // A folder that stays until the end: an installation that was interrupted goes on from there.
        let build = tools.join("build");
        command.arg("--target-dir").arg(&build).stdin(Stdio::null()).stderr(file);
        let status = command.status().map_err(|error| failed(error.to_string()))?;
        let said = fs::read_to_string(&log).unwrap_or_default();
        if status.success() {
            // The program is copied out of it by now. What cannot be removed costs only space.
            fs::remove_dir_all(&build).ok();
            Ok(())
        } else if is_no_network(&said, name) {
            Err(Outcome::Skipped(format!("{name} {version} is not here, and the registry cannot be reached")))
        } else {
            println!("{said}");
            Err(failed(format!("{status}; see {}", log.display())))
        }
    }
}

fn is_no_network(said: &str, name: &str) -> bool {
    NO_NETWORK.iter().any(|part| said.contains(part)) || said.contains(&format!("could not find `{name}` in registry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lack_of_a_network_is_a_reason_to_skip() {
        let is_no_network = |said| is_no_network(said, "cargo-deny");
        assert!(is_no_network("error: failed to download from `https://index.crates.io/config.json`"));
        assert!(is_no_network("[6] Could not resolve hostname (Could not resolve host: index.crates.io)"));
        assert!(is_no_network("error: could not find `cargo-deny` in registry `crates-io` with version `=0.20.2`"));
        assert!(!is_no_network("error: could not compile `cargo-deny` (lib) due to 1 previous error"));
    }
}
