//! Command lines that QEMU and cloud-hypervisor refuse, or that could never run: exactly what is
//! said of each.

use std::sync::Arc;

use rimsim::host::vmm::Context;
use rimsim::host::{Caps, cloud_hypervisor, qemu};
use rimsim::measure::image::Image;

use super::cases::host;
use super::inputs::Inputs;

/// What is said of a command line; with a device tree given or not.
fn said(vmm: &str, version: &str, line: &str, with_dtb: bool) -> String {
    let caps = host();
    let mut files = Inputs::default();
    let dtb = with_dtb.then(|| Arc::new(Image::from_bytes("dtb", vec![1; 100])));
    let mut context = Context { caps: &caps, files: &mut files, device_tree: dtb };
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let read = if vmm == "qemu" { qemu::vm } else { cloud_hypervisor::vm };
    match read(version, &argv, &mut context) {
        Ok(_) => "accepted".into(),
        Err(refusal) => without_suggestion(&refusal.to_string()),
    }
}

/// What was perhaps meant is another table's matter.
fn without_suggestion(text: &str) -> String {
    text.split("; did you mean").next().unwrap_or_default().to_owned()
}

const REALM: &str = "-M virt,confidential-guest-support=rme0 -object rme-guest,id=rme0 -accel kvm \
                     -cpu host -kernel k4k.img";

