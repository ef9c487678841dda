//! ministack, an emulator of AWS from PyPI that speaks its wire protocols, on the loopback interface.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::pypi::{Installed, Package};

const READY: Duration = Duration::from_secs(60);

/// ministack, as PyPI has it.
pub(crate) const PACKAGE: Package = Package { name: "ministack", version: "1.5.33" };

/// Starts ministack on a free port, with nothing in it, and waits until it answers.
///
/// # Errors
/// When it does not start, or does not answer; its log is named.
pub(crate) fn start(installed: &Installed) -> Result<Ministack, String> {
    let log = installed.folder().join("log");
    let output = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let errors = output.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
    let address = free_address().map_err(|error| format!("no free port on the loopback interface: {error}"))?;
    let mut command = installed.python();
    command
        .args(["-m", "ministack"])
        .current_dir(installed.folder())
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    command.env("BIND_HOST", address.ip().to_string()).env("GATEWAY_PORT", address.port().to_string());
    let process = command.spawn().map_err(|error| format!("ministack does not start: {error}"))?;
    let mut ministack = Ministack { process, address };
    println!("ministack is at {}; its log is {}", ministack.url(), log.display());
    ministack.wait().map_err(|problem| {
        format!("{problem}; it says:\n{}", fs::read_to_string(&log).unwrap_or_default().trim_end())
    })?;
    Ok(ministack)
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
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"] {
            command.env_remove(name);
        }
        // What the tool itself would be told, and the endpoint of one service, which goes before that of all.
        for (name, _) in std::env::vars_os() {
            let is_other = |name: &str| name.starts_with("PALISADE_STATE") || name.starts_with("AWS_ENDPOINT_URL_");
            if name.to_str().is_some_and(|name| is_other(name) || name == "PALISADE_CLOUD") {
                command.env_remove(name);
            }
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
