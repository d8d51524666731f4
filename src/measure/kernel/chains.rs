//! Chains of descriptors side by side.

#[cfg(target_arch = "x86_64")]
use super::constants::H256;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::constants::{H384, H512};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::steps::{Step256, Step512};
use super::{Kernel, digest};
#[cfg(target_arch = "aarch64")]
use super::{sha256_armv8, sha512_armv8};
#[cfg(target_arch = "x86_64")]
use super::{sha256_avx2, sha256_avx512, sha256_shani, sha512_avx2, sha512_avx512};
use crate::measure::descriptor::{Descriptor, RIM_OFFSET};
use crate::measure::rim::{HashAlgo, Measurement};

/// Extensions whose words are made once for all chains.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const STEPS: usize = 64;

/// One of the algorithms that share their rounds: what they begin with, and how many words of the
/// state are the digest.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) struct Variant<W: 'static> {
    pub(super) initial: &'static [W; 8],
    pub(super) kept_words: usize,
}

#[cfg(target_arch = "x86_64")]
const SHA256: Variant<u32> = Variant { initial: &H256, kept_words: 8 };

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) const fn variant512(algo: HashAlgo) -> &'static Variant<u64> {
    match algo {
        HashAlgo::Sha384 => &Variant { initial: &H384, kept_words: 6 },
        HashAlgo::Sha256 | HashAlgo::Sha512 => &Variant { initial: &H512, kept_words: 8 },
    }
}

impl Kernel {
    /// How many chains it extends side by side; 1 if it has no lanes for them.
    #[must_use]
    pub const fn chain_lanes(self, algo: HashAlgo) -> usize {
        match (self, self.lanes(algo)) {
            (Self::ShaNi | Self::Avx2 | Self::Avx512 | Self::Armv8, Some(lanes)) => lanes,
            _ => 1,
        }
    }

    /// Extends each RIM by all descriptors, which have zeros where a RIM stands.
    ///
    /// # Panics
    ///
    /// If the RIMs are not all of one algorithm, or the kernel is not available.
    pub fn extend_chains(self, rims: &mut [Measurement], descriptors: &[Descriptor]) {
        let Some(algo) = rims.first().map(Measurement::algo) else { return };
        assert!(rims.iter().all(|rim| rim.algo() == algo), "RIMs of one algorithm");
        assert!(self.is_available(algo), "{self} can not hash {} here", algo.name());
        if self.chain_lanes(algo) == 1 {
            return rims.iter_mut().for_each(|rim| one_by_one(rim, descriptors));
        }
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        self.extend_in_lanes(algo, rims, descriptors);
    }

