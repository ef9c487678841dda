//! ministack, an emulator of AWS from PyPI that speaks its wire protocols, on the loopback interface.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    step::{self, Outcome},
    workspace::Workspace,
};

const VERSION: &str = "1.5.33";
const READY: Duration = Duration::from_secs(60);

/// Parts of what pip prints when it cannot reach the index. Any other failure to install is a failure.
const NO_NETWORK: [&str; 3] = ["(from versions: none)", "Failed to establish a new connection", "Read timed out"];

/// The virtual environment that has it.
pub(crate) struct Installed {
    folder: PathBuf,
}

/// Finds ministack under the folder of what is built, or installs it there.
///
/// # Errors
/// How the step ends when there is none: skipped for want of Python or of a network, failed for any other reason.
pub(crate) fn find_or_install(workspace: &Workspace) -> Result<Installed, Outcome> {
    let installed = Installed { folder: workspace.target.join("ministack") };
    if installed.has_version() {
        return Ok(installed);
    }
    println!("ministack {VERSION} is installed into {}, once", installed.folder.display());
    if step::capture(Command::new("python3").arg("--version")).is_err() {
        return Err(Outcome::Skipped("python3 is not on the PATH, so there is no ministack".to_owned()));
    }
    let failed = |problem: String| {
        if NO_NETWORK.iter().any(|part| problem.contains(part)) {
            Outcome::Skipped(format!(
                "ministack {VERSION} is not here, and PyPI has none for this Python or cannot be reached"
            ))
        } else {
            Outcome::Failed(format!("ministack {VERSION} does not install: {problem}"))
        }
    };
    // What is left of an interrupted installation goes away.
    let mut venv = Command::new("python3");
    step::capture(venv.args(["-m", "venv", "--clear"]).arg(&installed.folder)).map_err(failed)?;
    let mut pip = installed.python();
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]);
    step::capture(pip.arg(format!("ministack=={VERSION}"))).map_err(failed)?;
    Ok(installed)
}

impl Installed {
    fn python(&self) -> Command {
        let within = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        Command::new(self.folder.join(within))
    }

    fn has_version(&self) -> bool {
        let ask = "import importlib.metadata as of; print(of.version('ministack'))";
        step::capture(self.python().args(["-c", ask])).is_ok_and(|said| said.trim() == VERSION)
    }

    /// Starts it on a free port, with nothing in it, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start, or does not answer; its log is named.
    pub(crate) fn start(&self) -> Result<Ministack, String> {
        let log = self.folder.join("log");
        let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let address = free_address().map_err(|error| format!("no free port on the loopback interface: {error}"))?;
        let mut command = self.python();
        command.args(["-m", "ministack"]).current_dir(&self.folder).stdin(Stdio::null()).stdout(output).stderr(errors);
        command.env("BIND_HOST", address.ip().to_string()).env("GATEWAY_PORT", address.port().to_string());
        let process = command.spawn().map_err(|error| format!("ministack does not start: {error}"))?;
        let mut ministack = Ministack { process, address };
        println!("ministack is at {}; its log is {}", ministack.url(), log.display());
        ministack.wait().map_err(|problem| {
            format!("{problem}; it says:\n{}", fs::read_to_string(&log).unwrap_or_default().trim_end())
        })?;
        Ok(ministack)
    }
}

/// It is free now, and likely still when it is used a moment later.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A ministack that runs. It ends with this value, however the tests end.
pub(crate) struct Ministack {
    process: Child,
    address: SocketAddr,
}

impl Ministack {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a command take it for AWS, whatever account the user's environment leads to.
    pub(crate) fn lead<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for other in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "PALISADE_STATE_DIR", "PALISADE_STATE"]
        {
            command.env_remove(other);
        }
        command
            .env("AWS_ENDPOINT_URL", self.url())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    fn wait(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while begin.elapsed() < READY {
            if self.is_healthy().unwrap_or(false) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(format!("ministack ended with {status}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(format!("ministack does not answer after {} s", READY.as_secs()))
    }

    fn is_healthy(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /_ministack/health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
