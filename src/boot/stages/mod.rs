//! From a chain to what it measures.

mod blobs;
mod bytes;
mod firmware;
mod kernel;
mod loaders;
mod uki;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

use super::chain::{Chain, Contents, Loaded, Stage};
use super::efi::{device_path, gpt};
use super::event::{BootEvent, Hashed, Otherwise, Rem, Varies, image_load, kind};
use super::hash::{Digest, digest};
use super::pe::Pe;
use super::profile::Firmware;
use super::rems::Rems;
use crate::abi::profile::RemReading;
use crate::host::Files;
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;
use bytes::{Bytes, Read};

/// What a chain takes from the VM that is in front of it.
#[derive(Clone, Copy, Debug)]
pub struct Vm<'v> {
    /// The Realm's hash algorithm.
    pub algo: HashAlgo,
    /// The device tree that is in the RIM: bytes from its first on.
    pub device_tree: Option<&'v [u8]>,
    /// Whether the VMM gives its firmware a kernel, if that is known.
    pub gives_kernel: Option<bool>,
}

/// What nobody said, and what was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumed {
    /// The field of the chain that says it.
    pub field: String,
    /// What was taken.
    pub value: String,
    /// What that means.
    pub why: String,
}

impl Vm<'_> {
    /// A VM of which only the algorithm is known.
    #[must_use]
    pub const fn of(algo: HashAlgo) -> Self {
        Self { algo, device_tree: None, gives_kernel: None }
    }
}

impl fmt::Display for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, why } = self;
        write!(f, "assumed {field} = {value}: {why}")
    }
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Input {
    /// What needs it: stage and field.
    pub needed_by: String,
    /// What was opened.
    pub image: Arc<Image>,
}

/// What a chain measures.
#[derive(Clone, Debug)]
pub struct Predicted {
    /// The algorithm of all digests.
    pub algo: HashAlgo,
    /// Whether the firmware has a log.
    pub has_log: bool,
    /// Every measurement, in order.
    pub events: Vec<BootEvent>,
    /// What nobody said.
    pub assumed: Vec<Assumed>,
    /// What should be known besides.
    pub remarks: Vec<String>,
    /// The files that were read.
    pub inputs: Vec<Input>,
}

/// Why a chain measures nothing.
#[derive(Debug, Error)]
#[error("{stage}, {field}: {cause}")]
pub struct BootError {
    /// The stage that needs it.
    pub stage: String,
    /// The field that names it.
    pub field: String,
    /// What is wrong.
    pub cause: Cause,
}

/// What is wrong with something that a chain names.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Cause {
    /// A file can not be read.
    #[error(transparent)]
    File(#[from] ImageError),
    /// It is not what it should be.
    #[error("{0}")]
    Wrong(String),
}

impl Predicted {
    /// The REMs, and how each came to be.
    #[must_use]
    pub fn rems(&self, reading: RemReading) -> Rems {
        Rems::of(self.algo, reading, self.events.iter().map(|one| (one.rem, &one.digest[..])))
    }

    /// What a chain measures on this VM.
    ///
    /// # Errors
    /// If a file can not be read or is not what the stage needs, or the chain does not say enough.
    pub fn of(chain: &Chain, vm: Vm<'_>, files: &mut dyn Files) -> Result<Self, BootError> {
        let _span = tracing::info_span!("boot").entered();
        let profile = chain.firmware.profile.0;
        let mut builder = Builder {
            vm,
            chain,
            files,
            profile,
            stage: "firmware".into(),
            path: device_path::END.to_vec(),
            load_options: None,
            has_table: chain.disk.is_some(),
            loader: Loader::Firmware,
            has_shim: false,
            loaded_early: false,
            made: Self {
                algo: vm.algo,
                has_log: profile.is_none_or(|profile| profile.measures_with_log),
                events: Vec::new(),
                assumed: Vec::new(),
                remarks: Vec::new(),
                inputs: Vec::new(),
            },
        };
        builder.run()?;
        Ok(builder.made)
    }
}

/// Who started what runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loader {
    Firmware,
    Shim,
    GrubUpstream,
    GrubRhboot,
    SystemdBoot,
}

struct Builder<'a> {
    vm: Vm<'a>,
    chain: &'a Chain,
    files: &'a mut dyn Files,
    profile: Option<&'static Firmware>,
    /// What is at work, for errors and events.
    stage: String,
    /// The device path of the boot option.
    path: Vec<u8>,
    /// What the next image gets as LoadOptions, as far as firmware hands it over.
    load_options: Option<Vec<u8>>,
    /// Whether the partition table is still to be measured.
    has_table: bool,
    loader: Loader,
    has_shim: bool,
    /// Whether the first image was measured before the boot options were.
    loaded_early: bool,
    made: Predicted,
}

/// A measurement without what every one has.
struct Measured {
    rem: Rem,
    kind: u32,
    digest: Digest,
    hashed: Hashed,
    data: Vec<u8>,
    what: String,
    varies: Varies,
}

