//! Digests of bytes that stand in several pieces.

use crate::event_log;
use crate::measure::rim::HashAlgo;

/// A digest, as long as its algorithm says.
pub type Digest = Vec<u8>;

/// The digest of pieces in a row.
pub(crate) fn digest<'p>(algo: HashAlgo, parts: impl IntoIterator<Item = &'p [u8]>) -> Digest {
    let made = event_log::digest(algo.tcg_number(), parts);
    made.expect("every algorithm of a Realm is calculated")
}

/// The digest of bytes and of zeros behind them.
pub(crate) fn digest_with_zeros(algo: HashAlgo, bytes: &[u8], zeros: u64) -> Digest {
    /// Zeros that are hashed at a time.
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let zeros = usize::try_from(zeros).unwrap_or(0);
    let (pieces, rest) = (zeros / ZEROS.len(), zeros % ZEROS.len());
    let pieces = std::iter::repeat_n(&ZEROS[..], pieces);
    digest(algo, [bytes].into_iter().chain(pieces).chain([&ZEROS[..rest]]))
}
