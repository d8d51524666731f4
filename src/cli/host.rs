//! From the arguments to a host and the VM that runs on it.

use std::path::Path;
use std::sync::Arc;

use super::Exit;
use super::hashing::{HashingProblem, ImageFiles};
use super::input::read_settings;
use super::measure_args::{GuestArgs, VmmArgs};
use super::measure_files::MappedFiles;
use crate::abi::profile::Edition;
use crate::host::caps::{CAPS_PRESETS, CapsLayer, Decision, stack, sve_lengths_up_to};
use crate::host::kvm::HostProfile;
use crate::host::kvmtool::{self, Version};
use crate::host::vmm::{Context, VmmVersion, version_by_name};
use crate::host::{Caps, Layer, Overrides, Refusal, Vm, cloud_hypervisor, qemu};
use crate::measure::image::{Image, ImageError};

/// kvmtool's versions, the default first.
const KVMTOOL_VERSIONS: &[VmmVersion] = &[
    kvmtool_version(Version::RamFirst64k, &["B2"]),
    kvmtool_version(Version::RamFirst4k, &["B1"]),
    kvmtool_version(Version::BssOnly, &["B0"]),
    kvmtool_version(Version::Eac5, &["A0"]),
    kvmtool_version(Version::Eac5Islet, &["A"]),
    kvmtool_version(Version::Linaro, &["C"]),
    kvmtool_version(Version::RealmVm, &[]),
];

const fn kvmtool_version(version: Version, aliases: &'static [&'static str]) -> VmmVersion {
    VmmVersion {
        name: version.name(),
        aliases,
        date: "",
        host: version.host(),
        about: version.summary(),
    }
}

/// A VMM that command lines are known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vmm {
    Kvmtool,
    Qemu,
    CloudHypervisor,
}

impl Vmm {
    pub(crate) const ALL: [Self; 3] = [Self::Kvmtool, Self::Qemu, Self::CloudHypervisor];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kvmtool => "kvmtool",
            Self::Qemu => "qemu",
            Self::CloudHypervisor => "cloud-hypervisor",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self, String> {
        let name = if ["cloud-hv", "ch"].contains(&name) { "cloud-hypervisor" } else { name };
        let name = if name == "lkvm" { "kvmtool" } else { name };
        let known = Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|vmm| vmm.name() == name);
        found.ok_or_else(|| format!("{name}: no such VMM; there are {known}"))
    }

    /// The versions, the default first.
    pub(crate) const fn versions(self) -> &'static [VmmVersion] {
        match self {
            Self::Kvmtool => KVMTOOL_VERSIONS,
            Self::Qemu => qemu::VERSIONS,
            Self::CloudHypervisor => cloud_hypervisor::VERSIONS,
        }
    }

    pub(crate) fn vm(
        self,
        version: &str,
        argv: &[String],
        context: &mut Context<'_>,
        overrides: &Overrides,
    ) -> Result<Vm, Refusal> {
        match self {
            Self::Kvmtool => {
                let version = Version::named(version).expect("a name of the table");
                let (caps, tree) = (context.caps, context.device_tree.take());
                kvmtool::plan_with(argv, version, caps, context.files, tree, overrides)
            }
            Self::Qemu => qemu::vm_with(version, argv, context, overrides),
            Self::CloudHypervisor => cloud_hypervisor::vm_with(version, argv, context, overrides),
        }
    }
}

/// A guest that is ready to be booted.
pub(crate) struct Guest<'a> {
    pub(crate) vmm: Vmm,
    pub(crate) version: &'static VmmVersion,
    pub(crate) host: &'static HostProfile,
    pub(crate) caps: Caps,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) files: MappedFiles<'a>,
    pub(crate) vm: Vm,
}

/// What went wrong, with the exit code that tells of it.
pub(crate) struct Trouble(pub(crate) Exit, pub(crate) String);

impl From<(Exit, String)> for Trouble {
    fn from((exit, text): (Exit, String)) -> Self {
        Self(exit, text)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        let exit = match &refusal {
            Refusal::Refused { by: Layer::Vmm, .. } => Exit::Usage,
            Refusal::Refused { .. } => Exit::Refused,
            Refusal::File { source: ImageError::Empty { .. }, .. } => Exit::Usage,
            Refusal::File { .. } => Exit::Io,
        };
        Self(exit, refusal.told())
    }
}

impl From<HashingProblem> for Trouble {
    fn from(problem: HashingProblem) -> Self {
        Self(problem.exit(), problem.to_string())
    }
}

pub(crate) fn usage(text: String) -> Trouble {
    Trouble(Exit::Usage, text)
}

/// The host that the arguments describe, and the VMM on it.
struct Setting<'a> {
    vmm: Vmm,
    version: &'static VmmVersion,
    host: &'static HostProfile,
    caps: Caps,
    decisions: Vec<Decision>,
    files: MappedFiles<'a>,
    device_tree: Option<Arc<Image>>,
}

