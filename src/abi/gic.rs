//! List registers of the GIC's virtual CPU interface, `ICH_LR<n>_EL2`.

/// List registers that structures have room for.
pub const NUM_LRS: usize = 16;

/// The state, zero is invalid.
pub const LR_STATE_MASK: u64 = 0b11 << 62;
/// The interrupt is a physical one, too.
pub const LR_HW: u64 = 1 << 61;
/// The virtual INTID.
pub const LR_VINTID_MASK: u64 = 0xFFFF_FFFF;

/// ICH_HCR_EL2 bits that TF-RMM sets for a plane that does not own the GIC: virtual SGIs count, and
/// nothing is injected directly.
pub const HCR_OF_PLANE: u64 = 1 << 8 | 1 << 15;

/// Why list registers can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LrError {
    /// The register with this number has HW set.
    Hw(usize),
    /// Two registers have the same virtual INTID.
    Twice([usize; 2]),
}

/// What TF-RMM of 2.0 asks of list registers: no HW bit, and no virtual INTID twice. Registers
/// whose state is invalid do not count.
///
/// # Errors
/// The first register that is wrong, by its number.
pub fn check_lrs(lrs: &[u64]) -> Result<(), LrError> {
    let valid = |lr: &u64| *lr & LR_STATE_MASK != 0;
    for (i, lr) in lrs.iter().enumerate().filter(|(_, lr)| valid(lr)) {
        if lr & LR_HW != 0 {
            return Err(LrError::Hw(i));
        }
        let same = |other: &u64| valid(other) && (other ^ lr) & LR_VINTID_MASK == 0;
        if let Some(after) = lrs[i + 1..].iter().position(same) {
            return Err(LrError::Twice([i, i + 1 + after]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_registers_do_not_count() {
        let pending = 1 << 62;
        assert_eq!(check_lrs(&[LR_HW | 5, 5, pending | 5, pending | 6]), Ok(()));
        assert_eq!(check_lrs(&[0, pending | LR_HW]), Err(LrError::Hw(1)));
        let twice = [pending | 5, 5, pending << 1 | 5];
        assert_eq!(check_lrs(&twice), Err(LrError::Twice([0, 2])));
        assert_eq!(check_lrs(&twice[..2]), Ok(()), "as many as the machine has");
    }
}