/// QEMU's options, after those of a good command line, and what is said of them.
const QEMU: &[(&str, &str)] = &[
    ("-m 99999999999P", "-m size: 99999999999P does not fit in 64 bits"),
    ("-m -1", "-m size: \"-1\" is not a size; 512M and 1G are"),
    ("-m 1G,slots=2", "-m slots: invalid without maxmem"),
    ("-m 1G,maxmem=512M", "-m maxmem: 536870912 bytes; RAM has 1073741824 bytes already"),
    ("-m 1G,slots=300,maxmem=2G", "-m slots: 300; virt has at most 256"),
    ("-m 1G,size2=3", "-m size2: -m has size, maxmem and slots"),
    ("-m 1.x", "-m size: \"1.x\" is not a size; 512M and 1G are"),
    ("-m 100000000T", "-m size: 100000000T does not fit in 64 bits"),
    ("-m 15E", "-m: addresses are limited to 47 bits, and RAM ends beyond them"),
    ("-m 0x10z", "-m size: \"0x10z\" is not a size; 512M and 1G are"),
    (
        "-m 1G,maxmem=64T",
        "-machine: the memory map takes 48 IPA bits, and this QEMU uses at most 47 of KVM's \
         48; less RAM, maxmem or highmem-mmio=off would take less",
    ),
    ("-smp 0", "-smp cpus: CPU topology parameters must be greater than zero"),
    ("-smp 4294967295", "-smp: 4294967295 CPUs; virt has at most 512"),
    ("-smp 99999999999999999999", "-smp cpus: \"99999999999999999999\" is not a number"),
    ("-smp 4,maxcpus=2", "-smp maxcpus: 2 is less than cpus=4"),
    (
        "-smp 3,sockets=2,cores=2,threads=1",
        "-smp: product of the hierarchy (4) must match maxcpus (3)",
    ),
    ("-smp cpus=two", "-smp cpus: \"two\" is not a number"),
    ("-smp 2,seats=2", "-smp seats: -smp has no such property"),
    ("-cpu cortex-a57", "-cpu: \"cortex-a57\"; a Realm needs -cpu host"),
    ("-cpu host,sve2048=on", "-cpu host,sve2048: the host has no vectors of this length"),
    ("-cpu host,sve=off,sve256=on", "-cpu host,sve256: SVE is disabled by sve=off"),
    ("-cpu host,sve128=off", "-cpu host,sve128: no vector length would be left"),
    (
        "-cpu host,sve512=on,sve256=off",
        "-cpu host,sve256: cannot disable sve256: the KVM host requires all supported vector \
         lengths smaller than 512 bits to also be enabled",
    ),
    (
        "-object rme-guest,id=rme0",
        "-object rme-guest,id: attempt to add a second object with the id \"rme0\"",
    ),
    ("-M virt,mte=on", "-machine mte: KVM has no memory tags for a Realm"),
    ("-M virt,ras=perhaps", "-machine ras: \"perhaps\" is neither on nor off"),
    ("-cpu host,sve200=on", "-cpu host,sve200: -cpu host has no such property"),
    ("-cpu host,pmu=maybe", "-cpu host,pmu: \"maybe\" is neither on nor off"),
    (
        "-cpu host,num-breakpoints=1",
        "-cpu host,num-breakpoints: \"1\" is not a number from 2 to 16",
    ),
    (
        "-cpu host,num-pmu-counters=99",
        "-cpu host,num-pmu-counters: \"99\" is not a number from 0 to 31",
    ),
    ("-cpu host,frobnicate=on", "-cpu host,frobnicate: -cpu host has no such property"),
    ("-M q35", "-machine: \"q35\"; Realms are made with virt"),
    (
        "-M virt,confidential-guest-support=rme1",
        "-machine confidential-guest-support: there is no object with the id \"rme1\"",
    ),
    ("-M virt,highmem-mmio-size=3G", "-machine highmem-mmio-size: virt has it from QEMU 10.0 on"),
    ("-M virt,flux=on", "-machine flux: virt has no such property"),
    ("-M virt,gic-version=2", "-machine gic-version: \"2\"; a Realm has a GICv3"),
    ("-M virt,virtualization=on", "-machine virtualization: KVM does not offer EL2 to a Realm"),
    ("-M virt,secure=on", "-machine secure: KVM has no secure world"),
    ("-accel frob", "-accel: invalid accelerator frob"),
    ("-M virt-10.0", "-machine: \"virt-10.0\"; this QEMU has virt-2.6 to virt-9.2"),
    ("-M virt,its=perhaps", "-machine its: \"perhaps\" is neither on nor off"),
    (
        "-M virt,kernel-irqchip=off",
        "-machine kernel-irqchip: \"off\"; without KVM's GIC nothing is known of the tree",
    ),
    ("-device loader,file=x", "-device loader: puts contents into memory, which is not modelled"),
    ("-cpu host,+pmu", "-cpu host,+pmu: expected a value"),
    ("-accel", "-accel: requires an argument"),
    ("-frobnicate", "-frobnicate: invalid option"),
    ("disk.img", "disk.img: a word without an option before it is a disk image; write -drive"),
    ("-object rme-guest", "-object rme-guest: Parameter 'id' is missing"),
    (
        "-object {\"qom-type\":\"rme-guest\",\"id\":\"rme0\",\"size\":1}",
        "-object rme-guest,size: rme-guest has no such property",
    ),
    (
        "-object {\"id\":",
        "-object: is no JSON object: EOF while parsing a value at line 1 column 6",
    ),
    ("-cpu host,sve0128=on", "-cpu host,sve0128: -cpu host has no such property"),
    ("-smp 08", "-smp cpus: \"08\" is not a number"),
    (
        "-object rme-guest,id=rme0,measurement-algorithm=md5",
        "-object rme-guest,measurement-algorithm: \"md5\" is neither sha256 nor sha512",
    ),
    (
        "-object rme-guest,id=rme0,measurement-log=perhaps",
        "-object rme-guest,measurement-log: \"perhaps\" is neither on nor off",
    ),
    (
        "-object rme-guest,id=r,personalization-value=xyz -M virt,confidential-guest-support=r",
        "-object rme-guest,personalization-value: at most 128 hexadecimal digits are wanted",
    ),
    (
        "-object sev-guest,id=x",
        "-object sev-guest: an object that is not known here; a Realm has -object \
         rme-guest,id=…",
    ),
    (
        "-drive if=pflash,file=a",
        "-drive if=pflash: cca-v3 has no flash for a Realm: give its firmware with -bios",
    ),
    ("-kernel missing.img", "-kernel: missing.img: entity not found"),
    ("-kernel k40m.img -m 32M", "-kernel: takes 46137344 bytes, and RAM has 33554432"),
    (
        "-kernel k1m.img -initrd i33m.cpio -m 40M",
        "-initrd: 34603015 bytes do not fit between 0x4140_0000 and the end of RAM",
    ),
    ("-kernel k1m.img -initrd i1m1.cpio -m 3M", "-dtb: there is no RAM behind the initrd"),
    ("-bios f64m.fd -m 512K", "dtb: 0x4000_0000..0x4010_0000 does not lie in RAM"),
];

