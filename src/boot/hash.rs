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
    digest(algo, [bytes].into_iter().chain(zeros_of(zeros)))
}

/// The digest of zeros and of bytes, cut off or with zeros behind them so that it is of `len` bytes
/// in all.
pub(crate) fn digest_behind_zeros(algo: HashAlgo, zeros: u64, bytes: &[u8], len: u64) -> Digest {
    let before = zeros.min(len);
    let own = usize::try_from(len - before).unwrap_or(usize::MAX).min(bytes.len());
    let behind = len - before - own as u64;
    digest(algo, zeros_of(before).chain([&bytes[..own]]).chain(zeros_of(behind)))
}

/// So many zeros, in pieces.
fn zeros_of<'z>(count: u64) -> impl Iterator<Item = &'z [u8]> {
    /// Zeros that are hashed at a time.
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let count = usize::try_from(count).unwrap_or(0);
    let (pieces, rest) = (count / ZEROS.len(), count % ZEROS.len());
    let (whole, rest): (&'z [u8], &'z [u8]) = (&ZEROS, &ZEROS[..rest]);
    std::iter::repeat_n(whole, pieces).chain([rest])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_stand_before_and_behind() {
        let of = |bytes: &[u8]| digest(HashAlgo::Sha384, [bytes]);
        let behind =
            |zeros, bytes: &[u8], len| digest_behind_zeros(HashAlgo::Sha384, zeros, bytes, len);
        assert_eq!(behind(2, b"abc", 7), of(b"\0\0abc\0\0"));
        assert_eq!(behind(2, b"abc", 4), of(b"\0\0ab"));
        assert_eq!(behind(9, b"abc", 4), of(&[0; 4]));
        assert_eq!(behind(0, b"abc", 2), of(b"ab"));
        let long = 3 * (1 << 16) + 5;
        assert_eq!(behind(long, b"a", long + 1), of(&[&vec![0; 196_613][..], b"a"].concat()));
        assert_eq!(digest_with_zeros(HashAlgo::Sha384, b"a", 3), of(b"a\0\0\0"));
    }
}
