//! Commands of the RMM: which failure wins, what each changes, and laws over sequences of them.

mod any_values;
mod bad_input;
pub(crate) mod call_lines;
mod deviations;
mod granule_sizes;
pub(crate) mod ladders;
mod laws;
pub(crate) mod operations;
mod oracle;
mod pairs;
mod ranges;
mod realm_operations;
mod releases;
mod rows;
