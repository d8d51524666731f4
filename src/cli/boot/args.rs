//! The arguments of `boot`, with their help texts.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::abi::profile::RemReading;
use crate::cli::options::{Form, HashingArgs, OutsideArgs, ReferenceArgs, rem_reading};

/// Predict RIM and REMs of a Realm that boots with firmware: UEFI, boot loader, kernel
///
/// Reads a chain: the VMM's command line, the firmware, its variables, and what runs then (shim,
/// GRUB, systemd-boot, UKI, Linux), each with its files. Calculates every measurement and extends
/// the REMs by it. What no file says (boot variables, failed attempts, certificates that verified)
/// is a field of the chain; what is taken where it is silent is told.
///
/// `[measure] vm` is what `rimsim measure` takes: a VMM with its command line, or a domain of
/// libvirt (`--domain vm.xml`). What QEMU gives its firmware (-kernel, -initrd, -append) is taken
/// from there and need not be said again as a stage; a chain that says otherwise is an error.
///
/// rem1 to rem4 are REM 0 to REM 3 of Arm's documents. rem4 is not extended by firmware, loaders
/// or Linux, and neither is what a program in the Realm extends in any log: say it as a stage
/// `event` without `type`.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = HELP)]
pub(crate) struct BootArgs {
    /// The chain (TOML)
    #[arg(value_name = "CHAIN")]
    pub(crate) chain: PathBuf,
    /// Print a line for each measurement, with the REM after it, and say what was assumed
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Fail with exit code 2 if anything of the boot would be assumed
    #[arg(long)]
    pub(crate) strict: bool,
    /// How REMs are extended: concatenated (TF-RMM), buffer, padded-value
    #[arg(long, value_name = "READING", value_parser = rem_reading)]
    pub(crate) rem: Option<RemReading>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = BootForm::Text)]
    pub(crate) format: BootForm,
    #[command(flatten)]
    pub(crate) reference: ReferenceArgs,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
}

/// The form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BootForm {
    /// Lines: `rim` and `rem1` to `rem4` in hexadecimal
    Text,
    /// One JSON document with "schema": "rimsim/1"
    Json,
    /// A CoRIM of the CCA Realm profile, with RIM and REMs (CBOR; signed with --sign-key)
    Corim,
    /// The CoMID template that `cocli comid create` takes (JSON)
    Cocli,
    /// The message that `rvps-tool register` of Trustee takes, with the RIM alone (JSON)
    Trustee,
    /// The store of rust-ccatoken (JSON)
    CcatokenStore,
    /// The reference.json of Samsung's realm-manager (JSON)
    Samsung,
    /// Calls by which a Realm extends its REMs so: lines for a `guest` block of a script, whose
    /// simulated Realm then has a token to test with
    Extends,
    /// The event log that is expected, as the guest has it behind the ACPI table CCEL
    Ccel,
}

impl BootForm {
    /// The form of reference values.
    pub(crate) const fn reference(self) -> Option<Form> {
        match self {
            Self::Text | Self::Json | Self::Ccel | Self::Extends => None,
            Self::Corim => Some(Form::Corim),
            Self::Cocli => Some(Form::Cocli),
            Self::Trustee => Some(Form::Trustee),
            Self::CcatokenStore => Some(Form::CcatokenStore),
            Self::Samsung => Some(Form::Samsung),
        }
    }
}

const HELP: &str = "\
A chain:
  [measure]                        # or, without a VMM: hash_algo = \"sha256\" before it
  vm = \"kvmtool -- lkvm run --realm -c 2 -m 1G -f KVMTOOL_EFI.fd --disk disk.img\"
  [firmware]
  profile = \"edk2-kvmtool-pr12535\" # edk2-qemu-pr12224, tdx-like (inferred), none
  version = \"2026.08\"              # FIRMWARE_VER of the build; not set unless it is said
  failed_attempts = 0              # boot options that were tried first
  [variables]                      # what is not named is absent
  BootOrder = [1, 10]
  Boot0001 = { description = \"linux\", path = 'PciRoot(0x0)/Pci(0x2,0x0)/\\EFI\\a.efi', \\
               options = \"root=/dev/vda2\" }
  [disk]
  gpt = \"disk.img\"
  [[boot]]                         # one table a stage, in order
  kind = \"uki\"                     # shim, grub, systemd-boot, uki, linux, efi, event
  file = \"linux.efi\"
  stub = \"2026\"                    # systemd-stub: old, 257, 2026
  [exit]
  failed_exits = 0                 # calls of ExitBootServices with an old memory map

  Names of files are relative to the chain. In place of a file: hex:…, text:…, utf16:…, absent, or
  digest:… where only that is known (`rimsim log --learn` writes such holes).

Examples:
  A domain of libvirt with a UKI as its <kernel>: these lines are the whole chain:
      [measure]
      vm = \"--domain vm.xml\"
      [firmware]
      profile = \"edk2-qemu-pr12224\"
  RIM and REMs, with every measurement:
      rimsim boot -v chain.toml
  Reference values for Veraison, with cca.rim and cca.rem0 to cca.rem3:
      rimsim boot --format corim --sign-key key.pem -o realm.corim chain.toml
  Where does a guest's log differ?
      rimsim log /sys/firmware/acpi/tables/data/CCEL --against chain.toml";
