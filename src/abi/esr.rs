//! Exception syndromes: the fields of ESR_ELx that the RMM reads, masks and makes.

/// Exception class, in place.
pub mod ec {
    /// Bits 31:26.
    pub const MASK: u64 = 0x3F << 26;
    /// WFI or WFE.
    pub const WFX: u64 = 0x01 << 26;
    /// The floating-point or vector registers, while they are switched off.
    pub const FPU: u64 = 0x07 << 26;
    /// HVC.
    pub const HVC: u64 = 0x16 << 26;
    /// SMC.
    pub const SMC: u64 = 0x17 << 26;
    /// A system register access.
    pub const SYSREG: u64 = 0x18 << 26;
    /// SVE, while it is switched off.
    pub const SVE: u64 = 0x19 << 26;
    /// SME, while it is switched off.
    pub const SME: u64 = 0x1D << 26;
    /// An instruction abort from a lower level.
    pub const INST_ABORT: u64 = 0x20 << 26;
    /// A data abort from a lower level.
    pub const DATA_ABORT: u64 = 0x24 << 26;
    /// One class up: the same abort, taken without a change of level.
    pub const SAME_LEVEL: u64 = 0x01 << 26;
}

/// The instruction is 32 bits long.
pub const IL: u64 = 1 << 25;
/// Instruction syndrome valid.
pub const ISV: u64 = 1 << 24;
/// Access size: log2 of the bytes.
pub const SAS_SHIFT: u32 = 22;
/// Sign extend.
pub const SSE: u64 = 1 << 21;
/// Register of the access.
pub const SRT_SHIFT: u32 = 16;
/// The register is 64 bits wide.
pub const SF: u64 = 1 << 15;
/// Synchronous error type.
pub const SET_MASK: u64 = 0b11 << 11;
/// FAR not valid.
pub const FNV: u64 = 1 << 10;
/// External abort.
pub const EA: u64 = 1 << 9;
/// Fault on a stage 2 access of a stage 1 walk.
pub const S1PTW: u64 = 1 << 7;
/// Write, not read.
pub const WNR: u64 = 1 << 6;
/// Fault status code.
pub const FSC_MASK: u64 = 0x3F;
/// ISS.TI of WFI and WFE: the lowest bit says WFE.
pub const WFX_TI: u64 = 1 << 0;

/// Fault status codes.
pub mod fsc {
    use crate::abi::addr::Level;

    /// Translation fault at this level.
    #[must_use]
    pub fn translation(level: Level) -> u64 {
        match level.number() {
            -1 => TRANSLATION_LM1,
            number => TRANSLATION_L0 + u64::from(number.unsigned_abs()),
        }
    }

    /// Translation fault at level 0; levels 1 to 3 follow.
    pub const TRANSLATION_L0: u64 = 0x04;
    /// Translation fault at level −1.
    pub const TRANSLATION_LM1: u64 = 0x2B;
    /// Address size fault at level 0.
    pub const ADDRESS_SIZE_L0: u64 = 0x00;
    /// Permission fault at level 0; levels 1 to 3 follow.
    pub const PERMISSION_L0: u64 = 0x0C;
    /// Synchronous External Abort.
    pub const SEA: u64 = 0x10;
    /// Synchronous External Aborts on a translation table walk.
    pub const SEA_TTW: std::ops::RangeInclusive<u64> = 0x13..=0x17;
    /// Granule Protection Fault, not on a walk.
    pub const GPF: u64 = 0x28;

    /// Whether a syndrome is that of a permission fault.
    #[must_use]
    pub const fn is_permission(esr: u64) -> bool {
        esr & super::FSC_MASK & !0b11 == PERMISSION_L0
    }
}

/// What the Host sees of an abort that it is not to emulate.
pub const NOT_EMULATED_MASK: u64 = ec::MASK | SET_MASK | FNV | EA | FSC_MASK;
/// What the Host sees of an abort that it may emulate.
pub const EMULATED_MASK: u64 = NOT_EMULATED_MASK | ISV | 0b11 << SAS_SHIFT | SF | WNR;

/// SError: syndrome is implementation defined.
pub const SERROR_IDS: u64 = 1 << 24;
/// SError: asynchronous error type.
pub const SERROR_AET_MASK: u64 = 0b111 << 10;
/// What the Host sees of an SError.
pub const SERROR_MASK: u64 = SERROR_IDS | SERROR_AET_MASK | EA | FSC_MASK;

/// System register traps: the register's number (Op0, Op1, CRn, CRm, Op2) in place.
pub const fn sysreg(op0: u64, op1: u64, crn: u64, crm: u64, op2: u64) -> u64 {
    op0 << 20 | op1 << 14 | crn << 10 | crm << 1 | op2 << 17
}

/// System register traps: a read (1) or a write (0).
pub const SYSREG_READ: u64 = 1 << 0;

/// Rt of a system register trap.
#[must_use]
pub fn sysreg_rt(esr: u64) -> u8 {
    u8::try_from(esr >> 5 & 0x1F).expect("five bits")
}

/// Register of a data abort with a valid syndrome.
#[must_use]
pub fn srt(esr: u64) -> u8 {
    u8::try_from(esr >> SRT_SHIFT & 0x1F).expect("five bits")
}

/// Bytes of a data abort's access.
#[must_use]
pub fn access_size_bytes(esr: u64) -> u32 {
    1 << (esr >> SAS_SHIFT & 0b11)
}

/// The bits of a value that an access of this syndrome moves.
#[must_use]
pub fn access_mask(esr: u64) -> u64 {
    u64::MAX >> (64 - 8 * access_size_bytes(esr))
}

/// What a load of this syndrome puts into its register, if memory holds `value`.
#[must_use]
pub fn loaded(esr: u64, value: u64) -> u64 {
    let value = value & access_mask(esr);
    if esr & SSE == 0 {
        return value;
    }
    let sign = 1 << (8 * access_size_bytes(esr) - 1);
    let extended = (value ^ sign).wrapping_sub(sign);
    if esr & SF == 0 { extended & 0xFFFF_FFFF } else { extended }
}

/// IPA of a stage 2 fault: bits 43:4 of HPFAR_EL2 are bits 51:12 of it.
#[must_use]
pub const fn fault_ipa(hpfar: u64) -> u64 {
    (hpfar & 0xFFF_FFFF_FFF0) << 8
}

/// HPFAR_EL2 of a fault at `ipa`.
#[must_use]
pub const fn hpfar(ipa: u64) -> u64 {
    (ipa >> 12) << 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_extend_as_their_syndrome_says() {
        let byte = ISV;
        assert_eq!(loaded(byte, 0x1FF), 0xFF);
        assert_eq!(loaded(byte | SSE, 0x80), 0xFFFF_FF80);
        assert_eq!(loaded(byte | SSE | SF, 0x80), 0xFFFF_FFFF_FFFF_FF80);
        let double = ISV | 3 << SAS_SHIFT | SF;
        assert_eq!(loaded(double, u64::MAX), u64::MAX);
        assert_eq!(loaded(double | SSE, 1 << 63), 1 << 63);
    }

    #[test]
    fn fault_addresses_lose_only_the_page_offset() {
        for ipa in [0x1000, 0x80_0001_0000, (1 << 52) - 0x1000] {
            assert_eq!(fault_ipa(hpfar(ipa | 0x123)), ipa);
        }
    }
}
