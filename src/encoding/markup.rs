//! Texts in HTML and XML.

use std::fmt::{self, Write as _};

use super::shown::acts;

/// A text as element or attribute of HTML and of XML 1.0: nothing in it is markup, and a break of
/// lines stays one in an attribute too. What can not be seen, or XML can not hold, is U+FFFD.
pub(crate) struct Markup<'t>(pub(crate) &'t str);

impl fmt::Display for Markup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str("&#10;")?,
                '\t' => f.write_str("&#9;")?,
                c => f.write_char(seen(c))?,
            }
        }
        Ok(())
    }
}

/// The character, or U+FFFD in place of one that a terminal would not show, and of what is none.
pub(crate) const fn seen(c: char) -> char {
    if acts(c) || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        for (text, wanted) in [
            ("<b>a & \"b\"</b>", "&lt;b&gt;a &amp; &quot;b&quot;&lt;/b&gt;"),
            ("it's", "it&#39;s"),
            ("a\n\tb", "a&#10;&#9;b"),
            ("\u{202e}\u{1b}[1m\u{fffe}\r", "\u{fffd}\u{fffd}[1m\u{fffd}\u{fffd}"),
            ("\u{61c}a\u{2028}\u{2029}", "\u{fffd}a\u{fffd}\u{fffd}"),
            ("ü€𝄞", "ü€𝄞"),
        ] {
            assert_eq!(Markup(text).to_string(), wanted);
        }
    }
}
