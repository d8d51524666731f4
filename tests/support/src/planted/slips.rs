//! The tables: command lines, and mistakes in them.

/// A mistake in a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slip {
    /// What it is about.
    pub(super) kind: &'static str,
    /// What runs.
    pub(super) runs: &'static str,
    /// What is said in its place.
    pub(super) said: &'static str,
    /// Options that make it good.
    pub(super) fixes: &'static [&'static str],
}

/// What runs, of one VMM, and the mistakes in it.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) line: &'static str,
    pub(super) domain: &'static str,
    pub(super) slips: &'static [Slip],
}

const fn slip(
    kind: &'static str,
    runs: &'static str,
    said: &'static str,
    fixes: &'static [&'static str],
) -> Slip {
    Slip { kind, runs, said, fixes }
}

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kvmtool",
        line: "--host kvm-v10 --vmm-version cca-ram-first-64k --num-bps 6 --num-wps 4 \
               --pmu-counters 6 --sve-vl 256 kvmtool -- lkvm run --realm --restricted_mem -c 2 \
               -m 512M --irqchip=gicv3 --pmu -k Image -i initrd.cpio -p quiet",
        domain: "",
        slips: KVMTOOL,
    },
    Family {
        name: "kvmtool on KVM v12",
        line: "--candidate elsewhere/Image-6.12 --host kvm-v12 --vmm-version cca-v10 --caps fvp \
               kvmtool -- lkvm run --realm --restricted_mem -c 4 -m 1G --irqchip=gicv3-its \
               --console virtio \
               -k elsewhere/Image-6.12 -p console=hvc0~root=/dev/vda -d disk.img -n mode=none",
        domain: "",
        slips: KVMTOOL_V12,
    },
    Family {
        name: "QEMU",
        line: "--host kvm-v10 --num-bps 6 --num-wps 4 --pmu-counters 6 --sve-vl 256 qemu -- \
               qemu-system-aarch64 -accel kvm -cpu host -m 512M -smp 2 \
               -M virt,gic-version=3,its=off,confidential-guest-support=r \
               -object rme-guest,id=r,measurement-algorithm=sha256 -kernel Image \
               -initrd initrd.cpio -append quiet",
        domain: "",
        slips: QEMU,
    },
    Family {
        name: "QEMU on KVM v14",
        line: "--host kvm-v14 --vmm-version cca-v4 --rim-rule tf-rmm-0.9 --host-page-size 4K \
               --caps fvp --lpa2 true qemu -- qemu-system-aarch64 -accel kvm -cpu host -m 2G \
               -smp 4,sockets=4,cores=1 \
               -M virt,gic-version=3,acpi=off,confidential-guest-support=r \
               -object rme-guest,id=r -bios QEMU_EFI.fd -kernel Image -initrd initrd.cpio \
               -append console=ttyAMA0~root=/dev/vda2~ro -nodefaults",
        domain: "",
        slips: QEMU_V14,
    },
    Family {
        name: "libvirt",
        line: "--host kvm-v10 --vmm-version cca-v3 --caps fvp --domain DOMAIN",
        domain: "<domain type='kvm'><name>vm</name><memory unit='MiB'>1024</memory>\
                 <vcpu>4</vcpu><os><type arch='aarch64' machine='virt'>hvm</type>\
                 <kernel>Image</kernel><initrd>initrd.cpio</initrd>\
                 <cmdline>console=ttyAMA0 root=/dev/vda</cmdline></os>\
                 <features><gic version='3'/></features><cpu mode='host-passthrough'/>\
                 <devices><console type='pty'/></devices><launchSecurity type='cca'>\
                 <measurement-algo>sha256</measurement-algo></launchSecurity></domain>",
        slips: LIBVIRT,
    },
    Family {
        name: "libvirt with firmware",
        line: "--host kvm-v10 --vmm-version nvidia-10.1 --num-bps 16 --num-wps 16 \
               --pmu-counters 8 --sve-vl 512 --host-page-size 64K --domain DOMAIN",
        domain: "<domain type='kvm'><name>vm</name><memory unit='GiB'>2</memory>\
                 <vcpu placement='static'>2</vcpu><os><type arch='aarch64' machine='virt'>hvm\
                 </type><loader type='rom'>QEMU_EFI.fd</loader></os>\
                 <features><acpi/><gic version='3'/></features>\
                 <cpu mode='host-passthrough'><topology sockets='1' cores='2' threads='1'/></cpu>\
                 <devices><serial type='pty'/></devices><launchSecurity type='cca'>\
                 <measurement-algo>sha512</measurement-algo></launchSecurity></domain>",
        slips: LIBVIRT_FIRMWARE,
    },
    Family {
        name: "kata",
        line: "--host kvm-v8 --vmm-version kata --num-bps 6 --num-wps 4 --pmu-counters 6 \
               --sve-vl 0 qemu -- \
               qemu-system-aarch64 -name sandbox-1 -machine \
               virt,usb=off,accel=kvm,gic-version=host,confidential-guest-support=rme0 \
               -cpu host,pmu=off -m 2048M -device virtio-serial-pci,id=serial0 \
               -device vhost-vsock-pci,vhostfd=3,id=vsock-1,guest-cid=3 \
               -object rme-guest,id=rme0,measurement-algorithm=sha512 -vga none -no-user-config \
               -nodefaults -nographic --no-reboot \
               -object memory-backend-ram,id=dimm1,size=2048M -numa node,memdev=dimm1 \
               -kernel Image -initrd initrd.cpio \
               -append console=hvc0~panic=1~systemd.unit=kata-containers.target \
               -pidfile pid -smp 1,cores=1,threads=1,sockets=1,maxcpus=1",
        domain: "",
        slips: KATA,
    },
    Family {
        name: "cloud-hypervisor",
        line: "--host kvm-v10 --num-bps 6 --num-wps 4 --pmu-counters 6 --sve-vl 256 \
               --dtb vm.dtb cloud-hypervisor -- --platform arm_rme=on,measurement_algo=sha256 \
               --cpus boot=2 --memory size=512M --kernel Image --initramfs initrd.cpio \
               --cmdline quiet",
        domain: "",
        slips: CLOUD_HYPERVISOR,
    },
];

