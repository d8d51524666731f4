//! What devices need: 7.2.22, 10.0.13 and 11.1.3 were seen to refuse the same of these lines.

use rimsim::host::libvirt;
use rimsim::host::vmm::Context;
use rimsim::host::{Refusal, qemu};

use super::cases::host;
use super::inputs::Inputs;

/// Each lacks something, or has one too many.
const REFUSED: &[&str] = &[
    "-device virtio-blk-pci,drive=d",
    "-device virtio-blk-pci",
    "-device virtio-net-pci,netdev=n",
    "-device virtio-serial-pci -device virtconsole,chardev=c",
    "-device virtio-rng-pci,rng=r",
    "-device virtio-blk-pci,drive=d,iothread=i -blockdev null-co,node-name=d",
    "-serial chardev:c",
    "-device nvme",
    "-device virtio-mem-pci,memdev=m -object memory-backend-ram,id=m,size=256M",
    "-m 256M,maxmem=1G -device virtio-mem-pci,memdev=m",
    "-m 256M,maxmem=1G -device virtio-mem-pci",
    "-device ivshmem-plain",
    "-device virtio-crypto-pci",
    "-device virtio-9p-pci",
    "-device vhost-vsock-pci",
    "-device virtio-net-pci,bus=pci.1",
    "-device virtio-net-pci,bus=pci.1 -device pcie-root-port,id=pci.1",
    r#"-device {"driver":"pcie-root-port","id":"pci.1"} -device virtio-net-pci,bus=pci.1"#,
    "-device pxb-pcie,id=p,bus_nr=9 -device virtio-net-pci",
    "-device pxb-pcie,id=p,bus_nr=9,bus=pcie.0 -device virtio-iommu-pci",
    "-device virtio-balloon-pci -device virtio-balloon-device",
    "-device ramfb -device ramfb",
    "-device ramfb,bus=pcie.0",
    "-device pxb-pcie,id=p,bus_nr=9 -device pxb-pcie,id=q,bus_nr=19",
    "-device pxb-pcie,id=p,bus_nr=9 -drive if=virtio,file=null-co://,format=raw",
    "-device vmcoreinfo -device vmcoreinfo",
    "-numa node -numa hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,\
     latency=5",
    "-device virtio-scsi-pci -device scsi-hd",
];

/// These start.
const STARTED: &[&str] = &[
    "-blockdev null-co,node-name=d -device virtio-blk-pci,drive=d",
    "-drive if=none,file=null-co://,format=raw -device virtio-blk-pci,drive=none0",
    "-device virtio-net-pci",
    "-device virtio-rng-pci",
    "-chardev null,id=c -serial chardev:c",
    "-device nvme,serial=a",
    "-m 256M,maxmem=1G -device virtio-mem-pci,memdev=m -object memory-backend-ram,id=m,size=256M",
    "-device pcie-root-port,id=pci.1 -device virtio-net-pci,bus=pci.1",
    r#"-device pcie-root-port,id=pci.1 -device {"driver":"virtio-net-pci","bus":"pci.1"}"#,
    "-device qemu-xhci,id=u -device usb-tablet,bus=u.0",
    "-device qemu-xhci -device usb-tablet,bus=usb-bus.0",
    "-device pxb-pcie,id=p,bus_nr=9 -device virtio-net-pci,bus=pcie.0",
    "-device virtio-net-pci -device pxb-pcie,id=p,bus_nr=9",
    "-device pxb-pcie,id=p,bus_nr=9 -device pcie-root-port,id=q",
    "-device pxb-pcie,id=p,bus_nr=9 -device pcie-root-port,id=q -device virtio-net-pci,bus=q",
    "-device pxb-pcie,id=p,bus_nr=9 -device virtio-net-device",
    "-device nvme,serial=a,id=x -device nvme-ns,drive=d,bus=x -blockdev null-co,node-name=d",
    "-device virtio-scsi-pci,id=s -device scsi-hd,bus=s.0,drive=d -blockdev null-co,node-name=d",
    "-device lsi,id=s -device scsi-hd,drive=d,bus=s.0 -blockdev null-co,node-name=d",
    "-device ahci,id=h -device ide-hd,bus=h.0,drive=d -blockdev null-co,node-name=d",
];

fn tree(version: &str, line: &str) -> Result<(), Refusal> {
    let (caps, mut files) = (host(), Inputs::default());
    let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
    let line = format!("-M virt,gic-version=3,dtb-randomness=off -cpu max -nodefaults {line}");
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    qemu::device_tree(version, &argv, &mut context).map(|_| ())
}

