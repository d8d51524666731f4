//! Attestation tokens and the keys that sign them.

pub(crate) mod certificates;
mod hostile;
mod keys;
mod profiles;
pub(crate) mod token_maker;
mod tokens;
