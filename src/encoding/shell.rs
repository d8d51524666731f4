//! Words as a shell reads and writes them.

use std::borrow::Cow;

/// The words of a text; `None` if a quotation mark is not closed.
pub(crate) fn split(text: &str) -> Option<Vec<String>> {
    shlex::split(text)
}

/// A word as a shell takes it, in quotation marks only where it needs them.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=,./:+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.into();
    }
    // A command line holds no NUL.
    shlex::try_quote(word).unwrap_or_else(|_| word.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_were_written() {
        for word in
            ["", "a", "a b", "it's", "\"x\"", "$HOME", "a\nb", "-k", "x=1,y", "\\", "é", "*"]
        {
            let line = format!("{} {}", quoted(word), quoted(word));
            assert_eq!(split(&line), Some(vec![word.to_owned(); 2]), "{line}");
        }
        assert_eq!(quoted("-m=1G,x:/a.b@c+d%"), "-m=1G,x:/a.b@c+d%");
        assert_eq!(split("'a"), None);
    }
}
