//! Releases of QEMU, and the versions of the machine `virt` that are named after them.

use super::version::Version;
use crate::host::vm::Refusal;
use crate::host::vmm::refused;

/// Major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release(pub(super) u8, pub(super) u8);

/// Every `virt-…`.
const MODELS: &[Release] = &[
    Release(2, 6),
    Release(2, 7),
    Release(2, 8),
    Release(2, 9),
    Release(2, 10),
    Release(2, 11),
    Release(2, 12),
    Release(3, 0),
    Release(3, 1),
    Release(4, 0),
    Release(4, 1),
    Release(4, 2),
    Release(5, 0),
    Release(5, 1),
    Release(5, 2),
    Release(6, 0),
    Release(6, 1),
    Release(6, 2),
    Release(7, 0),
    Release(7, 1),
    Release(7, 2),
    Release(8, 0),
    Release(8, 1),
    Release(8, 2),
    Release(9, 0),
    Release(9, 1),
    Release(9, 2),
    Release(10, 0),
    Release(10, 1),
    Release(10, 2),
    Release(11, 0),
    Release(11, 1),
];

/// The oldest machine that a release has: old ones are taken out.
const fn oldest(newest: Release) -> Release {
    match newest {
        Release(..=9, _) | Release(10, ..=1) => Release(2, 6),
        Release(10, _) | Release(11, 0) => Release(5, 0),
        _ => Release(5, 2),
    }
}

impl Release {
    /// As QEMU writes it.
    pub(super) fn text(self) -> String {
        format!("{}.{}", self.0, self.1)
    }

    /// The version of the machine called `name`; `virt` alone is the program's newest.
    pub(super) fn of_machine(name: &str, version: Version) -> Result<Self, Refusal> {
        let newest = version.release;
        if name == "virt" {
            return Ok(newest);
        }
        let Some(wanted) = name.strip_prefix("virt-") else {
            let why = format!("{name:?}; only virt is known");
            return Err(refused("-machine", why));
        };
        let oldest = oldest(newest);
        let named = |model: &&Self| model.text() == wanted;
        let found = MODELS.iter().find(named).filter(|model| (oldest..=newest).contains(*model));
        let why =
            || format!("{name:?}; this QEMU has virt-{} to virt-{}", oldest.text(), newest.text());
        found.copied().ok_or_else(|| refused("-machine", why()))
    }
}