#[test]
fn qemu_says_what_is_wrong() {
    for (line, text) in QEMU {
        let line = format!("{REALM} {line}");
        assert_eq!(said("qemu", "cca-v3", &line, true), *text, "{line}");
    }
    let line = format!(
        "{REALM} -object rme-guest,id=r,personalization-value=AAAA \
         -M virt,confidential-guest-support=r"
    );
    let text = "-object rme-guest,personalization-value: base64 of exactly 64 bytes is wanted";
    assert_eq!(said("qemu", "nvidia-10.1", &line, true), text);
}

#[test]
fn what_is_no_realm_is_refused() {
    for (line, text) in [
        (
            "-M virt -accel kvm -cpu host -kernel k4k.img",
            "-machine confidential-guest-support: the VM is no Realm: write \
             confidential-guest-support=ID and -object rme-guest,id=ID",
        ),
        (
            "-M virt,confidential-guest-support=rme0 -object rme-guest,id=rme0 -cpu host",
            "-accel: a Realm needs KVM: -accel kvm or -enable-kvm",
        ),
        (
            "-M virt,confidential-guest-support=rme0 -object rme-guest,id=rme0 -accel kvm",
            "-kernel: a Realm needs -kernel or -bios",
        ),
        ("", "-machine: \"\"; Realms are made with virt"),
    ] {
        assert_eq!(said("qemu", "cca-v3", line, true), text, "{line}");
    }
}

/// `its=on` is the default, and a GICv3 without one is not taken instead.
#[test]
fn a_host_without_an_its_has_to_be_told() {
    let caps = Caps { its: false, ..host() };
    let made = |more: &str| {
        let mut files = Inputs::default();
        let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
        let line = format!("{REALM} {more}");
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        qemu::vm("cca-v3", &argv, &mut context).map_err(|error| error.to_string())
    };
    for more in ["", "-M virt,its=on"] {
        let why = made(more).expect_err(more);
        assert!(why.starts_with("-machine its: QEMU wants one by default"), "{why}");
    }
    made("-M virt,its=off").expect("a VM");
    made("-M virt-2.7").expect("a VM of a machine that has none");
}

/// The RMM takes a PMU without counters on a processor with FEAT_HPMN0, and that is said.
#[test]
fn no_counters_are_an_assumption() {
    let (caps, mut files) = (host(), Inputs::default());
    let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
    let line = format!("{REALM} -cpu host,num-pmu-counters=0");
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let vm = qemu::vm("cca-v3", &argv, &mut context).expect("a VM");
    assert!(vm.assumed.iter().any(|assumed| assumed.text.contains("FEAT_HPMN0")));
    super::boot::boot("kvm-v10", &caps, &vm).expect("a Realm");
}

/// QEMU's options that make no device tree, after those of a good command line.
const TREES: &[(&str, &str)] = &[
    (
        "-M virt,dtb-randomness=on",
        "-machine dtb-randomness: the device tree has random seeds, so it can not be predicted: \
         write dtb-randomness=off",
    ),
    (
        "-device tpm-tis-device,tpmdev=t",
        "-device tpm-tis-device: what it does to the device tree is not modelled; give the tree \
         with --dtb",
    ),
    (
        "-global virtio-net-pci.addr=3",
        "-global virtio-net-pci.addr: moves devices; write it at each -device",
    ),
    (
        "-global arm-smmuv3.stage=1",
        "-global arm-smmuv3.stage: what it does to the device tree is not modelled; leave it out, \
         or write it at the device or the machine",
    ),
    (
        "-device virtio-iommu-pci -device virtio-iommu-pci",
        "-device virtio-iommu-pci: more than one IOMMU, which QEMU refuses or is not modelled",
    ),
    ("-device virtio-iommu-pci,bus=x", "-device virtio-iommu-pci: Bus 'x' not found"),
    ("-device e1000,addr=20", "-device e1000,addr: \"20\" is no slot and function"),
    (
        "-M virt,its=off -device pcie-root-port",
        "-device pcie-root-port: MSI-X is not supported by interrupt controller",
    ),
    ("-numa node", "-numa node: the nodes have 0 bytes together, and RAM has 134217728"),
    ("-numa node,nodeid=2", "-numa node,nodeid: Node ID missing: 0"),
    ("-numa node -numa node,nodeid=0", "-numa node,nodeid: duplicate NUMA nodeid: 0"),
    ("-numa node,cpus=1", "-numa node,cpus: \"1\" is not a number below 1"),
    ("-numa node,mem=1", "-numa node,mem: this machine has no such parameter; write memdev="),
    ("-numa node,memdev=m", "-numa node,memdev: memdev=m is ambiguous or does not exist"),
    ("-numa cpu,node-id=0", "-numa cpu,node-id: 0: name the node with -numa node,nodeid=0 before"),
    ("-numa cpu,core-id=0", "-numa cpu: Missing mandatory node-id property"),
    (
        "-numa node -numa cpu,node-id=0,core-id=7",
        "-numa cpu: no match found: no CPU has this place in the topology of -smp",
    ),
    ("-numa dist,src=0,dst=1", "-numa dist: needs src, dst and val"),
    ("-numa dist,src=0,dst=1,val=20", "-numa dist: 0 to 1: name the nodes before their distance"),
    (
        "-numa node -numa dist,src=0,dst=0,val=20",
        "-numa dist,val: 20 from 0 to 0; 10 is a node's own, and the least",
    ),
];

