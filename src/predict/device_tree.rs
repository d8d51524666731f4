//! The device tree of a command line, without a boot.

use super::error::Error;
use super::input::Opened;
use super::request::{Request, Setting};
use crate::host::vmm::Context;
use crate::host::{Files, Vmm, qemu};

/// A device tree as its VMM puts it into RAM, the zeros behind it included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTree {
    /// Where it lies.
    pub base: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The device tree that a VMM makes of its command line. QEMU's need not be that of a Realm.
///
/// # Errors
/// As [`Request::plan`]; or if the VM has no device tree.
pub fn device_tree(request: &Request, files: &mut dyn Files) -> Result<DeviceTree, Error> {
    if request.vmm == Vmm::Qemu {
        let Setting { version, caps, .. } = request.setting()?;
        let mut files = Opened::new(files);
        let device_tree = request.device_tree.clone();
        let mut context = Context { caps: &caps, files: &mut files, device_tree };
        let tree = qemu::device_tree(version.name, &request.argv, &mut context)?;
        return Ok(DeviceTree { base: tree.base, bytes: tree.bytes });
    }
    let plan = request.plan(files)?;
    let none = || Error::Request("this VM has no device tree".into());
    let region = plan.tree_region().ok_or_else(none)?;
    DeviceTree::of(region).ok_or_else(none)
}

impl DeviceTree {
    /// As it lies in its region; `None` if the region has no contents.
    #[must_use]
    pub fn of(region: &crate::host::Region) -> Option<Self> {
        let mut bytes = region.image.as_ref()?.bytes_from(0).to_vec();
        let len_bytes = region.ipa.end - region.ipa.start - region.fill_bytes;
        bytes.resize(usize::try_from(len_bytes).expect("a few MiB at most"), 0);
        Some(Self { base: region.ipa.start, bytes })
    }
}
