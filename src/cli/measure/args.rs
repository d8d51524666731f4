//! The arguments of `measure`, with their help texts.

use clap::Args as ClapArgs;

use crate::cli::options::{
    CacheArgs, Form, GuestArgs, HashingArgs, LineArgs, OutsideArgs, ReferenceArgs, ResponderArgs,
    VmmArgs,
};
use crate::outputs::OutputPath;

/// Predict the RIM of the Realm that a VMM's command line starts
///
/// Simulates the whole host: the VMM reads its command line and lays out memory, KVM turns its
/// calls into RMI commands, the RMM executes them. The first line on standard output is the RIM; a
/// line for each group of commands follows with -v, and everything with --format json.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct MeasureArgs {
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    /// Write the device tree that is measured to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) dtb_out: Option<OutputPath>,
    /// Write the boot to FILE as a script that `rimsim run` replays to the same RIM; the machine
    /// goes to FILE.toml, and contents that are no file to FILE.NAME.bin
    #[arg(long, value_name = "FILE")]
    pub(crate) script_out: Option<OutputPath>,
    /// Print the measured events, with the RIM after each
    #[arg(long)]
    pub(crate) events: bool,
    /// Save the measured events in FILE, for `rimsim explain`
    #[arg(long, value_name = "FILE")]
    pub(crate) events_out: Option<OutputPath>,
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
    pub(crate) outside: OutsideArgs,
    #[command(flatten)]
    pub(crate) line: LineArgs,
    #[arg(skip)]
    pub(crate) vmm: VmmArgs,
}

const EXAMPLES: &str = "\
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
