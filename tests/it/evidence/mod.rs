//! Attestation tokens and the keys that sign them.

mod keys;
mod profiles;
pub(crate) mod token_maker;
mod tokens;
