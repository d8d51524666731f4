//! The arguments of `log`, with their help texts.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::abi::profile::RemReading;
use crate::cli::options::{Format, HashingArgs, OutsideArgs, at, numbered, rem_reading};
use crate::event_log::Registers;
use crate::measure::rim::HashAlgo;
use crate::outputs::OutputPath;

/// Read a Realm's measurement log: its events, the REMs that they make, the RIM that it builds
///
/// Reads a TCG event log as a CCA guest has it (the log behind the ACPI table CCEL, the VMM's log
/// in guest memory). Such logs count measurement registers: 0 is the RIM, 1 to 4 are rem1 to rem4
/// (REM 0 to REM 3 in documents of Arm).
/// Prints the events, then the REMs that their digests make and, if the log has the VMM's
/// operations and all contents are attached, the RIM: the operations are carried out on the
/// simulated RMM. A digest that is not that of its data, and an expectation that is not met, end
/// with exit code 3; a log that is none, or a RIM that is expected and can not be rebuilt, with 2.
/// A REM that can not be known is `remN unknown (why)`: behind an event that can not be read, that
/// has no digest, or whose register does not exist. This ends with 3, too.
///
/// Logs have at most 64 MiB and 65536 events; memory and time grow with the length of the log.
///
/// A log comes from the host: it explains measurements and proves nothing.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LogArgs {
    /// The log; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The bytes that the VMM put into the Realm from this IPA on; repeatable
    #[arg(long, value_name = "IPA=FILE", value_parser = at)]
    pub(crate) at: Vec<(u64, PathBuf)>,
    /// Bytes that the VMM put into the Realm where the log has their digest; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,
    /// Read the log's register numbers otherwise than the log means them: `mr` (what logs of Realms
    /// mean), 0 for the RIM and 1 to 4 for REMs, or `pcr`, those of a TPM, mapped as firmware does:
    /// 1 and 7 to rem1, 2 to 6 to rem2, 8 to 15 to rem3
    #[arg(long, value_name = "pcr|mr", value_parser = registers)]
    pub(crate) registers: Option<Registers>,
    /// The Realm's hash algorithm, if the log does not say
    #[arg(long, value_name = "ALGORITHM", value_parser = algorithm, help = algorithm_help())]
    pub(crate) hash_algo: Option<HashAlgo>,
    /// How REMs are extended: concatenated (TF-RMM), buffer, padded-value
    #[arg(long, value_name = "READING", value_parser = rem_reading)]
    pub(crate) rem: Option<RemReading>,
    /// The RIM that it should be: hexadecimal, base64, `sha256:HEX`, or a file (@FILE) with either
    #[arg(long, value_name = "RIM|@FILE")]
    pub(crate) expect_rim: Option<String>,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    /// What the Realm should have measured: a script, vector, saved events or arguments of `rimsim
    /// measure`; where the log differs is explained
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,
    /// What the Realm should have booted: a chain, as `rimsim boot` reads it; the first event of
    /// the log that differs is explained, the others have a line each
    #[arg(long, value_name = "CHAIN", conflicts_with_all = ["expect", "at", "registers"])]
    pub(crate) against: Option<PathBuf>,
    /// Write a chain that measures what the log has, for `rimsim boot`: what no file says is taken
    /// from the log; where a file has to be named (or is one of --image) is told
    #[arg(long, requires = "output", conflicts_with_all = ["against", "at", "registers"])]
    pub(crate) learn: bool,
    /// The file that --learn writes
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<OutputPath>,
    /// A REM that it should be: its number, 1 to 4, and the REM in the forms of a RIM; repeatable
    #[arg(long, value_name = "N=REM|@FILE", value_parser = numbered)]
    pub(crate) expect_rem: Vec<(usize, String)>,
    /// Write the operations to FILE as a script for `rimsim run`; what it needs goes beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) script_out: Option<OutputPath>,
    /// Save the measured events in FILE, for `rimsim explain`
    #[arg(long, value_name = "FILE")]
    pub(crate) events_out: Option<OutputPath>,
    /// Say how the log numbers registers, and what shows it
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) hashing: HashingArgs,
}

const EXAMPLES: &str = "\
Examples:
  What stands in the log, and which REMs does it make?
      rimsim log /sys/firmware/acpi/tables/data/CCEL
  Which RIM do the VMM's operations make, with the files that it loaded?
      rimsim log vm.log --image Image --image initrd.cpio --at 0x48000000=guest.dtb
  Where does the log's Realm differ from the one that was predicted?
      rimsim measure --events-out predicted.events qemu -- qemu-system-aarch64 …
      rimsim log vm.log --image Image --image guest.dtb --expect predicted.events
  Where does the boot differ from the one that was predicted? Which chain does a good boot make?
      rimsim log CCEL --against chain.toml
      rimsim log CCEL --learn -o chain.toml --image linux.efi";

fn registers(name: &str) -> Result<Registers, String> {
    let found = Registers::ALL.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, registers)| registers).ok_or_else(|| "it is pcr or mr".into())
}

fn algorithm_help() -> String {
    format!("The Realm's hash algorithm, if the log does not say: {}", HashAlgo::names())
}

fn algorithm(name: &str) -> Result<HashAlgo, String> {
    HashAlgo::from_name(name).ok_or_else(|| format!("it is {}", HashAlgo::names()))
}
