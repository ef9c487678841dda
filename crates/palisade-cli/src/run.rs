//! [`run`]: from arguments to an exit code.

use std::{
    ffi::OsString,
    io::{self, BufReader},
    process::ExitCode,
};

use anstream::{AutoStream, ColorChoice};
use palisade_core::Stack;

use crate::{
    Cloud, Settings, args,
    commands::{self, Context},
    exit_code,
    render::{
        findings::Sources,
        style::{ERROR, paint},
    },
    terminal::{Stream, Streams, Terminal},
};

/// Runs the command line of the program whose stack is called `name`: it reads the arguments of the process, lets
/// `declare` fill the stack, and does on `cloud` what the arguments ask for. The exit codes are those of [`exit_code`].
///
/// ```no_run
/// # use std::process::ExitCode;
/// # fn cloud() -> Box<dyn palisade_cli::Cloud> { unimplemented!() }
/// fn main() -> ExitCode {
///     palisade_cli::run("network", |stack| { /* stack.add(...) */ }, &*cloud())
/// }
/// ```
pub fn run(name: &str, declare: impl FnOnce(&mut Stack), cloud: &dyn Cloud) -> ExitCode {
    let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
    let stdout_colors = AutoStream::choice(&stdout) != ColorChoice::Never;
    let stderr_colors = AutoStream::choice(&stderr) != ColorChoice::Never;
    let streams = Streams {
        // Not locked: the program may use the streams too while it declares its stack.
        stdin: &mut BufReader::new(io::stdin()),
        stdout: Stream::new(&mut stdout, stdout_colors),
        stderr: Stream::new(&mut stderr, stderr_colors),
        width: None,
    };
    ExitCode::from(run_with(std::env::args_os(), streams, name, declare, cloud))
}

/// Does what [`run`] does, on any streams.
pub(crate) fn run_with(
    args: impl IntoIterator<Item = OsString>,
    streams: Streams<'_>,
    name: &str,
    declare: impl FnOnce(&mut Stack),
    cloud: &dyn Cloud,
) -> u8 {
    let width = streams.width;
    let mut terminal = Terminal::new(streams);
    let code = match args::parse(name, width, args) {
        Ok(cli) => {
            terminal.choose_colors(cli.global.color);
            let mut stack = Stack::new(name);
            declare(&mut stack);
            let settings = Settings { folder: cli.global.state_dir, region: cli.global.region };
            let mut context = Context { terminal: &mut terminal, stack: &stack, cloud, settings };
            commands::execute(cli.command, &mut context).unwrap_or_else(|error| {
                let sources = Sources::new(cli.global.manifest_dir.as_deref());
                terminal.complain(&error.render(&sources));
                exit_code::ERROR
            })
        }
        Err(told) if told.is_result => {
            terminal.print(&told.text);
            exit_code::DONE
        }
        // clap's own exit code for wrong arguments is 2, which here means that a plan has changes.
        Err(told) => {
            terminal.complain(&told.text);
            exit_code::ERROR
        }
    };
    match terminal.finish() {
        Ok(()) => code,
        Err(error) => {
            terminal.note(&format!("{} the output could not be printed to its end: {error}", paint(ERROR, "error:")));
            exit_code::ERROR
        }
    }
}
