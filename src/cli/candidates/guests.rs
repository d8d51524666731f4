//! The candidates of `search` as a VMM's command line and a host's capabilities make them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::options::{GuestArgs, ImageFiles, ResponderArgs, VmmArgs};
use crate::cli::reach::Reach;
use crate::cli::request::{layer as layer_of, request};
use crate::encoding::fdt;
use crate::encoding::shown::ShowPath as _;
use crate::host::caps::{CapsLayer, sve_lengths_up_to};
use crate::host::{Files, Refusal, Vmm, gunzip, qemu};
use crate::measure::digests::{self, Cut, DigestFile, DigestSource, GranuleDigests};
use crate::measure::hasher::Hasher;
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;
use crate::predict::{Assumption, DEVICE_TREE, Error, Plan, Request};
use crate::search::{Axis, Guests, Knob, Parameter, Space};

/// Most texts or device trees that can be given.
pub(crate) const MAX_VARIANTS: usize = 65_536;
/// Most candidates that are asked what they assume.
const MAX_LOOKED_AT: u64 = 32;
/// Smaller images are hashed as they come.
const WORTH_KEEPING_BYTES: u64 = 1 << 16;
/// Most bytes that QEMU unpacks of a kernel.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;

/// A VMM with its command line, on hosts that differ.
pub(crate) struct CommandLine<'a> {
    request: Request,
    tree: Option<&'a Path>,
    reach: &'a Reach,
    files: Mutex<SharedFiles<'a>>,
    /// Whether what a candidate has takes the place of what was said, and does not only lower it.
    replaces: bool,
}

impl<'a> CommandLine<'a> {
    pub(crate) fn new(
        guest: &'a GuestArgs,
        vmm: &VmmArgs,
        files: ImageFiles,
        algo: HashAlgo,
        hasher: Hasher,
    ) -> Result<Self, CliError> {
        let found =
            Self::with_responder(guest, &ResponderArgs::default(), vmm, (files, algo, hasher))?;
        found.request.check()?;
        Ok(found)
    }

    /// As [`CommandLine::new`], with what was said of the RMM. Whether version, KVM and RMM go
    /// together is not looked at.
    pub(crate) fn with_responder(
        guest: &'a GuestArgs,
        responder: &ResponderArgs,
        vmm: &VmmArgs,
        (files, algo, hasher): (ImageFiles, HashAlgo, Hasher),
    ) -> Result<Self, CliError> {
        // The device tree is opened with the others, since its granules are hashed once too.
        let without = GuestArgs { dtb: None, ..guest.clone() };
        let request = request(&without, responder, vmm)?;
        let name = request.version.as_deref().unwrap_or(request.vmm.versions()[0].name);
        let kernel = || qemu::kernel_name(name, &request.argv);
        let unpack = (request.vmm == Vmm::Qemu).then(kernel).flatten();
        let (opened, read) = (BTreeMap::new(), BTreeMap::new());
        let files = SharedFiles { guest, files, opened, read, algo, hasher, unpack };
        let tree = guest.dtb.as_deref();
        let (reach, files) = (&guest.reach, Mutex::new(files));
        let guests = Self { request, tree, reach, files, replaces: false };
        if let Some(path) = &guest.dtb {
            guests.check_device_tree(path)?;
        }
        Ok(guests)
    }

    /// Candidates take the place of what was said; and a device tree is one of them, unless the VMM
    /// starts nothing without one.
    pub(crate) fn replacing(self) -> Self {
        let tree = self.tree.filter(|_| self.request.vmm == Vmm::CloudHypervisor);
        Self { tree, replaces: true, ..self }
    }

    /// What was asked for.
    pub(crate) const fn request(&self) -> &Request {
        &self.request
    }

    /// Opens a device tree: one that is not there is one mistake, not thousands of refusals.
    pub(crate) fn check_device_tree(&self, path: &Path) -> Result<(), CliError> {
        Ok(self.device_tree(path).map(|_| ())?)
    }

    /// A file by a name that a command line may have; `None` if it can not be read.
    pub(crate) fn open(&self, name: &str) -> Option<Arc<Image>> {
        self.files.lock().expect("nobody panics with the files").open(name).ok()
    }

    /// Files that were read: what the VMM calls them, where they are, and what is in them.
    pub(crate) fn read(&self) -> Vec<(String, PathBuf, Arc<Image>)> {
        let files = self.files.lock().expect("nobody panics with the files");
        let read = files.read.iter();
        read.map(|(name, (path, image))| (name.clone(), path.clone(), Arc::clone(image))).collect()
    }

    /// Says whether all files are still what they were.
    pub(crate) fn check_unchanged(&self) -> Result<(), CliError> {
        let files = self.files.lock().expect("nobody panics with the files");
        let changed = files.read.values().try_for_each(|(_, image)| image.check_unchanged());
        changed.map_err(|error| CliError(Exit::Io, error.to_string()))
    }

