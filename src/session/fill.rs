//! What the Host writes in bulk: zeros, and the splitmix64 stream of the vectors.

use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE, Pa, align_down};
use crate::measure::page::{Page, write_stream};
use crate::model::world::{HostFault, World};

/// Writes zeros over `len_bytes` from `pa` on.
pub(super) fn zero(world: &mut World, pa: u64, len_bytes: u64) -> Result<(), HostFault> {
    write(world, pa, len_bytes, &|_| Page::Zero, &|_, piece| piece.fill(0))
}

/// Writes a splitmix64 stream over `len_bytes` from `pa` on. Whole granules are not made before
/// somebody looks at them.
pub(super) fn fill(world: &mut World, pa: u64, len_bytes: u64, seed: u64) -> Result<(), HostFault> {
    let whole = |offset| Page::Stream { seed, offset };
    write(world, pa, len_bytes, &whole, &|offset, piece| write_stream(seed, offset, piece))
}

/// Writes granule by granule; the first that refuses ends it. `whole` and `part` make what lies at
/// an offset from `pa`.
fn write(
    world: &mut World,
    pa: u64,
    len_bytes: u64,
    whole: &dyn Fn(u64) -> Page,
    part: &dyn Fn(u64, &mut [u8]),
) -> Result<(), HostFault> {
    let end = pa.checked_add(len_bytes).ok_or(HostFault::NoMemory(Pa(pa)))?;
    let mut at = pa;
    while at < end {
        let next = align_down(at, GRANULE_SIZE).saturating_add(GRANULE_SIZE).min(end);
        if next - at == GRANULE_SIZE {
            world.host_set_page(at, whole(at - pa))?;
        } else {
            let mut bytes = [0; GRANULE_LEN];
            let piece = &mut bytes[..usize::try_from(next - at).expect("below a granule")];
            part(at - pa, piece);
            world.host_write(at, piece)?;
        }
        at = next;
    }
    Ok(())
}
