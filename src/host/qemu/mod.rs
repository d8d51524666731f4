//! QEMU's `virt` machine: from a command line to its device tree, and with `-object rme-guest` to a
//! VM that is a Realm.
//!
//! Words become [`options`](self), options a machine, the machine with its files a layout, and all
//! of it the device tree, as QEMU 7.2, 10.0 and the CCA series v3 were seen to make it. An option
//! that may change the tree in a way that is not known is refused by name.

mod assumed;
mod backends;
mod buses;
mod cpu;
mod cpu_model;
mod devices;
mod differences;
mod drives;
mod elf;
mod gic;
mod globals;
mod kernel;
mod layout;
mod machine;
mod machine_options;
mod map;
mod mistakes;
mod needs;
mod numa;
mod option_names;
mod options;
mod payload;
mod pci;
mod program;
mod realm;
mod release;
mod settings;
mod size;
mod smp;
mod tree;
mod uboot;
mod version;
mod words;

use std::ops::Range;
use std::sync::Arc;

use super::overrides::Overrides;
use super::vm::{Assumed, Call, Refusal, Vm};
use super::vmm::{Context, refused, version_by_name};
use crate::abi::addr::GRANULE_SIZE;
use crate::measure::image::Image;
use crate::measure::rim::HashAlgo;
pub use differences::{DIFFERENCES, Differences};
use layout::Layout;
use machine::Machine;
pub use mistakes::mistakes;
use options::Options;
use payload::Payload;
pub(super) use realm::{rpv_filled_up, rpv_of_base64};
pub use settings::settings;
pub use version::VERSIONS;
use version::{Version, program_of};

/// A device tree as QEMU puts it into RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTree {
    /// Where it lies, in bytes.
    pub base: u64,
    /// All of its buffer, 1 MiB.
    pub bytes: Vec<u8>,
    /// What it depends on and the command line does not decide.
    pub assumed: Vec<Assumed>,
}

/// Kernel, initrd and command line that firmware finds in fw_cfg.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FwCfg {
    /// The name of the kernel's file.
    pub kernel: Option<String>,
    /// The name of the initrd's file.
    pub initrd: Option<String>,
    /// The kernel's command line.
    pub append: Option<String>,
}

/// Reads the command line of a Realm, with or without the program's name before it.
///
/// # Errors
/// If QEMU refuses it, a file can not be read, or its device tree can not be predicted and none was
/// given.
pub fn vm(version: &str, argv: &[String], context: &mut Context<'_>) -> Result<Vm, Refusal> {
    vm_with(version, argv, context, &Overrides::default())
}

/// The name of the file that a command line gives as its kernel; `None` also if QEMU refuses the
/// line.
#[must_use]
pub fn kernel_name(version: &str, argv: &[String]) -> Option<String> {
    options::parse(argv, named(version).ok()?).ok()?.kernel
}

/// What a Realm's firmware gets through fw_cfg, as the command line names it; `None` if no firmware
/// runs, or QEMU refuses the line.
#[must_use]
pub fn fw_cfg(version: &str, argv: &[String]) -> Option<FwCfg> {
    let version = named(version).ok()?;
    let options = options::parse(argv, version).ok()?;
    let runs = machine::runs_firmware(&options, version, true);
    let Options { kernel, initrd, append, .. } = options;
    runs.then_some(FwCfg { kernel, initrd, append })
}

/// Whether an image is what a packed kernel holds, which is placed as if it were the file.
#[must_use]
pub fn is_unpacked_kernel(image: &Image) -> bool {
    // A file may have any name.
    image.path().is_none() && image.name() == kernel::UNPACKED
}