impl Builder<'_> {
    fn run(&mut self) -> Result<(), BootError> {
        let chain = self.chain;
        if self.profile.is_some_and(|profile| profile.blobs) {
            return self.blobs();
        }
        if let Some(profile) = self.profile {
            self.firmware(profile)?;
        }
        for (i, stage) in chain.boot.iter().enumerate() {
            self.stage = format!("[[boot]] {} ({})", i + 1, stage.name());
            match stage {
                Stage::Shim(shim) => self.shim(shim)?,
                Stage::Grub(grub) => self.grub(grub)?,
                Stage::SystemdBoot(boot) => self.systemd_boot(boot)?,
                Stage::Uki(uki) => self.uki(uki)?,
                Stage::Linux(linux) => self.linux(linux)?,
                Stage::Efi(efi) => self.application(efi)?,
                Stage::Event(raw) => self.raw(raw)?,
            }
        }
        self.stage = "exit".into();
        if self.profile.is_some() && chain.exit.reached {
            self.exit();
        }
        Ok(())
    }

    /// Whether a kernel of fw_cfg is what firmware starts first.
    fn starts_fw_cfg(&self) -> bool {
        let known = self.profile.is_some_and(|profile| profile.kernel_before_boot_order);
        known && self.vm.gives_kernel.unwrap_or(true)
    }

    fn algo(&self) -> HashAlgo {
        self.vm.algo
    }

    fn wrong(&self, field: &str, why: impl Into<String>) -> BootError {
        let (stage, field) = (self.stage.clone(), field.to_owned());
        BootError { stage, field, cause: Cause::Wrong(why.into()) }
    }

    fn assume(&mut self, field: &str, value: impl Into<String>, why: impl Into<String>) {
        let field = match self.stage.strip_prefix("[[boot]] ") {
            Some(number) => {
                let number = number.split(' ').next().unwrap_or_default();
                format!("boot[{number}].{field}")
            }
            None => field.to_owned(),
        };
        self.made.assumed.push(Assumed { field, value: value.into(), why: why.into() });
    }

    /// What a field names.
    fn read(&mut self, field: &str, contents: &Contents) -> Result<Read, BootError> {
        Ok(match contents {
            Contents::Absent => Read::Bytes(Bytes::Own(Vec::new())),
            Contents::Bytes(bytes) => Read::Bytes(Bytes::Own(bytes.clone())),
            Contents::Digest(digest) => {
                let (found, wanted) = (digest.len(), self.algo().len_bytes());
                if found != wanted {
                    let why = format!("a digest of {found} bytes; the Realm's have {wanted}");
                    return Err(self.wrong(field, why));
                }
                let why = "only a digest is known: name the file, and it is calculated";
                self.assume(field, "a digest", why);
                Read::Digest(digest.clone())
            }
            Contents::File(name) => {
                let image = match self.files.open(name) {
                    Ok(image) => image,
                    Err(ImageError::Empty { .. }) => {
                        return Ok(Read::Bytes(Bytes::Own(Vec::new())));
                    }
                    Err(error) => {
                        let (stage, field) = (self.stage.clone(), field.to_owned());
                        return Err(BootError { stage, field, cause: error.into() });
                    }
                };
                self.read_image(field, image)?
            }
            Contents::Image(image) => self.read_image(field, Arc::clone(image))?,
        })
    }

    fn read_image(&mut self, field: &str, image: Arc<Image>) -> Result<Read, BootError> {
        if !image.is_known() {
            return Err(self.wrong(field, "only digests of its granules are known"));
        }
        let needed_by = format!("{} {field}", self.stage);
        self.made.inputs.push(Input { needed_by, image: Arc::clone(&image) });
        Ok(Read::Bytes(Bytes::Image(image)))
    }

    /// As [`Builder::read`], where a digest is not enough.
    fn bytes(&mut self, field: &str, contents: &Contents) -> Result<Bytes, BootError> {
        match self.read(field, contents)? {
            Read::Bytes(bytes) => Ok(bytes),
            Read::Digest(_) => Err(self.wrong(field, "a digest is not enough, bytes are needed")),
        }
    }

    /// The digest of what a field names, and what is kept of it.
    fn hashed(&mut self, field: &str, contents: &Contents) -> Result<(Digest, Hashed), BootError> {
        Ok(match self.read(field, contents)? {
            Read::Bytes(bytes) => (digest(self.algo(), [&bytes[..]]), kept(&bytes)),
            Read::Digest(digest) => (digest, Hashed::Given),
        })
    }

    fn push(&mut self, measured: Measured) {
        let Measured { rem, kind, digest, hashed, data, what, varies } = measured;
        let data_is_known = hashed != Hashed::Pe && !is_image(kind);
        self.made.events.push(BootEvent {
            rem,
            kind: Some(kind),
            digest,
            hashed,
            data,
            data_is_known,
            what,
            stage: self.stage.clone(),
            varies,
            otherwise: Vec::new(),
        });
    }

    /// A measurement of its own data.
    fn own(&mut self, rem: Rem, kind: u32, data: Vec<u8>, what: impl Into<String>, varies: Varies) {
        let digest = digest(self.algo(), [&data[..]]);
        let what = what.into();
        self.push(Measured { rem, kind, digest, hashed: Hashed::Data, data, what, varies });
    }

    fn action(&mut self, text: &str, varies: Varies) {
        self.own(Rem::BOOT, kind::ACTION, text.into(), format!("\"{text}\""), varies);
    }

    /// The last measurement could also be this.
    fn otherwise(&mut self, bytes: &[u8], why: &str) {
        let digest = digest(self.algo(), [bytes]);
        let Some(last) = self.made.events.last_mut() else { return };
        if last.digest != digest {
            last.otherwise.push(Otherwise { digest, why: why.into() });
        }
    }

    /// What firmware, or who stands in for it, measures when it loads an image.
    fn image(&mut self, loaded: &Loaded, what: &str) -> Result<(), BootError> {
        if std::mem::take(&mut self.loaded_early) {
            return Ok(());
        }
        let file =
            loaded.file.as_ref().ok_or_else(|| self.wrong("file", "say which file it is"))?;
        let (digest, data, kind, size) = match self.read("file", file)? {
            Read::Digest(digest) => (digest, Vec::new(), kind::BOOT_SERVICES_APPLICATION, 0),
            Read::Bytes(bytes) => {
                let pe = Pe::read(&bytes).map_err(|error| self.wrong("file", error.to_string()))?;
                let is_uki = pe.sections().iter().any(|section| section.name == b".linux");
                if is_uki && what == "kernel" {
                    let why = "it is a UKI, it has a section .linux: say kind = \"uki\"";
                    return Err(self.wrong("file", why));
                }
                let digest = pe.authenticode(self.algo());
                let digest = digest.map_err(|error| self.wrong("file", error.to_string()))?;
                let size = bytes.len() as u64;
                (digest, Vec::new(), kind_of(pe.subsystem()), size)
            }
        };
        if std::mem::take(&mut self.has_table) {
            self.table()?;
        }
        if let Some(authority) = &loaded.authority {
            self.authority(authority)?;
        }
        let path = loaded.path.as_ref().map_or(&self.path, |path| &path.0);
        let data = if data.is_empty() { image_load(size, path) } else { data };
        let what = match file {
            Contents::File(name) => format!("{what} {name}, Authenticode"),
            Contents::Image(image) => format!("{what} {}, Authenticode", image.name()),
            _ => format!("{what}, Authenticode"),
        };
        let hashed = Hashed::Pe;
        let varies = Varies::Image;
        self.push(Measured { rem: Rem::BOOT, kind, digest, hashed, data, what, varies });
        // What comes next is loaded from somewhere else.
        self.path = device_path::END.to_vec();
        Ok(())
    }

    /// The partition table of the disk that is booted from.
    fn table(&mut self) -> Result<(), BootError> {
        let Some(disk) = &self.chain.disk else { return Ok(()) };
        let stage = std::mem::replace(&mut self.stage, "[disk]".into());
        let bytes = self.bytes("gpt", &disk.gpt)?;
        let data = match gpt::shown(&bytes) {
            Some(_) if bytes.starts_with(b"EFI PART") => bytes.to_vec(),
            _ => gpt::event_data(&bytes).map_err(|error| self.wrong("gpt", error.to_string()))?,
        };
        let what = format!("GPT: {}", gpt::shown(&data).unwrap_or_default());
        self.own(Rem::BOOT, kind::GPT_EVENT, data, what, Varies::Disk);
        self.stage = stage;
        Ok(())
    }
}

