//! A token beside a chain of measured boot, and the guest's log that explains a wrong REM.

use std::path::Path;

use serde_json::{Value, json};

use super::expect::Expected;
use crate::abi::profile::RemReading;
use crate::boot::{compare, seen_in};
use crate::cli::chains::Booted;
use crate::cli::differences;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_limited;
use crate::encoding::shown::ShowPath as _;
use crate::event_log::{self, MAX_LOG_BYTES, Registers};
use crate::evidence::Expectation;
use crate::measure::rim::Measurement;

/// Why REMs are not those of the chain.
pub(super) struct Explained {
    pub(super) lines: Vec<String>,
    pub(super) document: Value,
}

/// What a chain expects: RIM, and all REMs, zero or not.
pub(super) fn expected(booted: &Booted) -> Result<Expected, CliError> {
    let name = booted.name.clone();
    let none = || usage(format!("{name}: there is no RIM: say the VMM in [measure]"));
    let rim = booted.rim.ok_or_else(none)?;
    let mut realm = Expectation::of_rim(name.clone(), rim.as_bytes().to_vec());
    realm.hash_algo = Some(rim.algo());
    realm.rems = booted.rems.values.map(|rem| Some(rem.as_bytes().to_vec()));
    realm.log = booted.measured.as_ref().map(|measured| measured.log().clone());
    let assumed = booted.predicted.assumed.iter();
    let not_verified = assumed.map(|one| format!("what {name} does not say: {one}")).collect();
    Ok(Expected { realms: vec![realm], not_verified })
}

/// Explains the REMs of a token by the guest's log, or by what the chain leaves open.
pub(super) fn explained(
    booted: &Booted,
    token: &[Measurement; 4],
    log: Option<&Path>,
) -> Result<Option<Explained>, CliError> {
    let wrong: Vec<usize> = (0..4).filter(|i| booted.rems.values[*i] != token[*i]).collect();
    let Some(path) = log else {
        if wrong.is_empty() {
            return Ok(None);
        }
        let near = booted.otherwise(token, &wrong)?;
        let mut lines = near.clone();
        if lines.is_empty() {
            let hint = if booted.predicted.has_log {
                "the guest's log says which measurement differs: --ccel FILE"
            } else {
                "this firmware has no log: rimsim check of a lock says which file changed"
            };
            lines.push(hint.into());
        }
        return Ok(Some(Explained { lines, document: json!({ "near": near }) }));
    };
    let shown = path.shown();
    let bytes = read_limited(path, MAX_LOG_BYTES)
        .map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
    let (log, broken) =
        event_log::read_as_far(&bytes).map_err(|error| usage(format!("{shown}: {error}")))?;
    let algo = booted.predicted.algo;
    let mut rems = event_log::rems(&log, algo, Registers::Mr, RemReading::Concatenated);
    if let Some(broken) = &broken {
        rems.hide_all(&broken.to_string());
    }
    let events = &booted.predicted.events;
    let mut lines = Vec::new();
    for (i, token) in token.iter().enumerate() {
        let of_rem = |logged: bool| {
            events.iter().any(|event| {
                usize::from(event.rem.index()) == i + 1 && event.kind.is_some() == logged
            })
        };
        let value = rems.values[i].value.as_ref().ok().copied();
        let is_logged = rems.values[i].count > 0 || of_rem(true);
        let predicted = booted.rems.values[i];
        let told =
            differences::rem(i + 1, predicted, value, Some(*token), is_logged, of_rem(false));
        lines.push(told.1);
    }
    let seen = seen_in(&log, algo).map_err(|why| usage(format!("{shown}: {why}")))?;
    let logged: Vec<_> = events.iter().filter(|event| event.kind.is_some()).cloned().collect();
    let found = compare(&logged, &seen);
    lines.extend(differences::told(&found));
    let mut document = differences::document(&found);
    document["values"] = json!(lines[..4]);
    Ok(Some(Explained { lines, document }))
}
