//! All pairs of failures of a command, of both editions.

pub(crate) mod v1;
mod v2;
