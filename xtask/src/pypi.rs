//! Programs from PyPI, each of one version, in a virtual environment of its own under the folder of what is built.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    step::{self, Outcome},
    workspace::Workspace,
};

/// Parts of what pip prints when it cannot reach the index. Any other failure to install is a failure.
const NO_NETWORK: [&str; 3] = ["(from versions: none)", "Failed to establish a new connection", "Read timed out"];

/// A package of PyPI.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

/// The virtual environment that has a package.
pub(crate) struct Installed {
    folder: PathBuf,
}

impl Package {
    /// Finds the package under the folder of what is built, or installs it there.
    ///
    /// # Errors
    /// How the step ends when there is none: skipped for want of Python or of a network, failed for any other reason.
    pub(crate) fn find_or_install(&self, workspace: &Workspace) -> Result<Installed, Outcome> {
        let Self { name, version } = self;
        let installed = Installed { folder: workspace.target.join(name) };
        if installed.has(self) {
            return Ok(installed);
        }
        println!("{name} {version} is installed into {}, once", installed.folder.display());
        if step::capture(Command::new("python3").arg("--version")).is_err() {
            return Err(Outcome::Skipped(format!("python3 is not on the PATH, so there is no {name}")));
        }
        let failed = |problem: String| {
            if NO_NETWORK.iter().any(|part| problem.contains(part)) {
                let reason = "is not here, and PyPI has none for this Python or cannot be reached";
                Outcome::Skipped(format!("{name} {version} {reason}"))
            } else {
                Outcome::Failed(format!("{name} {version} does not install: {problem}"))
            }
        };
        // What is left of an interrupted installation goes away.
        let mut venv = Command::new("python3");
        step::capture(venv.args(["-m", "venv", "--clear"]).arg(&installed.folder)).map_err(failed)?;
        let mut pip = installed.python();
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]);
        step::capture(pip.arg(format!("{name}=={version}"))).map_err(failed)?;
        Ok(installed)
    }
}

impl Installed {
    /// The folder of the environment.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its Python.
    pub(crate) fn python(&self) -> Command {
        let within = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        Command::new(self.folder.join(within))
    }

    fn has(&self, package: &Package) -> bool {
        let ask = format!("import importlib.metadata as of; print(of.version('{}'))", package.name);
        step::capture(self.python().args(["-c", &ask])).is_ok_and(|said| said.trim() == package.version)
    }
}
