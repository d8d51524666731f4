//! What a command line is seldom meant to say, in words for people: it is measured all the same.

use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::host::{Region, Vmm};
use crate::predict::Plan;

/// RAM that no Linux starts with, in bytes.
const LITTLE_RAM_BYTES: u64 = 48 << 20;

/// Says what of a VM looks like a mistake: the VMM would load it, and nothing would boot.
///
/// # Errors
/// If it is to be refused.
pub(crate) fn tell(plan: &Plan, strict: bool, console: &mut Console) -> Result<(), CliError> {
    let region = |name: &str| plan.vm.regions.iter().find(|region| region.name == name);
    let found = files(region("kernel"), region("initrd"));
    let ram_bytes: u64 = plan.vm.slots.iter().map(|slot| slot.ipa.end - slot.ipa.start).sum();
    let found: Vec<String> = found.into_iter().chain(little_ram(plan.vmm, ram_bytes)).collect();
    if strict && let Some(first) = found.first() {
        return Err(usage(format!("--strict: {first}")));
    }
    found.iter().for_each(|doubt| console.warning(doubt));
    Ok(())
}

/// The first bytes of a region's contents.
fn head(region: &Region) -> Option<&[u8]> {
    let bytes = region.image.as_ref()?.bytes_from(0);
    Some(&bytes[..bytes.len().min(64)])
}

/// Whether these bytes begin an arm64 Image (Linux, `Documentation/arch/arm64/booting.rst`).
fn is_image(head: &[u8]) -> bool {
    head.get(56..60) == Some(b"ARM\x64")
}

/// What is wrong with kernel and initrd, by their first bytes.
fn files(kernel: Option<&Region>, initrd: Option<&Region>) -> Option<String> {
    let head_of_kernel = kernel.and_then(head)?;
    let initrd_is_image = initrd.and_then(head).is_some_and(is_image);
    if is_image(head_of_kernel) {
        let why = "the initrd is an arm64 Image, as the kernel is: it may be the wrong file";
        return initrd_is_image.then(|| why.to_owned());
    }
    let mut text =
        "the kernel is no arm64 Image (\"ARM\\x64\" does not stand at byte 56)".to_owned();
    if initrd_is_image {
        text += ", and the initrd is one: they may have changed places";
    } else if head_of_kernel.starts_with(b"\x7fELF") {
        text += " but ELF: the VM boots arch/arm64/boot/Image, not vmlinux";
    } else if head_of_kernel.starts_with(&[0x1f, 0x8b]) {
        text += " but packed: this VMM does not unpack it";
    } else if head_of_kernel.starts_with(b"07070") {
        text += " but a cpio archive, as initrds are";
    }
    Some(text + ". The RIM is that of what the VMM loads, and such a VM does not start")
}

fn little_ram(vmm: Vmm, ram_bytes: u64) -> Option<String> {
    let unit = match vmm {
        Vmm::Kvmtool => "kvmtool reads -m in MiB unless it has a unit, as in 512M or 4G",
        Vmm::Qemu => "QEMU reads -m in MiB unless it has a unit, as in 512M or 4G",
        _ => "a size without a unit is one in bytes",
    };
    let is_little = ram_bytes < LITTLE_RAM_BYTES;
    is_little.then(|| format!("the VM has {} KiB of RAM: {unit}", ram_bytes >> 10))
}