/// As [`vm`], with some values otherwise than the command line says.
///
/// # Errors
/// As [`vm`]; or if the object is missing whose property one of them is.
pub fn vm_with(
    version: &str,
    argv: &[String],
    context: &mut Context<'_>,
    overrides: &Overrides,
) -> Result<Vm, Refusal> {
    let version = named(version)?;
    let mut options = options::parse(argv, version)?;
    options.apply(overrides, version)?;
    let guest = realm::check(&options, version)?.clone();
    // The program comes before the processor: what it is, no machine changes.
    let model = machine::Kind::of(&options, version)?.model;
    let features = cpu::features(&options, model, context.caps)?;
    let machine = Machine::decide(&options, version, context.caps)?;
    let payload = Payload::open(&options, &machine, context)?;
    let makes_tree = payload.device_tree.is_none();
    let mut layout = layout::place(&machine, &payload)?;
    options.check_devices(&machine)?;
    let log = guest.log;
    layout.check_tree(log, payload.device_tree.as_ref().map(|(_, own)| *own))?;
    let tree = match &payload.device_tree {
        Some((given, own)) => Some((given.clone(), *own)),
        None if layout.no_tree.is_some() => None,
        None => {
            let log = log.then_some(layout.log_range());
            let made = write_tree(&machine, &options, &layout, log)?;
            Some((Arc::new(Image::from_bytes("dtb", made)), false))
        }
    };
    if let Some((tree, own)) = tree {
        layout.device_tree(version, tree, own, log)?;
    }
    let realms = version.realms.expect("the program of a Realm starts Realms");
    let page_bytes =
        if version.is_model { GRANULE_SIZE } else { context.caps.host_page_size.bytes() };
    layout.widen_to_pages(page_bytes, realms)?;
    let mut remarks = std::mem::take(&mut options.remarks);
    if let Some(option) = options.pflash {
        remarks.push(format!("{option}: this QEMU ignores what a Realm's flash holds"));
    }
    remarks.extend(payload.kernel.as_ref().and_then(|kernel| kernel.remark.clone()));
    if options.machine.dumpdtb {
        remarks.push("dumpdtb= writes the device tree and ends; leave it out to measure".into());
    }
    remarks.extend(machine.map.remarks.iter().cloned());
    remarks.extend(layout.remarks.iter().cloned());
    let cpus = machine.topology.cpus;
    let rpv = guest.rpv(version)?;
    let makes_tree = makes_tree && layout.no_tree.is_none();
    let mut assumed = assumed::assumed(&options, &machine, &guest, &features, makes_tree);
    assumed.extend(assumed::of_layout(&layout, version));
    Ok(Vm {
        ipa_bits: machine.map.ipa_bits,
        assumed,
        features,
        vcpus: layout.vcpus(cpus),
        calls: calls(version, rpv, guest.hash_algo, cpus, &layout),
        slots: layout.slots,
        regions: layout.regions,
        remarks,
    })
}

/// QEMU's calls to KVM that matter to the Realm. KVM from v12 on makes most of them itself.
fn calls(
    version: Version,
    rpv: Option<[u8; 64]>,
    algo: Option<HashAlgo>,
    cpus: u32,
    layout: &Layout,
) -> Vec<Call> {
    if version.is_kvm_driven() {
        let populate = layout.by_address().map(Call::Populate);
        return populate.chain(layout.log.map(Call::Populate)).collect();
    }
    let mut calls: Vec<Call> = rpv.map(Call::Rpv).into_iter().collect();
    calls.push(Call::HashAlgo(algo.unwrap_or(HashAlgo::Sha512)));
    calls.push(Call::CreateRealm);
    calls.push(Call::InitRipas(layout.ram.start, layout.ram.end));
    calls.extend(layout.by_address().map(Call::Populate));
    calls.extend((0..cpus).map(|i| Call::FinalizeRec(i as usize)));
    calls.extend(layout.log.map(Call::Populate));
    calls.push(Call::Activate);
    calls
}

/// The device tree that QEMU makes of a command line, of a Realm or of another VM.
///
/// # Errors
/// If QEMU refuses the command line, a file can not be read, or the tree can not be predicted.
pub fn device_tree(
    version: &str,
    argv: &[String],
    context: &mut Context<'_>,
) -> Result<DeviceTree, Refusal> {
    let version = named(version)?;
    let options = options::parse(argv, version)?;
    let mut log = false;
    if realm::rme_guest(&options)?.is_some() {
        log = realm::check(&options, version)?.log;
    }
    let machine = Machine::decide(&options, version, context.caps)?;
    let payload = Payload::open(&options, &machine, context)?;
    let layout = layout::place(&machine, &payload)?;
    options.check_devices(&machine)?;
    layout.check_tree(log, payload.device_tree.as_ref().map(|(_, own)| *own))?;
    if let Some(why) = layout.no_tree {
        return Err(refused("-kernel", why));
    }
    let log = log.then_some(layout.log_range());
    let bytes = match &payload.device_tree {
        Some((given, own)) if machine.kind.realm || !own => given.bytes_from(0).to_vec(),
        Some(_) => {
            let why = "QEMU adds to a device tree that is given, which is not modelled";
            return Err(refused("-dtb", why));
        }
        None => write_tree(&machine, &options, &layout, log)?,
    };
    let given = payload.device_tree.is_some();
    let assumed = if given { Vec::new() } else { assumed::of_any_vm(&options, &machine) };
    Ok(DeviceTree { base: layout.dtb_base, bytes, assumed })
}

fn named(version: &str) -> Result<Version, Refusal> {
    let found = version_by_name(VERSIONS, version).map_err(|why| refused("--vmm-version", why))?;
    Ok(program_of(found))
}

fn write_tree(
    machine: &Machine,
    options: &Options,
    layout: &Layout,
    log: Option<Range<u64>>,
) -> Result<Vec<u8>, Refusal> {
    let input = tree::Input::decide(machine, options, layout, log)?;
    tree::write(&input)
}
