//! What UEFI firmware keeps and writes: variables, boot options, device paths, UTF-16, partition
//! tables. All numbers are little-endian (UEFI 2.11).

pub mod device_path;
pub mod gpt;
pub mod load_option;
pub mod utf16;
pub mod variable;

/// Bytes read from the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front<'b>(pub(crate) &'b [u8]);

impl<'b> Front<'b> {
    pub(crate) fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A `u64` that counts bytes or items here.
    pub(crate) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.u64()?).ok()
    }
}
