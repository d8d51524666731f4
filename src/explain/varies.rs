//! What the parts of a measurement vary with: where to look when one differs.

/// For a field of RmiRealmParams.
pub(super) fn of_param(field: &str) -> &'static str {
    match field {
        "s2sz" => {
            "the VM's IPA size: RAM size in kvmtool, the highest address in QEMU, the host's \
                   limit in cloud-hypervisor"
        }
        "num_bps" | "num_wps" => {
            "the host's breakpoints and watchpoints, the VMM's options for them, and the KVM \
             generation (eac5 passes the count, later ones the count minus one)"
        }
        "sve_vl" => "the host's longest SVE vector and the VMM's options for SVE",
        "pmu_num_ctrs" => "the host's PMU counters and the VMM's options for the PMU",
        "hash_algo" => "the VMM's measurement algorithm; from KVM v12 on it can not be chosen",
        _ => "the features that host and VMM switch on: LPA2 (bit 0), SVE (bit 1), PMU (bit 2)",
    }
}

/// For a register of a REC.
pub(super) fn of_register(name: &str) -> &'static str {
    match name {
        "flags" => "which vCPUs the host makes runnable: only the boot vCPU, with KVM",
        "pc" => {
            "where the VMM puts kernel or firmware: RAM base, text_offset of the kernel's header"
        }
        "x0" => "where the VMM puts the device tree: RAM size, kernel and initrd sizes",
        _ => "what the VMM writes into the boot vCPU's registers",
    }
}

pub(super) const CONTENTS: &str = "the file itself; a kernel, initrd or firmware of another build";
pub(super) const DEVICE_TREE: &str =
    "what the VMM tells the guest: RAM, vCPUs, command line, devices, initrd, interrupts";
pub(super) const PLACEMENT: &str =
    "the layout: RAM size, sizes of kernel and initrd, page alignment of the VMM";
pub(super) const ALIGNMENT: &str =
    "the page alignment of the VMM (4 KiB or 64 KiB regions): zero granules are measured too";
pub(super) const DATA_FLAGS: &str = "whether the VMM asks for the contents to be measured";
pub(super) const RIPAS_LEVEL: &str =
    "the RTT level: tables that were there before, IPA size, starting level";
pub(super) const RIPAS_RANGE: &str =
    "RAM size, and whether the VMM initialises all RAM or only what has no contents";
pub(super) const ORDER: &str =
    "the order of the host's calls: KVM generation (v12 populates first), VMM version";
pub(super) const LENGTH: &str =
    "how much the host measures: RAM size, sizes of images, number of runnable vCPUs";
pub(super) const RULE: &str = "the RMM's edition: the same Realm has another RIM under the other";
pub(super) const RELEASE: &str =
    "the RMM: its release, or whether it is TF-RMM or the text (`rimsim profiles --deviations`)";
pub(super) const RULE_NAMES: &str = "nothing: the descriptor in the RIM is the same";