#[test]
fn trees_that_can_not_be_predicted_say_why() {
    for (line, text) in TREES {
        let line = format!("{REALM} {line}");
        assert_eq!(said("qemu", "cca-v3", &line, false), *text, "{line}");
    }
    assert_eq!(said("qemu", "cca-v3", REALM, false), "accepted");
    // What only the tree shows does not matter if the tree is given.
    let line = format!("{REALM} -device tpm-tis-device,tpmdev=t -numa cpu");
    assert_eq!(said("qemu", "cca-v3", &line, true), "accepted");
}

#[test]
fn what_other_programs_refuse() {
    for (version, line, text) in [
        (
            "qemu-7.2",
            REALM,
            "-object rme-guest: qemu-7.2 has no Realms; cca-v3, linaro-2025, nvidia-10.1, cca-v4, \
             rmi, nvidia-11.0 have",
        ),
        (
            "cca-v3",
            "-M virt,confidential-guest-support=rme0 -object rme-guest,id=rme0 -accel tcg",
            "-accel: a Realm runs under KVM, not under tcg",
        ),
    ] {
        assert_eq!(said("qemu", version, line, false), text, "{line}");
    }
}

#[test]
fn what_qemu_refuses_of_a_vm_that_is_no_realm() {
    let tree = |version: &str, line: &str| {
        let (caps, mut files) = (host(), Inputs::default());
        let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let made = qemu::device_tree(version, &argv, &mut context);
        made.map_or_else(|error| error.to_string(), |_| "accepted".into())
    };
    for (version, line, text) in [
        ("qemu-7.2", "", "-machine: \"\"; only virt is known"),
        ("qemu-7.2", "-M virt-8.0", "-machine: \"virt-8.0\"; this QEMU has virt-2.6 to virt-7.2"),
        ("qemu-7.2", "-M virt", "-cpu: \"cortex-a15\"; 32-bit processors are not modelled"),
        (
            "qemu-7.2",
            "-M virt -cpu cortex-a710",
            "-cpu: \"cortex-a710\"; this QEMU's virt has no such 64-bit processor",
        ),
        (
            "qemu-7.2",
            "-M virt -cpu max",
            "-machine dtb-randomness: the device tree has random seeds, so it can not be \
             predicted: write dtb-randomness=off",
        ),
        (
            "qemu-7.2",
            "-M virt,compact-highmem=on -cpu max",
            "-machine compact-highmem: virt has it from QEMU 8.0 on",
        ),
        ("qemu-7.2", "-M virt -cpu max -smp 9", "-smp: 9 CPUs; this interrupt controller has 8"),
        (
            "qemu-7.2",
            "-M virt,mte=on,dtb-randomness=off -cpu cortex-a72",
            "-machine mte: MTE requested, but not supported by the guest CPU",
        ),
        ("qemu-7.2", "-M virt,ras=on,dtb-randomness=off -cpu cortex-a57", "accepted"),
        ("qemu-11.1", "-M virt,ras=on,acpi=off,dtb-randomness=off -cpu cortex-a57", "accepted"),
        ("qemu-10.0", "-M virt,mte=on,dtb-randomness=off -cpu max", "accepted"),
        (
            "qemu-7.2",
            "-M virt -cpu max -append x",
            "-append: -append only allowed with -kernel option",
        ),
        (
            "qemu-10.0",
            "-M virt -cpu max -kernel k4k.img -dtb opaque5001.dtb",
            "-dtb: QEMU adds to a device tree that is given, which is not modelled",
        ),
        (
            "qemu-10.0",
            "-M virt,highmem-mmio-size=3G -cpu max",
            "-machine highmem-mmio-size: a power of two from 512 GiB on is wanted",
        ),
        (
            "qemu-10.0",
            "-M virt,secure=on -accel kvm -cpu host",
            "-machine secure: KVM has no secure world",
        ),
    ] {
        assert_eq!(tree(version, line), text, "{line}");
    }
}

