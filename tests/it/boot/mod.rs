//! Measured boot: what chains measure, against vectors made apart from rimsim.

mod differences;
mod files;
mod realm;
mod vectors;
