//! The GIC's virtual CPU interface: ICH_HCR_EL2 and list registers, `ICH_LR<n>_EL2` (DEN0137 1.0
//! B4.4, Gicv3ConfigIsValid; the numbers are TF-RMM's `lib/gic`).

use std::fmt;

use super::addr::Hex;
pub use super::layout::NUM_LRS;
use super::platform::Platform;
pub use super::profile::LrRule;

/// The state, zero is invalid.
pub const LR_STATE_MASK: u64 = 0b11 << 62;
/// The state's bit for Pending.
const LR_PENDING: u64 = 1 << 62;
/// The interrupt is a physical one, too.
pub const LR_HW: u64 = 1 << 61;
/// The physical INTID, of which bit 41 asks for an EOI interrupt.
const LR_PINTID_MASK: u64 = 0x1FFF << 32;
const LR_EOI: u64 = 1 << 41;
/// The virtual INTID.
pub const LR_VINTID_MASK: u64 = 0xFFFF_FFFF;

/// ICH_HCR_EL2 bits that are the Host's: UIE, LRENPIE, NPIE, VGrp0EIE, VGrp0DIE, VGrp1EIE, VGrp1DIE
/// and TDIR.
pub const HCR_HOST_MASK: u64 = 0xFE | 1 << 14;
/// ICH_HCR_EL2.En: the virtual CPU interface is on.
pub const HCR_EN: u64 = 1 << 0;
/// ICH_HCR_EL2 bits that TF-RMM sets for a plane that does not own the GIC. vSGIEOICount: ends of
/// virtual SGIs do not count. DVIM: nothing is injected directly.
pub const HCR_OF_PLANE: u64 = 1 << 8 | 1 << 15;

/// What there is to say of a virtual CPU interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuInterface {
    /// ICH_HCR_EL2.
    pub hcr: u64,
    /// `ICH_LR<n>_EL2`. Registers that the machine does not have are zero.
    pub lrs: [u64; NUM_LRS],
}

/// Why a list register can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LrError {
    /// Its number.
    pub register: usize,
    /// Its value.
    pub value: u64,
    /// What is wrong with it.
    pub fault: LrFault,
}

/// What is wrong with a list register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LrFault {
    /// HW is set.
    Hw,
    /// Bits of the priority are set that the machine does not have.
    Priority,
    /// There is a physical INTID.
    PhysicalIntid,
    /// The virtual INTID is none of SGIs, PPIs, SPIs and LPIs.
    ReservedIntid,
    /// The register with this number has the same virtual INTID.
    SameIntid(usize),
}

impl CpuInterface {
    /// What a machine takes of values for as many list registers as structures have room for.
    #[must_use]
    pub fn of(platform: &Platform, hcr: u64, lrs: &[u64; NUM_LRS]) -> Self {
        let count = (platform.gicv3_num_lrs as usize).min(NUM_LRS);
        let mut taken = Self { hcr, ..Self::default() };
        taken.lrs[..count].copy_from_slice(&lrs[..count]);
        taken
    }

    /// Whether an interrupt waits: a list register is Pending.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.lrs.iter().any(|lr| lr & LR_PENDING != 0)
    }

    /// Whether a list register is not zero, whatever it says.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.lrs.iter().any(|lr| *lr != 0)
    }

    /// Whether the list registers can be used.
    ///
    /// # Errors
    /// The first register that has a wrong field, else the first that has the virtual INTID of one
    /// behind it.
    pub fn check_lrs(&self, platform: &Platform, rule: LrRule) -> Result<(), LrError> {
        let counts = |lr: u64| lr & LR_STATE_MASK != 0 || rule == LrRule::Rmm20;
        let valid = || self.lrs.iter().enumerate().filter(|(_, lr)| counts(**lr));
        let own = |(register, lr): (usize, &u64)| {
            let fault = own_fault(*lr, platform, rule)?;
            Some(LrError { register, value: *lr, fault })
        };
        let same = |(register, lr): (usize, &u64)| {
            if rule == LrRule::Rmm20 {
                return None;
            }
            let same = |(other, value): &(usize, &u64)| {
                *other > register && (**value ^ lr) & LR_VINTID_MASK == 0
            };
            let (other, _) = valid().find(same)?;
            Some(LrError { register, value: *lr, fault: LrFault::SameIntid(other) })
        };
        valid().find_map(own).or_else(|| valid().find_map(same)).map_or(Ok(()), Err)
    }
}

/// What is wrong with a register by itself.
fn own_fault(lr: u64, platform: &Platform, rule: LrRule) -> Option<LrFault> {
    if lr & LR_HW != 0 {
        return Some(LrFault::Hw);
    }
    if rule != LrRule::Rmm10 {
        return None;
    }
    let priority = lr >> 48 & 0xFF;
    if priority & (0xFF >> platform.gicv3_pri_bits) != 0 {
        return Some(LrFault::Priority);
    }
    if lr & LR_PINTID_MASK & !LR_EOI != 0 {
        return Some(LrFault::PhysicalIntid);
    }
    (!is_vintid(lr & LR_VINTID_MASK, platform)).then_some(LrFault::ReservedIntid)
}