    fn device_tree(&self, path: &Path) -> Result<Arc<Image>, Refusal> {
        let mut files = self.files.lock().expect("nobody panics with the files");
        let allowed = files.guest.check_tree(path);
        let opened =
            allowed.and_then(|()| files.path(&format!("{DEVICE_TREE} {}", path.shown()), path));
        let opened = opened.and_then(|image| {
            let limit_bytes = u64::from(fdt::MAX_BYTES);
            if image.len_bytes() > limit_bytes {
                let path = path.display().to_string();
                return Err(ImageError::TooLong { path, limit_bytes, what: "a device tree" });
            }
            Ok(image)
        });
        opened.map_err(|source| Refusal::File { option: DEVICE_TREE.into(), source })
    }
}

impl CommandLine<'_> {
    /// What is assumed of all candidates of a space, or of some: those are looked at that differ
    /// in what decides about assumptions.
    pub(crate) fn assumptions(&self, space: &Space) -> Vec<Assumption> {
        let decides = |axis: &&Axis| {
            use Parameter::{DtbCandidate, Host, Platform, VmmVersion};
            [DtbCandidate, Host, Platform, VmmVersion].contains(&axis.parameter)
        };
        let axes = space.axes().iter().map(|axis| {
            let kept = if decides(&axis) { axis.values.len() } else { 1 };
            Axis { parameter: axis.parameter, values: axis.values[..kept].to_vec() }
        });
        let few = Space::new(axes.collect());
        let count = few.len().unwrap_or(u64::MAX).min(MAX_LOOKED_AT);
        let mut assumed: Vec<Assumption> = Vec::new();
        for number in 0..count {
            let request = self.request_of(&few.candidate(number));
            let mut files = self.files.lock().expect("nobody panics with the files");
            // What is refused assumes nothing.
            let Ok(plan) = request.and_then(|request| request.plan(&mut *files)) else { continue };
            for new in plan.assumptions {
                let known = assumed.iter_mut().find(|old| {
                    (old.key, &old.value, old.option) == (new.key, &new.value, new.option)
                });
                match known {
                    Some(old) => old.changes_rim |= new.changes_rim,
                    None => assumed.push(new),
                }
            }
        }
        let varied = |parameter| space.axes().iter().any(|axis| axis.parameter == parameter);
        assumed
            .retain(|one| !(varied(Parameter::RimRule) && ["rmm", "rim_rule"].contains(&one.key)));
        assumed
    }

    /// What a candidate asks for.
    fn request_of(&self, candidate: &[Knob]) -> Result<Request, Error> {
        let mut request = self.request.clone();
        let mut tree = self.tree;
        let mut layer = CapsLayer::default();
        for knob in candidate {
            if self.replaces {
                forget(&mut request.caps, knob);
            }
            match knob {
                Knob::Host(name) => request.host = Some((*name).to_owned()),
                Knob::VmmVersion(name) => request.version = Some(name.clone()),
                Knob::Append(text) => request.overrides.append = Some(text.clone()),
                Knob::Dtb(path) => tree = Some(Path::new(path)),
                Knob::Log(on) => request.overrides.log = Some(*on),
                Knob::Cpus(count) => request.overrides.cpus = Some(*count),
                Knob::Mem(size) => request.overrides.mem_bytes = Some(size.bytes()),
                Knob::PayloadWindow(bytes) => {
                    request.overrides.payload_window_bytes = Some(*bytes);
                }
                Knob::Options(change) | Knob::Setting { change, .. } => {
                    request.overrides.options.extend(change);
                }
                Knob::Platform(names) => {
                    for name in names.split('+') {
                        let wrong = |CliError(_, why)| Error::Request(format!("platform: {why}"));
                        request
                            .caps
                            .push((name.to_owned(), layer_of(name, self.reach).map_err(wrong)?));
                    }
                }
                other => put(&mut layer, other),
            }
        }
        request.caps.push(("search".to_owned(), layer));
        if self.replaces {
            pair_up(&mut request, candidate);
        }
        request.device_tree = tree.map(|path| self.device_tree(path)).transpose()?;
        Ok(request)
    }
}

impl Guests for CommandLine<'_> {
    fn plan(&self, candidate: &[Knob]) -> Result<Plan, Error> {
        self.request_of(candidate)?.candidate(&mut OneByOne(&self.files))
    }
}

/// Files that several candidates open at once, each when it is opened.
struct OneByOne<'l, 'a>(&'l Mutex<SharedFiles<'a>>);

impl Files for OneByOne<'_, '_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        self.0.lock().expect("nobody panics with the files").open(name)
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        self.0.lock().expect("nobody panics with the files").has_lkvm_root(name)
    }
}

/// Takes out of layers what a value replaces.
fn forget(layers: &mut Vec<(String, CapsLayer)>, knob: &Knob) {
    if matches!(knob, Knob::Platform(_)) {
        layers.clear();
    }
    for (_, layer) in layers {
        match knob {
            Knob::IpaBits(_) => layer.ipa_bits = None,
            Knob::Lpa2(_) => layer.lpa2 = None,
            Knob::NumBps(_) => layer.num_bps = None,
            Knob::NumWps(_) => layer.num_wps = None,
            Knob::PmuCounters(_) => (layer.pmu, layer.pmu_counters) = (None, None),
            Knob::SveVl(_) => layer.sve_vls = None,
            _ => {}
        }
    }
}

