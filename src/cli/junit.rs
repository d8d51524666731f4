//! Results as JUnit XML, which CI systems show as tests.

use crate::encoding::markup::Markup;

/// How one test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Good,
    /// It is not as it should be: in a few words, and in full.
    Failed(String, String),
    /// It could not be found out.
    Error(String),
}

/// A document with one test.
pub(crate) fn document(suite: &str, test: &str, ended: &Ended) -> String {
    let failures = u8::from(matches!(ended, Ended::Failed(..)));
    let errors = u8::from(matches!(ended, Ended::Error(_)));
    let counts = format!("tests=\"1\" failures=\"{failures}\" errors=\"{errors}\"");
    let (suite, test) = (Markup(suite), Markup(test));
    let inside = match ended {
        Ended::Good => String::new(),
        Ended::Failed(short, long) => {
            let (short, long) = (Markup(short), Markup(long));
            format!("      <failure message=\"{short}\">{long}</failure>\n")
        }
        Ended::Error(text) => format!("      <error message=\"{}\"/>\n", Markup(text)),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites {counts}>\n  \
         <testsuite name=\"{suite}\" {counts}>\n    \
         <testcase classname=\"{suite}\" name=\"{test}\">\n{inside}    \
         </testcase>\n  \
         </testsuite>\n\
         </testsuites>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_no_markup() {
        let ended = Ended::Failed("a <b> & \"c\"\n".into(), "\u{1b}[1m]]>".into());
        let text = document("s", "t'", &ended);
        let document = roxmltree::Document::parse(&text).expect("XML");
        let failure = document.descendants().find(|node| node.has_tag_name("failure"));
        let failure = failure.expect("a failure");
        assert_eq!(failure.attribute("message"), Some("a <b> & \"c\"\n"));
        assert_eq!(failure.text(), Some("\u{fffd}[1m]]>"));
        let test = document.descendants().find(|node| node.has_tag_name("testcase"));
        assert_eq!(test.and_then(|test| test.attribute("name")), Some("t'"));
        for (ended, counts) in [
            (Ended::Good, "tests=\"1\" failures=\"0\" errors=\"0\""),
            (Ended::Error("x".into()), "tests=\"1\" failures=\"0\" errors=\"1\""),
        ] {
            assert_eq!(self::document("s", "t", &ended).matches(counts).count(), 2);
        }
    }
}