/// SGIs, PPIs and SPIs, LPIs, and with FEAT_GICv3.1 extended PPIs and SPIs.
fn is_vintid(intid: u64, platform: &Platform) -> bool {
    let extended = (1056..=1119).contains(&intid) || (4096..=5119).contains(&intid);
    intid <= 1019
        || (8192..=u64::from(platform.gicv3_max_vintid)).contains(&intid)
        || (platform.gicv3_ext_intid && extended)
}

impl fmt::Display for LrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { register, value, fault } = self;
        write!(f, "list register {register}, {}, ", Hex(*value))?;
        match fault {
            LrFault::Hw => f.write_str("has HW set"),
            LrFault::Priority => f.write_str("has priority bits set that are not implemented"),
            LrFault::PhysicalIntid => f.write_str("has a physical INTID"),
            LrFault::ReservedIntid => f.write_str("has a reserved virtual INTID"),
            LrFault::SameIntid(other) => {
                let intid = value & LR_VINTID_MASK;
                write!(f, "has the virtual INTID of register {other}, {intid}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::platform::PlatformFile;

    const PENDING: u64 = 1 << 62;

    fn platform() -> Platform {
        Platform::preset("fvp").expect("a preset")
    }

    fn with_lrs(gicv3_num_lrs: u32) -> Platform {
        let file = PlatformFile { gicv3_num_lrs, ..platform().into() };
        Platform::try_from(file).expect("a machine that can be")
    }

    fn fault(lrs: &[u64], rule: LrRule) -> Option<(usize, LrFault)> {
        let mut interface = CpuInterface::default();
        interface.lrs[..lrs.len()].copy_from_slice(lrs);
        let checked = interface.check_lrs(&platform(), rule);
        checked.err().map(|error| (error.register, error.fault))
    }

    #[test]
    fn invalid_registers_do_not_count() {
        for rule in [LrRule::Rmm10, LrRule::TfRmm20] {
            assert_eq!(fault(&[LR_HW | 5, 5, PENDING | 5, PENDING | 6], rule), None);
            assert_eq!(fault(&[0, PENDING | LR_HW], rule), Some((1, LrFault::Hw)));
            let twice = [PENDING | 5, 5, PENDING << 1 | 5];
            assert_eq!(fault(&twice, rule), Some((0, LrFault::SameIntid(2))));
        }
    }

    #[test]
    fn the_text_of_2_0_looks_at_hw_alone_and_of_all_registers() {
        assert_eq!(fault(&[PENDING | 5, PENDING | 5], LrRule::Rmm20), None);
        assert_eq!(fault(&[5, LR_HW | 6], LrRule::Rmm20), Some((1, LrFault::Hw)));
    }

    #[test]
    fn only_the_registers_that_the_machine_has_are_taken() {
        let few = with_lrs(2);
        let twice = std::array::from_fn(|i| PENDING | (i as u64 & 1));
        let taken = CpuInterface::of(&few, 7, &twice);
        assert_eq!((taken.hcr, taken.lrs[..3].to_vec()), (7, vec![PENDING, PENDING | 1, 0]));
        assert_eq!(taken.check_lrs(&few, LrRule::TfRmm20), Ok(()));
        let all = CpuInterface::of(&with_lrs(16), 7, &twice);
        assert_eq!(all.lrs, twice);
        assert!(all.check_lrs(&few, LrRule::TfRmm20).is_err());
    }

    #[test]
    fn what_waits_is_pending() {
        let interface = |lr| {
            let mut interface = CpuInterface::default();
            interface.lrs[15] = lr;
            (interface.is_pending(), interface.is_used())
        };
        assert_eq!([0, 5, 1 << 63].map(interface), [(false, false), (false, true), (false, true)]);
        assert_eq!([PENDING, 3 << 62].map(interface), [(true, true), (true, true)]);
    }

    #[test]
    fn the_older_edition_looks_at_more_fields() {
        let wrong = [PENDING | 0xFF << 48, PENDING | 1 << 32, PENDING | 1020];
        let faults = [LrFault::Priority, LrFault::PhysicalIntid, LrFault::ReservedIntid];
        for (lr, expected) in wrong.into_iter().zip(faults) {
            assert_eq!(fault(&[lr], LrRule::Rmm10), Some((0, expected)));
            assert_eq!(fault(&[lr], LrRule::TfRmm20), None);
        }
        assert_eq!(fault(&[PENDING | LR_EOI], LrRule::Rmm10), None);
    }
}
