//! QEMU's `virt` machine with `-object rme-guest`: from a command line to a VM.
//!
//! The device tree is not made here; QEMU writes it with `-machine dumpdtb=FILE`.

mod cpu;
mod kernel;
mod layout;
mod map;
mod object;
mod options;
mod size;
mod smp;

use std::sync::Arc;

use super::vm::{Call, Refusal, Vm};
use super::vmm::{Context, VmmVersion, refused, vcpus, version_by_name};
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;
use options::Options;
pub(super) use options::rpv_of_base64;

/// The versions whose layout and order are known.
pub const VERSIONS: &[VmmVersion] = &[
    VmmVersion {
        name: "cca-v3",
        aliases: &["v3", "cca"],
        date: "2024-11-25",
        host: "kvm-v10",
        about: "Linaro's series v3 on 9.2: RIPAS of all RAM, images by address, RECs; SHA-512 \
                unless asked otherwise",
    },
    VmmVersion {
        name: "rmi",
        aliases: &["cca-rmi"],
        date: "2025-12",
        host: "kvm-v12",
        about: "the series for KVM v12 and later: images by address, the rest is KVM's; always \
                SHA-256",
    },
    VmmVersion {
        name: "realm-vm",
        aliases: &[],
        date: "",
        host: "realm-vm",
        about: "model of the Realm VM reference cases: the device tree as long as it is, PC at the \
                start of RAM, IPA bits limited to the host's",
    },
];

/// What differs between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    CcaV3,
    Rmi,
    RealmVm,
}

/// Size of the device tree's buffer, all of which QEMU measures.
const DTB_BYTES: u64 = 1 << 20;
/// Size of the event log.
const LOG_BYTES: u64 = 64 << 10;
const NO_DTB: &str = "QEMU makes the device tree itself, and rimsim does not make QEMU's: run the \
                      same command line with `-machine dumpdtb=virt.dtb` added, on the same kind \
                      of host, and give the file with --dtb virt.dtb";

/// Reads a command line, with or without the program's name before it.
///
/// # Errors
/// If QEMU refuses it, a file can not be read, or no device tree was given.
pub fn vm(version: &str, argv: &[String], context: &mut Context<'_>) -> Result<Vm, Refusal> {
    let found = version_by_name(VERSIONS, version).map_err(|why| refused("--vmm-version", why))?;
    let version = match found.name {
        "rmi" => Version::Rmi,
        "realm-vm" => Version::RealmVm,
        _ => Version::CcaV3,
    };
    let mut options = options::parse(argv)?;
    options.check_realm(version, context.caps)?;
    let features = cpu::features(&options, context.caps)?;
    let memory = size::memory(&options)?;
    let vcpu_count = smp::cpus(&options, context.caps)?;
    let map = map::map(&options, &memory, version, context.caps)?;
    let payload = Payload::open(&options, context)?;
    let layout = layout::place(version, &options, memory.ram_bytes, &payload)?;
    let mut remarks = options.remarks.clone();
    remarks.extend(map.remarks);
    remarks.extend(layout.remarks.iter().cloned());
    let mut calls = Vec::new();
    if version != Version::Rmi {
        calls.extend(options.rpv.map(Call::Rpv));
        calls.push(Call::HashAlgo(options.hash_algo.unwrap_or(HashAlgo::Sha512)));
        calls.push(Call::CreateRealm);
        calls.push(Call::InitRipas(layout.ram.start, layout.ram.end));
    } else if options.hash_algo == Some(HashAlgo::Sha512) {
        remarks.push("measurement-algorithm=sha512 has no effect: KVM takes SHA-256".into());
    }
    calls.extend(layout.by_address().map(Call::Populate));
    if version != Version::Rmi {
        calls.extend((0..vcpu_count).map(|i| Call::FinalizeRec(i as usize)));
    }
    calls.extend(layout.log.map(Call::Populate));
    if version != Version::Rmi {
        calls.push(Call::Activate);
    }
    Ok(Vm {
        ipa_bits: map.ipa_bits,
        slots: layout.slots,
        features,
        vcpus: vcpus(vcpu_count, layout.pc, layout.x0),
        regions: layout.regions,
        calls,
        remarks,
    })
}

/// The files that go into the guest.
struct Payload {
    kernel: Option<Arc<Image>>,
    initrd: Option<Arc<Image>>,
    firmware: Option<Arc<Image>>,
    device_tree: Arc<Image>,
    /// Whether the command line itself names the device tree.
    own_device_tree: bool,
}

impl Payload {
    fn open(options: &Options, context: &mut Context<'_>) -> Result<Self, Refusal> {
        let mut open = |option: &str, name: &Option<String>| {
            name.as_ref().map(|name| context.open(option, name)).transpose()
        };
        let firmware = open("-bios", &options.bios)?;
        let kernel = open("-kernel", &options.kernel)?.map(kernel::unpacked).transpose()?;
        let initrd = match open("-initrd", &options.initrd) {
            // QEMU loads nothing then, and says nothing.
            Err(Refusal::File { source: ImageError::Empty { .. }, .. }) => None,
            opened => opened?,
        };
        let own = open("-dtb", &options.dtb)?;
        let own_device_tree = own.is_some();
        let Some(device_tree) = own.or_else(|| context.device_tree.clone()) else {
            return Err(refused("--dtb", NO_DTB));
        };
        Ok(Self { kernel, initrd, firmware, device_tree, own_device_tree })
    }
}
