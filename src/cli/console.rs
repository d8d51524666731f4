//! Where output goes: results to standard output, everything for people to standard error.

use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};

/// Standard output, buffered, and standard error.
#[derive(Debug)]
pub(crate) struct Console {
    out: BufWriter<Stdout>,
    err: Stderr,
    colour: bool,
}

impl Console {
    /// Colour only on a terminal, and never if `NO_COLOR` is set.
    pub(crate) fn new() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = io::stderr().is_terminal() && !no_color;
        Self { out: BufWriter::new(io::stdout()), err: io::stderr(), colour }
    }

    /// A line of the result.
    pub(crate) fn result(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// A document of the result.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, value)?;
        writeln!(self.out)
    }

    /// A line for people. Whether they can read it is not ours to fail on.
    pub(crate) fn say(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
    }

    /// Something that went wrong.
    pub(crate) fn error(&mut self, text: &str) {
        self.marked("error", "31", text);
    }

    /// Something that people should know.
    pub(crate) fn note(&mut self, text: &str) {
        self.marked("note", "36", text);
    }

    fn marked(&mut self, mark: &str, colour: &str, text: &str) {
        let _ = if self.colour {
            writeln!(self.err, "\x1b[1;{colour}m{mark}\x1b[0m: {text}")
        } else {
            writeln!(self.err, "{mark}: {text}")
        };
    }

    /// Flushes standard output.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
