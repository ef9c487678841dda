//! [`Terminal`]: all that the command line reads and prints goes through it.

use std::{
    io::{self, BufRead, Write},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use anstream::adapter::strip_str;
use tokio::{runtime::Builder, sync::oneshot, time::sleep};

use crate::{
    args::ColorWhen,
    signals::{Interrupts, READ, SAME},
};

/// The streams of a process, or what stands for them in a test.
pub(crate) struct Streams {
    pub(crate) stdin: Box<dyn BufRead + Send>,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
    /// How many columns the help has; `None` for those of the terminal.
    pub(crate) width: Option<usize>,
}

/// A stream to print to.
pub(crate) struct Stream {
    writer: Box<dyn Write + Send>,
    /// Whether the stream gets the colors that texts come with.
    colors: bool,
}

/// Prints, and asks. A text may have colors: they are taken out where the stream is not to have them.
///
/// Printing neither waits nor fails. One thread writes both streams, in the order of printing. So an apply continues when nobody
/// reads its output, as where the reader of a pipe stands still or Ctrl-S has stopped the terminal. Text that is not written yet
/// stays in memory: at most that of the plan, which was in memory before, two lines for each of its steps, and the report.
pub(crate) struct Terminal {
    output: mpsc::Sender<Output>,
    stdin: Arc<Mutex<Box<dyn BufRead + Send>>>,
    has_stdout_colors: bool,
    has_stderr_colors: bool,
    pub(crate) width: Option<usize>,
}

/// Why the results of a command did not reach a reader.
#[derive(Debug)]
pub(crate) enum Unprinted {
    /// Standard output could not be written, as where the reader of a pipe has ended.
    Failed(io::Error),
    /// Nobody read it, and an interrupt ended the wait.
    Unread,
}

/// A message to the writer thread.
enum Output {
    Result(String),
    Note(String),
    /// Asks for an answer once all before it is written: whether all results could be.
    Written(oneshot::Sender<io::Result<()>>),
}

/// One of the two streams, on the thread that writes.
struct Sink {
    writer: Box<dyn Write + Send>,
    /// Why the stream could not be written. Nothing more is written to it then.
    failure: Option<io::Error>,
}

impl Stream {
    /// A stream, with whether it has colors where the user did not choose.
    pub(crate) fn new(writer: impl Write + Send + 'static, colors: bool) -> Self {
        Self { writer: Box::new(writer), colors }
    }
}

impl Sink {
    fn new(stream: Stream) -> Self {
        Self { writer: stream.writer, failure: None }
    }

    fn write(&mut self, text: &str) {
        if self.failure.is_none() {
            // Flushed each time, so that what is printed on the two streams appears in its order.
            self.failure = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush()).err();
        }
    }

    fn outcome(&self) -> io::Result<()> {
        self.failure.as_ref().map_or(Ok(()), |error| Err(io::Error::new(error.kind(), error.to_string())))
    }
}

impl Terminal {
    /// Starts the thread that writes. It ends with the last text that was printed, or with the process.
    ///
    /// # Errors
    /// If the operating system has no further thread.
    pub(crate) fn new(streams: Streams) -> io::Result<Self> {
        let Streams { stdin, stdout, stderr, width } = streams;
        let (has_stdout_colors, has_stderr_colors) = (stdout.colors, stderr.colors);
        let (mut stdout, mut stderr) = (Sink::new(stdout), Sink::new(stderr));
        let (output, printed) = mpsc::channel();
        thread::Builder::new().name("output".to_owned()).spawn(move || {
            for output in printed {
                match output {
                    Output::Result(text) => stdout.write(&text),
                    Output::Note(text) => stderr.write(&text),
                    // The command may have stopped waiting.
                    Output::Written(asked) => _ = asked.send(stdout.outcome()),
                }
            }
        })?;
        Ok(Self { output, stdin: Arc::new(Mutex::new(stdin)), has_stdout_colors, has_stderr_colors, width })
    }

    /// Uses colors as the user chose.
    pub(crate) fn choose_colors(&mut self, when: ColorWhen) {
        let chosen = match when {
            ColorWhen::Auto => return,
            ColorWhen::Always => true,
            ColorWhen::Never => false,
        };
        (self.has_stdout_colors, self.has_stderr_colors) = (chosen, chosen);
    }

    /// Prints a result as it is: no line end is added.
    pub(crate) fn print(&mut self, text: &str) {
        self.send(Output::Result(colored(text, self.has_stdout_colors)));
    }

    /// Prints a line of a result.
    pub(crate) fn line(&mut self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// Prints a line of what is no result: progress, notes, questions and errors.
    pub(crate) fn note(&mut self, text: &str) {
        self.complain(&format!("{text}\n"));
    }

    /// Prints what is no result as it is: no line end is added.
    pub(crate) fn complain(&mut self, text: &str) {
        self.send(Output::Note(colored(text, self.has_stderr_colors)));
    }

    /// Asks for a line of input, once all is written so far; `None` if standard input is closed. Dropping the future ends the
    /// wait, and nothing else: the reader thread keeps waiting for the line, as a read cannot be cancelled.
    ///
    /// # Errors
    /// If standard input cannot be read.
    pub(crate) fn ask(&mut self, question: &str) -> impl Future<Output = io::Result<Option<String>>> + use<> {
        self.complain(question);
        let (written, stdin) = (self.written(), Arc::clone(&self.stdin));
        async move {
            // A question that nobody can see may be answered all the same, as by `yes |`.
            _ = written.await;
            let (answer, answered) = oneshot::channel();
            let read = move || {
                let line = read_line(&stdin);
                if !matches!(line, Ok(Some(_))) {
                    // If this is the end of the terminal, its signal is the reason, and comes at the same time.
                    thread::sleep(SAME);
                }
                _ = answer.send(line);
            };
            thread::Builder::new().name("input".to_owned()).spawn(read)?;
            answered.await.unwrap_or_else(|_| Err(ended()))
        }
    }

    /// Waits until all that was printed so far is written, for as long as that takes.
    ///
    /// # Errors
    /// If a result could not be written, as where the reader of a pipe has ended.
    pub(crate) fn written(&self) -> impl Future<Output = io::Result<()>> + use<> {
        let (asked, written) = oneshot::channel();
        self.send(Output::Written(asked));
        async { written.await.unwrap_or_else(|_| Err(ended())) }
    }

    /// Waits until all is written, but not for long once the command is interrupted.
    ///
    /// # Errors
    /// [`Unprinted::Failed`] if a result could not be written; [`Unprinted::Unread`] if an interrupt ended the wait.
    pub(crate) fn finish(&self, interrupts: &Interrupts) -> Result<(), Unprinted> {
        let runtime = Builder::new_current_thread().enable_time().build().map_err(Unprinted::Failed)?;
        runtime.block_on(async {
            let late = async {
                interrupts.stopped().await;
                sleep(READ).await;
            };
            tokio::select! {
                biased;
                written = self.written() => written.map_err(Unprinted::Failed),
                () = late => Err(Unprinted::Unread),
            }
        })
    }

    fn send(&self, output: Output) {
        // The thread ends before the terminal only by a panic, after which nothing can be printed.
        _ = self.output.send(output);
    }
}

fn colored(text: &str, has_colors: bool) -> String {
    if has_colors { text.to_owned() } else { strip_str(text).to_string() }
}

fn read_line(stdin: &Mutex<Box<dyn BufRead + Send>>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = stdin.lock().unwrap_or_else(PoisonError::into_inner).read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

/// The error of a thread that has panicked.
fn ended() -> io::Error {
    io::Error::other("its thread has ended")
}
