//! Chains whose kernel, initrd and command line stand in the VMM's own line.

use std::fs;

use super::boot::folder as boot_folder;
use super::{Folder, stdout};
use crate::boot_inputs::CMDLINE;

const QEMU: &str = "qemu -- qemu-system-aarch64 -M virt,confidential-guest-support=rme0,\
    gic-version=3 -object rme-guest,id=rme0,measurement-algorithm=sha256 -accel kvm -cpu host \
    -m 512M -nodefaults -bios fw.fd";

const DOMAIN: &str = "<domain type='kvm'><name>vm</name><memory unit='MiB'>512</memory>\
    <vcpu>1</vcpu><os><type arch='aarch64' machine='virt'>hvm</type>\
    <loader type='rom'>fw.fd</loader><kernel>uki.bin</kernel></os>\
    <features><acpi/><gic version='3'/></features><cpu mode='host-passthrough'/>\
    <launchSecurity type='cca'><measurement-algo>sha256</measurement-algo></launchSecurity>\
    </domain>";

fn folder(name: &str) -> Folder {
    let folder = boot_folder(name);
    folder.file("fw.fd", vec![7; 0x3000]);
    folder
}

/// A chain of this line and this profile, and what follows.
fn chain(line: &str, profile: &str, rest: &str) -> String {
    format!("[measure]\nvm = '''{line}'''\n[firmware]\nprofile = \"{profile}\"\n{rest}")
}

