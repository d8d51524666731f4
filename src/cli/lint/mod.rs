//! `rimsim lint`

mod sarif;

use sarif::Trouble;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};

use crate::cli::console::{Console, hex};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input::Setup;
use crate::cli::input::rmm_logs::{self, Contents, Opened};
use crate::cli::options::{OutsideArgs, RmmArg, RmmLogArgs};
use crate::cli::request::{RequestWords, is_request};
use crate::cli::trails::NoTrail;
use crate::encoding::nearest::there_are;
use crate::encoding::shown::ShowPath as _;
use crate::lint::{Finding, Linter, RULES, Rule, Severity};
use crate::script;
use crate::session::Place;

/// Find the ordering mistakes of a VMM in scripts, vectors and predicted boots
///
/// Prints one line on standard output for each finding: place, severity, rule, what happened. The
/// severities: `error`, the RMM refuses; `rim`, accepted, and changes the RIM; `risk`, accepted,
/// and harms; `note`, worth knowing.
///
/// A failure that a script writes down (`=> RMI_ERROR_INPUT`) is meant and no finding. A vector or
/// a log is a recording: it can not say which failures were meant, so each one is a finding. Of a
/// log that lacks contents the order of calls is judged all the same.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LintArgs {
    /// Scripts (.rmi), vectors (.json), logs of an RMM's console (.log), or arguments of `rimsim
    /// measure` (.args)
    #[arg(required_unless_present_any = ["explain", "list"], value_name = "FILE")]
    files: Vec<PathBuf>,
    /// List the rules: id, severity, what is wrong
    #[arg(long, conflicts_with_all = ["files", "explain"])]
    list: bool,
    /// Print what a rule says and what to do instead, or `all`
    #[arg(long, value_name = "ID", conflicts_with = "files")]
    explain: Option<String>,
    /// End with exit code 3 if there is a finding this bad or worse
    #[arg(long, value_enum)]
    deny: Option<Deny>,
    #[command(flatten)]
    log: RmmLogArgs,
    #[command(flatten)]
    outside: OutsideArgs,
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
  What did the host of this console do?
      rimsim lint console.log --params params.rmi
  Which rules are there, and what does one mean?
      rimsim lint --list
      rimsim lint --explain ripas-twice";

pub(crate) fn run(args: &LintArgs, console: &mut Console) -> io::Result<Exit> {
    if let Some(id) = &args.explain {
        return explain(id, console);
    }
    if args.list {
        return list(args.format, console);
    }
    let mut exit = Exit::Good;
    let mut findings = Vec::new();
    let mut troubles = Vec::new();
    for path in &args.files {
        let Looked { exit: ended, findings: mut found, trouble } = look(path, args, console);
        exit = exit.and(ended);
        findings.append(&mut found);
        troubles.extend(trouble.into_iter().map(|text| Trouble { path, text }));
    }
    match args.format {
        LintFormat::Text => {
            findings.iter().try_for_each(|finding| console.result(&finding.to_string()))?;
        }
        LintFormat::Json => console.json(&document(&findings))?,
        LintFormat::Sarif => console.json(&sarif::document(&findings, &troubles))?,
    }
    let denied = args.deny.map(|deny| match deny {
        Deny::Risk => Severity::Risk,
        Deny::Rim => Severity::Rim,
        Deny::Error => Severity::Error,
    });
    let is_denied = |finding: &Finding| denied.is_some_and(|least| finding.rule.severity >= least);
    Ok(if findings.iter().any(is_denied) { exit.and(Exit::Mismatch) } else { exit })
}

/// What came of one file.
struct Looked {
    exit: Exit,
    findings: Vec<Finding>,
    /// Why it could not be looked at.
    trouble: Vec<String>,
}

