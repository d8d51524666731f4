//! Measured boot: what chains measure, against vectors made apart from rimsim.

mod files;
mod vectors;
