//! The program as its user starts it, with a state of its own.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use palisade::Stack;

use crate::account::Account;

/// One of the examples.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Example {
    SecuredRedis,
    AuthToken,
}

impl Example {
    /// What it declares.
    pub(crate) fn stack(self) -> fn(&mut Stack) {
        match self {
            Self::SecuredRedis => secured_redis::stack,
            Self::AuthToken => auth_token::stack,
        }
    }

    /// The name of its program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::SecuredRedis => "secured-redis",
            Self::AuthToken => "auth-token",
        }
    }
}

/// A folder in which the program of an example is started, and where it finds AWS.
pub(crate) struct Program {
    example: &'static str,
    folder: tempfile::TempDir,
    account: Account,
}

impl Program {
    /// The program of `secured-redis`.
    pub(crate) fn new(account: &Account) -> Self {
        Self::of("secured-redis", account)
    }

    /// The program of another example.
    pub(crate) fn of(example: &'static str, account: &Account) -> Self {
        Self { example, folder: tempfile::tempdir().unwrap(), account: account.clone() }
    }

    /// Whether the program has kept anything in its folder.
    pub(crate) fn has_folder(&self) -> bool {
        self.folder.path().read_dir().unwrap().next().is_some()
    }

    /// The folder that it runs in, with its state.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program with AWS at `endpoint`, and nothing else of the environment of the tests.
    pub(crate) fn command(&self, endpoint: &str, arguments: &[&str]) -> Command {
        let program = std::env::var_os("PALISADE_LIVE_PROGRAM")
            .expect("this test needs the program of secured-redis in PALISADE_LIVE_PROGRAM: run `cargo xtask live`");
        // Cargo puts all programs into one folder.
        let program = Path::new(&program).with_file_name(format!("{}{}", self.example, std::env::consts::EXE_SUFFIX));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.account.access_key)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the program, with AWS at `endpoint`.
    pub(crate) fn start(&self, endpoint: SocketAddr, arguments: &[&str]) -> Child {
        self.start_with(endpoint, arguments, &[])
    }

    /// Starts the program, with AWS at `endpoint`, and more in the environment.
    pub(crate) fn start_with(&self, endpoint: SocketAddr, arguments: &[&str], more: &[(&str, String)]) -> Child {
        let mut command = self.command(&format!("http://{endpoint}"), arguments);
        command.envs(more.iter().map(|(name, value)| (name, value))).spawn().unwrap()
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, endpoint: SocketAddr, arguments: &[&str]) -> Output {
        self.start(endpoint, arguments).wait_with_output().unwrap()
    }

    /// Runs the program to its end, which must be that of a success.
    #[track_caller]
    pub(crate) fn succeed(&self, endpoint: SocketAddr, arguments: &[&str]) -> String {
        let output = self.run(endpoint, arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
        text(&output)
    }
}

/// All that the program said.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
