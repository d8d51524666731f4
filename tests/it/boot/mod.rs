//! Measured boot: what chains measure, against vectors made apart from rimsim.

mod bad_input;
mod differences;
mod files;
mod realm;
mod vectors;
