//! What the Host writes in bulk: zeros, and the splitmix64 stream of the vectors.

use crate::abi::addr::{PAGE_LEN, Pa, page_pieces};
use crate::measure::page::{Page, write_stream};
use crate::model::world::{HostFault, World};

/// Writes zeros over `len_bytes` from `pa` on.
pub(super) fn zero(world: &mut World, pa: u64, len_bytes: u64) -> Result<(), HostFault> {
    write(world, pa, len_bytes, &|_| Page::Zero, &|_, piece| piece.fill(0))
}

/// Writes a splitmix64 stream over `len_bytes` from `pa` on. Whole pages are not made before
/// somebody looks at them.
pub(super) fn fill(world: &mut World, pa: u64, len_bytes: u64, seed: u64) -> Result<(), HostFault> {
    let whole = |offset| Page::stream(seed, offset);
    write(world, pa, len_bytes, &whole, &|offset, piece| write_stream(seed, offset, piece))
}

/// Writes page by page; the first that refuses ends it. `whole` and `part` make what lies at
/// an offset from `pa`.
fn write(
    world: &mut World,
    pa: u64,
    len_bytes: u64,
    whole: &dyn Fn(u64) -> Page,
    part: &dyn Fn(u64, &mut [u8]),
) -> Result<(), HostFault> {
    pa.checked_add(len_bytes).ok_or(HostFault::NoMemory(Pa(pa)))?;
    for (at, _, len) in page_pieces(pa, len_bytes) {
        if len == PAGE_LEN {
            world.host_set_page(at, whole(at - pa))?;
        } else {
            let mut bytes = [0; PAGE_LEN];
            part(at - pa, &mut bytes[..len]);
            world.host_write(at, &bytes[..len])?;
        }
    }
    Ok(())
}
