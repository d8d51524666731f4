//! cloud-hypervisor with `--platform arm_rme=on`: from a command line to a VM.
//!
//! The device tree has to be given: cloud-hypervisor emits its legacy devices in the order of a
//! hash map with a random seed, so two starts of one command line give two trees.

mod mistakes;
mod options;
mod settings;

use std::ops::Range;

use super::certainty::Certainty;
use super::overrides::Overrides;
use super::vm::{Call, Refusal, Slot, Sve, VcpuFeatures, Vm};
use super::vmm::{
    ArmImage, Context, HostRange, VmmVersion, check_layout, refused, region, vcpus, version_by_name,
};
use crate::abi::addr::GRANULE_SIZE;
use crate::abi::params::Rpv;
use crate::measure::rim::HashAlgo;
pub use mistakes::mistakes;
use options::Options;
pub use settings::settings;

/// The versions whose layout and order are known.
pub const VERSIONS: &[VmmVersion] = &[
    VmmVersion {
        name: "arm-rme",
        aliases: &["arm_rme", "rme"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "the branch in jpbrucker/cloud-hypervisor, feature arm_rme",
        date: "2025-03",
        host: "kvm-v10",
        hosts: Some(HostRange::VMM_DRIVEN),
        about: "the branch with arm_rme since it initialises all RAM first; images by address",
    },
    VmmVersion {
        name: "arm-rmi",
        aliases: &["arm_rmi", "rmi"],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "the branch in jpbrucker/cloud-hypervisor, feature arm_rmi",
        date: "2026",
        host: "kvm-v12",
        hosts: Some(HostRange::KVM_DRIVEN),
        about: "the branch with arm_rmi: images by address, the rest is KVM's; always SHA-256",
    },
    VmmVersion {
        name: "realm-vm",
        aliases: &[],
        stands_for: &[],
        certainty: Certainty::Read,
        source: "recorded reference cases",
        date: "",
        host: "realm-vm",
        hosts: None,
        about: "model of the Realm VM reference cases: PC at the kernel's base without its \
                offset, RAM in one piece, --firmware is left out",
    },
];

/// First byte of RAM, and of the device tree.
const RAM_BASE: u64 = 0x4000_0000;
/// Room for the device tree.
const DTB_BYTES: u64 = 2 << 20;
/// Where kernels are loaded, before their own offset.
const KERNEL_BASE: u64 = 0x4040_0000;
/// RAM below 4 GiB ends here; what is more lies above 4 GiB.
const LOW_RAM_END: u64 = 0xFC00_0000;
/// RAM without `--memory`.
const DEFAULT_RAM_BYTES: u64 = 512 << 20;
const NO_DTB: &str = "the device tree has to be given with --dtb FILE: cloud-hypervisor emits its \
                      serial port, clock and GPIO in the order of a hash map with a random seed, \
                      so its tree and with it the RIM differ from start to start; take the tree \
                      of the very VM that is attested, or build it with a fixed order";

/// Reads a command line, with or without the program's name before it.
///
/// # Errors
/// If cloud-hypervisor refuses it, a file can not be read, or no device tree was given.
pub fn vm(version: &str, argv: &[String], context: &mut Context<'_>) -> Result<Vm, Refusal> {
    vm_with(version, argv, context, &Overrides::default())
}

/// As [`vm`], with some values otherwise than the command line says.
///
/// # Errors
/// As [`vm`]; or if cloud-hypervisor has no option for a value.
pub fn vm_with(
    version: &str,
    argv: &[String],
    context: &mut Context<'_>,
    overrides: &Overrides,
) -> Result<Vm, Refusal> {
    let found = version_by_name(VERSIONS, version).map_err(|why| refused("--vmm-version", why))?;
    let (realm_vm, rmi) = (found.name == "realm-vm", found.name == "arm-rmi");
    let options = options::parse(argv, overrides)?;
    options.check(context.caps)?;
    let ram_bytes = options.ram_bytes.unwrap_or(DEFAULT_RAM_BYTES);
    let ram = ram_range(ram_bytes, realm_vm)?;
    if options.firmware && !realm_vm {
        let why = "where the firmware's memory ends is not known, so its RIM is not; boot the \
                   kernel directly";
        return Err(refused("--firmware", why));
    }
    let slots = vec![Slot { id: 0, ipa: ram.clone(), guest_memfd: true }];
    let own = options.dtb.as_deref().map(|name| context.open("--dtb", name)).transpose()?;
    let Some(device_tree) = own.or_else(|| context.device_tree.clone()) else {
        return Err(refused("--dtb", NO_DTB));
    };
    if device_tree.len_bytes() > DTB_BYTES {
        let why = format!("{} bytes; there is room for {DTB_BYTES}", device_tree.len_bytes());
        return Err(refused("--dtb", why));
    }
    let mut regions = vec![region("dtb", RAM_BASE, device_tree)?];
    let mut pc = KERNEL_BASE;
    if let Some(name) = &options.kernel {
        let kernel = context.open("--kernel", name)?;
        let Some(header) = ArmImage::read(&kernel) else {
            return Err(refused(
                "--kernel",
                "is no arm64 Linux image: the header's magic is missing",
            ));
        };
        let start = KERNEL_BASE.checked_add(header.text_offset).filter(|at| ram.contains(at));
        let start = start.ok_or_else(|| refused("--kernel", "begins outside RAM"))?;
        pc = if realm_vm { KERNEL_BASE } else { start };
        regions.push(region("kernel", start, kernel)?);
    }
    if let Some(name) = &options.initramfs {
        let initrd = context.open("--initramfs", name)?;
        let len_bytes = initrd.len_bytes().next_multiple_of(GRANULE_SIZE);
        let start = ram.end.checked_sub(len_bytes).filter(|start| *start >= ram.start);
        let start = start.ok_or_else(|| refused("--initramfs", "is larger than RAM"))?;
        regions.push(region("initrd", start, initrd)?);
    }
    check_layout(&slots, &regions)?;
    let remarks = options.remarks.clone();
    let features = features(context);
    let rpv = options.rpv(realm_vm)?;
    let calls = calls(&options, rpv, rmi, ram, regions.len());
    Ok(Vm {
        ipa_bits: context.caps.ipa_limit().min(48),
        slots,
        assumed: options.assumed(rmi, &features),
        features,
        vcpus: vcpus(options.cpus, pc, RAM_BASE),
        regions,
        calls,
        remarks,
    })
}

fn calls(
    options: &Options,
    rpv: Option<Rpv>,
    rmi: bool,
    ram: Range<u64>,
    regions: usize,
) -> Vec<Call> {
    let mut calls = Vec::new();
    if !rmi {
        calls.extend(rpv.map(Call::Rpv));
        calls.push(Call::HashAlgo(options.hash_algo.unwrap_or(HashAlgo::Sha512)));
        calls.push(Call::CreateRealm);
        calls.push(Call::InitRipas(ram.start, ram.end));
    }
    // Device tree, kernel, initramfs: they lie in this order.
    calls.extend((0..regions).map(Call::Populate));
    if !rmi {
        calls.extend((0..options.cpus as usize).map(Call::FinalizeRec));
        calls.push(Call::Activate);
    }
    calls
}

/// SVE and PMU are on if the host has them.
fn features(context: &Context<'_>) -> VcpuFeatures {
    let caps = context.caps;
    VcpuFeatures {
        sve: caps.sve_vls.iter().max().map(|bits| Sve { vl_bits: *bits }),
        pmu_counters: caps.pmu.then_some(caps.pmu_counters),
        num_bps: None,
        num_wps: None,
    }
}

fn ram_range(ram_bytes: u64, realm_vm: bool) -> Result<Range<u64>, Refusal> {
    let place = "--memory size";
    if ram_bytes == 0 || !ram_bytes.is_multiple_of(GRANULE_SIZE) {
        return Err(refused(place, format!("{ram_bytes} bytes are no whole pages")));
    }
    let end = RAM_BASE.checked_add(ram_bytes);
    let end = end.ok_or_else(|| refused(place, "passes the end of the address space"))?;
    if end > LOW_RAM_END && !realm_vm {
        let why = "more than 3008 MiB continue above 4 GiB, and in which order that part becomes \
                   RAM is not known";
        return Err(refused(place, why));
    }
    Ok(RAM_BASE..end)
}
