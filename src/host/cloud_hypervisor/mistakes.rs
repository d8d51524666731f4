//! What people get wrong in cloud-hypervisor's command line.

use super::DEFAULT_RAM_BYTES;
use super::options;
use crate::host::mistake::{
    Mistake, OtherFiles, file_text, other_cpus, other_files, other_initrds, other_ram, size_text,
};
use crate::host::{Overrides, Refusal};

/// What may be otherwise in a VM that a command line stands for, beside its device tree.
///
/// # Errors
/// If cloud-hypervisor does not take the options.
pub fn mistakes(argv: &[String], others: &OtherFiles) -> Result<Vec<Mistake>, Refusal> {
    let options = options::parse(argv, &Overrides::default())?;
    let ram = options.ram_bytes.unwrap_or(DEFAULT_RAM_BYTES);
    let mut list: Vec<Mistake> = other_ram(&size_text(ram), ram, ["--memory", "size="]).collect();
    list.extend(other_cpus(options.cpus, ["--cpus", "boot="]));
    let [kernel, initrd] = [&options.kernel, &options.initramfs].map(Option::as_deref);
    list.extend(other_initrds(initrd, others, ["initramfs", "--initramfs"]));
    let said = file_text(kernel, "kernel");
    let cost = if kernel.is_some() { 11 } else { 14 };
    list.extend(other_files("kernel", kernel, &others.kernels, &said, &["--kernel"], cost));
    Ok(list)
}
