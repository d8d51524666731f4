//! `search --vary` of what a VMM's options decide: files and devices, as `why` varies them.

use super::why::words;
use super::{Folder, stdout};
use crate::hosts::inputs::kernel;

const GUEST: &str = "--host kvm-v10 kvmtool -- lkvm run --realm --restricted_mem -c 1 -m 256M \
                     --irqchip=gicv3";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("Image", kernel("a", 8192, 8192, 0)).file("Image-6.12", kernel("b", 8192, 8192, 0));
    folder.file("initrd.cpio", b"070701 and more").file("notes.txt", b"of no kind");
    folder
}

impl Folder {
    /// What a search for the RIM of one line says of another.
    fn varied(&self, runs: &str, options: &str, said: &str) -> String {
        let rim = self.rim(&words(runs));
        let asked = words(&format!("-q search --rim {rim} {options} {said}"));
        let output = self.rimsim(&asked.iter().map(String::as_str).collect::<Vec<_>>());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{asked:?}: {stderr}");
        stdout(&output)
    }
}

#[test]
fn files_are_axes() {
    let folder = folder("search-files");
    let runs = format!("{GUEST} -k Image-6.12 -i initrd.cpio");
    let said = format!("{GUEST} -k Image");
    for options in [
        "--vary kernel=Image,Image-6.12 --vary initrd=none,initrd.cpio",
        "--vary kernel --vary initrd",
        "--vary kernel=said,Image-6.12 --vary initrd=said,initrd.cpio --vary cpus=1-2",
    ] {
        let found = folder.varied(&runs, options, &said);
        assert!(found.starts_with("unique\n"), "{options}: {found}");
        for line in ["  kernel = -k Image-6.12", "  initrd = -i initrd.cpio"] {
            assert!(found.contains(line), "{options}: {found}");
        }
    }
    // Without one it is none.
    let found = folder.varied(&said, "--vary initrd=none,initrd.cpio", &runs.replace("-6.12", ""));
    assert!(found.contains("initrd = leave out -i"), "{found}");
    let found = folder.varied(&said, "--vary firmware=none --vary kernel=Image", &said);
    assert!(found.starts_with("unique\n") && found.contains("kernel = said"), "{found}");
}

#[test]
fn devices_are_axes() {
    let folder = folder("search-devices");
    let said = format!("{GUEST} -k Image");
    let found = folder.varied(
        &format!("{said} --console virtio --virtio-transport mmio"),
        "--vary console --vary transport-of-virtio-devices",
        &said,
    );
    assert!(found.contains("  console = --console virtio\n"), "{found}");
    let found = folder.varied(
        &format!("{said} --console virtio"),
        "--vary console=hv,virtio --vary pmu=said,--pmu",
        &said,
    );
    assert!(found.contains("  console = --console virtio\n"), "{found}");
    // The same names are columns of a table, and their values rows.
    let table = words(&format!("-q matrix --format csv --vary console=said,virtio {said}"));
    let table = folder.rimsim(&table.iter().map(String::as_str).collect::<Vec<_>>());
    let rows: Vec<String> = stdout(&table).lines().map(str::to_owned).collect();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows[0].starts_with("host,console,algorithm,rim,"), "{rows:?}");
    for (row, value, more) in [(1, "said", ""), (2, "--console virtio", " --console virtio")] {
        let rim = folder.rim(&words(&format!("{said}{more}")));
        let wanted = format!("kvm-v10,{value},sha256,{rim},");
        assert!(rows[row].starts_with(&wanted), "{rows:?}");
    }
}

/// QEMU's properties are named by themselves.
#[test]
fn properties_of_qemu_are_axes() {
    let folder = folder("search-qemu");
    let line = |machine: &str| {
        format!(
            "--host kvm-v10 qemu -- qemu-system-aarch64 -accel kvm -cpu host -m 256M \
             -M virt,gic-version=3,confidential-guest-support=rme0{machine} \
             -object rme-guest,id=rme0,measurement-algorithm=sha256 -kernel Image"
        )
    };
    let found = folder.varied(&line(",its=off"), "--vary its=said,its=off", &line(""));
    assert!(found.contains("  ITS = -M virt,its=off\n"), "{found}");
    // Without firmware nobody makes tables of ACPI.
    let found = folder.varied(&line(""), "--vary acpi=said,acpi=off", &line(""));
    assert!(found.contains("  ACPI: any of said, -M virt,acpi=off, it is not"), "{found}");
}

#[test]
fn what_can_not_be_varied_is_said() {
    let folder = folder("search-settings-wrong");
    let rim = "9f".repeat(32);
    let fails = |options: &str, text: &str| {
        let asked = words(&format!("search --rim {rim} {options} {GUEST} -k Image"));
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        folder.fails(&asked, 2, text);
    };
    fails("--vary consol", "there is no such parameter; there are ");
    fails("--vary consol", "network-devices");
    fails("--vary console=tty", "`tty` is none of said, ");
    fails("--vary kernel=missing", "missing: there is no such file; `said` is that of the line");
    fails("--vary kernel=.", ".: there is no such file");
    fails("--vary console --vary console=hv", "console is varied already");
    fails("--vary RAM", "there is no such parameter");
    // What was not varied is named as it can be typed.
    let asked = words(&format!("search --rim {rim} --vary console=hv {GUEST} -k Image"));
    let output = folder.rimsim(&asked.iter().map(String::as_str).collect::<Vec<_>>());
    let stderr = String::from_utf8_lossy(&output.stderr).replace("\n  ", " ");
    for name in [" firmware, ", " interrupt-controller, ", " kernel, ", " kernels-command-line, "] {
        assert!(stderr.contains(name), "{name}: {stderr}");
    }
    assert!(!stderr.contains(" console,"), "{stderr}");
}
