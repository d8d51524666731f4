//! Text of files, names and logs on its way to people: nothing in it acts on a terminal.
//!
//! What a terminal would act on, and what makes text look like other text, is written as Rust
//! writes it in a string: `\n`, `\u{1b}`. A backslash stays as it is: the form is for reading, not
//! for reading back. Machines get the text itself.

use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// One line of text: line breaks in it are data and are escaped as well.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'t>(pub &'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| acts(*c)) {
            f.write_str(&rest[..at])?;
            match c {
                '\n' | '\r' | '\t' => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{}", c.escape_unicode())?,
            }
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The name of a file, as one line. Bytes that are not UTF-8 are `\xff`.
#[derive(Clone, Copy, Debug)]
pub struct ShownPath<'p>(pub &'p Path);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = String::new();
        for chunk in self.0.as_os_str().as_bytes().utf8_chunks() {
            write!(name, "{}", Shown(chunk.valid()))?;
            chunk.invalid().iter().try_for_each(|byte| write!(name, "\\x{byte:02x}"))?;
        }
        // As one piece, so that a width pads it.
        f.pad(&name)
    }
}

/// Shows names of files.
pub trait ShowPath {
    /// The name, as one line.
    fn shown(&self) -> ShownPath<'_>;
}

impl ShowPath for Path {
    fn shown(&self) -> ShownPath<'_> {
        ShownPath(self)
    }
}

/// Whether a terminal acts on `c` instead of showing it, or shows other text in another order:
/// control characters (C0, DEL, C1), separators of lines, directions of writing.
#[must_use]
pub const fn acts(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}' | '\u{200f}'
        | '\u{2028}' | '\u{2029}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        let shown = |text: &str| Shown(text).to_string();
        assert_eq!(shown("Image-6.12 ä \\ 日"), "Image-6.12 ä \\ 日");
        assert_eq!(shown("a\nerror: b\r\t"), "a\\nerror: b\\r\\t");
        assert_eq!(shown("\x1b[31m\x07\u{9b}2J\x7f"), "\\u{1b}[31m\\u{7}\\u{9b}2J\\u{7f}");
        assert_eq!(shown("gnp.\u{202e}x\u{2066}"), "gnp.\\u{202e}x\\u{2066}");
        for c in (0..=0x10_ffff_u32).filter_map(char::from_u32) {
            let text = c.to_string();
            let clean = !shown(&text).chars().any(acts);
            assert!(clean && (acts(c) || shown(&text) == text), "{c:?}");
            assert!(!c.is_control() || acts(c), "{c:?}");
        }
    }

    #[test]
    fn names_that_are_no_text_are_told_apart() {
        let name = Path::new(OsStr::from_bytes(b"a\xff\n\xc3"));
        assert_eq!(ShownPath(name).to_string(), "a\\xff\\n\\xc3");
        assert_eq!(format!("{:6}|", ShownPath(Path::new("ä"))), "ä     |");
    }
}
