//! A script that is stepped through: lines from a terminal, with an editor, or from anything else.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;

use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::{ColorMode, DefaultEditor};

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::input::{Input, Setup};
use crate::cli::reach::Reach;
use crate::encoding::shown::ShowPath as _;
use crate::inputs;
use crate::script::debug::{Debugger, Told};

/// Most bytes of a line of commands.
const MAX_LINE_BYTES: u64 = 64 << 10;
const PROMPT: &str = "(rimsim) ";

/// Steps through the script in a file.
pub(crate) fn run(
    path: &Path,
    reach: &Reach,
    setup: &Setup,
    console: &mut Console,
) -> io::Result<Exit> {
    let script = match Input::open(path, reach) {
        Ok(Input::Script(script)) => script,
        Ok(Input::Vector(_)) => {
            let why = "is a vector; only scripts can be stepped through";
            console.error(&format!("{}: {why}", path.shown()));
            return Ok(Exit::Usage);
        }
        Err(problem) => return Ok(problem.tell(console)),
    };
    let world = |platform, profile| setup.world(platform, profile);
    let mut debugger = Debugger::new(script, Box::new(world));
    show(&debugger.place(), console)?;
    if inputs::stdin().is_terminal() && io::stdout().is_terminal() {
        return edited(&mut debugger, console);
    }
    piped(&mut debugger, console)
}

/// Prints what a line gave. `true` if that was all.
fn tell(told: &Told, console: &mut Console) -> io::Result<bool> {
    if told.is_wrong {
        told.lines.iter().for_each(|line| console.error(line));
    } else {
        show(&told.lines, console)?;
    }
    Ok(told.is_end)
}

/// Prints what people look at now. A text of several lines is one of ours: a mark under a line of
/// the script.
fn show(texts: &[String], console: &mut Console) -> io::Result<()> {
    texts.iter().try_for_each(|text| console.text(text))?;
    console.flush()
}

/// Lines of a terminal. One that goes away ends the session.
fn edited(debugger: &mut Debugger<'_>, console: &mut Console) -> io::Result<Exit> {
    let mut editor = match DefaultEditor::new() {
        Ok(editor) => editor,
        Err(error) => {
            console.error(&format!("the terminal: {error}"));
            return Ok(Exit::Io);
        }
    };
    editor.set_auto_add_history(true);
    editor.set_color_mode(ColorMode::Disabled);
    loop {
        match editor.readline(PROMPT) {
            Ok(line) => {
                if tell(&debugger.command(&line), console)? {
                    return Ok(Exit::Good);
                }
            }
            Err(ReadlineError::Interrupted) => console.say("quit ends the session"),
            Err(_) => return Ok(Exit::Good),
        }
    }
}

/// Lines of a pipe or a file. A line that is wrong does not end them, but shows in the exit code.
fn piped(debugger: &mut Debugger<'_>, console: &mut Console) -> io::Result<Exit> {
    let mut exit = Exit::Good;
    let mut lines = inputs::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Ok(exit),
            Ok(_) if line.len() as u64 > MAX_LINE_BYTES => {
                console.error(&format!("a line has more than {MAX_LINE_BYTES} bytes"));
                return Ok(Exit::Usage);
            }
            Ok(_) => {}
            Err(error) => {
                console.error(&format!("standard input: {error}"));
                return Ok(Exit::Io);
            }
        }
        let told = debugger.command(&String::from_utf8_lossy(&line));
        if told.is_wrong {
            exit = Exit::Usage;
        }
        if tell(&told, console)? {
            return Ok(exit);
        }
    }
}
