//! Realms as libvirt and kata start them: what does not reach a Realm changes nothing, and a domain
//! is the command line that libvirt makes of it.

use std::collections::BTreeMap;

use rimsim::host::vmm::Context;
use rimsim::host::{Call, Refusal, Vm, libvirt, qemu};

use super::cases::{argv, folder, host, lines};
use super::inputs::Inputs;

/// A VM without the remarks and assumptions that its words give rise to.
fn vm(version: &str, argv: &[String]) -> Result<Vm, Refusal> {
    vm_of(version, argv, &mut Inputs::default())
}

/// As [`vm`], with files that were made before.
fn vm_of(version: &str, argv: &[String], files: &mut Inputs) -> Result<Vm, Refusal> {
    let caps = host();
    let mut context = Context { caps: &caps, files, device_tree: None };
    let vm = qemu::vm(version, argv, &mut context)?;
    Ok(Vm { remarks: Vec::new(), assumed: Vec::new(), ..vm })
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Each is the VM of a plain line, or is refused for the reason that stands there.
#[test]
fn lines_in_the_style_of_libvirt_make_realms() {
    let mut plain = BTreeMap::new();
    let (mut made, mut refused) = (0, 0);
    for case in lines(&folder("qemu").join("realm-lines.jsonl")) {
        let id = case["id"].as_str().expect("a name").to_owned();
        let found = vm(case["version"].as_str().expect("a version"), &argv(&case));
        if let Some(why) = case["refused"].as_str() {
            assert_eq!(found.expect_err(&id).to_string(), why, "{id}");
            refused += 1;
            continue;
        }
        let found = found.unwrap_or_else(|error| panic!("{id}: {error}"));
        match case["same_as"].as_str() {
            Some(other) => assert!(plain[other] == found, "{id} is another VM than {other}"),
            None => drop(plain.insert(id, found)),
        }
        made += 1;
    }
    let vms: Vec<_> = plain.values().collect();
    assert!((1..vms.len()).all(|i| vms[i] != vms[i - 1]), "the plain ones differ");
    assert_eq!((made, refused), (59, 7));
}

/// kata's documented words, with `-global` and the value in base64, and the same without.
#[test]
fn kata_lines_make_realms() {
    let line = "qemu-system-aarch64 -name sandbox-1 -uuid u -machine \
        virt,usb=off,accel=kvm,gic-version=host,confidential-guest-support=rme0 -cpu host,pmu=off \
        -qmp unix:fd=3,server=on,wait=off -m 2048M -device pci-bridge,bus=pcie.0,id=pci-bridge-0,\
        chassis_nr=1,shpc=off,addr=2,io-reserve=4k,mem-reserve=1m,pref64-reserve=1m -device \
        virtio-serial-pci,disable-modern=false,id=serial0 -device virtio-blk-pci,\
        disable-modern=false,drive=image-1,config-wce=off,share-rw=on,serial=image-1 -device \
        vhost-vsock-pci,disable-modern=false,vhostfd=3,id=vsock-1,guest-cid=3 -object \
        rme-guest,id=rme0,measurement-algorithm=sha512RPV -rtc base=utc,driftfix=slew,clock=host \
        GLOBAL -vga none -no-user-config -nodefaults -nographic --no-reboot -object \
        memory-backend-ram,id=dimm1,size=2048M -drive id=image-1,file=kata.img,if=none -numa \
        node,memdev=dimm1 -kernel k1m.img -append console=hvc0 -bios f2m.fd -pidfile pid -smp \
        1,cores=1,threads=1";
    let with = |rpv: &str, global: &str| line.replace("RPV", rpv).replace("GLOBAL", global);
    let kata = |rpv: &str, global: &str| words(&with(rpv, global));
    let bytes: Vec<u8> = (0..64).collect();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7\
                  PD0+Pw==";
    let rpv = |value: &str| format!(",personalization-value={value}");
    let own = kata(&rpv(base64), "-global kvm-pit.lost_tick_policy=discard");
    let own = vm("kata", &own).expect("a Realm");
    assert_eq!(vm("cca-v3", &kata(&rpv(&hex), "")).expect("a Realm"), own);
    assert!(own.calls.contains(&Call::Rpv(bytes.try_into().expect("64 bytes"))));
    let without = vm("kata", &kata("", "")).expect("a Realm");
    assert!(!without.calls.iter().any(|call| matches!(call, Call::Rpv(_))));
    // Each program has its own coding.
    let error =
        vm("cca-v3", &kata(&rpv(base64), "")).expect_err("it is no hexadecimal").to_string();
    assert!(error.contains("128 hexadecimal digits"), "{error}");
    let realm = super::boot::boot("kvm-v8", &host(), &own).expect("a Realm");
    assert_eq!(realm.rim().len(), 128);
}

/// A domain around these parts.
fn domain(memory: &str, os: &str, rest: &str) -> String {
    format!(
        "<domain type='kvm'><name>vm</name><uuid>1ccfd97d-5eb4-478a-bbe6-88d254c16d00</uuid>\
         {memory}<os><type arch='aarch64' machine='virt'>hvm</type>{os}</os>\
         <features><acpi/><gic version='3'/></features>{rest}\
         <launchSecurity type='cca'><measurement-algo>sha256</measurement-algo></launchSecurity>\
         </domain>"
    )
}

const KERNEL: &str = "<kernel>k1m.img</kernel><cmdline>console=ttyAMA0 root=/dev/vda</cmdline>";
const ROM: &str = "<loader readonly='yes' type='rom'>f2m.fd</loader>";
const MEMORY: &str = "<memory unit='KiB'>4194304</memory><currentMemory>4194304</currentMemory>\
                      <vcpu placement='static'>4</vcpu><cpu mode='host-passthrough'/>";
const DEVICES: &str = "<devices><emulator>/usr/bin/qemu-system-aarch64</emulator>\
    <disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>\
    <controller type='pci' index='0' model='pcie-root'/><interface type='network'/>\
    <serial type='pty'><target type='system-serial' port='0'/></serial>\
    <console type='pty'><target type='serial' port='0'/></console><rng model='virtio'/>\
    IOMMU<memballoon model='none'/></devices>";

/// The words of libvirt for the same VMs stand in the recorded lines.
#[test]
fn domains_are_the_lines_that_libvirt_makes() {
    let recorded = lines(&folder("qemu").join("realm-lines.jsonl"));
    let cells = "<vcpu>4</vcpu><cpu mode='host-passthrough'><topology sockets='2' dies='1' \
        cores='2' threads='1'/><numa><cell id='0' cpus='0-1' memory='2097152' unit='KiB'/>\
        <cell id='1' cpus='2-3' memory='2' unit='GiB'/></numa></cpu>";
    let cells = format!("<memory unit='GiB'>4</memory>{cells}");
    for (id, xml) in [
        ("plain", domain(MEMORY, KERNEL, &DEVICES.replace("IOMMU", ""))),
        ("plain-bios", domain(MEMORY, ROM, &DEVICES.replace("IOMMU", ""))),
        ("smmu", domain(MEMORY, ROM, &DEVICES.replace("IOMMU", "<iommu model='smmuv3'/>"))),
        ("numa", domain(&cells, ROM, &DEVICES.replace("IOMMU", ""))),
    ] {
        let case = recorded.iter().find(|case| case["id"] == id).expect("a line");
        let made = libvirt::argv(&xml).unwrap_or_else(|error| panic!("{id}: {error}"));
        let of_domain = vm("cca-v3", &made).unwrap_or_else(|error| panic!("{id}: {error}"));
        let of_line = vm("cca-v3", &argv(case)).expect("a Realm");
        assert_eq!(of_domain.calls, of_line.calls, "{id}: {made:?}");
        // The two agree that a kernel is what it is, and differ in nothing that is measured.
        assert!(of_domain == of_line, "{id}: {made:?}");
    }
}

/// What libvirt 12.9.0 made of domains of many shapes, with KVM (`virsh domxml-to-native`). It
/// knows no `<launchSecurity type='cca'>`, so what that becomes is added to both.
#[test]
fn domains_are_the_lines_that_libvirt_was_seen_to_make() {
    let object = r#"{"qom-type":"rme-guest","id":"lsec0","measurement-algorithm":"sha256"}"#;
    let security = "<launchSecurity type='cca'><measurement-algo>sha256</measurement-algo>\
                    </launchSecurity></domain>";
    let mut files = Inputs::default();
    let (mut equal, mut shapes) = (0, Vec::new());
    for case in lines(&folder("qemu").join("libvirt-domains.jsonl")) {
        let id = case["id"].as_str().expect("a name");
        let version = case["version"].as_str().expect("a version");
        let xml = case["xml"].as_str().expect("a domain").replace("</domain>", security);
        let mut line = argv(&case);
        let machine = line.iter().position(|word| word == "-machine").expect("there is one") + 1;
        line[machine] += ",confidential-guest-support=lsec0";
        line.extend(["-object".to_owned(), object.to_owned()]);
        let made = libvirt::argv(&xml).unwrap_or_else(|error| panic!("{id}: {error}"));
        let of_domain =
            vm_of(version, &made, &mut files).unwrap_or_else(|error| panic!("{id}: {error}"));
        let of_line =
            vm_of(version, &line, &mut files).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert!(of_domain == of_line, "{id}: {made:?}");
        if !shapes.contains(&of_line) {
            shapes.push(of_line);
        }
        equal += 1;
    }
    assert_eq!((equal, shapes.len()), (76, 28));
}

#[test]
fn all_of_a_launch_security_is_handed_on() {
    let xml = domain(MEMORY, KERNEL, "").replace(
        "<launchSecurity type='cca'><measurement-algo>sha256</measurement-algo>",
        "<launchSecurity type='cca' measurement-log='yes'><measurement-algo>sha512\
         </measurement-algo><personalization-value>0102</personalization-value>",
    );
    let line = "-machine virt,gic-version=3,confidential-guest-support=r,memory-backend=m -accel \
        kvm -object memory-backend-ram,id=m,size=4G -m 4G -cpu host -smp 4,sockets=4 -nodefaults \
        -kernel k1m.img -object rme-guest,id=r,measurement-algorithm=sha512,measurement-log=on,\
        personalization-value=0102";
    let mut line = words(line);
    line.extend(["-append".into(), "console=ttyAMA0 root=/dev/vda".into()]);
    let made = libvirt::argv(&xml).expect("a domain");
    assert!(vm("cca-v3", &made).expect("a Realm") == vm("cca-v3", &line).expect("a Realm"));
    // Words of QEMU are handed on as they are.
    let own = "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\
               <qemu:arg value='-global'/><qemu:arg value='a.b=c'/></qemu:commandline></domain>";
    let made = libvirt::argv(&xml.replace("</domain>", own)).expect("a domain");
    assert_eq!(made[made.len() - 2..], ["-global", "a.b=c"]);
}

#[test]
fn domains_that_are_none_say_where() {
    let good = domain(MEMORY, KERNEL, &DEVICES.replace("IOMMU", ""));
    let bomb =
        "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><domain>&b;</domain>";
    let with = |from: &str, to: &str| good.replace(from, to);
    for (xml, why) in [
        (String::new(), "the document does not have a root node"),
        (bomb.into(), "XML with DTD detected"),
        ("<a>".into(), "the root node was opened but never closed"),
        ("<network/>".into(), "1:1: <network>: is no domain; virsh dumpxml NAME shows one"),
        (with("type='kvm'>", "type='xen'>"), "1:1: <domain>: type=\"xen\"; a Realm is of type kvm"),
        (with("machine='virt'", "machine='q35'"), "aarch64 q35; a Realm is an hvm"),
        (with("<vcpu placement='static'>4", "<vcpu>x"), "<vcpu>: \"x\" is not a number"),
        (with("unit='KiB'", "unit='stone'"), "<memory>: there is no unit \"stone\""),
        (with("</name>", "</name><new/>"), "<new>: is no part of a domain that is known here"),
        (with("<rng model", "<rocket model"), "<rocket>: is no device that is known here"),
        (
            with("<rng model='virtio'/>", "<memory model='dimm'/>"),
            "<memory>: has no <target><size>",
        ),
        (with("<rng model='virtio'/>", "<iommu model='virtio'/>"), "<iommu>: has no <address"),
        (
            with("type='cca'", "type='sev'"),
            "<launchSecurity>: type=\"sev\"; a Realm has type='cca'",
        ),
        (with("<acpi/>", "<hyperv/>"), "<hyperv>: is no feature that is known here"),
        (with("<os>", "<os firmware='efi'>"), "firmware='efi' without <loader>"),
        (format!("<domain type='kvm'>{}</domain>", "<name/>".repeat(100_001)), "nodes limit"),
    ] {
        let error = libvirt::argv(&xml).expect_err(why);
        assert!(error.contains(why), "{why}: {error}");
    }
}
