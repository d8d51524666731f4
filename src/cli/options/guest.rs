//! A VM, the host under it and the RMM that the host talks to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args as ClapArgs;

use super::rmm::{edition, profile};
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::Rpv;
use crate::abi::profile::{Edition, Profile};
use crate::cli::reach::Reach;
use crate::host::libvirt::Domain;
use crate::measure::image::ImageError;

/// The RMM that the host talks to.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct ResponderArgs {
    /// Which RMM answers: TF-RMM as it is, or the text of DEN0137; of RMM 2.0 the text has another
    /// rule for RIMs
    #[arg(long, value_name = "tf-rmm|spec|RELEASE", value_parser = profile)]
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
    #[arg(long, value_name = "1.0|2.0", value_parser = edition)]
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
    /// How much of RAM kvmtool uses for images, where that is not known of its version
    #[arg(long, value_name = "256M|512M", value_parser = payload_window)]
    pub(crate) payload_window: Option<u64>,
    /// The device tree that is measured, in place of the VMM's own
    #[arg(long, value_name = "FILE")]
    pub(crate) dtb: Option<PathBuf>,
    /// Use the file PATH where the command line says NAME
    #[arg(long, value_name = "NAME=PATH", value_parser = mapping)]
    pub(crate) map: Vec<(String, PathBuf)>,
    /// Which files these arguments may name: whatever a user does.
    #[arg(skip)]
    pub(crate) reach: Reach,
    /// Which files the command line may name: all, unless it was found in a file.
    #[arg(skip)]
    pub(crate) named_by: Reach,
    /// Files that the user named besides: whatever the command line may name, and where the user
    /// stands.
    #[arg(skip)]
    pub(crate) given: BTreeSet<String>,
    /// The personalization value, if a file decides it.
    #[arg(skip)]
    pub(crate) rpv: Option<Rpv>,
    /// The domain that is measured, with the name of its file, if it is one.
    #[arg(skip)]
    pub(crate) domain: Option<(PathBuf, Arc<Domain>)>,
    /// The folder that names in these arguments are of: the working folder unless it is said.
    #[arg(skip)]
    pub(crate) folder: PathBuf,
    /// Say on standard error what was decided, and by whom
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Fail with exit code 2 if something that changes the result would be assumed
    #[arg(long)]
    pub(crate) strict: bool,
}

impl GuestArgs {
    /// Where a file is that the command line names, if it may be read.
    pub(crate) fn place_of(&self, name: &str) -> Result<PathBuf, ImageError> {
        let path = self.path_of(name);
        let is_users = self.is_mapped(name) || self.given.contains(name);
        self.check(&path, is_users)?;
        Ok(path)
    }

    /// Where it is, whoever may read it.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        let mut mapped = self.map.iter().rev().filter(|(from, _)| from == name);
        match mapped.next() {
            Some((_, path)) => path.clone(),
            None if self.given.contains(name) => name.into(),
            None => self.folder.join(name),
        }
    }

    /// Whether the command line may name a file or a folder.
    pub(crate) fn line_may_name(&self, path: &Path) -> bool {
        self.check(path, false).is_ok()
    }

    /// Refuses a device tree that the user did not name and the command line may not.
    pub(crate) fn check_tree(&self, path: &Path) -> Result<(), ImageError> {
        let is_given = path.to_str().is_some_and(|name| self.given.contains(name));
        self.check(path, is_given || self.dtb.as_deref() == Some(path))
    }

    fn check(&self, path: &Path, is_users: bool) -> Result<(), ImageError> {
        self.reach.check_image(path)?;
        if is_users { Ok(()) } else { self.named_by.check_image(path) }
    }

    /// Whether the user said where the file of this name is.
    pub(crate) fn is_mapped(&self, name: &str) -> bool {
        self.map.iter().any(|(from, _)| from == name)
    }

    /// A name of the user's own, as the command line can say it: one that is not taken for a name
    /// in the folder where the line was found.
    pub(crate) fn name_of_users(&self, name: &str) -> std::io::Result<String> {
        if self.folder.as_os_str().is_empty() {
            return Ok(name.to_owned());
        }
        let path = std::path::absolute(name)?;
        let no_text = || std::io::Error::other("the folder's name is not UTF-8");
        Ok(path.to_str().ok_or_else(no_text)?.to_owned())
    }

    /// Takes what options of the VMM name that the user wrote as the user's own. A name in the
    /// line's own folder stays there if the line says it too.
    pub(crate) fn give_words(&mut self, words: &[String], argv: &[String]) {
        let of_line: BTreeSet<&str> = argv.iter().flat_map(|word| named(word)).collect();
        let stays = |name: &str| {
            !self.folder.as_os_str().is_empty()
                && Path::new(name).is_relative()
                && of_line.contains(name)
        };
        let names = words.iter().flat_map(|word| named(word));
        let names = names.filter(|name| !name.is_empty() && !stays(name));
        let names: Vec<String> = names.map(str::to_owned).collect();
        self.given.extend(names);
    }

    /// Whether the user's home folder has a root file system of this name from `lkvm setup`.
    pub(crate) fn has_lkvm_root(&self, name: &str) -> bool {
        let Some(mut path) = std::env::var_os("HOME") else { return false };
        // kvmtool writes the name behind the folder as it is.
        path.push("/.lkvm/");
        path.push(name);
        Path::new(&path).is_dir() && !self.is_mapped(name)
    }
}

/// What a word of a command line can name as a file: the word, and the parts of its value.
pub(crate) fn named(word: &str) -> impl Iterator<Item = &str> {
    word.split(['=', ',', '"']).chain([word])
}

/// Bytes of `256M` or `512M`.
fn payload_window(text: &str) -> Result<u64, String> {
    match text.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('M') {
        "256" => Ok(256 << 20),
        "512" => Ok(512 << 20),
        _ => Err("it has to be 256M or 512M".into()),
    }
}

fn page_size(text: &str) -> Result<GranuleSize, String> {
    let found = GranuleSize::from_name(&text.to_ascii_lowercase());
    found.ok_or_else(|| "it has to be 4K, 16K or 64K".into())
}

/// The VMM and its command line.
#[derive(Clone, Debug, Default, ClapArgs)]
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
