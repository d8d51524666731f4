//! Where output goes: results to standard output, everything for people to standard error.
//!
//! Texts of files, logs and names are in both. Whatever is printed as text goes through
//! [`Shown`]; a line stays one line. Documents for machines escape by their own rules.

mod json;
pub(crate) mod notes;
mod progress;

pub(crate) use json::hex;
pub(crate) use progress::Progress;

use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::exit::Exit;
use crate::encoding::shown::{ShowPath as _, Shown};
use crate::outputs::{OutputError, OutputPath, OutputSet, Pending};

/// Standard output for as long as somebody reads it. A reader that goes away takes no result with
/// it: the exit code still tells.
#[derive(Debug)]
struct Results {
    out: Sink,
    closed: bool,
}

/// Where results go.
#[derive(Debug)]
enum Sink {
    Stdout(Stdout),
    File(Box<Pending>),
}

impl Sink {
    fn get(&mut self) -> &mut dyn Write {
        match self {
            Self::Stdout(out) => out,
            Self::File(file) => file.as_mut(),
        }
    }
}

impl Results {
    fn unless_closed<T>(&mut self, done: io::Result<T>, lost: T) -> io::Result<T> {
        match done {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(lost)
            }
            other => other,
        }
    }
}

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let done = self.out.get().write(bytes);
        self.unless_closed(done, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let done = self.out.get().flush();
        self.unless_closed(done, ())
    }
}

/// Whether nobody wants notes: of the process, as standard error is.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Lets no note be printed from here on.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Standard output, buffered, and standard error.
#[derive(Debug)]
pub(crate) struct Console {
    out: BufWriter<Results>,
    err: Stderr,
    colour: bool,
    outputs: OutputSet,
    /// Whether results go to standard output, and it is nobody else's.
    own_stdout: bool,
}

impl Console {
    /// Colour only on a terminal, and never if `NO_COLOR` is set.
    pub(crate) fn new() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = io::stderr().is_terminal() && !no_color;
        let out = Results { out: Sink::Stdout(io::stdout()), closed: false };
        let (err, outputs) = (io::stderr(), OutputSet::default());
        Self { out: BufWriter::new(out), err, colour, outputs, own_stdout: false }
    }

    /// A command line that can not be read. What it quotes of the arguments is data.
    pub(crate) fn wrong_arguments(&mut self, error: &clap::Error) {
        let text = error.render().to_string();
        self.error(text.strip_prefix("error: ").unwrap_or(&text));
    }

    /// Help. Nothing can be said about a terminal that does not take the text.
    pub(crate) fn help(&mut self, text: &clap::Error) {
        let _ = text.print();
    }

    /// The files of this run. They are put into their places with the last of the results, and not
    /// at all if the run ends with a wrong command line or a file that can not be read or written.
    pub(crate) fn outputs(&mut self) -> &mut OutputSet {
        &mut self.outputs
    }

    /// Lets results go to a file from here on. The file is there when all of them are.
    pub(crate) fn redirect(&mut self, path: &OutputPath) -> Result<(), OutputError> {
        let out = Sink::File(Box::new(self.outputs.begin(path)?));
        self.out = BufWriter::new(Results { out, closed: false });
        Ok(())
    }

    /// Where results go. The first one takes standard output.
    fn results(&mut self) -> io::Result<&mut impl Write> {
        if matches!(self.out.get_ref().out, Sink::Stdout(_)) && !self.own_stdout {
            self.outputs.claim_stdout().map_err(io::Error::other)?;
            self.own_stdout = true;
        }
        Ok(&mut self.out)
    }

    /// Bytes of a result for machines: nothing is escaped.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.results()?.write_all(bytes)
    }

    /// A line of the result. A line break in it is somebody's data, and escaped.
    pub(crate) fn result(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.results()?, "{}", Shown(line))
    }

    /// Lines of the result that are ours, or a text whose breaks of lines can do no harm.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.result(line))
    }

    /// Lets what was printed so far be seen.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A document of the result.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let mut out = self.results()?;
        serde_json::to_writer_pretty(&mut out, value)?;
        writeln!(out)
    }

    /// A line for people. Whether they can read it is not ours to fail on.
    pub(crate) fn say(&mut self, line: &str) {
        let _ = writeln!(self.err, "{}", Shown(line));
    }

    /// Something that went wrong.
    pub(crate) fn error(&mut self, text: &str) {
        self.marked("error", "31", text);
    }

    /// Something that people should know.
    pub(crate) fn note(&mut self, text: &str) {
        if QUIET.load(Ordering::Relaxed) {
            return;
        }
        self.marked("note", "36", text);
    }

    /// Something that is most likely a mistake. It is said even to those who want no notes.
    pub(crate) fn warning(&mut self, text: &str) {
        self.marked("warning", "33", text);
    }

    /// Lines after the first are indented: whatever a text of others has in it, it begins no line
    /// that could be taken for a message of its own.
    fn marked(&mut self, mark: &str, colour: &str, text: &str) {
        let text = indented(text);
        let _ = if self.colour {
            writeln!(self.err, "\x1b[1;{colour}m{mark}\x1b[0m: {text}")
        } else {
            writeln!(self.err, "{mark}: {text}")
        };
    }

    /// Where results go, for people.
    pub(crate) fn shown(&self) -> String {
        match &self.out.get_ref().out {
            Sink::Stdout(_) => "standard output".to_owned(),
            Sink::File(file) => file.path().shown().to_string(),
        }
    }

    /// Puts the files of this run into their places now, so that it can be said that they are
    /// there. For runs without a result in a file.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        self.out.flush()?;
        std::mem::take(&mut self.outputs).commit().map_err(io::Error::other)
    }

    /// All results are written: flushes standard output, and puts files into their places if the
    /// run did what it should.
    pub(crate) fn finish(&mut self, exit: Exit) -> io::Result<()> {
        self.out.flush()?;
        let results = self.out.get_mut();
        let mut outputs = std::mem::take(&mut self.outputs);
        match std::mem::replace(&mut results.out, Sink::Stdout(io::stdout())) {
            Sink::File(file) if !results.closed => outputs.add(*file),
            _ => {}
        }
        if matches!(exit, Exit::Io | Exit::Usage) {
            return Ok(());
        }
        outputs.commit().map_err(io::Error::other)
    }
}

/// Whether somebody looks at what goes to standard output.
pub(crate) fn results_are_looked_at() -> bool {
    io::stdout().is_terminal()
}

/// A text of many lines, none of which acts on a terminal. What stands under a tab (the mark under
/// a mistake) still does.
fn indented(text: &str) -> String {
    let shown = |line: &str| Shown(&line.replace('\t', " ")).to_string();
    text.trim_end().split('\n').map(shown).collect::<Vec<_>>().join("\n  ")
}
