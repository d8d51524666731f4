//! A log and what is expected of it, read.

use super::args::LogArgs;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_limited;
use crate::encoding::shown::ShowPath as _;
use crate::event_log::{self, Log, LogError, MAX_LOG_BYTES, Rebuild, algorithm_name};
use crate::inputs;
use crate::measure::rim::{HashAlgo, Measurement};

/// The log, as far as it can be read.
pub(super) fn read(args: &LogArgs) -> Result<(Log, Option<LogError>), CliError> {
    let shown = args.file.shown();
    let bytes = if args.file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        inputs::read_to_end(inputs::stdin(), MAX_LOG_BYTES + 1, &mut bytes).map(|()| bytes)
    } else {
        read_limited(&args.file, MAX_LOG_BYTES)
    };
    let bytes = bytes.map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))?;
    event_log::read_as_far(&bytes).map_err(|error| usage(format!("{shown}: {error}")))
}

/// The Realm's hash algorithm: what the log says, what the user says, or the log's only one.
pub(super) fn algorithm(
    args: &LogArgs,
    log: &Log,
    made: Option<&Rebuild>,
) -> Result<HashAlgo, CliError> {
    if let Some(made) = made {
        let (logged, asked) = (made.algo, args.hash_algo.unwrap_or(made.algo));
        if logged != asked {
            let (logged, asked) = (logged.name(), asked.name());
            return Err(usage(format!("--hash-algo {asked}: the log's Realm has {logged}")));
        }
        return Ok(logged);
    }
    let of = |algo: &HashAlgo| {
        let bank = |name: String| name == algo.name();
        log.head.banks.iter().any(|found| bank(algorithm_name(found.algorithm)))
    };
    let known: Vec<HashAlgo> = HashAlgo::ALL.into_iter().filter(of).collect();
    match (args.hash_algo, &known[..]) {
        (Some(algo), _) => Ok(algo),
        (None, [algo]) => Ok(*algo),
        _ => Err(usage("the log does not say how the Realm measures: say --hash-algo".into())),
    }
}

/// A measurement that somebody expects, if the Realm can have it.
pub(super) fn expected(
    option: &str,
    found: Measurement,
    algo: HashAlgo,
) -> Result<Measurement, CliError> {
    if found.algo() == algo {
        return Ok(found);
    }
    let (found, algo) = (found.algo().name(), algo.name());
    Err(usage(format!("{option}: it is one of {found}, and the Realm measures by {algo}")))
}
