//! The RIM as a chain of descriptors, alone or beside others.
//!
//! A million extensions differ in a few words each, and none can begin before the one before it
//! has ended: so the descriptor is kept, padded and cut into blocks, from one to the next.

use sha2::digest::generic_array::{ArrayLength, GenericArray};
use sha2::digest::typenum::{U64, U128};
use sha2::{compress256, compress512};

use super::descriptor::{self, Descriptor};
use super::kernel::Kernel;
use super::kernel::constants::{H256, H384, H512};
use super::rim::{HashAlgo, Measurement};

/// What events extend: a RIM, or several side by side.
pub(super) trait Extend {
    /// The algorithm.
    fn algo(&self) -> HashAlgo;
    /// The RIM is what a hash gave, not an extension.
    fn restart(&mut self, rim: Measurement);
    /// Extends the RIM by a descriptor, in which it is put.
    fn extend(&mut self, descriptor: Descriptor);
}

/// A RIM that is being extended.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    algo: HashAlgo,
    slot: [u8; 64],
    padded: Padded,
}

/// A descriptor in the blocks of a hash, with the padding that follows it.
#[derive(Clone, Debug)]
enum Padded {
    Sha256([GenericArray<u8, U64>; 5]),
    Sha512([GenericArray<u8, U128>; 3]),
    Sha384([GenericArray<u8, U128>; 3]),
}

impl Chain {
    pub(super) fn new(rim: Measurement) -> Self {
        let padded = match rim.algo() {
            HashAlgo::Sha256 => Padded::Sha256(padding()),
            HashAlgo::Sha512 => Padded::Sha512(padding()),
            HashAlgo::Sha384 => Padded::Sha384(padding()),
        };
        Self { algo: rim.algo(), slot: *rim.slot(), padded }
    }

    pub(super) fn rim(&self) -> Measurement {
        Measurement::from_slot(self.algo, self.slot)
    }
}

impl Extend for Chain {
    fn algo(&self) -> HashAlgo {
        self.algo
    }

    fn restart(&mut self, rim: Measurement) {
        self.slot = *rim.slot();
    }

    #[inline]
    fn extend(&mut self, mut descriptor: Descriptor) {
        descriptor::put_rim(&mut descriptor, &self.slot);
        match &mut self.padded {
            Padded::Sha256(blocks) => {
                put(blocks, &descriptor);
                let mut state = H256;
                compress256(&mut state, blocks);
                put_words(&mut self.slot, state.map(u32::to_be_bytes));
            }
            Padded::Sha512(blocks) => {
                put(blocks, &descriptor);
                let mut state = H512;
                compress512(&mut state, blocks);
                put_words(&mut self.slot, state.map(u64::to_be_bytes));
            }
            Padded::Sha384(blocks) => {
                put(blocks, &descriptor);
                let mut state = H384;
                compress512(&mut state, blocks);
                let [a, b, c, d, e, f, ..] = state.map(u64::to_be_bytes);
                put_words(&mut self.slot, [a, b, c, d, e, f]);
            }
        }
    }
}

/// Descriptors that are collected before chains are extended by them.
const COLLECTED: usize = 256;

/// RIMs that are extended alike.
#[derive(Debug)]
pub(super) struct Chains<'r> {
    kernel: Kernel,
    algo: HashAlgo,
    rims: &'r mut [Measurement],
    /// What the RIMs are not yet extended by, with zeros where they stand.
    descriptors: Vec<Descriptor>,
}

impl<'r> Chains<'r> {
    /// RIMs of one algorithm.
    pub(super) fn new(kernel: Kernel, algo: HashAlgo, rims: &'r mut [Measurement]) -> Self {
        Self { kernel, algo, rims, descriptors: Vec::with_capacity(COLLECTED) }
    }

    /// Ends what was begun.
    pub(super) fn finish(mut self) {
        self.catch_up();
    }

    fn catch_up(&mut self) {
        self.kernel.extend_chains(self.rims, &self.descriptors);
        self.descriptors.clear();
    }
}

impl Extend for Chains<'_> {
    fn algo(&self) -> HashAlgo {
        self.algo
    }

    fn restart(&mut self, rim: Measurement) {
        self.descriptors.clear();
        self.rims.fill(rim);
    }

    fn extend(&mut self, descriptor: Descriptor) {
        self.descriptors.push(descriptor);
        if self.descriptors.len() == COLLECTED {
            self.catch_up();
        }
    }
}

/// Blocks with what follows a descriptor in them: one bit, zeros, and the length in bits.
fn padding<N: ArrayLength<u8>, const BLOCKS: usize>() -> [GenericArray<u8, N>; BLOCKS] {
    const LEN_BITS: u16 = 1 << 11;
    const _: () = assert!(LEN_BITS as usize == 8 * descriptor::LEN_BYTES);
    let mut blocks: [GenericArray<u8, N>; BLOCKS] = std::array::from_fn(|_| Default::default());
    if let Some(last) = blocks.last_mut() {
        last[0] = 0x80;
        let end = last.len();
        last[end - 2..].copy_from_slice(&LEN_BITS.to_be_bytes());
    }
    blocks
}

#[inline]
fn put<N: ArrayLength<u8>>(blocks: &mut [GenericArray<u8, N>], descriptor: &Descriptor) {
    let pieces = descriptor.chunks_exact(N::USIZE);
    for (block, piece) in blocks.iter_mut().zip(pieces) {
        block.copy_from_slice(piece);
    }
}

#[inline]
fn put_words<const N: usize, const W: usize>(slot: &mut [u8; 64], words: [[u8; N]; W]) {
    for (place, word) in slot.chunks_exact_mut(N).zip(words) {
        place.copy_from_slice(&word);
    }
}
