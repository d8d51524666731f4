//! QEMU's options by what they can reach.

use super::release::Release;

/// What an option is to a Realm and to its device tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It takes no value and touches neither.
    Flag,
    /// It takes a value and touches neither.
    Value,
    /// It is read.
    Read,
    /// It is read and takes no value.
    ReadFlag,
    /// It takes a value, or none, and is refused for this reason.
    Refused(&'static str),
}

const FLAGS: &[&str] = &[
    "S",
    "async-teardown",
    "daemonize",
    "enable-sync-profile",
    "full-screen",
    "jitdump",
    "mem-prealloc",
    "no-reboot",
    "no-shutdown",
    "no-user-config",
    "old-param",
    "only-migratable",
    "perfmap",
    "s",
    "semihosting",
    "snapshot",
    "usb",
];
const VALUES: &[&str] = &[
    "D",
    "L",
    "action",
    "add-fd",
    "audio",
    "audio-help",
    "audiodev",
    "chroot",
    "compat",
    "d",
    "debugcon",
    "dfilter",
    "display",
    "dump-vmstate",
    "echr",
    "fsdev",
    "fw_cfg",
    "gdb",
    "icount",
    "incoming",
    "iscsi",
    "k",
    "mem-path",
    "mon",
    "monitor",
    "msg",
    "name",
    "option-rom",
    "overcommit",
    "parallel",
    "pidfile",
    "plugin",
    "qmp",
    "qmp-pretty",
    "rotate",
    "rtc",
    "run-with",
    "runas",
    "sandbox",
    "seed",
    "semihosting-config",
    "smbios",
    "spice",
    "tpmdev",
    "trace",
    "uuid",
    "vga",
    "vnc",
    "watchdog-action",
];
const READ: &[&str] = &[
    "M", "accel", "append", "bios", "blockdev", "boot", "cdrom", "chardev", "cpu", "device",
    "drive", "dtb", "global", "hda", "hdb", "hdc", "hdd", "initrd", "kernel", "m", "machine",
    "net", "netdev", "nic", "numa", "object", "pflash", "serial", "smp", "virtfs",
];
const READ_FLAGS: &[&str] = &["enable-kvm", "no-acpi", "nodefaults", "nographic"];
/// What is not modelled, or is no option of this machine.
const REFUSED: &[(&str, &str)] = &[
    ("readconfig", "a file of options is not read; write them on the command line"),
    ("set", "changes what another option said; write it there"),
    ("loadvm", "a VM that was saved is not measured anew; leave it out"),
    ("preconfig", "commands of a monitor can change the machine; leave it out"),
    ("shim", "what it does is not modelled; leave it out"),
    ("fda", "virt has no floppy disks; write -drive file=…,if=none and -device"),
    ("fdb", "virt has no floppy disks; write -drive file=…,if=none and -device"),
    ("sd", "virt has no SD cards; write -drive file=…,if=none and -device"),
    ("mtdblock", "virt has no flash of this kind; write -drive file=…,if=none and -device"),
    (
        "usbdevice",
        "virt has no USB without a controller; write -device qemu-xhci and -device usb-…",
    ),
    ("acpitable", "QEMU refuses it for this machine"),
    ("prom-env", "QEMU refuses it for this machine"),
    ("g", "QEMU refuses it for this machine"),
    ("win2k-hack", "QEMU refuses it for this machine"),
    ("no-fd-bootchk", "QEMU refuses it for this machine"),
];

/// Options that a release no longer has: name, the first without it.
const GONE: &[(&str, Release)] = &[
    ("no-acpi", Release(9, 0)),
    ("async-teardown", Release(10, 0)),
    ("chroot", Release(9, 0)),
    ("old-param", Release(10, 0)),
    ("rotate", Release(10, 0)),
    ("runas", Release(11, 0)),
];

/// Options that a release does not have yet: name, the first with it.
const NEW: &[(&str, Release)] =
    &[("jitdump", Release(8, 0)), ("perfmap", Release(8, 0)), ("run-with", Release(8, 1))];

/// The names of all options of a release, those that are refused included.
pub(super) fn names(release: Release) -> impl Iterator<Item = &'static str> {
    let refused = REFUSED.iter().map(|(name, _)| *name);
    let all = [FLAGS, VALUES, READ, READ_FLAGS].into_iter().flatten().copied().chain(refused);
    all.filter(move |name| reach(name, release).is_some())
}

/// What an option of this name is; `None` if there is none.
pub(super) fn reach(name: &str, release: Release) -> Option<Reach> {
    let gone = GONE.iter().any(|(gone, since)| *gone == name && release >= *since);
    if gone || NEW.iter().any(|(new, since)| *new == name && release < *since) {
        return None;
    }
    let refused = REFUSED.iter().find(|(known, _)| *known == name);
    match name {
        _ if FLAGS.contains(&name) => Some(Reach::Flag),
        _ if VALUES.contains(&name) => Some(Reach::Value),
        _ if READ.contains(&name) => Some(Reach::Read),
        _ if READ_FLAGS.contains(&name) => Some(Reach::ReadFlag),
        _ => refused.map(|(_, why)| Reach::Refused(why)),
    }
}
