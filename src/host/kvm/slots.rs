//! Memory slots: which ones can be, and in which order KVM visits them.

use super::{range_text, refused};
use crate::abi::addr::{GRANULE_SIZE, is_aligned};
use crate::host::vm::{Refusal, Slot};

/// log2 of the buckets in which KVM keeps slots by their number.
const BUCKET_BITS: u32 = 7;
/// GOLDEN_RATIO_32 of the kernel's hash_32().
const GOLDEN_RATIO_32: u32 = 0x61C8_8647;

/// The slots in the order of `kvm_for_each_memslot`: by hash bucket, not by address. In a bucket
/// the slot that was added last comes first.
#[must_use]
pub fn visit_order(slots: &[Slot]) -> Vec<&Slot> {
    let bucket = |slot: &Slot| slot.id.wrapping_mul(GOLDEN_RATIO_32) >> (32 - BUCKET_BITS);
    let mut order: Vec<&Slot> = slots.iter().rev().collect();
    order.sort_by_key(|slot| bucket(slot));
    order
}

/// What KVM_SET_USER_MEMORY_REGION refuses.
pub(super) fn check(slots: &[Slot]) -> Result<(), Refusal> {
    for (i, slot) in slots.iter().enumerate() {
        let place = format!("memory slot {}", slot.id);
        let (base, top) = (slot.ipa.start, slot.ipa.end);
        let range = range_text(base, top);
        if base >= top {
            return Err(refused(place, format!("{range} is empty (EINVAL)")));
        }
        if !is_aligned(base, GRANULE_SIZE) {
            return Err(refused(place, format!("{range} is not page aligned (EINVAL)")));
        }
        for other in &slots[..i] {
            if other.id == slot.id {
                return Err(refused(place, "there is one with this number already (EINVAL)"));
            }
            if base < other.ipa.end && other.ipa.start < top {
                let taken = range_text(other.ipa.start, other.ipa.end);
                return Err(refused(place, format!("{range} overlaps {taken} (EEXIST)")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_decide_the_order() {
        let slot = |id: u32| {
            let base = u64::from(id) << 30;
            Slot { id, ipa: base..base + 4096, guest_memfd: true }
        };
        let slots: Vec<Slot> = (0..12).map(slot).collect();
        let order: Vec<u32> = visit_order(&slots).iter().map(|slot| slot.id).collect();
        assert_eq!(order, [0, 8, 3, 11, 6, 1, 9, 4, 7, 2, 10, 5]);
    }
}
