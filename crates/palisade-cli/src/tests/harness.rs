//! [`Desk`]: a folder, an account, and somebody who types commands.

use std::{
    fs,
    io::{self, BufRead, Cursor, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use palisade_core::Stack;

use super::{
    fake::{Account, Elsewhere},
    stacks::pair,
};
use crate::{
    Clouds,
    run::run_with,
    signals::Interrupts,
    terminal::{Stream, Streams, Terminal},
};

/// Where commands are typed. The folder is removed with it.
pub(super) struct Desk {
    folder: tempfile::TempDir,
    pub(super) account: Account,
    /// The time, in seconds since 1970.
    pub(super) now: u64,
    /// Whether there is another cloud, which the commands work on unless they say `--emulated`.
    choice: bool,
}

/// What a command ended with.
pub(super) struct Outcome {
    pub(super) code: u8,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// A stream whose reader goes away after some bytes, as that of `| head -1` does.
struct Pipe {
    room: usize,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = bytes.len().min(self.room);
        self.room -= written;
        if written == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(written) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written to it can be read by all who have it.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), account: Account::default(), now: 1_000_000, choice: false }
    }

    /// A desk of a program that can work on two clouds.
    pub(super) fn with_choice() -> Self {
        Self { choice: true, ..Self::new() }
    }

    /// The folder of the state; nothing makes it but the commands.
    pub(super) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts `text` in the place of the state.
    pub(super) fn write_state(&self, text: &str) {
        fs::create_dir_all(self.state_dir()).unwrap();
        fs::write(self.state_dir().join("test.state.json"), text).unwrap();
    }

    /// Runs a command of [`pair`] with closed standard input.
    pub(super) fn run(&self, command: &str) -> Outcome {
        self.run_with(command, "", pair)
    }

    /// Runs a command of any stack with any standard input.
    pub(super) fn run_with(&self, command: &str, stdin: &str, declare: impl FnOnce(&mut Stack)) -> Outcome {
        self.run_interrupted(command, Cursor::new(stdin.to_owned()), &Interrupts::default(), declare)
    }

    /// Runs a command that `interrupts` may stop.
    pub(super) fn run_interrupted(
        &self,
        command: &str,
        stdin: impl BufRead + Send + 'static,
        interrupts: &Interrupts,
        declare: impl FnOnce(&mut Stack),
    ) -> Outcome {
        let stdout = Paper::default();
        let (code, stderr) = self.run_on(command, stdin, stdout.clone(), interrupts, declare);
        Outcome { code, stdout: self.text(&stdout), stderr }
    }

    /// Runs a command whose reader goes away after `room` bytes of output; returns the exit code and the errors.
    pub(super) fn run_into_pipe(&self, command: &str, room: usize) -> (u8, String) {
        self.run_on(command, Cursor::new("yes\n"), Pipe { room }, &Interrupts::default(), pair)
    }

    /// Runs a command and returns the exit code and the errors.
    pub(super) fn run_on(
        &self,
        command: &str,
        stdin: impl BufRead + Send + 'static,
        stdout: impl Write + Send + 'static,
        interrupts: &Interrupts,
        declare: impl FnOnce(&mut Stack),
    ) -> (u8, String) {
        let state_dir = self.state_dir();
        // The options come from here, so that the environment of the test has no say.
        let mut options = vec!["--manifest-dir", env!("CARGO_MANIFEST_DIR")];
        if !command.contains("--state s3:") {
            options.extend(["--state-dir", path(&state_dir)]);
        }
        let words = command
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| word.replace("DESK", path(self.folder.path())));
        let mut args: Vec<String> = std::iter::once("palisade".to_owned()).chain(words).collect();
        if args.len() > 1 {
            args.extend(options.into_iter().map(str::to_owned));
            if !command.contains("--region") && !self.choice {
                args.extend(["--region", "us-east-1"].map(str::to_owned));
            }
        }
        let clouds = match self.choice {
            true => Clouds { usual: &Elsewhere, emulated: Some(&self.account) },
            false => Clouds::only(&self.account),
        };
        let stderr = Paper::default();
        let streams = Streams {
            stdin: Box::new(stdin),
            stdout: Stream::new(stdout, false),
            stderr: Stream::new(stderr.clone(), false),
            width: Some(100),
        };
        let mut terminal = Terminal::new(streams).unwrap();
        let args = args.into_iter().map(Into::into);
        let code = run_with(args, &mut terminal, interrupts, self.now, "test", declare, clouds);
        (code, self.text(&stderr))
    }

    /// The text with the folder and this process by fixed names, and without spaces at line ends, of which clap prints some.
    fn text(&self, paper: &Paper) -> String {
        let process = format!("process {}", std::process::id());
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let text = text.replace(path(self.folder.path()), "DESK").replace(&process, "process 7");
        text.split('\n').map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

impl Outcome {
    /// The outcome as one text.
    pub(super) fn transcript(&self) -> String {
        let Self { code, stdout, stderr } = self;
        format!("exit code {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    /// The errors of a command that must fail and print nothing else than the line about the cloud.
    #[track_caller]
    pub(super) fn error(&self) -> String {
        assert_eq!(self.code, 1, "{}", self.transcript());
        let printed = self.stdout.trim_end();
        assert!(printed.is_empty() || printed == "Cloud: a fake account, region us-east-1", "{}", self.transcript());
        self.stderr.clone()
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
