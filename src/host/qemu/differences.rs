//! What is refused by QEMU alone, or here alone.

/// Command lines of QEMU that one of the two refuses and the other takes.
#[derive(Clone, Copy, Debug)]
pub struct Differences {
    /// What it is that they are refused by.
    pub about: &'static str,
    /// Each in a line.
    pub lines: &'static [&'static str],
}

/// All that are known: such a line has no RIM that differs, since one of the two has none.
pub const DIFFERENCES: &[Differences] = &[
    Differences {
        about: "QEMU refuses, and rimsim does not look: the VM would not start",
        lines: &[
            "a backend that is not there: fsdev=, audiodev= of a device, -mon chardev=ID, \
             -tpmdev chardev=ID",
            "a device without what it needs, where that is not a drive, a chardev or memory: \
             chassis_nr= of pci-bridge, host= of vfio-pci, an audio driver of AC97, virtio-sound \
             and hda-*",
            "files and devices of the host that are not there: disks, /dev/vhost-*, VFIO \
             groups, certificates of tls-creds-*, plugins, backing files of \
             memory-backend-file",
            "properties of devices and objects that there are not, and values of them \
             (mac=zz)",
            "values of options that no RIM shows: -rtc, -uuid, -smbios, -vga, -display, \
             -audiodev, -watchdog-action, -overcommit, -msg, -action, -run-with, -d, -plugin, \
             -fw_cfg file=",
            "devices that a release does not have yet (ufs before 8.2), or that its build \
             leaves out (virtio-pmem-pci, virtio-vga)",
            "details of -numa hmat-lb and hmat-cache, and what ACPI tables have no room for",
        ],
    },
    Differences {
        about: "rimsim refuses, and QEMU does not: what it does to the device tree is not \
                known here",
        lines: &[
            "-machine smp-cache.…, cxl=on, cxl-fmw.…, kernel-irqchip=off",
            "-device tpm-tis-device, pc-dimm, nvdimm, loader, guest-loader, a second IOMMU, \
             and devices that are not on the PCI bus and not known; memory devices (virtio-mem, \
             pc-dimm, nvdimm) of a Realm",
            "-machine gic-version=x-5",
            "-readconfig, -set, -loadvm, -preconfig, -shim: options that change what others \
             say",
            "-global of drivers that are not known, or of bus=, addr= and multifunction=",
            "-kernel with an ELF file of big-endian code or of more than 4096 segments; an EFI \
             zboot image packed by anything but gzip",
            "-dtb of a VM that is no Realm, to which QEMU adds",
            "processors of 32 bits",
        ],
    },
    Differences {
        about: "of domains of libvirt",
        lines: &[
            "libvirt refuses, and rimsim does not look: <acpi/> without firmware that it \
             knows as UEFI, devices of buses that the domain turns off, what a build of QEMU \
             lacks",
            "rimsim refuses, and libvirt does not: <qemu:override>, firmware='efi' without a \
             <loader>; <memory> devices of a Realm, as in command lines",
        ],
    },
];
