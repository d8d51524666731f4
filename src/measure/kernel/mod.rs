//! The instructions that granules are hashed with.
//!
//! Granules are independent of each other, so several are hashed side by side: one a vector lane
//! (AVX-512, AVX2), or interleaved so that one granule's rounds fill the gaps of another's (the SHA
//! instructions of x86 and Arm). [`Kernel::Sha2`] hashes one at a time by the crate `sha2`; it is
//! what every other kernel is tested against, and what is used where there is nothing better.

#![allow(
    unsafe_code,
    reason = "vector loads and stores take pointers; kernels need features found at run time"
)]

mod beside;
mod chains;
pub(super) mod constants;
#[cfg(target_arch = "x86_64")]
#[macro_use]
mod rounds;
#[cfg(target_arch = "x86_64")]
mod chain256;
#[cfg(target_arch = "x86_64")]
#[macro_use]
mod weave512;
#[cfg(target_arch = "x86_64")]
mod beside256;
#[cfg(target_arch = "x86_64")]
mod beside512;
#[cfg(target_arch = "x86_64")]
mod chain512;
#[cfg(target_arch = "aarch64")]
mod sha256_armv8;
#[cfg(target_arch = "x86_64")]
mod sha256_avx2;
#[cfg(target_arch = "x86_64")]
mod sha256_avx512;
#[cfg(target_arch = "x86_64")]
mod sha256_shani;
#[cfg(target_arch = "aarch64")]
mod sha512_armv8;
#[cfg(target_arch = "x86_64")]
mod sha512_avx2;
#[cfg(target_arch = "x86_64")]
mod sha512_avx512;
#[cfg(target_arch = "x86_64")]
mod shani;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod steps;

use std::fmt;

pub(super) use beside::Descriptors;
#[cfg(target_arch = "x86_64")]
use constants::H256;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use constants::{H384, H512};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::rim::HashAlgo;

/// The length of a granule of `LEN` bytes as the last block has it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const fn len_bits<const LEN: usize>() -> u32 {
    // Padding is one block of its own behind whole blocks of either algorithm.
    const { assert!(LEN.is_multiple_of(128) && LEN < 1 << 29) };
    #[allow(clippy::cast_possible_truncation, reason = "asserted")]
    const {
        8 * LEN as u32
    }
}

/// A digest, zero padded to 64 bytes as measurement slots and descriptors have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    slot: [u8; 64],
}

impl Digest {
    /// Zeros, which stand where no granule is measured.
    pub(super) const EMPTY: Self = Self { slot: [0; 64] };

    /// The digest with its padding.
    #[must_use]
    pub const fn slot(&self) -> &[u8; 64] {
        &self.slot
    }

    /// A digest, as long as its algorithm says.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut slot = [0; 64];
        slot.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { slot })
    }

    /// Puts word `i` of a state in its place.
    #[inline]
    fn put_word<const N: usize>(&mut self, i: usize, bytes: [u8; N]) {
        self.slot[N * i..N * (i + 1)].copy_from_slice(&bytes);
    }
}

/// Hashes a message of any length.
#[must_use]
pub fn digest(algo: HashAlgo, message: &[u8]) -> Digest {
    let mut slot = [0; 64];
    match algo {
        HashAlgo::Sha256 => slot[..32].copy_from_slice(&Sha256::digest(message)),
        HashAlgo::Sha512 => slot.copy_from_slice(&Sha512::digest(message)),
        HashAlgo::Sha384 => slot[..48].copy_from_slice(&Sha384::digest(message)),
    }
    Digest { slot }
}

/// A way to hash granules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kernel {
    /// The crate `sha2`, one granule at a time, on any processor.
    Sha2,
    /// The SHA instructions of x86.
    ShaNi,
    /// 256-bit vectors.
    Avx2,
    /// 512-bit vectors.
    Avx512,
    /// The SHA-2 and SHA-512 instructions of Arm.
    Armv8,
}

