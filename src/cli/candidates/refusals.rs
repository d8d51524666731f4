//! Why candidates are refused.

use std::cmp::Reverse;

use crate::cli::console::Console;
use crate::search::Report;

/// Reasons that are told without -v.
const MAX_REASONS: usize = 4;

/// Reasons with how many candidates they are of, the most frequent first.
pub(crate) fn reasons(report: &Report) -> Vec<(&String, &u64)> {
    let mut reasons: Vec<_> = report.reasons.iter().collect();
    reasons.sort_by_key(|(_, count)| Reverse(**count));
    reasons
}

/// The most frequent of them, or all.
pub(crate) fn tell(report: &Report, verbose: bool, console: &mut Console) {
    let most = if verbose { usize::MAX } else { MAX_REASONS };
    let reasons = reasons(report);
    for (reason, count) in reasons.iter().take(most) {
        let noun = if **count == 1 { "candidate is" } else { "candidates are" };
        console.note(&format!("{count} {noun} refused: {reason}"));
    }
    if reasons.len() > most {
        console.note(&format!("{} more reasons with -v", reasons.len() - most));
    }
}
