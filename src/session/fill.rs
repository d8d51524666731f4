//! What the Host writes in bulk: zeros, and the splitmix64 stream of the vectors.

use crate::abi::addr::{GRANULE_SIZE, align_down};
use crate::model::world::{HostFault, World};

/// Writes zeros over `len_bytes` from `pa` on.
pub(super) fn zero(world: &mut World, pa: u64, len_bytes: u64) -> Result<(), HostFault> {
    write(world, pa, len_bytes, |piece| piece.fill(0))
}

/// Writes a splitmix64 stream: eight bytes a step, little-endian, the last word cut off if the
/// length asks for it.
pub(super) fn fill(world: &mut World, pa: u64, len_bytes: u64, seed: u64) -> Result<(), HostFault> {
    let mut stream = Stream { state: seed, word: [0; 8], used: 8 };
    write(world, pa, len_bytes, |piece| piece.iter_mut().for_each(|byte| *byte = stream.next()))
}

/// Makes bytes granule by granule and writes them; the first granule that refuses ends it.
fn write(
    world: &mut World,
    pa: u64,
    len_bytes: u64,
    mut make: impl FnMut(&mut [u8]),
) -> Result<(), HostFault> {
    let Some(end) = pa.checked_add(len_bytes) else { return world.host_write(pa, &[0]) };
    let mut at = pa;
    let mut bytes = [0; GRANULE_SIZE as usize];
    while at < end {
        let next = align_down(at, GRANULE_SIZE).saturating_add(GRANULE_SIZE).min(end);
        let piece = &mut bytes[..usize::try_from(next - at).expect("at most a granule")];
        make(piece);
        world.host_write(at, piece)?;
        at = next;
    }
    Ok(())
}

struct Stream {
    state: u64,
    word: [u8; 8],
    used: usize,
}

impl Stream {
    fn next(&mut self) -> u8 {
        if self.used == 8 {
            self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            (self.word, self.used) = ((z ^ z >> 31).to_le_bytes(), 0);
        }
        self.used += 1;
        self.word[self.used - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of splitmix64 from seed 1234567, as its authors publish them.
    #[test]
    fn the_stream_is_splitmix64() {
        let mut stream = Stream { state: 1_234_567, word: [0; 8], used: 8 };
        let mut word = || u64::from_le_bytes(std::array::from_fn(|_| stream.next()));
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(std::array::from_fn(|_| word()), expected);
    }
}
