//! Where a VMM's command line comes from.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// A VMM and its command line, or what it is found in.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct LineArgs {
    /// The VM is this domain of libvirt: XML, as `virsh dumpxml` prints it
    #[arg(long, value_name = "FILE.xml", group = "found", help_heading = "Command lines")]
    pub(crate) domain: Option<PathBuf>,
    /// The command line is the last in this log of libvirt (/var/log/libvirt/qemu/NAME.log)
    #[arg(long, value_name = "FILE", group = "found", help_heading = "Command lines")]
    pub(crate) qemu_log: Option<PathBuf>,
    /// The command line is in FILE, a NUL after each word, as in /proc/PID/cmdline
    #[arg(long, value_name = "FILE", group = "found", help_heading = "Command lines")]
    pub(crate) cmdline: Option<PathBuf>,
    /// The command line is that of this process, which runs here
    #[arg(long, value_name = "PID", group = "found", help_heading = "Command lines")]
    pub(crate) pid: Option<u32>,
    /// The personalization value is the digest of kata's initdata in FILE: its TOML, or the
    /// annotation (base64 of gzip). It stands in tokens, and is no part of the RIM
    #[arg(long, value_name = "FILE", help_heading = "Command lines")]
    pub(crate) initdata: Option<PathBuf>,
    /// Which VMM: kvmtool, qemu or cloud-hypervisor
    #[arg(value_name = "VMM")]
    pub(crate) vmm: Option<String>,
    /// The VMM's own command line, verbatim, with or without the program's name
    #[arg(last = true, value_name = "COMMAND LINE", conflicts_with = "found")]
    pub(crate) argv: Vec<String>,
}

impl LineArgs {
    /// The files that it is found in, by their options.
    pub(crate) fn found_in(&mut self) -> impl Iterator<Item = (&'static str, &mut PathBuf)> {
        let Self { domain, qemu_log, cmdline, initdata, .. } = self;
        let files = [
            ("--domain", domain),
            ("--qemu-log", qemu_log),
            ("--cmdline", cmdline),
            ("--initdata", initdata),
        ];
        files.into_iter().filter_map(|(option, file)| Some((option, file.as_mut()?)))
    }

    /// Whether there is neither a command line nor where it is.
    pub(crate) const fn says_nothing(&self) -> bool {
        let Self { domain, qemu_log, cmdline, pid, initdata, vmm, argv } = self;
        domain.is_none()
            && qemu_log.is_none()
            && cmdline.is_none()
            && pid.is_none()
            && initdata.is_none()
            && vmm.is_none()
            && argv.is_empty()
    }
}
