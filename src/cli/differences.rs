//! Differences of measured boots, for people and programs.

use std::io;

use serde_json::{Value, json};

use crate::boot::{Change, Compared, Told};
use crate::cli::console::Console;
use crate::measure::rim::Measurement;

/// Differences after the first that are told one by one.
const MAX_TOLD: usize = 20;

/// The first difference in full, the others in a line each.
pub(crate) fn text(found: &Compared, console: &mut Console) -> io::Result<()> {
    told(found).iter().try_for_each(|line| console.result(line))
}

/// The lines of [`text`].
pub(crate) fn told(found: &Compared) -> Vec<String> {
    let count = found.same_before;
    let Some((first, later)) = found.differences.split_first() else {
        return vec![format!("equal: {count} events, none differs")];
    };
    let mut all = vec![format!("the first {count} events are equal; then {}", first.head)];
    all.extend(lines(first).into_iter().map(|line| format!("  {line}")));
    if !later.is_empty() {
        all.push(format!("{} later differences:", later.len()));
    }
    let line = |told: &Told| {
        let stage = told.stage.as_ref().map_or(String::new(), |stage| format!(", {stage}"));
        format!("- {}{stage}: {}", told.rem, told.head)
    };
    all.extend(later.iter().take(MAX_TOLD).map(line));
    if later.len() > MAX_TOLD {
        all.push(format!("- and {} more", later.len() - MAX_TOLD));
    }
    let rems: Vec<String> = found.rems.iter().map(ToString::to_string).collect();
    all.push(format!("what follows: other values of {}", rems.join(", ")));
    all
}

/// Everything about one difference but its head.
fn lines(told: &Told) -> Vec<String> {
    let expected = told.expected.as_ref().map(|text| format!("expected {text}"));
    let seen = told.seen.as_ref().map(|text| format!("found    {text}"));
    let mut lines: Vec<String> = expected.into_iter().chain(seen).collect();
    lines.extend(told.why.iter().cloned());
    lines.extend(told.stage.as_ref().map(|stage| format!("measured by the stage {stage}")));
    let field = told.field.map_or(String::new(), |field| format!("; a chain says it in {field}"));
    lines.push(format!("{}{field}", told.varies));
    lines
}

pub(crate) fn document(found: &Compared) -> Value {
    let told = |told: &Told| {
        let (change, expected, seen) = match told.change {
            Change::Other { expected, seen } => ("other", Some(expected), Some(seen)),
            Change::Missing(expected) => ("missing", Some(expected), None),
            Change::Extra(seen) => ("extra", None, Some(seen)),
            Change::Moved { expected, seen } => ("moved", Some(expected), Some(seen)),
        };
        json!({
            "change": change,
            "measurement": expected.map(|at| at + 1),
            "event": seen.map(|at| at + 1),
            "text": told.head,
            "expected": told.expected,
            "found": told.seen,
            "why": told.why,
            "varies": told.varies,
            "field": told.field,
            "stage": told.stage,
            "rem": told.rem.index(),
        })
    };
    json!({
        "equal": found.differences.is_empty(),
        "same_before": found.same_before,
        "differences": found.differences.iter().map(told).collect::<Vec<_>>(),
        "rems": found.rems.iter().map(|rem| rem.index()).collect::<Vec<_>>(),
    })
}

/// One REM in words: what is predicted, what a log makes, what a token says. A log that does not
/// make a value is told apart from a chain that does not predict it.
pub(crate) fn rem(
    number: usize,
    predicted: Measurement,
    log: Option<Measurement>,
    token: Option<Measurement>,
    is_logged: bool,
    has_unlogged: bool,
) -> (bool, String) {
    let name = format!("rem{number}");
    let Some(log) = log else {
        return (false, format!("{name} unknown: the log can not be read to its end"));
    };
    let replays = log == predicted;
    match token {
        None if !is_logged && !has_unlogged => {
            (true, format!("{name} {predicted}: nothing in the chain or the log extends it"))
        }
        None if has_unlogged => (
            true,
            format!("{name} {predicted}: also extended by what is in no log, so not compared"),
        ),
        None if replays => (true, format!("{name} {log}: equal")),
        None => (false, format!("{name} differs: the chain makes {predicted}, the log {log}")),
        Some(token) if token == predicted && (replays || has_unlogged) => {
            (true, format!("{name} {token}: equal, in token, chain and log"))
        }
        Some(token) if token == predicted => (
            false,
            format!(
                "{name} {token}: the chain predicts it, and the log does not make it ({log}): the \
                 log is not of this boot, or not all of it"
            ),
        ),
        Some(token) if token == log => (
            false,
            format!(
                "{name} {token}: the log makes it, the chain does not predict it ({predicted}): \
                 see the events that differ"
            ),
        ),
        Some(token) => (
            false,
            format!(
                "{name} {token}: the log does not make it ({log}), and the chain does not predict \
                 it ({predicted}): something extended it that is in no log, such as a program in \
                 the Realm, or the log is not of this boot"
            ),
        ),
    }
}