/// What devices and backends need of each other; QEMU 10.0.13 was seen to say the same of each.
const BUSES: &[(&str, &str)] = &[
    (
        "-device usb-tablet",
        "-device usb-tablet: No 'usb-bus' bus found for device 'usb-tablet': write -device \
         qemu-xhci before",
    ),
    ("-device qemu-xhci -device usb-tablet", "accepted"),
    ("-device usb-ehci -device usb-storage,drive=d -drive if=none,id=d", "accepted"),
    (
        "-device usb-kbd -device qemu-xhci",
        "-device usb-kbd: No 'usb-bus' bus found for device 'usb-kbd': write -device qemu-xhci \
         before",
    ),
    (
        "-device scsi-cd",
        "-device scsi-cd: No 'SCSI' bus found for device 'scsi-cd': write -device \
         virtio-scsi-pci before",
    ),
    ("-device lsi -device scsi-cd", "accepted"),
    ("-device virtio-scsi-device -device scsi-cd", "accepted"),
    (
        "-device ide-cd",
        "-device ide-cd: No 'IDE' bus found for device 'ide-cd': write -device ahci before",
    ),
    ("-device ahci -device ide-cd", "accepted"),
    (
        "-device virtconsole",
        "-device virtconsole: No 'virtio-serial-bus' bus found for device 'virtconsole': write \
         -device virtio-serial-pci before",
    ),
    ("-device virtio-serial-pci -device virtserialport", "accepted"),
    ("-netdev user,id=n -netdev user,id=n", "-netdev,id: Duplicate ID 'n' for netdev"),
    ("-netdev user", "-netdev: Parameter 'id' is missing"),
    (
        "-netdev user,id=n -device virtio-net-pci,netdev=n -device virtio-net-pci,netdev=n",
        "-device virtio-net-pci,netdev: 'n' it's in use",
    ),
    (
        "-drive if=none,id=d -device virtio-blk-pci,drive=d -device virtio-blk-pci,drive=d",
        "-device virtio-blk-pci,drive: 'd' is already in use by another device",
    ),
    ("-drive if=none,id=d -drive if=none,id=d", "-drive,id: Duplicate ID 'd' for drive"),
    ("-drive if=none -drive if=none", "accepted"),
    ("-chardev null,id=c -chardev null,id=c", "-chardev,id: Duplicate ID 'c' for chardev"),
    ("-chardev null", "-chardev: Parameter 'id' is missing"),
    (
        "-blockdev raw,node-name=d -blockdev raw,node-name=d",
        "-blockdev,node-name: Duplicate nodes with node-name='d'",
    ),
    (
        "-object iothread,id=i -object memory-backend-ram,id=i,size=1M",
        "-object memory-backend-ram,id: attempt to add a second object with the id \"i\"",
    ),
    ("-object iothread", "-object iothread: Parameter 'id' is missing"),
    ("-boot once=d", "-boot once: this machine has no list of boot devices to change"),
    ("-boot order=z", "-boot order: Invalid boot device 'z'"),
    ("-boot frob=1", "-boot frob: -boot has no such property"),
    ("-boot c", "accepted"),
    ("-boot strict=on,menu=on", "accepted"),
];

