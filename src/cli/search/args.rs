//! The arguments of `search`, with their help texts.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser};

use crate::cli::candidates::Budget;
use crate::cli::options::{
    CacheArgs, Format, GuestArgs, HashingArgs, LineArgs, OutsideArgs, VmmArgs, numbered,
};
use crate::cli::request::{NoRequest, parse};
use crate::search::Shard;

/// Find the parameters that make a RIM which was observed
///
/// Tries what the arguments of `rimsim measure` leave open: each candidate is planned by its VMM
/// and carried out by KVM on the RMM. Prints every candidate that makes the RIM; those that differ
/// only in what is not measured stand together. Exit code 0: found; 3: not found.
///
/// With --chain the REMs are what is looked for, and what a chain of measured boot leaves open is
/// varied: failed attempts and exits, separators, the order of boot options, stubs of systemd and
/// Linux, whether GRUB measures.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("target").required(true).multiple(true)
    .args(["rim", "token", "expect_rem"]))]
pub(crate) struct SearchArgs {
    /// The RIM: hexadecimal, base64, `sha256:HEX`, or a file (@FILE) with either
    #[arg(long, value_name = "RIM|@FILE", conflicts_with = "token")]
    pub(crate) rim: Option<String>,
    /// Take the RIM out of a CCA attestation token (claim 44238), in any form that `rimsim
    /// verify` takes, - for standard input; its signature is not checked
    #[arg(long, value_name = "FILE")]
    pub(crate) token: Option<PathBuf>,
    /// What booted, as `rimsim boot` reads it; the REMs are those of --token or --expect-rem
    #[arg(long, value_name = "CHAIN", conflicts_with_all = ["vmm", "found", "initdata"])]
    pub(crate) chain: Option<PathBuf>,
    /// With --chain: a REM by its number, 1 to 4, and the REM in the forms of a RIM; repeatable
    #[arg(long, value_name = "N=REM|@FILE", value_parser = numbered, requires = "chain",
          conflicts_with = "token")]
    pub(crate) expect_rem: Vec<(usize, String)>,
    #[command(flatten)]
    pub(crate) space: SpaceArgs,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
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

/// What is varied, and how much of it is tried.
#[derive(Debug, ClapArgs)]
pub(crate) struct SpaceArgs {
    /// What to vary: NAME, or NAME=VALUES (`6,16`, `33-48` with both ends); if this is not given,
    /// what no option says and hosts differ in
    ///
    /// Names: host, platform (presets or files as --caps takes them, `+` between those of one
    /// host), ipa-bits, lpa2, num-bps, num-wps, pmu-counters (`none` for no PMU), sve-vl (longest,
    /// in bits), vmm-version, cpus, mem (`512M`, `1G..8G`), log (measurement log), align (of
    /// populated regions), order (of populated regions), start-level (of RTTs: `kvm`, 0 to 3),
    /// of RMM 2.0 da (device assignment), mec (`shared`, `private`) and lfa (`disallow`, `allow`),
    /// rim-rule (of the RMM: `host`, rmm-1.0, tf-rmm-0.9, rmm-2.0), host-page-size (4K, 16K, 64K),
    /// payload-window (of kvmtool: 256M, 512M).
    ///
    /// And what the VMM's own options decide: kernel, initrd, firmware (files; `none`, and `said`
    /// for that of the line; without values the others of the same folder), and its devices by name
    /// (`--vary console`, `--vary network-devices`, `--vary acpi`): what is not varied is listed
    /// with the result, and a name that there is not, with those that there are.
    #[arg(long, value_name = "NAME[=VALUES]")]
    pub(crate) vary: Vec<String>,
    /// Another guest command line, in place of kvmtool's -p or QEMU's -append; repeatable
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) append_variant: Vec<String>,
    /// A device tree that may have been measured; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) dtb_candidate: Vec<PathBuf>,
    /// Other options of the VMM, as a shell reads them (`'-k Image-6.12 -i initrd'`), behind those
    /// of the command line; `''` for none; repeatable
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) option_variant: Vec<String>,
    /// Only this part of the candidates, of N parts: `1/4` to `4/4`. What is found in any part is
    /// found; a part that finds nothing ends with 3
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, hide_default_value = true)]
    pub(crate) shard: Shard,
    /// Stop after so many candidates (`100000`), or after a time (`30s`, `5m`, `1h`)
    #[arg(long, value_name = "N|TIME", value_parser = Budget::of_candidates)]
    pub(crate) budget: Option<Budget>,
}

const EXAMPLES: &str = "\
Examples:
  Which host made this RIM of a guest that is known?
      rimsim search --rim RIM kvmtool -- lkvm run --realm -c 2 -m 512M -k Image
  Only breakpoints and watchpoints are unknown:
      rimsim search --rim RIM --vary num-bps=2-16 --vary num-wps=2-16 kvmtool -- --realm -k Image
  Which of these device trees was it, on which KVM?
      rimsim search --token token.cbor --vary host --dtb-candidate a.dtb --dtb-candidate b.dtb \\
          qemu -- qemu-system-aarch64 -M virt,confidential-guest-support=rme0 \\
          -object rme-guest,id=rme0 -accel kvm -cpu host -m 1G -kernel Image
  What happened in a boot whose REMs are not those of its chain?
      rimsim search --token token.cbor --chain chain.toml";

/// The words of a file: a VM, and what may be varied of it. The RIM is somebody else's, and nothing
/// is kept or printed.
#[derive(Debug, Parser)]
#[command(name = "search", disable_help_flag = true, disable_version_flag = true)]
struct Words {
    #[command(flatten)]
    space: SpaceArgs,
    #[command(flatten)]
    guest: GuestArgs,
    #[command(flatten)]
    hashing: HashingArgs,
    #[command(flatten)]
    vmm: VmmArgs,
}

impl SearchArgs {
    /// Reads the arguments of a search for a RIM from the words of a file.
    ///
    /// # Errors
    /// If one of them is no part of a request.
    pub(crate) fn of(rim: &str, words: &[String]) -> Result<Self, NoRequest> {
        let Words { space, guest, hashing, vmm } = parse("search", words)?;
        Ok(Self {
            rim: Some(rim.to_owned()),
            token: None,
            chain: None,
            expect_rem: Vec::new(),
            space,
            format: Format::Text,
            guest,
            hashing,
            cache: CacheArgs::default(),
            outside: OutsideArgs::default(),
            line: LineArgs::default(),
            vmm,
        })
    }
}
