//! The arguments of `measure`, `dtb` and `profiles`, with their help texts.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::hashing::{CacheArgs, HashingArgs};
use super::outside::Reach;
use super::reference::{Form, ReferenceArgs};
use crate::abi::granule_size::GranuleSize;
use crate::abi::profile::{Edition, Profile};

/// Predict the RIM of the Realm that a VMM's command line starts
///
/// Simulates the whole host: the VMM reads its command line and lays out memory, KVM turns its
/// calls into RMI commands, the RMM executes them. The first line on standard output is the RIM; a
/// line for each group of commands follows with -v, and everything with --format json.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = MEASURE_EXAMPLES)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    /// Write the device tree that is measured to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) dtb_out: Option<PathBuf>,
    /// Write the boot to FILE as a script that `rimsim run` replays to the same RIM; the machine
    /// goes to FILE.toml, and contents that are no file to FILE.NAME.bin
    #[arg(long, value_name = "FILE")]
    pub(crate) script_out: Option<PathBuf>,
    /// Print the measured events, with the RIM after each
    #[arg(long)]
    pub(crate) events: bool,
    /// Save the measured events in FILE, for `rimsim explain`
    #[arg(long, value_name = "FILE")]
    pub(crate) events_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) responder: ResponderArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Form::Hex)]
    pub(crate) format: Form,
    #[command(flatten)]
    pub(crate) reference: ReferenceArgs,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) vmm: VmmArgs,
}

const MEASURE_EXAMPLES: &str = "\
Examples:
  A kvmtool guest, from the command line that starts it:
      rimsim measure kvmtool -- lkvm run --realm -c 2 -m 512M -k Image -i initrd.cpio
  The same with the stages, on a host with six breakpoints and SVE up to 512 bits:
      rimsim measure -v --num-bps 6 --sve-vl 512 kvmtool -- --realm -c 2 -m 512M -k Image
  A QEMU guest:
      rimsim measure qemu -- qemu-system-aarch64 \\
          -M virt,confidential-guest-support=rme0 -object rme-guest,id=rme0 \\
          -accel kvm -cpu host -m 1G -kernel Image
  With the files somewhere else:
      rimsim measure --map Image=build/Image kvmtool -- --realm -c 2 -m 512M -k Image
  On another kernel, with what QEMU's TCG offers and no more than KVM passes on:
      rimsim measure --host kvm-v12 --caps qemu-max --caps kvm \\
          kvmtool -- --realm --restricted_mem -c 2 -m 512M -k Image
  A signed CoRIM for Veraison, valid for a year:
      rimsim measure --format corim --sign-key key.pem --entity 'ACME Ltd;roles=creator,signer' \\
          --not-after 2027-06-30 -o guest.corim kvmtool -- --realm -c 2 -m 512M -k Image
  What exactly is done, as a script to change and replay:
      rimsim measure --script-out boot.rmi kvmtool -- --realm -c 2 -m 512M -k Image
      rimsim run -v boot.rmi";

/// Write the device tree that a VMM makes of its command line
///
/// kvmtool's and QEMU's are made, and written as they are measured, residue included. QEMU's can
/// also be that of a VM which is no Realm.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = DTB_EXAMPLES)]
pub(crate) struct DtbArgs {
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) vmm: VmmArgs,
}

const DTB_EXAMPLES: &str = "\
Examples:
  Look at what kvmtool tells its guest:
      rimsim dtb -o guest.dtb kvmtool -- lkvm run --realm -c 2 -m 512M -k Image
      dtc -I dtb guest.dtb
  What QEMU 7.2 tells a guest that is no Realm, as its own `-machine dumpdtb=virt.dtb` writes it:
      rimsim dtb -o virt.dtb --vmm-version qemu-7.2 qemu -- -M virt,dtb-randomness=off \\
          -cpu cortex-a57 -m 1G";

/// List the hosts, VMM versions and capability presets, and what differs between them
#[derive(Debug, ClapArgs)]
pub(crate) struct ProfilesArgs {
    /// Form of the result
    #[arg(long, value_enum, default_value_t = super::args::Format::Text)]
    pub(crate) format: super::args::Format,
}

/// The RMM that the host talks to.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct ResponderArgs {
    /// Which RMM answers: TF-RMM as it is, or the text of DEN0137; of RMM 2.0 the text has another
    /// rule for RIMs
    #[arg(long, value_name = "tf-rmm|spec", value_parser = super::args::profile)]
    pub(crate) rmm: Option<Profile>,
    /// The RMM by its rule for RIMs: rmm-1.0, tf-rmm-0.9 (TF-RMM of 2.0) or rmm-2.0 (its text)
    #[arg(long, value_name = "RULE")]
    pub(crate) rim_rule: Option<String>,
}

