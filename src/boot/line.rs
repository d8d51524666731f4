//! What a VMM's command line says of a boot already, so that a chain has not to say it again.

use std::sync::Arc;

use super::chain::{Chain, Contents, Linux, Stage, Uki};
use super::hash::digest;
use super::profile::Firmware;
use super::stages::{BootError, Cause};
use crate::encoding::text::hex;
use crate::host::{Files, Vmm};
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;

/// A VMM's command line, as far as a chain is concerned.
#[derive(Clone, Debug)]
pub struct Line {
    /// The VMM.
    pub vmm: Vmm,
    /// Whether firmware runs first.
    pub has_firmware: bool,
    /// What firmware gets through fw_cfg.
    pub fw_cfg: FwCfg,
}

/// What firmware gets through fw_cfg.
#[derive(Clone, Debug, Default)]
pub struct FwCfg {
    /// `-kernel`.
    pub kernel: Option<Arc<Image>>,
    /// `-initrd`.
    pub initrd: Option<Arc<Image>>,
    /// `-append`.
    pub append: Option<String>,
}

/// A stage that both the chain and the command line say something of.
struct Both<'a> {
    stage: &'a str,
    files: &'a mut dyn Files,
}

impl Chain {
    /// The chain with what the command line in its `[measure]` says.
    ///
    /// # Errors
    /// If both say something and not the same, or the firmware is none that the VMM starts; the
    /// error names both.
    pub fn with_line(&self, line: &Line, files: &mut dyn Files) -> Result<Self, BootError> {
        let Some(profile) = self.firmware.profile.0 else { return Ok(self.clone()) };
        check_firmware(profile, line)?;
        let mut chain = self.clone();
        let Line { fw_cfg, .. } = line;
        let Some(kernel) = &fw_cfg.kernel else {
            if profile.blobs {
                let why = "gives no kernel: -kernel is missing, and this firmware measures nothing \
                           else";
                return Err(wrong("boot", "file", format!("[measure] vm {why}")));
            }
            return Ok(chain);
        };
        if !profile.takes_fw_cfg() {
            return Ok(chain);
        }
        if chain.boot.is_empty() {
            chain.boot.push(Stage::Linux(Box::default()));
        }
        let name = chain.boot[0].name();
        let stage = format!("[[boot]] 1 ({name})");
        let mut both = Both { stage: &stage, files };
        match &mut chain.boot[0] {
            Stage::Linux(linux) => both.linux(linux, kernel, fw_cfg)?,
            Stage::Uki(uki) if profile.blobs => both.uki(uki, kernel, fw_cfg)?,
            Stage::Uki(uki) => {
                if fw_cfg.initrd.is_some() || fw_cfg.append.is_some() {
                    let why = "what this firmware hands to a UKI of -kernel with -initrd or \
                               -append is not known";
                    return Err(both.wrong("file", why.into()));
                }
                both.file("file", "-kernel", &mut uki.file, kernel)?;
            }
            _ => {
                let kernel = kernel.name();
                let why = format!(
                    "this firmware starts -kernel {kernel} of [measure] vm first: the first stage \
                     is `linux` or `uki`"
                );
                return Err(both.wrong("kind", why));
            }
        }
        Ok(chain)
    }
}

/// Whether this firmware runs in the VM.
fn check_firmware(profile: &Firmware, line: &Line) -> Result<(), BootError> {
    let (name, own, other) = (profile.name, profile.vmm.name(), line.vmm.name());
    if profile.vmm != line.vmm {
        let why = format!("{name} is built for {own}, and [measure] vm is a line of {other}");
        return Err(wrong("firmware", "profile", why));
    }
    if !line.has_firmware {
        let option = if line.vmm == Vmm::Kvmtool { "-f" } else { "-bios" };
        let why = format!("{name}, and [measure] vm starts no firmware: it has no {option}");
        return Err(wrong("firmware", "profile", why));
    }
    Ok(())
}

fn wrong(stage: &str, field: &str, why: String) -> BootError {
    BootError { stage: stage.into(), field: field.into(), cause: Cause::Wrong(why) }
}

