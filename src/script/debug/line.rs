//! The lines that a debugger takes.

use super::breakpoint::Breakpoint;
use super::{Debugger, MAX_LISTED, Told};
use crate::encoding::nearest::DidYouMean;
use crate::script::ending::PlayError;
use crate::script::grammar::{Kind, Shown};
use crate::script::parse::parse;

/// Commands: name, short name, words behind it, what it does.
const COMMANDS: &[(&str, &str, &str, &str)] = &[
    ("step", "s", "[N]", "make one command, or N"),
    ("next", "n", "", "make the commands of this statement"),
    ("continue", "c", "", "go on to a breakpoint, or to the end"),
    ("back", "u", "[N]", "undo one command, or N: the script is played again up to there"),
    ("restart", "", "", "stand before the first command again"),
    (
        "break",
        "b",
        "[WHERE]",
        "stop at LINE, FILE:LINE, COMMAND, CONDITION, STATUS, granule PA or \
      ipa IPA; without a word, list them",
    ),
    ("delete", "d", "[N]", "forget a breakpoint, or all"),
    ("print", "p", "WHAT", "rtt RD, granule PA, realm RD, rec REC, rim, operations, or a value"),
    ("list", "l", "", "the lines of the script around here"),
    ("log", "", "[N]", "the last commands with their results"),
    ("where", "w", "", "the command that comes next"),
    ("help", "h", "", "these lines"),
    ("quit", "q", "", "end"),
];
/// Lines of the script that are shown on each side.
const LINES_AROUND: u32 = 5;

/// Takes a line.
pub(super) fn command(debugger: &mut Debugger<'_>, line: &str) -> Told {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if word.is_empty() || word.starts_with('#') {
        return Told::default();
    }
    let known = COMMANDS.iter().find(|(name, short, ..)| {
        *name == word || *short == word || (word == "undo" && *name == "back")
    });
    let Some((name, ..)) = known else {
        let names = COMMANDS.iter().map(|(name, ..)| *name);
        let meant = DidYouMean::of(word, names);
        return Told::wrong(format!("there is no command `{word}`{meant}; help lists them"));
    };
    let position = debugger.position;
    let count = debugger.timeline.moments.len();
    match *name {
        "step" | "back" | "log" => match number(rest) {
            Err(why) => Told::wrong(why),
            Ok(by) if *name == "step" => forward(debugger, position.saturating_add(by).min(count)),
            Ok(_) if *name == "back" && position == 0 => {
                Told::wrong("this is the beginning of the script")
            }
            Ok(by) if *name == "back" => Told::of(debugger.go_to(position.saturating_sub(by))),
            Ok(by) => log(debugger, if rest.is_empty() { MAX_LISTED } else { by }),
        },
        "next" => {
            let moments = &debugger.timeline.moments;
            let here = moments.get(position).map(|moment| &moment.place);
            let rest = moments.get(position..).unwrap_or_default();
            let same = rest.iter().take_while(|moment| Some(&moment.place) == here).count();
            forward(debugger, position + same)
        }
        "continue" => {
            let (stop, why) = debugger.next_stop();
            let mut told = forward(debugger, stop);
            told.lines.splice(0..0, why);
            told
        }
        "restart" => Told::of(debugger.go_to(0)),
        "break" => set_break(debugger, rest),
        "delete" => delete(debugger, rest),
        "print" => print(debugger, rest),
        "list" => list(debugger),
        "where" => Told::of(debugger.place()),
        "help" => help(),
        _ => Told { is_end: true, ..Told::default() },
    }
}

