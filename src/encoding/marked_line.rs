//! A line of a text with a mark under a column: what errors show of scripts, settings and words.

use std::fmt;

use super::shown::{Shown, acts};

/// Characters of a line that are shown on each side of the column; lines of generated texts can be
/// megabytes long.
const SHOWN_CHARS: usize = 80;

/// Writes a line of a text under a message, if there is one, with its number and the mark.
pub(crate) fn write_line(
    f: &mut fmt::Formatter<'_>,
    number: u32,
    line: Option<&(String, usize)>,
) -> fmt::Result {
    line.map_or(Ok(()), |line| write_under(f, &number.to_string(), line))
}

/// As [`write_line`], of a line without a number.
#[cfg(feature = "cli")]
pub(crate) fn mark(line: &(String, usize)) -> String {
    fmt::from_fn(|f| write_under(f, " ", line)).to_string()
}

fn write_under(
    f: &mut fmt::Formatter<'_>,
    number: &str,
    (line, column): &(String, usize),
) -> fmt::Result {
    let (gap, before) = (" ".repeat(number.len()), " ".repeat(column.saturating_sub(1)));
    write!(f, "\n{gap} |\n{number} | {line}\n{gap} | {before}^")
}

/// The line and the column of it that is marked, both from 1, columns in characters. Nothing in it
/// acts on a terminal.
pub(crate) fn source_line(text: &str, line: u32, column: u32) -> Option<(String, usize)> {
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let line = text.split('\n').nth(index)?.trim_end();
    let skipped = column.saturating_sub(SHOWN_CHARS);
    let begin = if skipped > 0 { "…" } else { "" };
    let mut rest = line.chars().skip(skipped);
    let shown: String = rest.by_ref().take(2 * SHOWN_CHARS).collect();
    let end = if rest.next().is_some() { "…" } else { "" };
    let shown = shown.chars().map(|c| match c {
        '\t' => ' ',
        c if acts(c) => '\u{FFFD}',
        c => c,
    });
    let line = format!("{begin}{}{end}", shown.collect::<String>());
    Some((line, begin.chars().count() + column - skipped + 1))
}

/// A place in a text.
#[cfg(feature = "toml")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MarkedPlace<'t> {
    text: &'t str,
    line: u32,
    column: u32,
}

#[cfg(feature = "toml")]
impl<'t> MarkedPlace<'t> {
    /// The character that begins at a byte.
    pub(crate) fn at(text: &'t str, at_bytes: usize) -> Self {
        let before = text.get(..at_bytes).unwrap_or(text);
        let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
        let last = before.rsplit('\n').next().unwrap_or_default();
        let (line, column) = (count(before.matches('\n').count()), count(last.chars().count()));
        Self { text, line, column }
    }

    /// `LINE:COLUMN: MESSAGE`, and the line with the mark.
    pub(crate) fn told(self, message: impl fmt::Display) -> String {
        let Self { text, line, column } = self;
        let marked = source_line(text, line, column);
        let under = fmt::from_fn(|f| write_line(f, line, marked.as_ref()));
        format!("{line}:{column}: {message}{under}")
    }
}

/// An error about a file: one that begins with line and column stands right behind the name. A name
/// that is shown already stays as it is.
pub(crate) fn about_file(name: impl fmt::Display, error: impl fmt::Display) -> String {
    let text = error.to_string();
    let mut parts = text.splitn(3, ':');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()))
    };
    let has_place = is_number(parts.next()) && is_number(parts.next());
    let name = name.to_string();
    format!("{}:{}{text}", Shown(&name), if has_place { "" } else { " " })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_strange_lines_are_shown_in_part() {
        let text = format!("{}x\u{1b}[31m{}", "a".repeat(1000), "b".repeat(1000));
        let (line, column) = source_line(&text, 1, 1001).unwrap();
        assert_eq!((line.chars().count(), column), (162, 82));
        assert!(line.starts_with("…a") && line.ends_with("b…"), "{line}");
        assert!(line.contains('\u{FFFD}') && !line.contains('\u{1b}'));
        assert_eq!(source_line("a", 9, 1), None);
    }

    #[cfg(feature = "toml")]
    #[test]
    fn places_are_told_with_their_lines() {
        let told = |at| MarkedPlace::at("a\n\u{e9}b c\n", at).told("no");
        assert_eq!(told(0), "1:1: no\n  |\n1 | a\n  | ^");
        assert_eq!(told(6), "2:4: no\n  |\n2 | \u{e9}b c\n  |    ^");
        assert_eq!(told(99), "3:1: no\n  |\n3 | \n  | ^");
        assert_eq!(about_file("f", told(0)), "f:1:1: no\n  |\n1 | a\n  | ^");
        assert_eq!(about_file("f", "no: 1:1: x"), "f: no: 1:1: x");
        assert_eq!(about_file("f", ""), "f: ");
        assert_eq!(about_file("a\nb", told(0)), "a\\nb:1:1: no\n  |\n1 | a\n  | ^");
        assert_eq!(about_file(Shown("a\nb"), "no"), "a\\nb: no");
    }
}
