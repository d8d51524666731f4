//! RsiPlaneRun (2.0): what plane 0 hands in at RSI_PLANE_ENTER and what it gets back (TF-RMM
//! `lib/smc/include/smc-rsi.h`).

use super::addr::GranuleBytes;
use super::layout::{self, NUM_LRS, read_number};

/// Offset of RsiPlaneExit in RsiPlaneRun, in bytes.
pub const EXIT_OFFSET: usize = 0x800;
/// Length of RsiPlaneExit in bytes.
pub const EXIT_LEN_BYTES: usize = 0x800;

/// Bits of RsiPlaneEnterFlags.
pub mod plane_flags {
    /// WFI of the plane goes to plane 0.
    pub const TRAP_WFI: u64 = 1 << 0;
    /// WFE of the plane goes to plane 0.
    pub const TRAP_WFE: u64 = 1 << 1;
    /// RSI_HOST_CALL of the plane goes to plane 0, and not to the Host.
    pub const TRAP_HC: u64 = 1 << 2;
    /// The plane has the GIC as plane 0 had it.
    pub const OWN_GIC: u64 = 1 << 3;
    /// Vector registers of the plane trap to plane 0.
    pub const TRAP_SIMD: u64 = 1 << 4;
}

/// PSTATE, as SPSR_EL2 has it.
pub mod pstate {
    /// The Exception level and stack pointer, M\[3:0\].
    pub const MODE: u64 = 0xF;
    /// EL2 and EL3, M\[3\].
    pub const ABOVE_EL1: u64 = 1 << 3;
    /// AArch32, M\[4\].
    pub const AARCH32: u64 = 1 << 4;
    /// EL0.
    pub const EL0T: u64 = 0b0000;
    /// EL1 with SP_EL0.
    pub const EL1T: u64 = 0b0100;
    /// EL1 with SP_EL1.
    pub const EL1H: u64 = 0b0101;
    /// D, A, I and F: everything is masked.
    pub const DAIF: u64 = 0xF << 6;
    /// What an exception leaves as it was: N, Z, C, V and DIT.
    pub const KEPT: u64 = 0xF << 28 | 1 << 24;
}

/// RsiPlaneEnter: what plane 0 hands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneEnter {
    /// [`plane_flags`].
    pub flags: u64,
    /// Program counter.
    pub pc: u64,
    /// [`pstate`].
    pub pstate: u64,
    /// X0 to X30.
    pub gprs: [u64; 31],
    /// ICH_HCR_EL2.
    pub gicv3_hcr: u64,
    /// `ICH_LR<n>_EL2`.
    pub gicv3_lrs: [u64; NUM_LRS],
    /// ELR_EL1.
    pub elr_el1: u64,
}

impl PlaneEnter {
    /// Reads the first half of RsiPlaneRun.
    ///
    /// # Panics
    /// Never: the fields stand in [`layout::PLANE_ENTER`].
    #[must_use]
    pub fn read(page: &GranuleBytes) -> Self {
        let at = |name, i: usize| {
            let field = layout::PLANE_ENTER.field(name).expect("a field of the layout");
            read_number(page, field.offset + 8 * i, 8)
        };
        Self {
            flags: at("flags", 0),
            pc: at("pc", 0),
            pstate: at("pstate", 0),
            gprs: std::array::from_fn(|i| at("gprs", i)),
            gicv3_hcr: at("gicv3_hcr", 0),
            gicv3_lrs: std::array::from_fn(|i| at("gicv3_lrs", i)),
            elr_el1: at("elr_el1", 0),
        }
    }
}

/// RsiPlaneExitReason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum PlaneExitReason {
    /// A synchronous exception.
    #[default]
    Sync = 0,
    /// An interrupt.
    Irq = 1,
    /// The Host wanted plane 0.
    Host = 2,
}

/// RsiPlaneExit: what plane 0 gets back. Timers never fire and the PMU never overflows here, so
/// their fields stay zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaneExit {
    /// Why the plane was left.
    pub reason: PlaneExitReason,
    /// Program counter.
    pub pc: u64,
    /// [`pstate`].
    pub pstate: u64,
    /// X0 to X30.
    pub gprs: [u64; 31],
    /// ESR_EL2.
    pub esr: u64,
    /// FAR_EL2.
    pub far: u64,
    /// HPFAR_EL2.
    pub hpfar: u64,
    /// ICH_HCR_EL2.
    pub gicv3_hcr: u64,
    /// `ICH_LR<n>_EL2`.
    pub gicv3_lrs: [u64; NUM_LRS],
    /// SCTLR_EL1.
    pub sctlr_el1: u64,
    /// VBAR_EL1.
    pub vbar_el1: u64,
    /// ELR_EL1.
    pub elr_el1: u64,
}

impl PlaneExit {
    /// The structure's bytes; what is not specified is zero.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; EXIT_LEN_BYTES] {
        let mut bytes = [0; EXIT_LEN_BYTES];
        let mut put = |offset: usize, values: &[u64]| {
            for (i, value) in values.iter().enumerate() {
                let at = offset + 8 * i;
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
        };
        put(0x000, &[(self.reason as u8).into(), self.pc, self.pstate]);
        put(0x100, &self.gprs);
        put(0x200, &[self.esr, self.far, self.hpfar]);
        put(0x300, &[self.gicv3_hcr]);
        put(0x308, &self.gicv3_lrs);
        put(0x500, &[self.sctlr_el1, self.vbar_el1, self.elr_el1]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_header_has_them() {
        let mut page = [0; 4096];
        for (offset, value) in [(0x0, 3), (0x8, 4), (0x10, 5), (0x1F0, 6), (0x288, 7), (0x400, 8)] {
            page[offset] = value;
        }
        let enter = PlaneEnter::read(&page);
        assert_eq!((enter.flags, enter.pc, enter.pstate), (3, 4, 5));
        assert_eq!((enter.gprs[30], enter.gicv3_lrs[15], enter.elr_el1), (6, 0, 8));
        page[0x280] = 9;
        assert_eq!(PlaneEnter::read(&page).gicv3_lrs[15], 9);
        let exit = PlaneExit {
            reason: PlaneExitReason::Host,
            gprs: [1; 31],
            hpfar: 2,
            gicv3_lrs: [3; NUM_LRS],
            elr_el1: 4,
            ..PlaneExit::default()
        };
        let bytes = exit.to_bytes();
        let found = [0x0, 0x1F0, 0x1F8, 0x210, 0x380, 0x388, 0x510].map(|at| bytes[at]);
        assert_eq!(found, [2, 1, 0, 2, 3, 0, 4]);
    }
}
