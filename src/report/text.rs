//! Texts and numbers as the page shows them.

use std::fmt::{self, Write};

use crate::encoding::markup::seen;

/// A text for the page's code, which shows it as text.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { seen(c) }).collect()
}

/// A number with commas between thousands.
pub(super) struct Count(pub(super) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers() {
        assert_eq!(plain("a\u{202e}<b>"), "a\u{fffd}<b>");
        let counts = [0, 999, 1000, 12_345_678].map(|count| Count(count).to_string());
        assert_eq!(counts, ["0", "999", "1,000", "12,345,678"]);
    }
}