/// The REMs of a chain, without the line of the RIM.
fn rems(folder: &Folder, name: &str) -> String {
    let output = folder.rimsim(&["boot", name]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    text.lines().filter(|line| !line.starts_with("rim ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_the_line_says_is_not_said_twice() {
    let folder = folder("boot-line");
    let wanted = rems(&folder, "b_qemu_fwcfg-sha256.toml");
    let line = format!("{QEMU} -kernel kernel.bin -initrd initrd.bin -append \"{CMDLINE}\"");
    let profile = "edk2-qemu-pr12224";
    for rest in [
        "",
        "[[boot]]\nkind = \"linux\"\n",
        "[[boot]]\nkind = \"uki\"\n",
        "[[boot]]\nkind = \"linux\"\nfile = \"kernel.bin\"\ninitrd = \"initrd.bin\"\n",
        &format!("[[boot]]\nkind = \"linux\"\ncmdline = \"{CMDLINE}\"\n"),
    ] {
        folder.file("chain.toml", chain(&line, profile, rest));
        assert_eq!(rems(&folder, "chain.toml"), wanted, "{rest}");
    }
    // Nothing is assumed of it, and each file stands among the inputs.
    let output = folder.rimsim(&["boot", "--strict", "--format", "json", "chain.toml"]);
    let kernel_only = rems(&folder, "b_qemu_fwcfg_kernel_only-sha256.toml");
    folder.file("chain.toml", chain(&format!("{QEMU} -kernel kernel.bin"), profile, ""));
    assert_eq!(rems(&folder, "chain.toml"), kernel_only);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("cmdline"), "{output:?}");
    // By another name.
    let mapped = line.replace("kernel.bin", "/boot/Image");
    let mapped = format!("--map /boot/Image=kernel.bin {mapped}");
    folder.file("chain.toml", chain(&mapped, profile, ""));
    assert_eq!(rems(&folder, "chain.toml"), wanted);
}

#[test]
fn contradictions_name_both() {
    let folder = folder("boot-line-both");
    let profile = "edk2-qemu-pr12224";
    let line = format!("{QEMU} -kernel kernel.bin -initrd initrd.bin -append \"{CMDLINE}\"");
    let linux = "[[boot]]\nkind = \"linux\"\n";
    let bare = format!("{QEMU} -kernel kernel.bin");
    let none = QEMU.replace(" -bios fw.fd", " -kernel kernel.bin");
    let lkvm = "kvmtool -- lkvm run --realm -c 1 -m 512M -f fw.fd";
    for (line, profile, rest, message) in [
        (&line[..], profile, "file = \"uki.bin\"\n", "uki.bin (sha256 "),
        (&line, profile, "file = \"uki.bin\"\n", "[measure] vm has -kernel "),
        (&line, profile, "file = \"no.bin\"\n", "[[boot]] 1 (linux), file: "),
        (&line, profile, "file = \"digest:00\"\n", "leave the digest out"),
        (&line, profile, "initrd = \"uki.bin\"\n", "[measure] vm has -initrd "),
        (&line, profile, "initrd = [\"initrd.bin\", \"uki.bin\"]\n", "not this one alone"),
        (&bare, profile, "initrd = \"initrd.bin\"\n", "has not this one alone"),
        (
            &line,
            profile,
            "cmdline = \"quiet\"\n",
            "\"quiet\", and [measure] vm has -append \"root=",
        ),
        (&bare, profile, "cmdline = \"quiet\"\n", "and [measure] vm has no -append"),
        (QEMU, profile, "file = \"kernel.bin\"\n", "-kernel is missing"),
        (&none, profile, "", "starts no firmware: it has no -bios"),
        (lkvm, profile, "", "is built for qemu, and [measure] vm is a line of kvmtool"),
        (&line, "edk2-kvmtool-pr12535", "", "is built for kvmtool, and [measure] vm is a line"),
        ("--pid 1 qemu", profile, "", "--pid: a process is another one tomorrow"),
        ("--dtb-out x qemu", profile, "", "`--dtb-out` is no part of a request"),
        ("--domain ../../vm.xml", profile, "", "[measure] vm: "),
    ] {
        folder.file("chain.toml", chain(line, profile, &format!("{linux}{rest}")));
        let code = if rest.contains("no.bin") || line.contains("..") { 1 } else { 2 };
        folder.fails(&["boot", "chain.toml"], code, message);
    }
    let shim = "[[boot]]\nkind = \"shim\"\nfile = \"signed.bin\"\n";
    folder.file("chain.toml", chain(&line, "tdx-like", shim));
    folder.fails(&["boot", "chain.toml"], 2, "the first stage is `linux` or `uki`");
    folder.file("chain.toml", chain(&line, "tdx-like", "[[boot]]\nkind = \"uki\"\n"));
    folder.fails(&["boot", "chain.toml"], 2, "with -initrd or -append is not known");
}

/// With `tdx-like` a kernel of fw_cfg is started first; one of a disk comes later.
#[test]
fn firmware_that_starts_the_kernel_of_fw_cfg() {
    let folder = folder("boot-line-tdx");
    let text = |name: &str| stdout(&folder.rimsim(&["boot", "-v", name]));
    let line = format!("{QEMU} -kernel kernel.bin -initrd initrd.bin -append \"{CMDLINE}\"");
    folder.file("fw_cfg.toml", chain(&line, "tdx-like", ""));
    let started = text("fw_cfg.toml");
    assert!(started.contains(&format!("LoadOptions \"initrd=initrd {CMDLINE}\"")), "{started}");
    let place =
        |text: &str, part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    let calling = "Calling EFI Application";
    assert!(place(&started, "kernel kernel.bin") < place(&started, calling), "{started}");
    let linux = "[[boot]]\nkind = \"linux\"\nfile = \"kernel.bin\"\ncmdline = \"quiet\"\n";
    folder.file("disk.toml", chain(QEMU, "tdx-like", linux));
    let started = text("disk.toml");
    assert!(place(&started, "kernel kernel.bin") > place(&started, calling), "{started}");
    folder.file("uki.toml", chain(&format!("{QEMU} -kernel uki.bin"), "tdx-like", ""));
    folder.fails(
        &["boot", "uki.toml"],
        2,
        "it is a UKI, it has a section .linux: say kind = \"uki\"",
    );
    let uki = "[[boot]]\nkind = \"uki\"\nstub = \"2026\"\n";
    folder.file("uki.toml", chain(&format!("{QEMU} -kernel uki.bin"), "tdx-like", uki));
    let started = text("uki.toml");
    assert!(place(&started, "UKI uki.bin") < place(&started, calling), "{started}");
    assert!(place(&started, "section .osrel") > place(&started, calling), "{started}");
}

/// A domain of libvirt beside the chain.
#[test]
fn the_domain_of_a_chain() {
    let folder = folder("boot-domain");
    folder.file("vm.xml", DOMAIN);
    folder.file("chain.toml", chain("--domain vm.xml", "edk2-qemu-pr12224", ""));
    let rim = stdout(&folder.rimsim(&["measure", "-q", "--domain", "vm.xml"]));
    let text = stdout(&folder.rimsim(&["boot", "chain.toml"]));
    assert!(text.starts_with(&format!("rim {rim}")), "{text}");
    let blobs = "hash_algo = \"sha256\"\n[firmware]\nprofile = \"edk2-qemu-pr12224\"\n\
                 [[boot]]\nkind = \"linux\"\nfile = \"uki.bin\"\n";
    folder.file("blobs.toml", blobs);
    assert_eq!(rems(&folder, "chain.toml"), rems(&folder, "blobs.toml"));
    // From another folder: names are relative to the chain.
    fs::create_dir(folder.path("below")).expect("a folder");
    let mut command = folder.command(&["boot", "../chain.toml"]);
    let output = command.current_dir(folder.path("below")).output().expect("the command");
    assert_eq!(stdout(&output), text, "{output:?}");
}