/// A number of commands; one if nothing is said.
fn number(word: &str) -> Result<usize, String> {
    if word.is_empty() {
        return Ok(1);
    }
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{word}` is no number from 1 on"))
}

fn forward(debugger: &mut Debugger<'_>, position: usize) -> Told {
    if debugger.position == debugger.timeline.moments.len() {
        return Told { is_wrong: true, ..Told::of(debugger.end()) };
    }
    Told::of(debugger.go_to(position))
}

fn log(debugger: &Debugger<'_>, count: usize) -> Told {
    let done = &debugger.timeline.moments[..debugger.position];
    let last = &done[done.len().saturating_sub(count)..];
    Told::of(last.iter().map(super::Moment::told_with_outcome).collect())
}

fn set_break(debugger: &mut Debugger<'_>, words: &str) -> Told {
    if words.is_empty() {
        let all = debugger.breakpoints.iter();
        let mut lines: Vec<_> = all.map(|(number, one)| format!("{number} {one}")).collect();
        if lines.is_empty() {
            lines.push("no breakpoint is set".to_owned());
        }
        return Told::of(lines);
    }
    let (kind, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let made = match (kind, rest.trim()) {
        ("granule" | "ipa", "") => Err(format!("break {kind} needs an address")),
        ("granule", value) => self::value(debugger, value).map(Breakpoint::Granule),
        ("ipa", value) => self::value(debugger, value).map(Breakpoint::Ipa),
        (word, "") => Breakpoint::of_word(word),
        (_, more) => Err(format!("`{more}` is too much")),
    };
    match made {
        Err(why) => Told::wrong(why),
        Ok(breakpoint) => {
            let number = debugger.next_number;
            debugger.next_number = number.saturating_add(1);
            let line = format!("breakpoint {number}: {breakpoint}");
            debugger.breakpoints.push((number, breakpoint));
            Told::of(vec![line])
        }
    }
}

fn delete(debugger: &mut Debugger<'_>, word: &str) -> Told {
    if word.is_empty() || word == "all" {
        let count = debugger.breakpoints.len();
        debugger.breakpoints.clear();
        return Told::of(vec![format!("{count} breakpoints are gone")]);
    }
    let known = debugger.breakpoints.iter().position(|(number, _)| number.to_string() == word);
    let Some(at) = known else {
        return Told::wrong(format!("there is no breakpoint `{word}`"));
    };
    debugger.breakpoints.remove(at);
    Told::of(vec![format!("breakpoint {word} is gone")])
}

/// What a `print` statement says, or what an expression comes to.
fn print(debugger: &mut Debugger<'_>, words: &str) -> Told {
    if words.is_empty() {
        return Told::wrong("say what: help lists it");
    }
    let first = words.split(char::is_whitespace).next().unwrap_or_default();
    let is_thing = std::iter::once("rim").chain(Shown::WORDS).any(|word| word == first);
    let text = if is_thing { format!("print {words}") } else { format!("let it = {words}") };
    match played(debugger, &text) {
        Ok(lines) => Told::of(lines),
        Err(why) => Told::wrong(why),
    }
}

/// What a statement that changes nothing says.
fn played(debugger: &mut Debugger<'_>, text: &str) -> Result<Vec<String>, String> {
    let script = parse("(debug)", text).map_err(|error| in_words(&error.messages()))?;
    let mut statements = script.statements.into_iter();
    let (Some(statement), None) = (statements.next(), statements.next()) else {
        return Err("one thing at a time".to_owned());
    };
    let is_value =
        matches!(&statement.kind, Kind::Let { value: crate::script::Value::Number(_), .. });
    if !is_value && !matches!(statement.kind, Kind::Print(_) | Kind::PrintRim { .. }) {
        return Err("a value is a number".to_owned());
    }
    let lines = debugger.played(text, statement);
    lines.map_err(|error: PlayError| in_words(&error.messages()))
}

/// The first line of the first message, without a place in what nobody typed.
fn in_words(messages: &[String]) -> String {
    let first = messages.first().and_then(|text| text.lines().next()).unwrap_or_default();
    first.splitn(4, ':').nth(3).unwrap_or(first).trim().to_owned()
}

fn value(debugger: &mut Debugger<'_>, words: &str) -> Result<u64, String> {
    let lines = played(debugger, &format!("let it = {words}"))?;
    let text = lines.first().and_then(|line| line.split_once('('));
    let number = text.and_then(|(_, number)| number.trim_end_matches(')').parse().ok());
    number.ok_or_else(|| format!("`{words}` is no address"))
}

fn list(debugger: &Debugger<'_>) -> Told {
    let moments = &debugger.timeline.moments;
    let Some(moment) = moments.get(debugger.position).or(moments.last()) else {
        return Told::wrong("the script makes no command");
    };
    let text = debugger.script.items.iter().find(|item| item.text.file == moment.place.file);
    let Some(text) = text.map(|item| &item.text.text) else {
        return Told::wrong("the text is not there");
    };
    let here = moment.place.line;
    let lines = (1..).zip(text.lines());
    let around = lines.filter(|(number, _)| here.abs_diff(*number) <= LINES_AROUND);
    Told::of(
        around
            .map(|(number, line)| {
                let mark = if number == here { '>' } else { ' ' };
                format!("{mark}{number:5} | {line}")
            })
            .collect(),
    )
}

fn help() -> Told {
    let line = |(name, short, words, about): &(&str, &str, &str, &str)| {
        let names = if short.is_empty() { (*name).to_owned() } else { format!("{name}, {short}") };
        format!("{:20} {about}", format!("{names} {words}").trim_end())
    };
    Told::of(COMMANDS.iter().map(line).collect())
}