#[test]
fn devices_and_backends_need_each_other() {
    let (caps, mut files) = (host(), Inputs::default());
    for (line, text) in BUSES {
        let mut context = Context { caps: &caps, files: &mut files, device_tree: None };
        let line = format!("-M virt,gic-version=3,dtb-randomness=off -cpu max -nodefaults {line}");
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let made = qemu::device_tree("qemu-10.0.13", &argv, &mut context);
        let made = made.map_or_else(|error| error.to_string(), |_| "accepted".into());
        assert_eq!(made, *text, "{line}");
    }
}

/// cloud-hypervisor's options, and what is said of them.
const CLOUD: &[(&str, &str)] = &[
    ("--platform arm_rme=maybe", "--platform arm_rme: \"maybe\" is neither on nor off"),
    (
        "--platform measurement_algo=sha256",
        "--platform: the VM is no Realm: write --platform arm_rme=on",
    ),
    (
        "--platform arm_rme=on,measurement_algo=md5",
        "--platform measurement_algo: \"md5\" is neither sha256 nor sha512",
    ),
    (
        "--platform arm_rme=on,personalization_value=zz",
        "--platform personalization_value: base64 of exactly 64 bytes is wanted",
    ),
    ("--platform arm_rme=on,frob=1", "--platform frob: unknown option"),
    ("", "--platform: the VM is no Realm: write --platform arm_rme=on"),
];

/// The same after `--platform arm_rme=on`.
const CLOUD_REALM: &[(&str, &str)] = &[
    ("--kernel", "--kernel: takes one value and has 0"),
    ("--frobnicate", "--frobnicate: unexpected argument"),
    ("--memory size=1g", "--memory size: \"1g\" is not a size; 512M and 1G are"),
    ("--memory size=0x40000000", "--memory size: \"0x40000000\" is not a size; 512M and 1G are"),
    ("--cpus boot=0x2", "--cpus boot: \"0x2\" is not a number from 1 to 254"),
    ("--memory size=", "--memory size: \"\" is not a size; 512M and 1G are"),
    ("--memory size=0", "--memory size: 0 bytes are no whole pages"),
    ("--memory size=5000", "--memory size: 5000 bytes are no whole pages"),
    (
        "--memory size=4G",
        "--memory size: more than 3008 MiB continue above 4 GiB, and in which order that part \
         becomes RAM is not known",
    ),
    (
        "--memory size=99999999999999999999",
        "--memory size: \"99999999999999999999\" is not a size; 512M and 1G are",
    ),
    ("--memory 1G", "--memory: \"1G\" has no value"),
    (
        "--memory size=1G,hotplug_size=1G",
        "--memory hotplug_size: a Realm's memory can not be hotplugged",
    ),
    ("--cpus boot=0", "--cpus boot: \"0\" is not a number from 1 to 254"),
    ("--cpus boot=300", "--cpus boot: \"300\" is not a number from 1 to 254"),
    ("--cpus boot=4,max=2", "--cpus max: is less than boot"),
    ("--cpus boots=4", "--cpus boots: unknown option"),
    (
        "--firmware f4k.fd",
        "--firmware: where the firmware's memory ends is not known, so its RIM is not; boot \
         the kernel directly",
    ),
    (
        "--kernel k_magic_bad.img",
        "--kernel: is no arm64 Linux image: the header's magic is missing",
    ),
    ("--kernel k40m.img --memory size=32M", "kernel: 0x4040_0000..0x42c0_1000 does not lie in RAM"),
    ("--kernel k4k.img --initramfs i33m.cpio --memory size=16M", "--initramfs: is larger than RAM"),
    ("--kernel k4k.img --kernel k4k.img", "--kernel: cannot be used multiple times"),
    ("-x", "-x: unexpected argument"),
];

#[test]
fn cloud_hypervisor_says_what_is_wrong() {
    for (line, text) in CLOUD {
        assert_eq!(said("cloud-hypervisor", "arm-rme", line, true), *text, "{line}");
    }
    for (line, text) in CLOUD_REALM {
        let line = format!("--platform arm_rme=on {line}");
        assert_eq!(said("cloud-hypervisor", "arm-rme", &line, true), *text, "{line}");
    }
}

#[test]
fn without_a_device_tree_it_is_said_how_to_get_one() {
    let text = said("cloud-hypervisor", "arm-rme", "--platform arm_rme=on", false);
    assert!(text.contains("in the order of a hash map with a random seed"), "{text}");
}
