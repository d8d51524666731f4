//! Granules hashed side by side against the same granules hashed one by one. The fuzz target
//! `hash_kernels` uses it too.

use rimsim::measure::hasher::{Digest, digest};
use rimsim::measure::kernel::Kernel;
use rimsim::measure::rim::HashAlgo;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Twice the lanes of the widest kernel, and one more.
pub const MOST_GRANULES: usize = 33;

/// Every kernel of this processor has to find what `sha2` finds.
pub fn check_batch<const LEN: usize>(granules: &[&[u8; LEN]]) {
    for algo in HashAlgo::ALL {
        let expected: Vec<_> = granules.iter().map(|granule| reference(algo, *granule)).collect();
        for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available(algo)) {
            // Something that is no digest, so that one that is forgotten shows.
            let mut found = vec![digest(algo, b"nothing"); granules.len()];
            kernel.digest_granules(algo, granules, &mut found);
            let found: Vec<_> = found.iter().map(Digest::slot).collect();
            let (name, count) = (algo.name(), granules.len());
            assert!(found.iter().copied().eq(&expected), "{kernel}, {name}, {count} of {LEN}");
        }
    }
}

/// The digest, zero padded, without a line of the library.
pub fn reference(algo: HashAlgo, message: &[u8]) -> [u8; 64] {
    let mut slot = [0; 64];
    match algo {
        HashAlgo::Sha256 => slot[..32].copy_from_slice(&Sha256::digest(message)),
        HashAlgo::Sha512 => slot.copy_from_slice(&Sha512::digest(message)),
        HashAlgo::Sha384 => slot[..48].copy_from_slice(&Sha384::digest(message)),
    }
    slot
}