impl Both<'_> {
    fn wrong(&self, field: &str, why: String) -> BootError {
        wrong(self.stage, field, why)
    }

    fn linux(
        &mut self,
        linux: &mut Linux,
        kernel: &Arc<Image>,
        fw_cfg: &FwCfg,
    ) -> Result<(), BootError> {
        self.file("file", "-kernel", &mut linux.file, kernel)?;
        self.initrds(&mut linux.initrd.0, fw_cfg)?;
        if linux.load_options.is_some() {
            return Ok(());
        }
        self.text(&mut linux.cmdline, fw_cfg)
    }

    /// A UKI whose file firmware hashes as it is.
    fn uki(&mut self, uki: &mut Uki, kernel: &Arc<Image>, fw_cfg: &FwCfg) -> Result<(), BootError> {
        self.file("file", "-kernel", &mut uki.file, kernel)?;
        self.initrds(&mut uki.initrd, fw_cfg)?;
        self.text(&mut uki.cmdline, fw_cfg)
    }

    fn initrds(&mut self, own: &mut Vec<Contents>, fw_cfg: &FwCfg) -> Result<(), BootError> {
        match (&mut own[..], &fw_cfg.initrd) {
            ([], initrd) => own.extend(initrd.clone().map(Contents::Image)),
            ([_], None) | ([_, _, ..], _) => {
                let why = "the chain has an initrd, and [measure] vm has not this one alone: \
                           -initrd says it";
                return Err(self.wrong("initrd", why.into()));
            }
            ([one], Some(initrd)) => {
                let mut named = Some(one.clone());
                self.file("initrd", "-initrd", &mut named, initrd)?;
                *one = Contents::Image(Arc::clone(initrd));
            }
        }
        Ok(())
    }

    fn text(&self, own: &mut Option<String>, fw_cfg: &FwCfg) -> Result<(), BootError> {
        let append = fw_cfg.append.clone().unwrap_or_default();
        match own {
            Some(own) if *own != append => {
                let given = match &fw_cfg.append {
                    Some(text) => format!("has -append \"{text}\""),
                    None => "has no -append".into(),
                };
                let why = format!("\"{own}\", and [measure] vm {given}: leave one of them out");
                Err(self.wrong("cmdline", why))
            }
            _ => {
                *own = Some(append);
                Ok(())
            }
        }
    }

    /// The image of the VMM, if the chain does not name another.
    fn file(
        &mut self,
        field: &str,
        option: &str,
        own: &mut Option<Contents>,
        image: &Arc<Image>,
    ) -> Result<(), BootError> {
        let opened;
        let (shown, bytes): (&str, &[u8]) = match &*own {
            None => {
                *own = Some(Contents::Image(Arc::clone(image)));
                return Ok(());
            }
            Some(Contents::File(name)) => match self.files.open(name) {
                Ok(file) => {
                    opened = file;
                    (name, opened.bytes_from(0))
                }
                Err(ImageError::Empty { .. }) => (name, &[]),
                Err(error) => {
                    let (stage, field) = (self.stage.to_owned(), field.to_owned());
                    return Err(BootError { stage, field, cause: error.into() });
                }
            },
            Some(Contents::Bytes(bytes)) => ("the chain's bytes", bytes),
            Some(Contents::Absent) => ("absent", &[]),
            Some(Contents::Image(own)) => (own.name(), own.bytes_from(0)),
            Some(Contents::Digest(_)) => {
                let name = image.name();
                let why = format!(
                    "only a digest, and [measure] vm names {option} {name}: leave the digest out"
                );
                return Err(self.wrong(field, why));
            }
        };
        let given = image.bytes_from(0);
        if bytes != given {
            let sha256 = |bytes: &[u8]| hex(&digest(HashAlgo::Sha256, [bytes]));
            let (one, other, name) = (sha256(bytes), sha256(given), image.name());
            let why = format!(
                "{shown} (sha256 {one}), and [measure] vm has {option} {name} (sha256 {other}): \
                 they are not the same; leave one of them out"
            );
            return Err(self.wrong(field, why));
        }
        *own = Some(Contents::Image(Arc::clone(image)));
        Ok(())
    }
}
