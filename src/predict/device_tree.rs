//! The device tree of a command line, without a boot.

use super::assumption::Assumption;
use super::error::Error;
use super::input::{Input, Opened};
use super::pair::Pair;
use super::request::{Request, Setting};
use super::trial;
use crate::host::fdt::filled_up;
use crate::host::kvm::HOSTS;
use crate::host::vmm::{Context, Fit};
use crate::host::{Assumed, Files, Region, Vmm, qemu};

/// What is assumed of a VM and does not stand in its device tree.
const NOT_IN_TREE: [&str; 4] = ["hash", "rim_rule", "rmm", "sve"];

/// A device tree as its VMM puts it into RAM, the zeros behind it included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTree {
    /// Where it lies.
    pub base: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What was decided without anybody's word; what changes the RIM there changes the tree here.
    pub assumptions: Vec<Assumption>,
}

/// The device tree that a VMM makes of its command line. QEMU's need not be that of a Realm.
///
/// # Errors
/// As [`Request::plan`]; or if the VM has no device tree.
pub fn device_tree(request: &Request, files: &mut dyn Files) -> Result<DeviceTree, Error> {
    let pair = Pair::of(request)?;
    let Setting { caps, decisions, .. } = request.setting_on(pair)?;
    let mut opened = Opened::new(files);
    let made = make(request, request.setting_on(pair)?, &mut opened)?;
    let inputs = opened.inputs;
    // A refusal is no other tree.
    let mut differs = |setting: Setting| {
        let mut opened = Opened::again(files, inputs.clone());
        make(request, setting, &mut opened).is_ok_and(|other| other.bytes != made.bytes)
    };
    let mut assumptions = pair.assumptions(request);
    let of_host = |host| request.setting_on(Pair { host, ..pair });
    let kernels = HOSTS.iter().filter(|host| host.is_kernel);
    let mut others = kernels.filter(|host| pair.version.fit(host) != Fit::Never);
    if let Some(host) = assumptions.iter_mut().find(|one| one.key == "host") {
        host.changes_rim = others.any(|host| of_host(host).is_ok_and(&mut differs));
    }
    let mut changes =
        |caps| request.setting_on(pair).is_ok_and(|own| differs(Setting { caps, ..own }));
    assumptions.extend(trial::defaulted(&decisions, &caps, &mut changes));
    assumptions.extend(made.assumed.iter().map(Assumption::from));
    assumptions.extend(Assumption::of_tree_bytes(&made.bytes, "the device tree"));
    assumptions.retain(|one| !NOT_IN_TREE.contains(&one.key));
    Ok(DeviceTree { base: made.base, bytes: made.bytes, assumptions })
}

struct Made {
    base: u64,
    bytes: Vec<u8>,
    assumed: Vec<Assumed>,
}

fn make(request: &Request, setting: Setting, opened: &mut Opened<'_>) -> Result<Made, Error> {
    if request.vmm == Vmm::Qemu {
        let Setting { version, caps, .. } = setting;
        let device_tree = request.device_tree.clone();
        let mut context = Context { caps: &caps, files: opened, device_tree };
        let tree = qemu::device_tree(version.name, &request.argv, &mut context)?;
        return Ok(Made { base: tree.base, bytes: tree.bytes, assumed: tree.assumed });
    }
    let plan = request.plan_on(setting, opened)?;
    let none = || Error::Request("this VM has no device tree".into());
    let region = plan.tree_region().ok_or_else(none)?;
    let bytes = tree_bytes(region).ok_or_else(none)?;
    opened.inputs.extend(plan.inputs.iter().filter(|input| input.is_named()).cloned());
    Ok(Made { base: region.ipa.start, bytes, assumed: plan.vm.assumed })
}

/// A device tree as it lies in its region; `None` if the region has no contents.
#[must_use]
pub fn tree_bytes(region: &Region) -> Option<Vec<u8>> {
    let bytes = region.image.as_ref()?.bytes_from(0);
    let len_bytes = region.ipa.end - region.ipa.start - region.fill_bytes;
    let len_bytes = usize::try_from(len_bytes).expect("a few MiB at most");
    Some(filled_up(&bytes[..bytes.len().min(len_bytes)], len_bytes))
}

impl Input {
    /// Whether the command line names it.
    fn is_named(&self) -> bool {
        self.name != super::input::DEVICE_TREE
    }
}
