//! Extensions of chains as vector lanes take them.
//!
//! Only the first block of a descriptor holds the RIM. The second is the same for every chain that
//! is extended by it, and those after it are the same for every descriptor: so of the words that
//! rounds take, only those of the first block are made in the lanes.

use super::constants::{K256, K512};
use crate::measure::descriptor::{Descriptor, LEN_BYTES, RIM_OFFSET};

/// The length of a descriptor as the last block has it.
const LEN_BITS: u16 = 1 << 11;
const _: () = assert!(LEN_BITS as usize == 8 * LEN_BYTES);

/// Makes the type of an algorithm's steps. `s0` and `s1` are its functions σ0 and σ1 (FIPS 180-4,
/// section 4.1): two rotations to the right and a shift.
macro_rules! steps {
    ($step:ident, $word:ty, $k:ident, s0 = $s0:expr, s1 = $s1:expr) => {
        /// One extension. The blocks of a descriptor that follow the second have to be zero.
        #[derive(Clone, Debug)]
        pub(super) struct $step {
            /// The first block, with zeros where the RIM stands.
            pub(super) first: [$word; 16],
            /// Words of the second block's rounds, with their constants.
            pub(super) second: [$word; $k.len()],
        }

        impl $step {
            const WORD_BYTES: usize = <$word>::BITS as usize / 8;
            const BLOCK_BYTES: usize = 16 * Self::WORD_BYTES;
            const REST_BLOCKS: usize = LEN_BYTES / Self::BLOCK_BYTES - 1;
            /// The first of the eight words of the RIM.
            pub(super) const RIM: usize = RIM_OFFSET / Self::WORD_BYTES;
            /// Zeros, and the padding: the words of their rounds, with their constants.
            pub(super) const REST: [[$word; $k.len()]; Self::REST_BLOCKS] = {
                let mut padding = [0; 16];
                padding[0] = 1 << (<$word>::BITS - 1);
                padding[15] = LEN_BITS as $word;
                let mut rest = [Self::scheduled([0; 16]); Self::REST_BLOCKS];
                rest[Self::REST_BLOCKS - 1] = Self::scheduled(padding);
                rest
            };

            pub(super) fn new(descriptor: &Descriptor) -> Self {
                let (words, _) = descriptor.as_chunks();
                let mut words = words.iter().map(|bytes| <$word>::from_be_bytes(*bytes));
                let mut block = || std::array::from_fn(|_| words.next().unwrap_or_default());
                let (first, second) = (block(), block());
                debug_assert!(words.all(|word| word == 0), "descriptors end earlier");
                Self { first, second: Self::scheduled(second) }
            }

            const fn scheduled(block: [$word; 16]) -> [$word; $k.len()] {
                const fn mixed(word: $word, (one, two, shift): (u32, u32, u32)) -> $word {
                    word.rotate_right(one) ^ word.rotate_right(two) ^ word >> shift
                }
                let mut words = [0; $k.len()];
                let mut t = 0;
                while t < words.len() {
                    words[t] = if t < 16 {
                        block[t]
                    } else {
                        let near = mixed(words[t - 2], $s1).wrapping_add(words[t - 7]);
                        mixed(words[t - 15], $s0).wrapping_add(words[t - 16]).wrapping_add(near)
                    };
                    t += 1;
                }
                t = 0;
                while t < words.len() {
                    words[t] = words[t].wrapping_add($k[t]);
                    t += 1;
                }
                words
            }
        }
    };
}

steps!(Step256, u32, K256, s0 = (7, 18, 3), s1 = (17, 19, 10));
steps!(Step512, u64, K512, s0 = (1, 8, 7), s1 = (19, 61, 6));
