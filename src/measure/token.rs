//! x
use super::rim::Measurement;

/// What a Realm token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) challenge: [u8; 64],
    pub(crate) rpv: [u8; 64],
    pub(crate) rim: Measurement,
    pub(crate) rems: [Measurement; 4],
}
pub(crate) fn realm_token(_c: &Claims) -> Vec<u8> {
    vec![1; 1000]
}