/// The host and the files of a guest.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct GuestArgs {
    /// The KVM, by name (see `rimsim profiles`); the one that the VMM's version was written for
    /// unless given
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// The edition of DEN0137 that the KVM speaks; without --host it is the newest that does
    #[arg(long, value_name = "1.0|2.0", value_parser = super::args::edition)]
    pub(crate) spec: Option<Edition>,
    /// The version of the VMM (see `rimsim profiles`)
    #[arg(long, value_name = "NAME")]
    pub(crate) vmm_version: Option<String>,
    /// What the host offers: a preset's name or a TOML file; each one given lowers the others
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub(crate) caps: Vec<String>,
    /// Limit: IPA bits
    #[arg(long, value_name = "N", help_heading = "Limits of the host")]
    pub(crate) ipa_bits: Option<u8>,
    /// Limit: breakpoints, as a count
    #[arg(long, value_name = "N", help_heading = "Limits of the host")]
    pub(crate) num_bps: Option<u8>,
    /// Limit: watchpoints, as a count
    #[arg(long, value_name = "N", help_heading = "Limits of the host")]
    pub(crate) num_wps: Option<u8>,
    /// Limit: PMU counters; without --pmu it also says that there is a PMU
    #[arg(long, value_name = "N", help_heading = "Limits of the host")]
    pub(crate) pmu_counters: Option<u8>,
    /// Limit: whether guests can have a PMU
    #[arg(long, value_name = "true|false", help_heading = "Limits of the host")]
    pub(crate) pmu: Option<bool>,
    /// Limit: the longest SVE vector in bits, 0 for no SVE; given several times, exactly these
    #[arg(long, value_name = "BITS", help_heading = "Limits of the host")]
    pub(crate) sve_vl: Vec<u16>,
    /// Limit: whether the host kernel runs with LPA2
    #[arg(long, value_name = "true|false", help_heading = "Limits of the host")]
    pub(crate) lpa2: Option<bool>,
    /// Limit: whether there is a GICv3
    #[arg(long, value_name = "true|false", help_heading = "Limits of the host")]
    pub(crate) gicv3: Option<bool>,
    /// Limit: whether there is an ITS
    #[arg(long, value_name = "true|false", help_heading = "Limits of the host")]
    pub(crate) its: Option<bool>,
    /// Limit: whether there is a GICv2
    #[arg(long, value_name = "true|false", help_heading = "Limits of the host")]
    pub(crate) gicv2: Option<bool>,
    /// Limit: vCPUs of a VM
    #[arg(long, value_name = "N", help_heading = "Limits of the host")]
    pub(crate) max_vcpus: Option<u32>,
    /// The size of the host kernel's pages
    #[arg(long, value_name = "4K|16K|64K", value_parser = page_size,
          help_heading = "Limits of the host")]
    pub(crate) host_page_size: Option<GranuleSize>,
    /// The device tree that is measured, in place of the VMM's own
    #[arg(long, value_name = "FILE")]
    pub(crate) dtb: Option<PathBuf>,
    /// Use the file PATH where the command line says NAME
    #[arg(long, value_name = "NAME=PATH", value_parser = mapping)]
    pub(crate) map: Vec<(String, PathBuf)>,
    /// Which files these arguments may name: whatever a user does.
    #[arg(skip)]
    pub(crate) reach: Reach,
    /// Say on standard error what was decided, and by whom
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Fail with exit code 2 if something that changes the result would be assumed
    #[arg(long)]
    pub(crate) strict: bool,
}

fn page_size(text: &str) -> Result<GranuleSize, String> {
    let found = GranuleSize::from_name(&text.to_ascii_lowercase());
    found.ok_or_else(|| "it has to be 4K, 16K or 64K".into())
}

/// The VMM and its command line.
#[derive(Debug, ClapArgs)]
pub(crate) struct VmmArgs {
    /// Which VMM: kvmtool, qemu or cloud-hypervisor
    #[arg(value_name = "VMM")]
    pub(crate) vmm: String,
    /// The VMM's own command line, verbatim, with or without the program's name
    #[arg(last = true, value_name = "COMMAND LINE")]
    pub(crate) argv: Vec<String>,
}

fn mapping(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), path.into()))
        }
        _ => Err("write NAME=PATH".into()),
    }
}