impl Kernel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sha2, Self::ShaNi, Self::Avx2, Self::Avx512, Self::Armv8];

    /// The name by which people choose it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha2 => "sha2",
            Self::ShaNi => "shani",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Armv8 => "armv8",
        }
    }

    /// The kernel with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kernel| kernel.name() == name)
    }

    /// The kernel that is fastest on this processor.
    ///
    /// In a build without optimisation that is `sha2`, which Cargo.toml has optimised all the same.
    #[must_use]
    pub fn fastest(algo: HashAlgo) -> Self {
        if cfg!(debug_assertions) {
            return Self::Sha2;
        }
        let order = [Self::Avx512, Self::ShaNi, Self::Avx2, Self::Armv8];
        order.into_iter().find(|kernel| kernel.is_available(algo)).unwrap_or(Self::Sha2)
    }

    /// How many granules it hashes side by side; none if it does not know the algorithm.
    #[must_use]
    pub const fn lanes(self, algo: HashAlgo) -> Option<usize> {
        match (self, algo) {
            (Self::Sha2, _) => Some(1),
            (Self::ShaNi, HashAlgo::Sha256) => Some(4),
            (Self::ShaNi, HashAlgo::Sha512 | HashAlgo::Sha384) => None,
            (Self::Avx2, HashAlgo::Sha256) => Some(8),
            (Self::Avx2, HashAlgo::Sha512 | HashAlgo::Sha384) => Some(4),
            (Self::Avx512, HashAlgo::Sha256) => Some(16),
            (Self::Avx512, HashAlgo::Sha512 | HashAlgo::Sha384) => Some(8),
            (Self::Armv8, HashAlgo::Sha256) => Some(4),
            (Self::Armv8, HashAlgo::Sha512 | HashAlgo::Sha384) => Some(2),
        }
    }

    /// Whether it knows the algorithm and this processor has its instructions.
    #[must_use]
    pub fn is_available(self, algo: HashAlgo) -> bool {
        self.lanes(algo).is_some() && self.has_instructions(algo)
    }

    #[cfg(target_arch = "x86_64")]
    fn has_instructions(self, _: HashAlgo) -> bool {
        use std::arch::is_x86_feature_detected as has;
        match self {
            Self::Sha2 => true,
            Self::ShaNi => has!("sha") && has!("sse4.1") && has!("ssse3"),
            Self::Avx2 => has!("avx2"),
            Self::Avx512 => has!("avx512f") && has!("avx512bw"),
            Self::Armv8 => false,
        }
    }

    /// The kernels read words as a little-endian processor has them in its vectors.
    #[cfg(target_arch = "aarch64")]
    fn has_instructions(self, algo: HashAlgo) -> bool {
        use std::arch::is_aarch64_feature_detected as has;
        match (self, algo) {
            (Self::Sha2, _) => true,
            (Self::Armv8, _) if cfg!(target_endian = "big") => false,
            (Self::Armv8, HashAlgo::Sha256) => has!("sha2"),
            (Self::Armv8, HashAlgo::Sha512 | HashAlgo::Sha384) => has!("sha3"),
            (Self::ShaNi | Self::Avx2 | Self::Avx512, _) => false,
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    const fn has_instructions(self, _: HashAlgo) -> bool {
        matches!(self, Self::Sha2)
    }

    /// The digests of granules, in order. A granule has a multiple of 128 bytes.
    ///
    /// # Panics
    ///
    /// If there are not as many digests as granules, or the kernel is not available.
    pub fn digest_granules<const LEN: usize>(
        self,
        algo: HashAlgo,
        granules: &[&[u8; LEN]],
        out: &mut [Digest],
    ) {
        assert_eq!(granules.len(), out.len(), "one digest a granule");
        assert!(self.is_available(algo), "{self} can not hash {} here", algo.name());
        self.run(algo, granules, out);
        if algo == HashAlgo::Sha384 {
            out.iter_mut().for_each(|digest| digest.slot[algo.len_bytes()..].fill(0));
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn run<const LEN: usize>(self, algo: HashAlgo, granules: &[&[u8; LEN]], out: &mut [Digest]) {
        // Each `digest_lanes` is unsafe to call for one reason: it is compiled for features that
        // the processor has to have. `digest_granules`, the only caller, asserts that it has them.
        match (self, algo) {
            (Self::ShaNi, HashAlgo::Sha256) => batches(algo, granules, out, 2, |all, out| {
                // SAFETY: the features are there, see above.
                unsafe { sha256_shani::digest_lanes(all, out) }
            }),
            (Self::Avx2, HashAlgo::Sha256) => batches(algo, granules, out, 4, |all, out| {
                // SAFETY: the features are there, see above.
                unsafe { sha256_avx2::digest_lanes(&H256, all, out) }
            }),
            (Self::Avx2, HashAlgo::Sha512 | HashAlgo::Sha384) => {
                let initial = initial512(algo);
                batches(algo, granules, out, 2, |all, out| {
                    // SAFETY: the features are there, see above.
                    unsafe { sha512_avx2::digest_lanes(initial, all, out) }
                });
            }
            (Self::Avx512, HashAlgo::Sha256) => batches(algo, granules, out, 9, |all, out| {
                // SAFETY: the features are there, see above.
                unsafe { sha256_avx512::digest_lanes(&H256, all, out) }
            }),
            (Self::Avx512, HashAlgo::Sha512 | HashAlgo::Sha384) => {
                let initial = initial512(algo);
                batches(algo, granules, out, 2, |all, out| {
                    // SAFETY: the features are there, see above.
                    unsafe { sha512_avx512::digest_lanes(initial, all, out) }
                });
            }
            _ => one_by_one(algo, granules, out),
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn run<const LEN: usize>(self, algo: HashAlgo, granules: &[&[u8; LEN]], out: &mut [Digest]) {
        // As on x86: `digest_granules` asserts that the processor has the features.
        match (self, algo) {
            (Self::Armv8, HashAlgo::Sha256) => batches(algo, granules, out, 2, |all, out| {
                // SAFETY: the features are there, see above.
                unsafe { sha256_armv8::digest_lanes(all, out) }
            }),
            (Self::Armv8, HashAlgo::Sha512 | HashAlgo::Sha384) => {
                let initial = initial512(algo);
                batches(algo, granules, out, 2, |all, out| {
                    // SAFETY: the features are there, see above.
                    unsafe { sha512_armv8::digest_lanes(initial, all, out) }
                });
            }
            _ => one_by_one(algo, granules, out),
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn run<const LEN: usize>(self, algo: HashAlgo, granules: &[&[u8; LEN]], out: &mut [Digest]) {
        one_by_one(algo, granules, out);
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an algorithm of 64-bit words begins with.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const fn initial512(algo: HashAlgo) -> &'static [u64; 8] {
    match algo {
        HashAlgo::Sha384 => &H384,
        HashAlgo::Sha256 | HashAlgo::Sha512 => &H512,
    }
}

fn one_by_one<const LEN: usize>(algo: HashAlgo, granules: &[&[u8; LEN]], out: &mut [Digest]) {
    for (granule, out) in granules.iter().zip(out) {
        *out = digest(algo, *granule);
    }
}

/// Hashes as many granules at a time as there are lanes. A rest of at least `worth` granules still
/// goes through the lanes, some of them idle; a smaller one is faster one by one.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn batches<const LANES: usize, const LEN: usize>(
    algo: HashAlgo,
    granules: &[&[u8; LEN]],
    out: &mut [Digest],
    worth: usize,
    mut digest_lanes: impl FnMut(&[&[u8; LEN]; LANES], &mut [Digest; LANES]),
) {
    let (full, rest) = granules.as_chunks::<LANES>();
    let (full_out, rest_out) = out.as_chunks_mut::<LANES>();
    for (granules, out) in full.iter().zip(full_out) {
        digest_lanes(granules, out);
    }
    if rest.len() < worth {
        return one_by_one(algo, rest, rest_out);
    }
    let mut all = [rest[0]; LANES];
    all[..rest.len()].copy_from_slice(rest);
    let mut digests = [Digest::EMPTY; LANES];
    digest_lanes(&all, &mut digests);
    rest_out.copy_from_slice(&digests[..rest.len()]);
}

#[cfg(all(test, target_arch = "aarch64"))]
mod tests {
    use super::*;

    /// Else the tests that compare with `sha2` would skip the kernel and say nothing.
    #[test]
    fn qemu_max_has_every_instruction_of_armv8() {
        if std::env::var("QEMU_CPU").is_ok_and(|cpu| cpu == "max") {
            assert!(HashAlgo::ALL.into_iter().all(|algo| Kernel::Armv8.is_available(algo)));
        }
    }
}
