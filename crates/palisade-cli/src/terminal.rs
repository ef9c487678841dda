//! [`Terminal`]: all that the command line reads and prints goes through it.

use std::io::{self, BufRead, Write};

use anstream::adapter::strip_str;

use crate::args::ColorWhen;

/// The streams of a process, or what stands for them in a test.
pub(crate) struct Streams<'a> {
    pub(crate) stdin: &'a mut (dyn BufRead + Send),
    pub(crate) stdout: Stream<'a>,
    pub(crate) stderr: Stream<'a>,
    /// How many columns the help has; `None` for those of the terminal.
    pub(crate) width: Option<usize>,
}

/// A stream to print to.
pub(crate) struct Stream<'a> {
    writer: &'a mut (dyn Write + Send),
    /// Whether the stream gets the colors that texts come with.
    colors: bool,
    /// Why the stream could not be written. Nothing more is written to it then.
    failure: Option<io::Error>,
}

/// Prints, and asks. A text may have colors: they are taken out where the stream is not to have them.
///
/// Printing does not fail. An apply that has begun goes on when nobody reads its output any more, and
/// [`Terminal::finish`] says so at the end.
pub(crate) struct Terminal<'a> {
    stdin: &'a mut (dyn BufRead + Send),
    stdout: Stream<'a>,
    stderr: Stream<'a>,
}

impl<'a> Stream<'a> {
    /// A stream, with whether it has colors where the user did not choose.
    pub(crate) fn new(writer: &'a mut (dyn Write + Send), colors: bool) -> Self {
        Self { writer, colors, failure: None }
    }

    fn print(&mut self, text: &str) {
        if self.failure.is_some() {
            return;
        }
        let written = if self.colors {
            self.writer.write_all(text.as_bytes())
        } else {
            self.writer.write_all(strip_str(text).to_string().as_bytes())
        };
        // Flushed each time, so that what is printed on the two streams appears in its order.
        self.failure = written.and_then(|()| self.writer.flush()).err();
    }

    fn choose(&mut self, when: ColorWhen) {
        match when {
            ColorWhen::Auto => {}
            ColorWhen::Always => self.colors = true,
            ColorWhen::Never => self.colors = false,
        }
    }
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(streams: Streams<'a>) -> Self {
        Self { stdin: streams.stdin, stdout: streams.stdout, stderr: streams.stderr }
    }

    /// Uses colors as the user chose.
    pub(crate) fn choose_colors(&mut self, when: ColorWhen) {
        self.stdout.choose(when);
        self.stderr.choose(when);
    }

    /// Prints a result as it is: no line end is added.
    pub(crate) fn print(&mut self, text: &str) {
        self.stdout.print(text);
    }

    /// Prints a line of a result.
    pub(crate) fn line(&mut self, text: &str) {
        self.stdout.print(&format!("{text}\n"));
    }

    /// Prints a line of what is no result: progress, notes, questions and errors.
    pub(crate) fn note(&mut self, text: &str) {
        self.stderr.print(&format!("{text}\n"));
    }

    /// Prints what is no result as it is: no line end is added.
    pub(crate) fn complain(&mut self, text: &str) {
        self.stderr.print(text);
    }

    /// Asks for a line of input; `None` if standard input is closed.
    ///
    /// # Errors
    /// If standard input cannot be read.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<Option<String>> {
        self.stderr.print(question);
        let mut answer = String::new();
        let read = self.stdin.read_line(&mut answer)?;
        Ok((read > 0).then(|| answer.trim().to_owned()))
    }

    /// Whether all results so far could be printed.
    pub(crate) fn is_readable(&self) -> bool {
        self.stdout.failure.is_none()
    }

    /// Ends the output.
    ///
    /// # Errors
    /// If a result could not be printed, as where the reader of a pipe has ended.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stdout.failure.take().map_or(Ok(()), Err)
    }
}
