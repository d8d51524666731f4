//! The 256-byte measurement descriptors (DEN0137 1.0 B4.4, RmmMeasurementDescriptor…).
//!
//! All three begin alike: type (1 byte) at 0x00, length 0x100 (8 bytes) at 0x08, the current RIM
//! (64 bytes) at 0x10. Unused bytes are zero, numbers little-endian. They are made with zeros where
//! the RIM stands: whoever extends one puts it there.

use crate::abi::addr::Ipa;

/// Length of a descriptor in bytes.
pub const LEN_BYTES: usize = 0x100;

/// Where the RIM stands in a descriptor, in bytes: 64 of them.
pub(super) const RIM_OFFSET: usize = 0x10;
const RIM_END: usize = RIM_OFFSET + 64;

/// A descriptor's bytes.
pub type Descriptor = [u8; LEN_BYTES];

/// What RMI_DATA_CREATE measures: the IPA, the flags, and the digest of the granule, or 64 zero
/// bytes if the flags do not ask for it.
#[must_use]
pub fn data(ipa: Ipa, flags: u64, content: &[u8; 64]) -> Descriptor {
    let mut descriptor = header(0);
    descriptor[0x50..0x58].copy_from_slice(&ipa.0.to_le_bytes());
    descriptor[0x58..0x60].copy_from_slice(&flags.to_le_bytes());
    descriptor[0x60..0xA0].copy_from_slice(content);
    descriptor
}

/// What RMI_REC_CREATE of a runnable REC measures: the digest of its parameters.
#[must_use]
pub fn rec(content: &[u8; 64]) -> Descriptor {
    let mut descriptor = header(1);
    descriptor[0x50..0x90].copy_from_slice(content);
    descriptor
}

/// What RMI_RTT_INIT_RIPAS measures for one RTT entry, `base..top`.
#[must_use]
pub fn ripas(base: Ipa, top: Ipa) -> Descriptor {
    let mut descriptor = header(2);
    descriptor[0x50..0x58].copy_from_slice(&base.0.to_le_bytes());
    descriptor[0x58..0x60].copy_from_slice(&top.0.to_le_bytes());
    descriptor
}

/// Puts a RIM, in its slot, where it stands.
pub(super) fn put_rim(descriptor: &mut Descriptor, slot: &[u8; 64]) {
    descriptor[RIM_OFFSET..RIM_END].copy_from_slice(slot);
}

fn header(desc_type: u8) -> Descriptor {
    let mut descriptor = [0; LEN_BYTES];
    descriptor[0x00] = desc_type;
    descriptor[0x08..0x10].copy_from_slice(&(LEN_BYTES as u64).to_le_bytes());
    descriptor
}
