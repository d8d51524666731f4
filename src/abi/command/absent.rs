//! Commands of RMM 2.0 for devices and planes, which are not simulated: TF-RMM has handlers of
//! these function identifiers (`runtime/core/handler.c`).

/// What a command would need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Device assignment.
    Device,
    /// The SMMU of devices.
    Smmu,
    /// Auxiliary planes.
    Planes,
}

const FIRST: u64 = 0xC400_0150;

/// Numbers of commands, counted from RMI_VERSION.
const DEVICE: &[u64] = &[
    0x13, 0x24, 0x25, 0x26, 0x27, 0x28, 0x2A, 0x2B, 0x2C, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x3E,
    0x80, 0x81, 0x82, 0x83, 0xA7, 0xA8, 0xB4, 0xB5, 0xB6, 0xB7,
];
const SMMU: &[u64] = &[0x87, 0x88, 0x8B, 0x8C];
const PLANES: &[u64] = &[0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x33, 0x34];

/// What the command of a function identifier would need; `None` if TF-RMM has no such handler, or
/// the command is simulated. The upper half of the register and the SVE hint do not count.
#[must_use]
pub fn absent(fid: u64) -> Option<Absent> {
    let number = (fid & 0xFFFF_FFFF & !super::SVE_HINT).checked_sub(FIRST)?;
    let kinds = [(DEVICE, Absent::Device), (SMMU, Absent::Smmu), (PLANES, Absent::Planes)];
    kinds.into_iter().find(|(numbers, _)| numbers.contains(&number)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::command::CommandInfo;
    use crate::abi::profile::Edition;

    #[test]
    fn nothing_is_absent_that_is_simulated() {
        for number in DEVICE.iter().chain(SMMU).chain(PLANES) {
            assert_eq!(CommandInfo::by_fid(FIRST + number, Edition::V2), None, "{number:#x}");
        }
        assert_eq!(absent(0xC401_017D), Some(Absent::Planes), "RTT_AUX_CREATE with the SVE hint");
        assert_eq!(absent(0xC400_01F4), None, "GPT_L1_DESTROY has no handler");
        assert_eq!(absent(0), None);
    }
}
