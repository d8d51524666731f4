//! The arguments of `rimsim check`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::cli::junit::{self, Ended};
use crate::cli::options::{HashingArgs, OutsideArgs, ProvenCacheArgs};

/// Measure again what a lock file says, and compare
///
/// Reads the inputs of the lock file, measures as its arguments say, and compares the RIM. If it is
/// another, says which inputs changed and, if the events are kept beside the lock file, explains
/// the first difference as `rimsim explain` does; exit code 3. An input that changed and left the
/// RIM as it was is a remark.
///
/// Of a table (`rimsim matrix --lock-out`) every row is compared: which are others, what they have
/// in common, and which inputs changed.
///
/// Of a chain the REMs are compared as well; of what differs the measurement is named, the stage
/// that makes it, and what it varies with.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// The lock file
    #[arg(value_name = "FILE", default_value = "rim.lock")]
    pub(super) file: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(super) format: CheckFormat,
    #[command(flatten)]
    pub(super) hashing: HashingArgs,
    #[command(flatten)]
    pub(super) cache: ProvenCacheArgs,
    #[command(flatten)]
    pub(super) outside: OutsideArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// Lines for people and scripts
    Text,
    /// One JSON document with "schema": "rimsim/1"
    Json,
    /// JUnit XML: one test, that of the lock file; of a table one for each row
    Junit,
}

impl CheckArgs {
    /// A document with one test, that of the lock.
    pub(super) fn junit(&self, ended: Ended) -> String {
        junit::document("rimsim check", &[(self.file.display().to_string(), ended)])
    }
}
