//! What was assumed, for people; `--strict` refuses it.

use super::Console;
use crate::cli::error::CliError;
use crate::encoding::shown::Shown;
use crate::predict::Assumption;

/// Columns of a line of a note.
const COLUMNS: usize = 92;
/// What is told even if this VM has the same RIM whatever it is.
const TOLD: [&str; 7] = ["host", "irqchip", "its", "layout", "rim_rule", "rmm", "vmm_version"];

/// Tells what was assumed: first what changes the RIM, then what else people ask for.
///
/// # Errors
/// If nothing that changes the RIM may be assumed, and something was.
pub(crate) fn tell(
    assumptions: &[Assumption],
    strict: bool,
    console: &mut Console,
) -> Result<(), CliError> {
    // A profile that stands in for another program needs more than a word.
    for about in assumptions.iter().filter_map(Assumption::of_another_program) {
        console.note(&Shown(about).to_string());
    }
    if strict {
        Assumption::deny(assumptions)?;
    }
    let (changes, others): (Vec<_>, Vec<_>) =
        assumptions.iter().partition(|assumption| assumption.changes_rim);
    let told = |key| TOLD.contains(&key) && changes.iter().all(|other| other.key != key);
    let others: Vec<_> = others.into_iter().filter(|one| told(one.key)).collect();
    note("assumed:", changes.into_iter().map(ToString::to_string), console);
    let others = others.into_iter().map(ToString::to_string);
    note("assumed, without a difference here:", others, console);
    Ok(())
}

/// A note of items with commas between them, broken into lines.
pub(crate) fn note(head: &str, items: impl Iterator<Item = String>, console: &mut Console) {
    let mut text = head.to_owned();
    let mut column = head.len();
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    while let Some(item) = items.next() {
        let comma = if items.peek().is_some() { "," } else { "" };
        let item = format!("{}{comma}", Shown(&item));
        let len = item.chars().count() + 1;
        let breaks = column + len > COLUMNS;
        text.push(if breaks { '\n' } else { ' ' });
        column = if breaks { len } else { column + len };
        text.push_str(&item);
    }
    console.note(&text);
}
