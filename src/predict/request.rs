//! What is to be predicted.

use std::sync::Arc;

use super::error::Error;
use super::input::{DEVICE_TREE, Input, Opened};
use super::plan::Plan;
use crate::abi::profile::{Edition, Profile, Rmm};
use crate::host::caps::{CapsLayer, Decision, stack};
use crate::host::kvm::HostProfile;
use crate::host::vmm::{Context, VmmVersion, version_by_name};
use crate::host::{Caps, Files, Overrides, Vmm};
use crate::measure::image::Image;
use crate::measure::rule::RimRule;

/// A VMM, its command line, and what is known of the host under it. What is left open is decided
/// as for the VMM's newest version.
#[derive(Clone, Debug)]
pub struct Request {
    /// The VMM.
    pub vmm: Vmm,
    /// The words of its command line, with or without the program's name.
    pub argv: Vec<String>,
    /// The name of its version.
    pub version: Option<String>,
    /// The name of the KVM.
    pub host: Option<String>,
    /// The edition of DEN0137 that the KVM has to speak.
    pub edition: Option<Edition>,
    /// What the host offers, with the name of who says so; each layer lowers the others.
    pub caps: Vec<(String, CapsLayer)>,
    /// The RMM.
    pub rmm: Option<Profile>,
    /// The rule by which the RMM measures.
    pub rim_rule: Option<RimRule>,
    /// What is to be otherwise than the words say.
    pub overrides: Overrides,
    /// The device tree that is measured, in place of the VMM's own.
    pub device_tree: Option<Arc<Image>>,
}

/// Everything that is decided before the VMM reads its words.
pub(super) struct Setting {
    pub(super) version: &'static VmmVersion,
    pub(super) host: &'static HostProfile,
    pub(super) profile: Profile,
    pub(super) caps: Caps,
    pub(super) decisions: Vec<Decision>,
}

impl Request {
    /// A command line about which nothing else is known.
    #[must_use]
    pub fn new(vmm: Vmm, argv: Vec<String>) -> Self {
        Self {
            vmm,
            argv,
            version: None,
            host: None,
            edition: None,
            caps: Vec::new(),
            rmm: None,
            rim_rule: None,
            overrides: Overrides::default(),
            device_tree: None,
        }
    }

    /// Says whether version, host and RMM exist and go together; the version.
    ///
    /// # Errors
    /// If they do not.
    pub fn check(&self) -> Result<&'static VmmVersion, Error> {
        self.setting().map(|setting| setting.version)
    }

    /// Decides everything, up to the VM.
    ///
    /// # Errors
    /// If the version, the host or the RMM do not exist or do not go together, the VMM refuses its
    /// command line, or a file can not be used.
    pub fn plan(&self, files: &mut dyn Files) -> Result<Plan, Error> {
        let Setting { version, host, profile, caps, decisions } = self.setting()?;
        let mut opened = Opened::new(files);
        let device_tree = self.device_tree.clone();
        let mut context = Context { caps: &caps, files: &mut opened, device_tree };
        let vm = self.vmm.vm(version.name, &self.argv, &mut context, &self.overrides)?;
        let mut inputs = opened.inputs;
        inputs.extend(self.tree_input());
        let (vmm, start_level) = (self.vmm, None);
        Ok(Plan { vmm, version, host, profile, caps, decisions, vm, start_level, inputs })
    }

    /// The device tree that was given, among the inputs.
    pub(super) fn tree_input(&self) -> Option<Input> {
        let image = self.device_tree.clone()?;
        Some(Input { name: DEVICE_TREE.to_owned(), image })
    }

    /// Decides what stands around the command line.
    pub(super) fn setting(&self) -> Result<Setting, Error> {
        let version = match &self.version {
            None => &self.vmm.versions()[0],
            Some(name) => version_by_name(self.vmm.versions(), name)
                .map_err(|why| Error::Request(format!("--vmm-version {name}: {why}")))?,
        };
        let host = host_for(self.host.as_deref(), self.edition, version)?;
        let profile = self.profile(host)?;
        let mut layers = self.caps.clone();
        layers.push((host.name.to_owned(), CapsLayer::of_host(host, &layers)));
        let (caps, decisions) = stack(&layers);
        Ok(Setting { version, host, profile, caps, decisions })
    }

    /// The RMM that the host talks to: TF-RMM unless something else is asked for.
    fn profile(&self, host: &HostProfile) -> Result<Profile, Error> {
        let asked = self.rmm;
        // A name without an edition goes with every host.
        let elsewhere = |asked: &Profile| {
            asked.edition() != Edition::default() && asked.edition() != host.edition()
        };
        if let Some(asked) = asked.filter(elsewhere) {
            let why = format!("--rmm {asked}: {} is written for RMM {}", host.name, host.rmm);
            return Err(Error::Request(why));
        }
        let own = host.profile(asked.map_or(Rmm::TfRmm, Profile::rmm));
        let Some(rule) = self.rim_rule else { return Ok(own) };
        let ruled = match asked {
            Some(_) => Some(own).filter(|own| own.rim_rule() == rule),
            None => Profile::by_rim_rule(own.edition(), rule),
        };
        ruled.ok_or_else(|| {
            let with = asked.map_or(String::new(), |_| format!(" with {}", own.name()));
            let (name, by) = (rule.name(), own.rim_rule().name());
            Error::Request(format!("--rim-rule {name}: {}{with} measures by {by}", host.name))
        })
    }
}

/// The KVM of this name, or the one that goes with the VMM's version and the edition asked for.
///
/// # Errors
/// If there is none, or it speaks another edition.
pub fn host_for(
    name: Option<&str>,
    edition: Option<Edition>,
    version: &VmmVersion,
) -> Result<&'static HostProfile, Error> {
    let wanted = name.unwrap_or(version.host);
    let host = HostProfile::from_name(wanted)
        .map_err(|why| Error::Request(format!("--host {wanted}: {why}")))?;
    match edition {
        Some(edition) if edition != host.edition() && name.is_none() => {
            Ok(HostProfile::newest(edition))
        }
        Some(edition) if edition != host.edition() => {
            let asked = edition.name();
            let why = format!("--spec {asked}: {wanted} is written for RMM {}", host.rmm);
            Err(Error::Request(why))
        }
        _ => Ok(host),
    }
}