/// Plays one file before a linter.
fn look(path: &Path, args: &LintArgs, console: &mut Console) -> Looked {
    if is_request(path) {
        return boot(path, args.outside, console);
    }
    let reach = args.outside.reach_of(path);
    let opened = rmm_logs::open(path, &args.log, Contents::Unseen, &reach, &mut script::Files);
    let Opened { input, log } = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            let trouble = vec![problem.to_string()];
            return Looked { exit: problem.tell(console), findings: Vec::new(), trouble };
        }
    };
    let mut linter = if log.is_some() { Linter::of_recording() } else { Linter::new() };
    let setup = Setup { rmm: args.rmm, ..Setup::default() };
    let ended = input.replay(&setup, [&mut linter as _]);
    for message in log.iter().flatten().chain(&ended.messages) {
        console.note(message);
    }
    // A refusal is a finding; an unmet expectation is not for lint to judge.
    let (exit, trouble) = match ended.exit {
        Exit::Usage | Exit::Io => (ended.exit, ended.messages),
        _ if linter.calls() == 0 => {
            let path = path.shown();
            let text = format!("{path}: makes no RMI call: there is nothing to look at");
            console.error(&text);
            (Exit::Usage, vec![text])
        }
        _ => (Exit::Good, Vec::new()),
    };
    Looked { exit, findings: linter.finish(), trouble }
}

/// Lets the host of a command line boot before a linter.
fn boot(path: &Path, outside: OutsideArgs, console: &mut Console) -> Looked {
    let mut linter = Linter::new();
    let done = RequestWords::in_file(path, outside).map_err(NoTrail::from).and_then(|args| {
        let observers = vec![&mut linter as _];
        args.boot().predicted(observers, &mut Console::new()).map_err(|CliError(exit, text)| {
            NoTrail::Told { exit, text: format!("{}: {text}", path.shown()) }
        })
    });
    let mut trouble = Vec::new();
    let exit = match done {
        Ok(_) => Exit::Good,
        // A refusal is a finding.
        Err(error) if error.exit() == Exit::Refused => {
            console.note(&error.to_string());
            Exit::Good
        }
        Err(error) => {
            trouble.push(error.to_string());
            console.error(&error.to_string());
            error.exit()
        }
    };
    let place = Place::file(&path.display().to_string());
    let found = linter.finish().into_iter();
    let findings = found.map(|finding| Finding { place: place.clone(), ..finding }).collect();
    Looked { exit, findings, trouble }
}

/// The rules, a line each.
fn list(format: LintFormat, console: &mut Console) -> io::Result<Exit> {
    let rule = |rule: &Rule| {
        json!({
            "id": rule.id,
            "severity": rule.severity.name(),
            "summary": rule.summary,
            "explanation": rule.explanation,
        })
    };
    match format {
        LintFormat::Text => {
            let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
            for Rule { id, severity, summary, .. } in RULES {
                console.result(&format!("{id:width$}  {:5}  {summary}", severity.name()))?;
            }
        }
        LintFormat::Json => {
            let rules: Vec<_> = RULES.iter().map(rule).collect();
            console.json(&json!({ "schema": "rimsim/1", "command": "lint", "rules": rules }))?;
        }
        // A run without results: its driver has the rules.
        LintFormat::Sarif => console.json(&sarif::document(&[], &[]))?,
    }
    Ok(Exit::Good)
}

fn explain(id: &str, console: &mut Console) -> io::Result<Exit> {
    let known: Vec<&Rule> = RULES.iter().filter(|rule| id == "all" || rule.id == id).collect();
    if known.is_empty() {
        let ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        console.error(&format!("there is no rule `{id}`; {}", there_are(id, &ids)));
        return Ok(Exit::Usage);
    }
    for (i, rule) in known.iter().enumerate() {
        let gap = if i == 0 { "" } else { "\n" };
        let Rule { id, summary, explanation, .. } = rule;
        let severity = rule.severity.name();
        console.text(&format!("{gap}{id} ({severity})\n{summary}.\n{explanation}"))?;
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