    #[cfg(target_arch = "x86_64")]
    fn extend_in_lanes(self, algo: HashAlgo, rims: &mut [Measurement], all: &[Descriptor]) {
        // Each `extend_lanes` is unsafe to call for one reason: it is compiled for features that
        // the processor has to have. `extend_chains`, the only caller, asserts that it has them.
        match (self, algo) {
            (Self::ShaNi, _) => lanes(rims, all, Step256::new, |chains, steps| {
                debug_assert_eq!(algo, HashAlgo::Sha256);
                // SAFETY: the features are there, see above.
                unsafe { sha256_shani::extend_lanes(chains, steps) }
            }),
            (Self::Avx2, HashAlgo::Sha256) => lanes(rims, all, Step256::new, |chains, steps| {
                // SAFETY: the features are there, see above.
                unsafe { sha256_avx2::extend_lanes(&SHA256, chains, steps) }
            }),
            (Self::Avx2, _) => lanes(rims, all, Step512::new, |chains, steps| {
                // SAFETY: the features are there, see above.
                unsafe { sha512_avx2::extend_lanes(variant512(algo), chains, steps) }
            }),
            (_, HashAlgo::Sha256) => lanes(rims, all, Step256::new, |chains, steps| {
                debug_assert_eq!(self, Self::Avx512);
                // SAFETY: the features are there, see above.
                unsafe { sha256_avx512::extend_lanes(&SHA256, chains, steps) }
            }),
            (_, HashAlgo::Sha512 | HashAlgo::Sha384) => {
                lanes(rims, all, Step512::new, |chains, steps| {
                    debug_assert_eq!(self, Self::Avx512);
                    // SAFETY: the features are there, see above.
                    unsafe { sha512_avx512::extend_lanes(variant512(algo), chains, steps) }
                });
            }
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn extend_in_lanes(self, algo: HashAlgo, rims: &mut [Measurement], all: &[Descriptor]) {
        debug_assert_eq!(self, Self::Armv8);
        // As on x86: `extend_chains` asserts that the processor has the features.
        match algo {
            HashAlgo::Sha256 => lanes(rims, all, Step256::new, |chains, steps| {
                // SAFETY: the features are there, see above.
                unsafe { sha256_armv8::extend_lanes(chains, steps) }
            }),
            HashAlgo::Sha512 | HashAlgo::Sha384 => {
                lanes(rims, all, Step512::new, |chains, steps| {
                    // SAFETY: the features are there, see above.
                    unsafe { sha512_armv8::extend_lanes(variant512(algo), chains, steps) }
                });
            }
        }
    }
}

fn one_by_one(rim: &mut Measurement, descriptors: &[Descriptor]) {
    for descriptor in descriptors {
        let mut descriptor = *descriptor;
        let slot = rim.slot();
        descriptor[RIM_OFFSET..RIM_OFFSET + slot.len()].copy_from_slice(slot);
        *rim = Measurement::of(rim.algo(), &digest(rim.algo(), &descriptor));
    }
}

/// A word of a state, as slots hold it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) trait Word: Copy + Default {
    /// Reads the words at the beginning of a slot.
    fn of_slot(slot: &[u8; 64]) -> [Self; 8];
    /// A slot with these words at its beginning.
    fn to_slot(words: [Self; 8]) -> [u8; 64];
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! words {
    ($word:ty) => {
        impl Word for $word {
            fn of_slot(slot: &[u8; 64]) -> [Self; 8] {
                let (words, _) = slot.as_chunks();
                std::array::from_fn(|i| Self::from_be_bytes(words[i]))
            }

            fn to_slot(words: [Self; 8]) -> [u8; 64] {
                let mut slot = [0; 64];
                let (places, _) = slot.as_chunks_mut();
                for (place, word) in places.iter_mut().zip(words) {
                    *place = word.to_be_bytes();
                }
                slot
            }
        }
    };
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
words!(u32);
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
words!(u64);

/// Extends as many chains at a time as there are lanes; of the last ones some lanes are idle.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn lanes<W: Word, S, const LANES: usize>(
    rims: &mut [Measurement],
    descriptors: &[Descriptor],
    step: impl Fn(&Descriptor) -> S,
    extend: impl Fn(&mut [[W; 8]; LANES], &[S]),
) {
    let algo = rims[0].algo();
    let mut chains = vec![[[W::default(); 8]; LANES]; rims.len().div_ceil(LANES)];
    for (chain, rim) in chains.as_flattened_mut().iter_mut().zip(&*rims) {
        *chain = W::of_slot(rim.slot());
    }
    for descriptors in descriptors.chunks(STEPS) {
        let steps: Vec<S> = descriptors.iter().map(&step).collect();
        chains.iter_mut().for_each(|chains| extend(chains, &steps));
    }
    for (rim, chain) in rims.iter_mut().zip(chains.as_flattened()) {
        *rim = Measurement::from_slot(algo, W::to_slot(*chain));
    }
}

#[cfg(test)]
/// Descriptors of each kind, with a digest of this length in every byte of which differs.
pub(super) fn test_descriptors(count: u64, algo: HashAlgo) -> Vec<Descriptor> {
    use crate::abi::addr::Ipa;
    use crate::measure::descriptor;
    use crate::measure::page::write_stream;
    let one = |i: u64| {
        let mut content = [0; 64];
        write_stream(i, 0, &mut content[..algo.len_bytes()]);
        match i % 3 {
            0 => descriptor::data(Ipa(u64::MAX - i), i, &content),
            1 => descriptor::rec(&content),
            _ => descriptor::ripas(Ipa(i << 12), Ipa(!i << 12)),
        }
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::page::write_stream;

    #[test]
    fn every_kernel_extends_chains_as_sha2_does() {
        for algo in HashAlgo::ALL {
            for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available(algo)) {
                let lanes = kernel.chain_lanes(algo);
                assert!(lanes <= 16 && (lanes == 1 || Some(lanes) == kernel.lanes(algo)));
                for (count, steps) in (0..=2 * lanes + 1).zip([1, 2, 65, 3].iter().cycle()) {
                    let start = |i: usize| {
                        let mut bytes = vec![0; algo.len_bytes()];
                        write_stream(i as u64, 64, &mut bytes);
                        Measurement::from_bytes(algo, &bytes).unwrap()
                    };
                    let mut rims: Vec<_> = (0..count).map(start).collect();
                    let mut expected = rims.clone();
                    let descriptors = test_descriptors(*steps, algo);
                    kernel.extend_chains(&mut rims, &descriptors);
                    expected.iter_mut().for_each(|rim| one_by_one(rim, &descriptors));
                    assert_eq!(rims, expected, "{kernel}, {count} chains, {steps} steps");
                }
            }
        }
    }
}
