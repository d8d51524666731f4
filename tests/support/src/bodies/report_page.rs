//! The target `report_page`: bytes as everything that others write on the page of `report`.

use rimsim::report::{Finding, InputFile, Report, write};

fn page(text: &str) -> String {
    let text = || text.to_owned();
    let finding = Finding {
        severity: text(),
        id: text(),
        place: text(),
        realm: Some(text()),
        message: text(),
        count: 7,
    };
    let input = InputFile { name: text(), kind: "script", len_bytes: None, sha256: Some(text()) };
    let mut report = Report {
        title: text(),
        findings: vec![finding],
        messages: vec![text()],
        notes: vec![text()],
        ..Report::default()
    };
    report.add_input(input);
    report.add_platform(&text(), &text(), text());
    write(&report)
}

/// Whatever the text is, the page has the elements that it has of another.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Empty texts leave elements out.
    let text = format!("x{text}");
    let (page, plain) = (page(&text), page("x"));
    for mark in ["<", "</script", "<!--"] {
        let count = |page: &str| page.matches(mark).count();
        assert_eq!(count(&page), count(&plain), "{mark} of {text:?}");
    }
}
