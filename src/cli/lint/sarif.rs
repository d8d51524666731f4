//! Findings as SARIF 2.1.0 (OASIS), which CI systems show beside the source.

use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use crate::lint::{Finding, RULES, Rule, Severity};

/// A file that could not be looked at, or not to its end, and why.
pub(super) struct Trouble<'a> {
    pub(super) path: &'a Path,
    pub(super) text: String,
}

/// One run of the tool. The format's levels do not know what changes a RIM, so the severity is a
/// property of the rule. A file that could not be looked at is a notification: no result does not
/// mean that it is good.
pub(super) fn document(findings: &[Finding], troubles: &[Trouble<'_>]) -> Value {
    let level = |severity| match severity {
        Severity::Error => "error",
        Severity::Rim | Severity::Risk => "warning",
        Severity::Note => "note",
    };
    let rule = |rule: &Rule| {
        json!({
            "id": rule.id,
            "shortDescription": { "text": rule.summary },
            "fullDescription": { "text": rule.explanation },
            "help": {
                "text": rule.explanation,
                "markdown": format!("**{}.**\n\n{}", rule.summary, rule.explanation),
            },
            "defaultConfiguration": { "level": level(rule.severity) },
            "properties": { "severity": rule.severity.name() },
        })
    };
    let result = |finding: &Finding| {
        let mut region = json!({ "startLine": finding.place.line.max(1) });
        if finding.place.column != 0 {
            region["startColumn"] = finding.place.column.into();
        }
        json!({
            "ruleId": finding.rule.id,
            "ruleIndex": RULES.iter().position(|rule| rule == finding.rule),
            "level": level(finding.rule.severity),
            "message": { "text": finding.message },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": uri(&finding.place.file) },
                "region": region,
            } }],
            "occurrenceCount": finding.count,
        })
    };
    let notification = |trouble: &Trouble<'_>| {
        let uri = uri(&trouble.path.display().to_string());
        json!({
            "level": "error",
            "message": { "text": trouble.text },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri } } }],
        })
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rimsim",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
            } },
            // Columns of places count characters, as people do.
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": troubles.is_empty(),
                "toolExecutionNotifications": troubles.iter().map(notification).collect::<Vec<_>>(),
            }],
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

/// A file's name as a URI reference, below the working folder a relative one: what is not plain is
/// escaped.
fn uri(name: &str) -> String {
    let here = std::env::current_dir().ok();
    let path = Path::new(name);
    let below = here.and_then(|here| path.strip_prefix(here).ok());
    let path = below.unwrap_or(path);
    let parts: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let scheme = if parts.is_absolute() { "file://" } else { "" };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
    let each =
        |byte: u8| if plain(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") };
    let escaped: String = parts.to_string_lossy().bytes().map(each).collect();
    format!("{scheme}{escaped}")
}