#[test]
fn devices_that_lack_something_are_refused() {
    for version in ["qemu-7.2", "qemu-10.0.13", "qemu-11.1"] {
        for line in REFUSED {
            let error = tree(version, line).expect_err(line).to_string();
            let option = error.split([' ', ':', ',']).next().unwrap_or_default();
            assert!(line.contains(option) && option.starts_with('-'), "{line}: {error}");
        }
        for line in STARTED {
            tree(version, line).unwrap_or_else(|error| panic!("{version}: {line}: {error}"));
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    for (line, text) in [
        ("-device virtio-net-pci,netdev=n", "-device virtio-net-pci,netdev: can't find value 'n'"),
        ("-device virtio-net-pci,bus=pci.1", "-device virtio-net-pci: Bus 'pci.1' not found"),
        ("-device nvme", "-device nvme: serial property not set"),
        (
            "-object memory-backend-ram,id=m,size=1G -device virtio-mem-pci,memdev=m",
            "-device virtio-mem-pci: the configuration is not prepared for memory devices: write \
             -m maxmem=",
        ),
        (
            "-M memory-backend=m",
            "-machine memory-backend: there is no -object memory-backend-…,id=m",
        ),
        (
            "-M gic_version=3",
            "-machine gic_version: Conflict between 'gic-version' and 'gic_version'",
        ),
        (
            "-M ras=on",
            "-machine ras: QEMU ends with a fault (there is no vms->acpi_dev) without -bios: \
                       write acpi=off, or leave it out",
        ),
        (
            "-numa node -numa hmat-lb",
            "-numa hmat-lb: the table of memory attributes is disabled: \
                                      write -machine hmat=on",
        ),
        ("-M spcr=off", "-machine spcr: virt has it from QEMU 10.1 on"),
        ("-M cxl=off", "-machine cxl: virt has it from QEMU 10.2 on"),
    ] {
        let error = tree("qemu-10.0.13", line).expect_err(line).to_string();
        assert_eq!(error, text, "{line}");
    }
    for line in ["-M ras=on,acpi=off", "-M ras=on -bios f4k.fd"] {
        tree("qemu-10.0.13", line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let both = "-M default-bus-bypass-iommu=on -device arm-smmuv3,primary-bus=pcie.0";
    let error = tree("qemu-11.1", both).expect_err(both).to_string();
    let why = "-device arm-smmuv3: default-bus-bypass-iommu=on can not be set for its bus";
    assert_eq!(error, why);
    for line in ["-M spcr=off", "-M cxl=off", "-M msi=off -device pcie-root-port"] {
        tree("qemu-11.1", line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

/// Memory of its own has a RIPAS that is not known, whichever way it is asked for, and also with a
/// device tree that is given.
#[test]
fn memory_that_is_plugged_into_a_realm_is_refused() {
    let realm = "-M virt,gic-version=3,confidential-guest-support=lsec0 -object \
                 rme-guest,id=lsec0 -accel kvm -cpu host -m 256M,slots=2,maxmem=1G -kernel k4k.img \
                 -object memory-backend-ram,id=m,size=256M -device";
    let xml = |model: &str| {
        format!(
            "<domain type='kvm'><name>vm</name><maxMemory slots='2' unit='GiB'>1</maxMemory>\
             <memory unit='MiB'>512</memory><vcpu>1</vcpu><os><type arch='aarch64' \
             machine='virt'>hvm</type><kernel>k4k.img</kernel></os><features><gic \
             version='3'/></features><cpu mode='host-passthrough'><numa><cell id='0' cpus='0' \
             memory='256' unit='MiB'/></numa></cpu><devices><memory model='{model}'><target><size \
             unit='MiB'>256</size><node>0</node></target></memory></devices><launchSecurity \
             type='cca'/></domain>"
        )
    };
    for (driver, model) in
        [("virtio-mem-pci", "virtio-mem"), ("pc-dimm", "dimm"), ("nvdimm", "nvdimm")]
    {
        let line = format!("{realm} {driver},memdev=m");
        let line: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let domain = libvirt::argv(&xml(model)).expect("a domain");
        for argv in [line, domain] {
            for with_tree in [false, true] {
                let tree = rimsim::measure::image::Image::from_bytes("dtb", vec![1; 100]);
                let device_tree = with_tree.then(|| std::sync::Arc::new(tree));
                let (caps, mut files) = (host(), Inputs::default());
                let mut context = Context { caps: &caps, files: &mut files, device_tree };
                let error = qemu::vm("cca-v3", &argv, &mut context).expect_err(driver).to_string();
                let why = "is memory of its own; what RIPAS a Realm has there is not known";
                assert_eq!(error, format!("-device {driver}: {why}"));
            }
        }
    }
}