const KVMTOOL: &[Slip] = &[
    slip("RAM", "-m 512M", "-m 1G", &["-m 512M"]),
    slip("RAM", "-m 512M", "-m 300M", &["-m 512M"]),
    slip("vCPUs", "-c 2", "-c 4", &["-c 2"]),
    slip("vCPUs", "-c 2", "-c 3", &["-c 2"]),
    slip("initrd", " -i initrd.cpio", "", &["-i initrd.cpio"]),
    slip("initrd", "-i initrd.cpio", "-i initrd-old.cpio", &["-i initrd.cpio"]),
    slip("kernel", "-k Image", "-k Image-old", &["-k Image"]),
    slip("kernel", "-k Image", "-k Image.gz", &["-k Image"]),
    slip("kernel", "-k Image", "-f QEMU_EFI.fd", &["--no-firmware -k Image"]),
    slip("command line", " -p quiet", "", &["-p quiet"]),
    slip("command line", "-p quiet", "-p quiet\n", &["-p quiet"]),
    slip("command line", "-p quiet", "-p quiet~ro", &["-p quiet"]),
    slip("command line", "-p quiet", "-p quiet~root=/dev/vda~rw", &["-p quiet"]),
    slip("irqchip", "--irqchip=gicv3", "--irqchip=gicv3-its", &["--irqchip gicv3"]),
    slip("irqchip", " --irqchip=gicv3", "", &["--irqchip gicv3"]),
    slip("PMU", " --pmu ", " ", &["--pmu"]),
    slip("breakpoints", "--num-bps 6", "--num-bps 16", &["--num-bps 6"]),
    slip("breakpoints", "--num-bps 6", "--num-bps 5", &["--num-bps 6"]),
    slip("watchpoints", "--num-wps 4", "--num-wps 2", &["--num-wps 4"]),
    slip("counters", "--pmu-counters 6", "--pmu-counters 4", &["--pmu-counters 6"]),
    slip("SVE", "--sve-vl 256", "--sve-vl 512", &["--sve-vl 256"]),
    slip("SVE", "--realm", "--realm --disable-sve", &["--no-disable-sve"]),
    slip(
        "version",
        "--vmm-version cca-ram-first-64k",
        "--vmm-version cca-ram-first-4k",
        &["--vmm-version cca-ram-first-64k"],
    ),
    slip("KVM", "--host kvm-v10", "--host kvm-v12", &["--host kvm-v10"]),
    slip(
        "KVM and version",
        "--host kvm-v10 --vmm-version cca-ram-first-64k",
        "--host kvm-v12 --vmm-version cca-v10",
        &["--vmm-version cca-ram-first-64k", "--host kvm-v10"],
    ),
    slip("algorithm", "--realm", "--realm --measurement-algo sha512", &["--measurement-algo"]),
    slip("console", "--realm", "--realm --console virtio", &["--console serial"]),
    slip("rng", "--realm", "--realm --rng", &["--no-rng"]),
    slip("balloon", "--realm", "--realm --balloon", &["--no-balloon"]),
    slip("transport", "--realm", "--realm --virtio-transport mmio", &["--virtio-transport pci"]),
    slip("network", "--realm", "--realm -n mode=none", &["leave out -n"]),
    slip("network", "--realm", "--realm -n mode=tap -n mode=tap", &["leave out -n"]),
    slip("disks", "--realm", "--realm -d disk.img", &["leave out -d"]),
    slip("vsock", "--realm", "--realm --vsock 3", &["--no-vsock"]),
    slip("9p", "--realm", "--realm --9p elsewhere,host", &["leave out --9p"]),
    slip(
        "window",
        "--host kvm-v10",
        "--payload-window 512M --host kvm-v10",
        &["--payload-window 256M"],
    ),
];

