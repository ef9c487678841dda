//! The program as its user starts it, with a state of its own.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use crate::account::Account;

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

    /// Starts the program, with AWS at `endpoint`.
    pub(crate) fn start(&self, endpoint: SocketAddr, arguments: &[&str]) -> Child {
        let program = std::env::var_os("PALISADE_LIVE_PROGRAM")
            .expect("this test needs the program of secured-redis in PALISADE_LIVE_PROGRAM: run `cargo xtask live`");
        // Cargo puts all programs into one folder.
        let program = Path::new(&program).with_file_name(format!("{}{}", self.example, std::env::consts::EXE_SUFFIX));
        Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("AWS_ENDPOINT_URL", format!("http://{endpoint}"))
            .env("AWS_ACCESS_KEY_ID", &self.account.access_key)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
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
