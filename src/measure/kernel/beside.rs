//! A chain in the shadow of granules that are hashed.
//!
//! A chain of descriptors can not be shared among threads, and waits for its own results most of
//! the time. Whoever hashes granules meanwhile, on the same thread and with the chain's
//! instructions between those of the granules, has it for a part of its price.

#[cfg(target_arch = "x86_64")]
use super::chains::{Word, variant512};
use super::{Digest, Kernel};
#[cfg(target_arch = "x86_64")]
use super::{beside256, beside512, chain256, chain512, initial512};
use crate::measure::descriptor::Descriptor;
use crate::measure::rim::{HashAlgo, Measurement};

/// Where descriptors come from, with zeros where a RIM stands.
pub(crate) type Descriptors<'d> = dyn Iterator<Item = Descriptor> + 'd;

impl Kernel {
    /// Whether it extends a chain beside the granules that it hashes.
    #[must_use]
    pub fn extends_beside(self, algo: HashAlgo) -> bool {
        self.is_available(algo) && self.has_instructions_beside(algo)
    }

    #[cfg(target_arch = "x86_64")]
    fn has_instructions_beside(self, algo: HashAlgo) -> bool {
        use std::arch::is_x86_feature_detected as has;
        match (self, algo) {
            (Self::Avx512, HashAlgo::Sha256) => Self::ShaNi.is_available(algo),
            (Self::Avx512, HashAlgo::Sha512 | HashAlgo::Sha384) => has!("bmi2"),
            _ => false,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    const fn has_instructions_beside(self, _: HashAlgo) -> bool {
        false
    }

    /// As [`Kernel::digest_granules`], and extends `rim` meanwhile by as many descriptors as there
    /// are and as fit beside: none, if the kernel does not do such things.
    ///
    /// # Panics
    /// As [`Kernel::digest_granules`].
    pub(crate) fn digest_granules_beside<const LEN: usize>(
        self,
        granules: &[&[u8; LEN]],
        out: &mut [Digest],
        rim: &mut Measurement,
        descriptors: &mut Descriptors<'_>,
    ) {
        let algo = rim.algo();
        if !self.extends_beside(algo) {
            return self.digest_granules(algo, granules, out);
        }
        assert_eq!(granules.len(), out.len(), "one digest a granule");
        #[cfg(target_arch = "x86_64")]
        match algo {
            HashAlgo::Sha256 => beside256(granules, out, rim, descriptors),
            HashAlgo::Sha512 | HashAlgo::Sha384 => beside512(granules, out, rim, descriptors),
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = descriptors;
        out.iter_mut().for_each(|digest| digest.slot[algo.len_bytes()..].fill(0));
    }

    /// Extends `rim` by all descriptors with nothing beside; `false`, and nothing was done, if the
    /// kernel has no chain of its own that is faster than that of the crate `sha2`.
    pub(in crate::measure) fn extend_alone(
        self,
        rim: &mut Measurement,
        descriptors: &mut Descriptors<'_>,
    ) -> bool {
        #[cfg(target_arch = "x86_64")]
        if rim.algo() != HashAlgo::Sha256 && self.extends_beside(rim.algo()) {
            let mut chain = chain512_of(rim);
            // SAFETY: the features are there, as `extends_beside` says.
            unsafe { chain.extend(descriptors) };
            *rim = Measurement::from_slot(rim.algo(), Word::to_slot(chain.rim()));
            return true;
        }
        let _ = (rim, descriptors);
        false
    }
}

#[cfg(target_arch = "x86_64")]
fn beside256<const LEN: usize>(
    granules: &[&[u8; LEN]],
    out: &mut [Digest],
    rim: &mut Measurement,
    descriptors: &mut Descriptors<'_>,
) {
    // Each function that is called is unsafe for one reason: it is compiled for features that the
    // processor has to have. `digest_granules_beside`, the only caller, asks whether it has them.
    // SAFETY: the features are there, see above.
    let mut chain = unsafe { chain256::Chain::new(Word::of_slot(rim.slot())) };
    let worth = 9;
    super::batches(HashAlgo::Sha256, granules, out, worth, |granules, out| {
        // SAFETY: the features are there, see above.
        unsafe { beside256::digest_lanes(granules, out, &mut chain, descriptors) }
    });
    // SAFETY: the features are there, see above.
    let words = unsafe { chain.rim() };
    *rim = Measurement::from_slot(HashAlgo::Sha256, Word::to_slot(words));
}

#[cfg(target_arch = "x86_64")]
fn beside512<const LEN: usize>(
    granules: &[&[u8; LEN]],
    out: &mut [Digest],
    rim: &mut Measurement,
    descriptors: &mut Descriptors<'_>,
) {
    let algo = rim.algo();
    let (mut chain, initial) = (chain512_of(rim), initial512(algo));
    let worth = 2;
    super::batches(algo, granules, out, worth, |granules, out| {
        // SAFETY: as in `beside256`.
        unsafe { beside512::digest_lanes(initial, granules, out, &mut chain, descriptors) }
    });
    // SAFETY: as in `beside256`.
    unsafe { chain.finish() };
    *rim = Measurement::from_slot(algo, Word::to_slot(chain.rim()));
}

#[cfg(target_arch = "x86_64")]
fn chain512_of(rim: &Measurement) -> chain512::Chain {
    let variant = variant512(rim.algo());
    chain512::Chain::new(variant.initial, variant.kept_words, Word::of_slot(rim.slot()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::kernel::chains::test_descriptors;
    use crate::measure::kernel::digest;
    use crate::measure::page::write_stream;

    /// Granules beside which no, some, and more descriptors than fit are folded: everything is
    /// what it is alone, and no descriptor is lost.
    #[test]
    fn what_is_done_beside_is_what_is_done_alone() {
        const LEN: usize = 1024;
        let mut bytes = vec![0; 40 * LEN];
        write_stream(9, 0, &mut bytes);
        let granules: Vec<&[u8; LEN]> = bytes.as_chunks().0.iter().collect();
        for algo in HashAlgo::ALL {
            let start = Measurement::of(algo, &digest(algo, b"start"));
            for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available(algo)) {
                for (count, steps) in [(40, 0), (40, 3), (33, 1000), (16, 1000), (1, 5), (0, 2)] {
                    let granules = &granules[..count];
                    let expected: Vec<_> =
                        granules.iter().map(|granule| digest(algo, &granule[..])).collect();
                    let mut out = vec![Digest::EMPTY; count];
                    let all = test_descriptors(steps, algo);
                    let (mut rim, mut left) = (start, all.iter().copied());
                    kernel.digest_granules_beside(granules, &mut out, &mut rim, &mut left);
                    assert_eq!(out, expected, "{kernel}, {count} granules");
                    let done = all.len() - left.len();
                    assert!(kernel.extends_beside(algo) || done == 0);
                    let mut alone = [start];
                    Kernel::Sha2.extend_chains(&mut alone, &all[..done]);
                    assert_eq!(rim, alone[0], "{kernel}, {done} steps beside {count} granules");
                    if kernel.extend_alone(&mut rim, &mut left) {
                        assert_eq!(left.next(), None);
                        Kernel::Sha2.extend_chains(&mut alone, &all[done..]);
                        assert_eq!(rim, alone[0], "{kernel}, {steps} steps");
                    }
                }
            }
        }
    }
}
