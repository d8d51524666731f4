//! `rimsim dtb`

use std::io;

use clap::Args as ClapArgs;

use crate::abi::addr::Hex;
use crate::cli::console::{Console, notes};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::options::{GuestArgs, ImageFiles, LineArgs, OutsideArgs, ResponderArgs, VmmArgs};
use crate::cli::request::{MappedFiles, request, told};
use crate::encoding::shown::ShowPath as _;
use crate::outputs::OutputPath;
use crate::predict;

/// Write the device tree that a VMM makes of its command line
///
/// kvmtool's and QEMU's are made, and written as they are measured, residue included. QEMU's can
/// also be that of a VM which is no Realm.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DtbArgs {
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: OutputPath,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    #[command(flatten)]
    pub(crate) line: LineArgs,
    #[arg(skip)]
    pub(crate) vmm: VmmArgs,
}

const EXAMPLES: &str = "\
Examples:
  Look at what kvmtool tells its guest:
      rimsim dtb -o guest.dtb kvmtool -- lkvm run --realm -c 2 -m 512M -k Image
      dtc -I dtb guest.dtb
  What QEMU 7.2 tells a guest that is no Realm, as its own `-machine dumpdtb=virt.dtb` writes it:
      rimsim dtb -o virt.dtb --vmm-version qemu-7.2 qemu -- -M virt,dtb-randomness=off \\
          -cpu cortex-a57 -m 1G";

pub(crate) fn run(args: &DtbArgs, console: &mut Console) -> io::Result<Exit> {
    let done = write_dtb(args, console);
    match done {
        Ok(text) => {
            if args.guest.verbose {
                console.note(&text);
            }
            Ok(Exit::Good)
        }
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

fn write_dtb(args: &DtbArgs, console: &mut Console) -> Result<String, CliError> {
    let mut files = MappedFiles::new(&args.guest, ImageFiles::default());
    let request = request(&args.guest, &ResponderArgs::default(), &args.vmm)?;
    let tree = predict::device_tree(&request, &mut files);
    let tree = tree.map_err(|error| told(&args.guest, &args.vmm, error))?;
    notes::tell(&tree.assumptions, args.guest.strict, console)?;
    console.outputs().write(&args.output, &tree.bytes)?;
    let (path, len_bytes) = (args.output.shown(), tree.bytes.len());
    Ok(format!("{path}: {len_bytes} bytes from {}", Hex(tree.base)))
}
