//! [`run`]: from arguments to an exit code.

use std::{
    ffi::OsString,
    io::{self, BufReader, Write},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use anstream::{AutoStream, ColorChoice};
use palisade_core::Stack;

use crate::{
    Clouds, Settings,
    args::{self, Cli},
    commands::{self, Context},
    error::CommandError,
    exit_code,
    render::findings::Sources,
    signals::Interrupts,
    terminal::{Stream, Streams, Terminal, Unprinted},
};

/// Runs the command line of the program whose stack is called `name`: it reads the arguments of the process, lets
/// `declare` fill the stack, and does on one of the `clouds` what the arguments ask for. The exit codes are those of [`exit_code`].
///
/// ```no_run
/// # use std::process::ExitCode;
/// # fn cloud() -> Box<dyn palisade_cli::Cloud> { unimplemented!() }
/// fn main() -> ExitCode {
///     palisade_cli::run("network", |stack| { /* stack.add(...) */ }, palisade_cli::Clouds::only(&*cloud()))
/// }
/// ```
pub fn run(name: &str, declare: impl FnOnce(&mut Stack), clouds: Clouds<'_>) -> ExitCode {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let stdout_colors = AutoStream::choice(&stdout) != ColorChoice::Never;
    let stderr_colors = AutoStream::choice(&stderr) != ColorChoice::Never;
    let streams = Streams {
        // Not locked: the program may use the streams too while it declares its stack.
        stdin: Box::new(BufReader::new(io::stdin())),
        stdout: Stream::new(stdout, stdout_colors),
        stderr: Stream::new(stderr, stderr_colors),
        width: None,
    };
    let mut terminal = match Terminal::new(streams) {
        Ok(terminal) => terminal,
        Err(error) => {
            // Where this fails too, the exit code says it.
            _ = writeln!(io::stderr(), "error: cannot start a thread: {error}\nhelp: raise the limit of processes");
            return ExitCode::from(exit_code::ERROR);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "this is where the clock comes in")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let interrupts = Interrupts::default();
    ExitCode::from(run_with(std::env::args_os(), &mut terminal, &interrupts, now, name, declare, clouds))
}

/// The name of a stack is also that of its files, so it must not lead out of their folder.
fn check_name(name: &str) -> Result<(), CommandError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 64 && name.chars().all(is_good) {
        return Ok(());
    }
    let help =
        "call `palisade::run` with a letter first, and up to 64 letters, digits, `-` and `_`, as in \"secured-redis\"";
    Err(CommandError::new(format!("`{name}` is not a name for a stack"), help))
}

/// Does what [`run`] does, on any streams and with any interrupts, `now` seconds after the beginning of 1970.
pub(crate) fn run_with(
    args: impl IntoIterator<Item = OsString>,
    terminal: &mut Terminal,
    interrupts: &Interrupts,
    now: u64,
    name: &str,
    declare: impl FnOnce(&mut Stack),
    clouds: Clouds<'_>,
) -> u8 {
    let code = match args::parse(name, terminal.width, clouds, args) {
        Ok(cli) => {
            terminal.choose_colors(cli.global.color);
            let sources = Sources::new(cli.global.manifest_dir.as_deref());
            execute(cli, terminal, interrupts, now, name, declare, clouds).unwrap_or_else(|error| {
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
    match terminal.finish(interrupts) {
        Ok(()) => code,
        Err(Unprinted::Unread) => interrupts.exit_code().unwrap_or(exit_code::ERROR),
        Err(Unprinted::Failed(error)) => {
            let message = format!("the output could not be printed to its end: {error}");
            let error = CommandError::new(
                message,
                "let all of it be read, or write it to a file; `state list` shows what exists",
            );
            terminal.complain(&error.render(&Sources::new(None)));
            // That the results could not be written is known.
            _ = terminal.finish(interrupts);
            exit_code::ERROR
        }
    }
}

/// Lets `declare` fill the stack, and executes the command on it.
fn execute(
    cli: Cli,
    terminal: &mut Terminal,
    interrupts: &Interrupts,
    now: u64,
    name: &str,
    declare: impl FnOnce(&mut Stack),
    clouds: Clouds<'_>,
) -> Result<u8, CommandError> {
    check_name(name)?;
    let mut stack = Stack::new(name);
    declare(&mut stack);
    let cloud = clouds.emulated.filter(|_| cli.global.emulated).unwrap_or(clouds.usual);
    let region = cli.global.region.or_else(|| cloud.default_region().map(str::to_owned));
    let settings = Settings { folder: cli.global.state_dir, state: cli.global.state, region };
    commands::execute(cli.command, &mut Context { terminal, interrupts, stack: &stack, cloud, settings, now })
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn the_name_of_a_stack_cannot_lead_out_of_its_folder() {
        for good in ["secured-redis", "a", "A_1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "../evil", "a/b", "1st", "a b", ".a", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
