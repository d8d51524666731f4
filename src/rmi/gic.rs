//! What the Host may write into the GICv3 CPU interface of a REC (DEN0137 1.0 B4.4,
//! Gicv3ConfigIsValid; the numbers are TF-RMM's `lib/gic`).

use crate::abi::addr::Hex;
use crate::abi::platform::Platform;
use crate::abi::rec_run::RecEnter;

/// ICH_HCR_EL2 bits that are the Host's: UIE, LRENPIE, NPIE, VGrp0EIE, VGrp0DIE, VGrp1EIE, VGrp1DIE
/// and TDIR.
pub(super) const HCR_HOST_MASK: u64 = 0xFE | 1 << 14;

/// ICH_LR_EL2: state, zero is invalid.
const LR_STATE_MASK: u64 = 0b11 << 62;
/// ICH_LR_EL2: HW.
const LR_HW: u64 = 1 << 61;
/// ICH_LR_EL2: physical INTID, of which bit 41 asks for an EOI interrupt.
const LR_PINTID_MASK: u64 = 0x1FFF << 32;
const LR_EOI: u64 = 1 << 41;

/// Says what is wrong with the GIC registers that the Host hands in.
pub(super) fn invalid(enter: &RecEnter, platform: &Platform) -> Option<String> {
    let foreign = enter.gicv3_hcr & !HCR_HOST_MASK;
    if foreign != 0 {
        return Some(format!("gicv3_hcr has bits {} that are not the Host's", Hex(foreign)));
    }
    let count = platform.gicv3_num_lrs as usize;
    let lrs = &enter.gicv3_lrs[..count.min(enter.gicv3_lrs.len())];
    let valid = || lrs.iter().enumerate().filter(|(_, lr)| **lr & LR_STATE_MASK != 0);
    let wrong = valid().find_map(|(i, lr)| {
        let what = invalid_lr(*lr, platform)?;
        Some(format!("gicv3_lrs[{i}] {} {what}", Hex(*lr)))
    });
    wrong.or_else(|| {
        let twice = |(i, lr): (usize, &u64)| {
            let vintid = *lr & 0xFFFF_FFFF;
            let (j, _) = valid().find(|(j, other)| *j > i && **other & 0xFFFF_FFFF == vintid)?;
            Some(format!("gicv3_lrs[{i}] and [{j}] have the same virtual INTID {vintid}"))
        };
        valid().find_map(twice)
    })
}

fn invalid_lr(lr: u64, platform: &Platform) -> Option<&'static str> {
    if lr & LR_HW != 0 {
        return Some("has HW set");
    }
    let priority = lr >> 48 & 0xFF;
    if priority & (0xFF >> platform.gicv3_pri_bits) != 0 {
        return Some("has priority bits set that are not implemented");
    }
    if lr & LR_PINTID_MASK & !LR_EOI != 0 {
        return Some("has a physical INTID");
    }
    (!is_vintid(lr & 0xFFFF_FFFF, platform)).then_some("has a reserved virtual INTID")
}

/// SGIs, PPIs and SPIs, LPIs, and with FEAT_GICv3.1 extended PPIs and SPIs.
fn is_vintid(intid: u64, platform: &Platform) -> bool {
    let extended = (1056..=1119).contains(&intid) || (4096..=5119).contains(&intid);
    intid <= 1019
        || (8192..=u64::from(platform.gicv3_max_vintid)).contains(&intid)
        || (platform.gicv3_ext_intid && extended)
}