const KVMTOOL_V12: &[Slip] = &[
    slip("candidate", "-k elsewhere/Image-6.12", "-k Image", &["-k elsewhere/Image-6.12"]),
    slip("restricted_mem", " --restricted_mem", "", &["--restricted_mem"]),
    slip("RAM", "-m 1G", "-m 768M", &["-m 1G"]),
    slip("RAM", "-m 1G", "-m 1000M", &["-m 1G"]),
    slip("vCPUs", "-c 4", "-c 8", &["-c 4"]),
    slip("initrd", "-p console", "-i initrd.cpio -p console", &["leave out -i"]),
    slip("irqchip", "--irqchip=gicv3-its", "--irqchip=gicv3", &["--irqchip gicv3-its"]),
    slip("console", " --console virtio", "", &["--console virtio"]),
    slip("disks", " -d disk.img", "", &["-d disk.img"]),
    slip("network", " -n mode=none", "", &["-n mode=none"]),
    slip(
        "command line",
        "console=hvc0~root=/dev/vda",
        "console=hvc0",
        &["-p 'console=hvc0 root=/dev/vda'"],
    ),
    slip(
        "command line",
        "console=hvc0~root=/dev/vda",
        "root=/dev/vda",
        &["-p 'console=hvc0 root=/dev/vda'"],
    ),
    slip(
        "KVM and version",
        "--host kvm-v12 --vmm-version cca-v10",
        "--host kvm-v10",
        &["--host kvm-v12", "--vmm-version cca-v10"],
    ),
    slip("KVM", "--host kvm-v12", "--host kvm-v14", &["--host kvm-v12"]),
    slip("version", "--vmm-version cca-v10", "--vmm-version cca-v12", &["--vmm-version cca-v10"]),
    slip("machine", "--caps fvp", "--caps qemu-max", &["--caps fvp"]),
    slip("breakpoints", "--caps fvp", "--caps fvp --num-bps 6", &["--num-bps 16", "--caps fvp"]),
    slip("SVE", "--realm", "--realm --disable-sve", &["--no-disable-sve"]),
    slip("nodefaults", "--realm", "--realm --nodefaults", &["--no-nodefaults"]),
];

const QEMU: &[Slip] = &[
    slip("RAM", "-m 512M", "-m 1G", &["-m 512M"]),
    slip("RAM", "-m 512M", "-m 511M", &["-m 512M"]),
    slip("vCPUs", "-smp 2", "-smp 4", &["-smp 2"]),
    slip("topology", "-smp 2", "-smp 2,sockets=2,cores=1", &["-smp 2,sockets=1,cores=2,threads=1"]),
    slip("initrd", " -initrd initrd.cpio", "", &["-initrd initrd.cpio"]),
    slip("initrd", "-initrd initrd.cpio", "-initrd initrd-old.cpio", &["-initrd initrd.cpio"]),
    slip("kernel", "-kernel Image", "-kernel Image-old", &["-kernel Image", "-kernel Image.gz"]),
    slip("command line", " -append quiet", "", &["-append quiet"]),
    slip("command line", "-append quiet", "-append quiet\n", &["-append quiet"]),
    slip("command line", "-append quiet", "-append console=ttyAMA0~quiet", &["-append quiet"]),
    slip("ITS", ",its=off", "", &["-M virt,its=off"]),
    slip("PMU", "-cpu host", "-cpu host,pmu=off", &["-cpu host"]),
    slip("SVE", "-cpu host", "-cpu host,sve=off", &["-cpu host"]),
    slip(
        "breakpoints",
        "--num-bps 6",
        "--num-bps 16",
        &["--num-bps 6", "-cpu host,num-breakpoints=6"],
    ),
    slip("watchpoints", "--num-wps 4", "--num-wps 2", &["--num-wps 4"]),
    slip("SVE", "--sve-vl 256", "--sve-vl 512", &["--sve-vl 256"]),
    slip("counters", "--pmu-counters 6", "--pmu-counters 8", &["--pmu-counters 6"]),
    slip("log", "id=r,", "id=r,measurement-log=on,", &["-object rme-guest,measurement-log=off"]),
    slip("algorithm", "=sha256", "=sha512", &["measurement-algorithm"]),
    slip("SMMU", ",its=off", ",its=off,iommu=smmuv3", &["-M virt,iommu=none"]),
    slip("machine type", "-M virt,gic", "-M virt-6.1,gic", &["-M virt"]),
    slip("highmem", ",its=off", ",its=off,highmem=off", &["-M virt,highmem=on"]),
    slip("KVM and version", "--host kvm-v10", "--host kvm-v14", &["--host kvm-v10"]),
    slip(
        "version",
        "--host kvm-v10",
        "--host kvm-v10 --vmm-version rmi",
        &["--vmm-version cca-v3", "--vmm-version linaro-2025"],
    ),
];