/// Lets a version, a KVM or an RMM that was said go where a candidate's does not go with it.
fn pair_up(request: &mut Request, candidate: &[Knob]) {
    let host = candidate.iter().any(|knob| matches!(knob, Knob::Host(_)));
    let version = candidate.iter().any(|knob| matches!(knob, Knob::VmmVersion(_)));
    if !host && !version {
        return;
    }
    request.edition = None;
    let fitting = |request: &Request| request.check().is_ok();
    if fitting(request) {
        return;
    }
    let without_rmm = Request { rmm: None, rim_rule: None, ..request.clone() };
    if fitting(&without_rmm) {
        *request = without_rmm;
        return;
    }
    if !version {
        request.version = None;
    } else if !host {
        request.host = None;
    }
    if !fitting(request) {
        (request.rmm, request.rim_rule) = (None, None);
    }
}

/// What a host with this value offers.
fn put(layer: &mut CapsLayer, knob: &Knob) {
    match knob {
        Knob::IpaBits(bits) => layer.ipa_bits = Some(*bits),
        Knob::Lpa2(on) => layer.lpa2 = Some(*on),
        Knob::NumBps(count) => layer.num_bps = Some(*count),
        Knob::NumWps(count) => layer.num_wps = Some(*count),
        Knob::PmuCounters(count) => {
            layer.pmu = Some(count.is_some());
            layer.pmu_counters = Some(count.unwrap_or(0));
        }
        Knob::SveVl(bits) => layer.sve_vls = Some(sve_lengths_up_to(*bits)),
        Knob::HostPageSize(size) => layer.host_page_size = Some(*size),
        _ => {}
    }
}

/// Files that are opened, unpacked and hashed once.
struct SharedFiles<'a> {
    guest: &'a GuestArgs,
    files: ImageFiles,
    opened: BTreeMap<String, Arc<Image>>,
    /// The same as they are in their files: where, and not unpacked.
    read: BTreeMap<String, (PathBuf, Arc<Image>)>,
    algo: HashAlgo,
    hasher: Hasher,
    /// The file that QEMU would unpack again for every candidate.
    unpack: Option<String>,
}

impl SharedFiles<'_> {
    /// A file that may be read, opened once.
    fn path(&mut self, name: &str, path: &Path) -> Result<Arc<Image>, ImageError> {
        if let Some(image) = self.opened.get(name) {
            return Ok(Arc::clone(image));
        }
        let (mut image, mut packed) = (self.files.open(path)?, None);
        if self.unpack.as_deref() == Some(name) && image.bytes_from(0).starts_with(&[0x1F, 0x8B]) {
            // What can not be unpacked is QEMU's to refuse.
            if let Ok(bytes) = gunzip(&image, MAX_UNPACKED_BYTES) {
                packed = Some(std::mem::replace(&mut image, Image::from_bytes("kernel", bytes)));
            }
        }
        let kept = Arc::new(Kept(OnceLock::new()));
        if image.len_bytes() >= WORTH_KEEPING_BYTES {
            image = image.with_digest_source(Arc::clone(&kept) as Arc<dyn DigestSource>);
        }
        let image = Arc::new(image);
        if image.len_bytes() >= WORTH_KEEPING_BYTES {
            let _ = kept.0.set(self.digests(&image));
        }
        self.opened.insert(name.to_owned(), Arc::clone(&image));
        let in_file = packed.map_or_else(|| Arc::clone(&image), Arc::new);
        self.read.insert(name.to_owned(), (path.to_owned(), in_file));
        Ok(image)
    }

    /// The digests of all granules, as images lie that begin at a page.
    fn digests(&self, image: &Arc<Image>) -> Option<GranuleDigests> {
        let mut file = std::io::Cursor::new(Vec::new());
        digests::write(&mut file, image, &[self.algo], Cut::default(), &[0; 32], &self.hasher)
            .ok()?;
        let file = Arc::new(Image::from_bytes("digests", file.into_inner()));
        DigestFile::read(&file).ok()?.lists.pop()
    }
}

impl Files for SharedFiles<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let path = self.guest.place_of(name)?;
        self.path(name, &path)
    }

    fn has_lkvm_root(&mut self, name: &str) -> bool {
        self.guest.has_lkvm_root(name)
    }
}

/// The digests of one image, which are there before anybody asks.
#[derive(Debug)]
struct Kept(OnceLock<Option<GranuleDigests>>);

impl DigestSource for Kept {
    fn digests(&self, _: &Arc<Image>, algo: HashAlgo, cut: Cut) -> Option<GranuleDigests> {
        let found = self.0.get()?.as_ref()?;
        (found.algo() == algo && found.cut() == cut).then(|| found.clone())
    }
}