/// Bytes that are shown when they differ; of others only the digest is kept.
fn kept(bytes: &[u8]) -> Hashed {
    const KEPT_BYTES: usize = 1 << 13;
    if bytes.len() <= KEPT_BYTES { Hashed::Bytes(bytes.to_vec()) } else { Hashed::Long }
}

/// The type of an image's event, by its subsystem.
const fn kind_of(subsystem: u16) -> u32 {
    match subsystem {
        11 => kind::BOOT_SERVICES_DRIVER,
        12 => kind::RUNTIME_SERVICES_DRIVER,
        _ => kind::BOOT_SERVICES_APPLICATION,
    }
}

/// Whether events of this type tell of an image, where it lies, and from where it was loaded.
pub(crate) const fn is_image(kind: u32) -> bool {
    matches!(
        kind,
        kind::BOOT_SERVICES_APPLICATION
            | kind::BOOT_SERVICES_DRIVER
            | kind::RUNTIME_SERVICES_DRIVER
    )
}

impl Stage {
    /// Its name in chains.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Shim(_) => "shim",
            Self::Grub(_) => "grub",
            Self::SystemdBoot(_) => "systemd-boot",
            Self::Uki(_) => "uki",
            Self::Linux(_) => "linux",
            Self::Efi(_) => "efi",
            Self::Event(_) => "event",
        }
    }
}