const QEMU_V14: &[Slip] = &[
    slip("RAM", "-m 2G", "-m 2000M", &["-m 2G"]),
    slip("vCPUs", "-smp 4,sockets=4,cores=1", "-smp 2,sockets=2,cores=1", &["-smp 4"]),
    slip("topology", "-smp 4,sockets=4,cores=1", "-smp 4", &["-smp 4,sockets=4,cores=1,threads=1"]),
    slip("firmware", " -bios QEMU_EFI.fd", "", &["-bios QEMU_EFI.fd"]),
    slip("firmware", "-bios QEMU_EFI.fd", "-bios QEMU_EFI-old.fd", &["-bios QEMU_EFI.fd"]),
    slip("acpi", ",acpi=off", "", &["-M virt,acpi=off"]),
    slip("pages", "--host-page-size 4K", "--host-page-size 64K", &["--host-page-size 4K"]),
    slip("rule", "--rim-rule tf-rmm-0.9", "--rim-rule rmm-2.0", &["--rim-rule tf-rmm-0.9"]),
    slip("LPA2", "--lpa2 true", "--lpa2 false", &["--lpa2 true"]),
    slip(
        "KVM",
        "--host kvm-v14 --vmm-version cca-v4",
        "--host kvm-v10",
        &["--host kvm-v14", "--vmm-version cca-v4"],
    ),
    slip("KVM", "--host kvm-v14", "--host kvm-v10", &["--host kvm-v14"]),
    slip("machine", "--caps fvp", "--caps qemu-max", &["--caps fvp"]),
    slip("serials", "-nodefaults", "-nodefaults -serial null -serial null", &["leave out -serial"]),
];

const LIBVIRT: &[Slip] = &[
    slip("RAM", "<memory unit='MiB'>1024", "<memory unit='MiB'>2048", &["-m 1G"]),
    slip("RAM", "<memory unit='MiB'>1024", "<memory unit='MB'>1024", &["-m 1G"]),
    slip("vCPUs", "<vcpu>4", "<vcpu>2", &["-smp 4"]),
    slip("vCPUs", "<vcpu>4", "<vcpu>5", &["-smp 4"]),
    slip("initrd", "<initrd>initrd.cpio</initrd>", "", &["-initrd initrd.cpio"]),
    slip("initrd", "<initrd>initrd.cpio<", "<initrd>initrd-old.cpio<", &["-initrd initrd.cpio"]),
    slip("kernel", "<kernel>Image<", "<kernel>Image-old<", &["-kernel Image", "-kernel Image.gz"]),
    slip(
        "command line",
        "root=/dev/vda<",
        "root=/dev/vda quiet<",
        &["-append 'console=ttyAMA0 root=/dev/vda'"],
    ),
    slip(
        "command line",
        "<cmdline>console=ttyAMA0 root=/dev/vda</cmdline>",
        "",
        &["-append 'console=ttyAMA0 root=/dev/vda'"],
    ),
    slip("gic", "<gic version='3'/>", "<gic version='2'/>", &["-M virt,gic-version=3"]),
    slip("PMU", "<gic version='3'/>", "<gic version='3'/><pmu state='off'/>", &["-cpu host"]),
    slip(
        "topology",
        "<cpu mode='host-passthrough'/>",
        "<cpu mode='host-passthrough'>\
         <topology sockets='1' cores='4' threads='1'/></cpu>",
        &["-smp 4,sockets=4,cores=1,threads=1"],
    ),
    slip(
        "SVE",
        "<cpu mode='host-passthrough'/>",
        "<cpu mode='host-passthrough'>\
         <feature policy='disable' name='sve'/></cpu>",
        &["-cpu host"],
    ),
    slip("algorithm", "sha256", "sha512", &["measurement-algorithm"]),
    slip(
        "log",
        "<launchSecurity type='cca'>",
        "<launchSecurity type='cca' measurement-log='yes'>",
        &["-object rme-guest,measurement-log=off"],
    ),
    slip("KVM", "--host kvm-v10", "--host kvm-v12", &["--host kvm-v10"]),
    slip("machine", "--caps fvp", "--caps qemu-max", &["--caps fvp"]),
    slip(
        "SMMU",
        "<console type='pty'/>",
        "<console type='pty'/><iommu model='smmuv3'/>",
        &["-M virt,iommu=none"],
    ),
];

