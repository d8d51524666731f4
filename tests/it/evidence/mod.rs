//! Attestation tokens and the keys that sign them.

mod keys;
pub(crate) mod token_maker;
mod tokens;
