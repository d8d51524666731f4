//! `rimsim lint`

use std::io;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};

use super::args::RmmArg;
use super::host::Trouble;
use super::input::Input;
use super::measure;
use super::replay::Setup;
use super::trace::hex;
use super::trails::{self, NoTrail};
use super::{Console, Exit};
use crate::lint::{Finding, Linter, RULES, Rule, Severity};
use crate::measure::hasher::Hasher;

/// Find the ordering mistakes of a VMM in scripts, vectors and predicted boots
///
/// Prints one line on standard output for each finding: place, severity, rule, what happened. The
/// severities: `error`, the RMM refuses; `rim`, accepted, and changes the RIM; `risk`, accepted,
/// and harms; `note`, worth knowing.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LintArgs {
    /// Scripts (.rmi), vectors (.json), or arguments of `rimsim measure` (.args)
    #[arg(required_unless_present = "explain", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print what a rule says and what to do instead, or `all`
    #[arg(long, value_name = "ID", conflicts_with = "files")]
    explain: Option<String>,
    /// End with exit code 3 if there is a finding this bad or worse
    #[arg(long, value_enum)]
    deny: Option<Deny>,
    #[command(flatten)]
    rmm: RmmArg,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = LintFormat::Text)]
    format: LintFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Deny {
    Risk,
    Rim,
    Error,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LintFormat {
    /// A line for each finding
    Text,
    /// One document
    Json,
    /// SARIF 2.1.0, which CI systems show beside the source
    Sarif,
}

const EXAMPLES: &str = "\
Examples:
  What is wrong with this boot?
      rimsim lint boot.rmi
  Fail a CI job if the RIM is not what a careful VMM would get:
      rimsim lint --deny rim --format sarif boot.rmi > findings.sarif
  Look at what a VMM does on KVM:
      echo 'kvmtool -- lkvm run --realm -m 512M -k Image' > boot.args; rimsim lint boot.args
  What does a rule mean?
      rimsim lint --explain ripas-twice";

pub(super) fn run(args: &LintArgs, console: &mut Console) -> io::Result<Exit> {
    if let Some(id) = &args.explain {
        return explain(id, console);
    }
    let setup = Setup {
        platform: None,
        profile: args.rmm.rmm,
        rem: args.rmm.rem,
        hasher: Hasher::default(),
    };
    let mut exit = Exit::Good;
    let mut findings = Vec::new();
    for path in &args.files {
        if trails::is_measure(path) {
            let mut linter = Linter::new();
            let done = trails::measure_args(path).and_then(|args| {
                measure::observed(&args, &mut linter).map_err(|Trouble(exit, text)| {
                    NoTrail::Measure { exit, text: format!("{}: {text}", path.display()) }
                })
            });
            match done {
                // A refusal is a finding.
                Err(error) if error.exit() == Exit::Refused => console.note(&error.to_string()),
                Err(error) => {
                    console.error(&error.to_string());
                    exit = exit.and(error.exit());
                }
                Ok(()) => {}
            }
            findings.append(&mut linter.finish());
            continue;
        }
        match Input::open(path) {
            Ok(input) => {
                let mut linter = Linter::new();
                let ended = input.replay(&setup, [&mut linter as _]);
                for message in &ended.messages {
                    console.note(message);
                }
                // A refusal is a finding; an unmet expectation is not for lint to judge.
                if matches!(ended.exit, Exit::Usage | Exit::Io) {
                    exit = exit.and(ended.exit);
                }
                findings.append(&mut linter.finish());
            }
            Err(problem) => {
                console.error(&problem.to_string());
                exit = exit.and(problem.exit());
            }
        }
    }
    match args.format {
        LintFormat::Text => {
            findings.iter().try_for_each(|finding| console.result(&finding.to_string()))?;
        }
        LintFormat::Json => console.json(&document(&findings))?,
        LintFormat::Sarif => console.json(&sarif(&findings))?,
    }
    let denied = args.deny.map(|deny| match deny {
        Deny::Risk => Severity::Risk,
        Deny::Rim => Severity::Rim,
        Deny::Error => Severity::Error,
    });
    let is_denied = |finding: &Finding| denied.is_some_and(|least| finding.rule.severity >= least);
    Ok(if findings.iter().any(is_denied) { exit.and(Exit::Mismatch) } else { exit })
}

fn explain(id: &str, console: &mut Console) -> io::Result<Exit> {
    let known: Vec<&Rule> = RULES.iter().filter(|rule| id == "all" || rule.id == id).collect();
    if known.is_empty() {
        let ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        console.error(&format!("there is no rule `{id}`; there are {}", ids.join(", ")));
        return Ok(Exit::Usage);
    }
    for (i, rule) in known.iter().enumerate() {
        let gap = if i == 0 { "" } else { "\n" };
        let Rule { id, summary, explanation, .. } = rule;
        let severity = rule.severity.name();
        console.result(&format!("{gap}{id} ({severity})\n{summary}.\n{explanation}"))?;
    }
    Ok(Exit::Good)
}

fn document(findings: &[Finding]) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "rule": finding.rule.id,
            "severity": finding.rule.severity.name(),
            "file": &*finding.place.file,
            "line": finding.place.line,
            "column": finding.place.column,
            "rd": finding.rd.map(hex),
            "count": finding.count,
            "message": finding.message,
        })
    };
    let findings: Vec<_> = findings.iter().map(finding).collect();
    json!({ "schema": "rimsim/1", "command": "lint", "findings": findings })
}

/// SARIF 2.1.0 (OASIS): its levels do not know what changes a RIM, so the severity is a property.
fn sarif(findings: &[Finding]) -> Value {
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
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rimsim",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
            } },
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

/// A file's name as a URI reference: what is not plain is escaped.
fn uri(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
    let each =
        |byte: u8| if plain(&byte) { char::from(byte).into() } else { format!("%{byte:02X}") };
    name.bytes().map(each).collect()
}