const LIBVIRT_FIRMWARE: &[Slip] = &[
    slip("RAM", "<memory unit='GiB'>2", "<memory unit='GiB'>4", &["-m 2G"]),
    slip(
        "vCPUs",
        "<vcpu placement='static'>2</vcpu>",
        "<vcpu placement='static'>1</vcpu>",
        &["-smp 2"],
    ),
    slip("firmware", "QEMU_EFI.fd", "QEMU_EFI-old.fd", &["-bios QEMU_EFI.fd"]),
    slip("acpi", "<acpi/>", "", &["-M virt,acpi=on"]),
    slip("pages", "--host-page-size 64K", "--host-page-size 4K", &["--host-page-size 64K"]),
    slip("counters", "--pmu-counters 8", "--pmu-counters 6", &["--pmu-counters 8"]),
    slip("SVE", "--sve-vl 512", "--sve-vl 0", &["--sve-vl 512"]),
    slip("algorithm", "sha512", "sha256", &["measurement-algorithm"]),
];

const KATA: &[Slip] = &[
    slip("RAM", "-m 2048M", "-m 4096M", &["-m 2G"]),
    slip(
        "vCPUs",
        "-smp 1,cores=1,threads=1,sockets=1,maxcpus=1",
        "-smp 2,cores=1,threads=1,sockets=2,maxcpus=2",
        &["-smp 1"],
    ),
    slip("kernel", "-kernel Image", "-kernel Image-old", &["-kernel Image", "-kernel Image.gz"]),
    slip("initrd", " -initrd initrd.cpio", "", &["-initrd initrd.cpio"]),
    slip("firmware", "-pidfile pid", "-bios QEMU_EFI.fd -pidfile pid", &["leave out -bios"]),
    slip(
        "command line",
        "console=hvc0~panic=1~",
        "console=hvc0~panic=1~quiet~",
        &["-append 'console=hvc0 panic=1 systemd.unit=kata-containers.target'"],
    ),
    slip(
        "command line",
        "=hvc0~panic=1~systemd.unit=kata-containers.target",
        "=hvc0~panic=1",
        &["-append 'console=hvc0 panic=1 systemd.unit=kata-containers.target'"],
    ),
    slip(
        "command line",
        "console=hvc0~panic=1~systemd.unit",
        "console=hvc0~panic=1~\
         agent.log=debug~systemd.unit",
        &["-append 'console=hvc0 panic=1 systemd.unit=kata-containers.target'"],
    ),
    slip("PMU", "-cpu host,pmu=off", "-cpu host", &["-cpu host,pmu=off"]),
    slip("algorithm", "sha512", "sha256", &["measurement-algorithm"]),
    slip("version", "--vmm-version kata", "--vmm-version cca-v4", &["--vmm-version linaro-2025"]),
    slip(
        "KVM",
        "--host kvm-v8 --vmm-version kata",
        "--host kvm-v14 --vmm-version cca-v4",
        &["--host kvm-v10", "--vmm-version linaro-2025"],
    ),
    slip("breakpoints", "--num-bps 6", "--num-bps 2", &["--num-bps 6"]),
];

const CLOUD_HYPERVISOR: &[Slip] = &[
    slip("RAM", "size=512M", "size=1G", &["--memory size=512M"]),
    slip("kernel", "--kernel Image", "--kernel Image-old", &["--kernel Image"]),
    slip("initrd", " --initramfs initrd.cpio", "", &["--initramfs initrd.cpio"]),
    slip("tree", "--dtb vm.dtb", "--dtb vm-old.dtb", &["--dtb vm.dtb"]),
    slip("algorithm", "sha256", "sha512", &["measurement_algo"]),
    slip("breakpoints", "--num-bps 6", "--num-bps 16", &["--num-bps 6"]),
];
