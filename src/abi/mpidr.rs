//! How RMI commands number RECs.

/// RmiRecMpidr (DEN0137 1.0 B4.4): aff0 in bits 3:0, aff1 to aff3 in bits 31:8.
///
/// Returns the REC index `aff0 + 16·aff1 + 4096·aff2 + 1048576·aff3`, or `None` if a bit outside
/// the four fields is set.
#[must_use]
pub const fn rec_index(mpidr: u64) -> Option<u64> {
    const FIELDS: u64 = 0xFFFF_FF0F;
    if mpidr & !FIELDS == 0 { Some(mpidr & 0xF | (mpidr >> 8) << 4) } else { None }
}

/// The RmiRecMpidr whose REC index is `index`; `None` from 2^28 on.
#[must_use]
pub fn mpidr_of_index(index: u64) -> Option<u64> {
    (index < 1 << 28).then_some(index & 0xF | (index >> 4) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mpidr_and_index() {
        for (mpidr, index) in
            [(0, 0), (0xF, 15), (0x100, 16), (0x10F, 31), (0x1_0000, 4096), (0x100_0000, 1 << 20)]
        {
            assert_eq!(rec_index(mpidr), Some(index));
            assert_eq!(mpidr_of_index(index), Some(mpidr));
        }
        for reserved in [0x10, 0x80, 1 << 32, 1 << 63] {
            assert_eq!(rec_index(reserved), None, "{reserved:#x}");
        }
        assert_eq!(mpidr_of_index(1 << 28), None);
    }
}
