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

/// A document with these tests: their names, and how they ended.
pub(crate) fn document(suite: &str, tests: &[(String, Ended)]) -> String {
    let count = |is_one: fn(&Ended) -> bool| tests.iter().filter(|(_, end)| is_one(end)).count();
    let (failures, errors) = (
        count(|ended| matches!(ended, Ended::Failed(..))),
        count(|ended| matches!(ended, Ended::Error(_))),
    );
    let all = tests.len();
    let counts = format!("tests=\"{all}\" failures=\"{failures}\" errors=\"{errors}\"");
    let suite = Markup(suite);
    let cases: String = tests.iter().map(|(name, ended)| case(&suite, name, ended)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites {counts}>\n  \
         <testsuite name=\"{suite}\" {counts}>\n{cases}  \
         </testsuite>\n\
         </testsuites>\n"
    )
}

fn case(suite: &Markup<'_>, name: &str, ended: &Ended) -> String {
    let inside = match ended {
        Ended::Good => String::new(),
        Ended::Failed(short, long) => {
            let (short, long) = (Markup(short), Markup(long));
            format!("      <failure message=\"{short}\">{long}</failure>\n")
        }
        Ended::Error(text) => format!("      <error message=\"{}\"/>\n", Markup(text)),
    };
    let name = Markup(name);
    format!("    <testcase classname=\"{suite}\" name=\"{name}\">\n{inside}    </testcase>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_no_markup() {
        let ended = Ended::Failed("a <b> & \"c\"\n".into(), "\u{1b}[1m]]>".into());
        let text = document("s", &[("t'".into(), ended)]);
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
            let text = self::document("s", &[("t".into(), ended)]);
            assert_eq!(text.matches(counts).count(), 2);
        }
        let two = [("a".into(), Ended::Good), ("b".into(), Ended::Error("x".into()))];
        let text = self::document("s", &two);
        assert_eq!(text.matches("tests=\"2\" failures=\"0\" errors=\"1\"").count(), 2);
        assert_eq!(text.matches("<testcase ").count(), 2);
    }
}
