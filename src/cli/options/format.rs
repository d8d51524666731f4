//! The form of a result that has no other forms than these.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people and scripts
    Text,
    /// One JSON document with "schema": "rimsim/1"
    Json,
}
