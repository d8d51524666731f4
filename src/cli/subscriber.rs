//! What `--log` prints: spans and events of the library, filtered, on standard error.
//!
//! No times, no colours, no numbers of threads: two runs print the same lines. Hashing is shared
//! among threads, so of the lines about windows and folds only the order can differ.

use std::io::{self, Write};

use tracing_subscriber::filter::{Directive, EnvFilter, LevelFilter};

use crate::encoding::shown::Shown;

/// The environment variable that `--log` takes the place of.
const VARIABLE: &str = "RIMSIM_LOG";

/// Parts of the library that say something.
const PARTS: &[&str] = &[
    "boot",
    "conform",
    "digest_cache",
    "event_log",
    "evidence",
    "host",
    "measure",
    "predict",
    "rmm_log",
    "script",
    "search",
    "session",
];

/// What is to be printed.
#[derive(Clone, Debug)]
pub(crate) struct Directives(Vec<Directive>);

impl Directives {
    /// Those of the environment; none if the variable is not set or empty.
    fn from_environment() -> Result<Option<Self>, String> {
        let Some(text) = std::env::var_os(VARIABLE).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let text = text.to_string_lossy();
        let directives = text.parse();
        directives.map(Some).map_err(|error| format!("{VARIABLE}: invalid value '{text}': {error}"))
    }
}

impl std::str::FromStr for Directives {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        split(text).into_iter().map(directive).collect::<Result<_, _>>().map(Self)
    }
}

/// The parts between commas; those in brackets belong to the fields of a span.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let comma = |c: char| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(comma).map(str::trim).collect()
}

/// One directive. The filter takes every word for a target; one that nobody has would silently
/// print nothing.
fn directive(text: &str) -> Result<Directive, String> {
    let target = text.split(['[', '=']).next().unwrap_or_default();
    let is_level = target == text && target.parse::<LevelFilter>().is_ok();
    let names_span = target.is_empty() && text.starts_with('[');
    let part = |rest: &str| PARTS.contains(&rest.split("::").next().unwrap_or_default());
    let is_target = target == "rimsim" || target.strip_prefix("rimsim::").is_some_and(part);
    let known = !text.is_empty() && (is_level || names_span || is_target);
    let read = if known { text.parse().ok() } else { None };
    read.ok_or_else(|| {
        let parts = PARTS.join(", ");
        format!(
            "'{text}' is neither a level (off, error, warn, info, debug, trace) nor TARGET=LEVEL \
             nor [SPAN]=LEVEL; a target is rimsim, or rimsim:: and one of: {parts}"
        )
    })
}

/// Prints what `directives` ask for from here on, or else the environment; nothing if neither
/// does.
pub(crate) fn install(directives: Option<&Directives>) -> Result<(), String> {
    let environment = if directives.is_none() { Directives::from_environment()? } else { None };
    let Some(Directives(directives)) = directives.or(environment.as_ref()) else { return Ok(()) };
    let off = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).parse_lossy("");
    let filter = directives.iter().cloned().fold(off, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .without_time()
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(|| Lines);
    let subscriber = subscriber.finish();
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())
}

/// Standard error, for lines that may quote names of files: nothing in them acts on a terminal.
struct Lines;

impl Write for Lines {
    /// One event. Whether somebody can read it is not ours to fail on.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = format!("{}\n", Shown(text.trim_end_matches('\n')));
        let _ = io::stderr().write_all(line.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