fn setting<'a>(
    args: &'a GuestArgs,
    files: ImageFiles,
    vmm: &VmmArgs,
) -> Result<Setting<'a>, Trouble> {
    let vmm = Vmm::from_name(&vmm.vmm).map_err(usage)?;
    let version = match &args.vmm_version {
        None => &vmm.versions()[0],
        Some(name) => version_by_name(vmm.versions(), name)
            .map_err(|why| usage(format!("--vmm-version {name}: {why}")))?,
    };
    let host = host(args.host.as_deref(), args.spec, version).map_err(usage)?;
    let (caps, decisions) = stack(&layers(args, host)?);
    let mut files = MappedFiles::new(&args.map, files);
    let device_tree = match &args.dtb {
        None => None,
        Some(path) => {
            let option = || "--dtb".to_owned();
            let opened = files.open_device_tree(path);
            Some(opened.map_err(|source| Refusal::File { option: option(), source })?)
        }
    };
    Ok(Setting { vmm, version, host, caps, decisions, files, device_tree })
}

/// The KVM of this name, or the one that goes with the VMM's version and the edition asked for.
///
/// # Errors
/// If there is none, or it speaks another edition.
pub(crate) fn host(
    name: Option<&str>,
    spec: Option<Edition>,
    version: &VmmVersion,
) -> Result<&'static HostProfile, String> {
    let wanted = name.unwrap_or(version.host);
    let host = HostProfile::from_name(wanted).map_err(|why| format!("--host {wanted}: {why}"))?;
    match spec {
        Some(edition) if edition != host.edition() && name.is_none() => {
            Ok(HostProfile::newest(edition))
        }
        Some(edition) if edition != host.edition() => {
            let asked = edition.name();
            Err(format!("--spec {asked}: {wanted} is written for RMM {}", host.rmm))
        }
        _ => Ok(host),
    }
}

/// Reads the arguments up to the VM.
pub(crate) fn guest<'a>(
    args: &'a GuestArgs,
    files: ImageFiles,
    vmm: &VmmArgs,
) -> Result<Guest<'a>, Trouble> {
    let argv = &vmm.argv;
    let Setting { vmm, version, host, caps, decisions, mut files, device_tree } =
        setting(args, files, vmm)?;
    let mut context = Context { caps: &caps, files: &mut files, device_tree };
    let vm = vmm.vm(version.name, argv, &mut context, &Overrides::default())?;
    Ok(Guest { vmm, version, host, caps, decisions, files, vm })
}

/// The device tree of QEMU's command line, which need not be a Realm's; `None` for other VMMs,
/// whose trees are a region of their VM.
pub(crate) fn device_tree_alone(
    args: &GuestArgs,
    files: ImageFiles,
    vmm: &VmmArgs,
) -> Result<Option<qemu::DeviceTree>, Trouble> {
    let argv = &vmm.argv;
    let Setting { vmm, version, caps, mut files, device_tree, .. } = setting(args, files, vmm)?;
    if vmm != Vmm::Qemu {
        return Ok(None);
    }
    let mut context = Context { caps: &caps, files: &mut files, device_tree };
    Ok(Some(qemu::device_tree(version.name, argv, &mut context)?))
}

/// Presets and files in the order given, then the options, then what the KVM does not pass on.
fn layers(args: &GuestArgs, host: &HostProfile) -> Result<Vec<(String, CapsLayer)>, Trouble> {
    let mut layers = own_layers(args)?;
    layers.push((host.name.to_owned(), CapsLayer::of_host(host, &layers)));
    Ok(layers)
}

/// Presets, files and options.
pub(crate) fn own_layers(args: &GuestArgs) -> Result<Vec<(String, CapsLayer)>, Trouble> {
    let mut layers = Vec::new();
    for name in &args.caps {
        layers.push((name.clone(), layer(name)?));
    }
    let lengths = match args.sve_vl.as_slice() {
        [] => None,
        [longest] => Some(sve_lengths_up_to(*longest)),
        several => Some(several.to_vec()),
    };
    let options = CapsLayer {
        ipa_bits: args.ipa_bits,
        lpa2: args.lpa2,
        num_bps: args.num_bps,
        num_wps: args.num_wps,
        pmu: args.pmu,
        pmu_counters: args.pmu_counters,
        sve_vls: lengths,
        gicv3: args.gicv3,
        its: args.its,
        gicv2: args.gicv2,
        max_vcpus: args.max_vcpus,
    };
    options.check().map_err(|error| usage(error.to_string()))?;
    layers.push(("the command line".to_owned(), options));
    Ok(layers)
}

pub(crate) fn layer(name: &str) -> Result<CapsLayer, Trouble> {
    if !name.contains(['.', '/']) {
        let known: Vec<_> = CAPS_PRESETS.iter().map(|preset| preset.name).collect();
        let why = || format!("--caps {name}: no such preset; there are {}", known.join(", "));
        return CapsLayer::preset(name).ok_or_else(|| usage(why()));
    }
    let text = read_settings(Path::new(name))
        .map_err(|error| Trouble(Exit::Io, format!("{name}: {error}")))?;
    CapsLayer::from_toml(&text).map_err(|error| usage(format!("{name}: {error}")))
}
