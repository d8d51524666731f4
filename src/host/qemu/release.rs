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
];

impl Release {
    /// The version of the machine called `name`; `virt` alone is the program's newest.
    pub(super) fn of_machine(name: &str, version: Version) -> Result<Self, Refusal> {
        let newest = version.release();
        if name == "virt" {
            return Ok(newest);
        }
        let Some(wanted) = name.strip_prefix("virt-") else {
            let why = format!("{name:?}; only virt is known");
            return Err(refused("-machine", why));
        };
        let named = |model: &&Self| format!("{}.{}", model.0, model.1) == wanted;
        let found = MODELS.iter().find(named).filter(|model| **model <= newest);
        let why = || format!("{name:?}; this QEMU has virt-2.6 to virt-{}.{}", newest.0, newest.1);
        found.copied().ok_or_else(|| refused("-machine", why()))
    }
}
