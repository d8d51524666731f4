//! The arguments of `why`, with their help texts.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::candidates::Budget;
use crate::cli::options::{
    CacheArgs, Format, GuestArgs, HashingArgs, LineArgs, OutsideArgs, ResponderArgs, RmmLogArgs,
    VmmArgs,
};
use crate::search::Shard;

/// Say why a token or a RIM is another than that of the VM that you think you run
///
/// Starts from what you say: the VMM's command line, with the options of `rimsim measure`. Then one
/// thing is otherwise, then two, the likeliest first: RAM, vCPUs, kernel, initrd, firmware, the
/// kernel's command line, devices and whatever else the VMM's options decide, KVM, the VMM's
/// version, the RMM's rule, what the host offers. What you said is replaced, also where you said
/// it with an option. The hash algorithm is that of the RIM. What is found was booted in full.
///
/// The first line of the result is `as said`, `unique`, `found` (not all was tried that is as
/// likely, so there may be other explanations), `ambiguous` (several explanations make the same
/// RIM), `locked` (it is that of a --lock), `seen` (--seen led to it), `stage` (the RIM is that of
/// an earlier stage) or `none`. Exit code 0: explained; 3: not.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct WhyArgs {
    /// The token (a file: CBOR, hexadecimal or base64; its signature is not checked), or the RIM:
    /// hexadecimal, base64, `sha256:HEX`, or a file (@FILE) with either
    #[arg(value_name = "TOKEN|RIM")]
    pub(crate) target: String,
    /// Another kernel, initrd, firmware or device tree that it may have been; repeatable. The other
    /// files in the folders of those that the command line names are tried without this
    #[arg(long, value_name = "FILE")]
    pub(crate) candidate: Vec<PathBuf>,
    /// Other options of the VMM that it may have, as a shell reads them (`'-k Image-6.12'`), behind
    /// those of the command line; repeatable
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) option_variant: Vec<String>,
    /// A lock of `rimsim lock` or `rimsim matrix`: the VM may be that of another lock or row.
    /// Without a command line the VM that you think you run is that of the first lock
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Vec<PathBuf>,
    /// What was seen of the VM that runs: its device tree (/sys/firmware/fdt), the log of its boot
    /// (CCEL: /sys/firmware/acpi/tables/data/CCEL), or what was measured into it, in whatever form
    /// `rimsim explain` reads: a log of the RMM, a script, saved events. Each change is made that
    /// leaves less different, however many there are. Of the log of a boot it is said what it tells
    /// of this VM and what it can not tell
    #[arg(long, value_name = "FILE")]
    pub(crate) seen: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rmm_log: RmmLogArgs,
    /// Only this part of the candidates, of N parts: `1/4` to `4/4`. Every part begins with likely
    /// ones; of what the parts find, that with the fewest changes is the answer, and those with as
    /// few are the other explanations
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, hide_default_value = true)]
    pub(crate) shard: Shard,
    /// How long is searched, in seconds, or with a unit (`30s`, `5m`, `1h`), or how many candidates
    /// (`5000c`). All that is one change is tried, however long it takes
    #[arg(long, value_name = "SECONDS|TIME|Nc", default_value = "20",
          value_parser = Budget::of_seconds)]
    pub(crate) budget: Budget,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    #[command(flatten)]
    pub(crate) responder: ResponderArgs,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    #[command(flatten)]
    pub(crate) line: LineArgs,
    /// What was found of it.
    #[arg(skip)]
    pub(crate) vmm: VmmArgs,
}

const EXAMPLES: &str = "\
Examples:
  The verifier says another RIM than `rimsim measure`:
      rimsim why token.cbor --caps fvp kvmtool -- lkvm run --realm -c 2 -m 512M -k Image
  It may have been one of these kernels:
      rimsim why RIM --candidate Image-6.12 --candidate Image-6.13 qemu -- qemu-system-aarch64 ...
  A domain of libvirt:
      rimsim why token.cbor --host kvm-v12 --allow-outside --domain vm.xml
  With the device tree that the VM itself shows, in /sys/firmware/fdt, or a log of the RMM:
      rimsim why RIM --seen fdt kvmtool -- lkvm run --realm -c 2 -m 512M -k Image
      rimsim why RIM --seen console.log --at 0x80200000=Image kvmtool -- lkvm run ...";
