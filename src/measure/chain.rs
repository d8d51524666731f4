//! The RIM as a chain of descriptors.
//!
//! A million extensions differ in a few words each, and none can begin before the one before it
//! has ended: so the descriptor is kept, padded and cut into blocks, from one to the next.

use sha2::digest::generic_array::{ArrayLength, GenericArray};
use sha2::digest::typenum::{U64, U128};
use sha2::{compress256, compress512};

use super::descriptor::{self, Descriptor};
use super::kernel::constants::{H256, H512};
use super::rim::{HashAlgo, Measurement};

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
}

impl Chain {
    pub(super) fn new(rim: Measurement) -> Self {
        let padded = match rim.algo() {
            HashAlgo::Sha256 => Padded::Sha256(padding()),
            HashAlgo::Sha512 => Padded::Sha512(padding()),
        };
        Self { algo: rim.algo(), slot: *rim.slot(), padded }
    }

    pub(super) fn rim(&self) -> Measurement {
        Measurement::from_slot(self.algo, self.slot)
    }

    /// The RIM is what a hash gave, not an extension.
    pub(super) fn restart(&mut self, rim: Measurement) {
        self.slot = *rim.slot();
    }

    /// Extends the RIM by the descriptor that `make` makes of the slot as it is.
    #[inline]
    pub(super) fn extend(&mut self, make: impl FnOnce(&[u8; 64]) -> Descriptor) {
        let descriptor = make(&self.slot);
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
fn put_words<const N: usize>(slot: &mut [u8; 64], words: [[u8; N]; 8]) {
    for (place, word) in slot.chunks_exact_mut(N).zip(words) {
        place.copy_from_slice(&word);
    }
}
