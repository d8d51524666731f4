//! What is to be predicted.

use std::sync::Arc;

use super::assumption::Assumption;
use super::error::Error;
use super::input::{DEVICE_TREE, Input, Opened};
use super::pair::Pair;
use super::plan::Plan;
use super::trial;
use crate::abi::profile::{Edition, Profile};
use crate::host::caps::{CapsLayer, Decision, stack};
use crate::host::kvm::{HostProfile, Unseen};
use crate::host::vmm::{Context, VmmVersion};
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

/// What stands around a command line.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The version of the VMM.
    pub version: &'static VmmVersion,
    /// The KVM.
    pub host: &'static HostProfile,
    /// The RMM.
    pub profile: Profile,
    /// What the host offers.
    pub caps: Caps,
    /// Who decided each of the capabilities.
    pub decisions: Vec<Decision>,
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

    /// What stands around the command line, said or assumed.
    ///
    /// # Errors
    /// If version, host or RMM do not exist or do not go together.
    pub fn surroundings(&self) -> Result<Surroundings, Error> {
        let Setting { version, host, profile, caps, decisions } = self.setting()?;
        Ok(Surroundings { version, host, profile, caps, decisions })
    }

    /// Decides everything, up to the VM, and says what was assumed.
    ///
    /// # Errors
    /// If the version, the host or the RMM do not exist or do not go together, the VMM refuses its
    /// command line, or a file can not be used.
    pub fn plan(&self, files: &mut dyn Files) -> Result<Plan, Error> {
        let _span = tracing::info_span!("plan", vmm = self.vmm.name()).entered();
        let mut plan = self.candidate(files)?;
        plan.assumptions = self.assumptions(&plan, files);
        let (version, host) = (plan.version.name, plan.host.name);
        tracing::info!(version, host, assumptions = plan.assumptions.len(), "planned");
        for Assumption { key, value, .. } in &plan.assumptions {
            tracing::debug!(key, %value, "assumed");
        }
        Ok(plan)
    }

    /// As [`Request::plan`], for one of many: without the assumptions.
    ///
    /// # Errors
    /// As [`Request::plan`].
    pub fn candidate(&self, files: &mut dyn Files) -> Result<Plan, Error> {
        self.plan_on(self.setting()?, &mut Opened::new(files))
    }

    pub(super) fn plan_on(&self, setting: Setting, opened: &mut Opened<'_>) -> Result<Plan, Error> {
        let Setting { version, host, profile, caps, decisions } = setting;
        let device_tree = self.device_tree.clone();
        let mut context = Context { caps: &caps, files: opened, device_tree };
        let vm = self.vmm.vm(version.name, &self.argv, &mut context, &self.overrides)?;
        let mut inputs = std::mem::take(&mut opened.inputs);
        inputs.extend(self.tree_input());
        let (vmm, unseen, assumptions) = (self.vmm, Unseen::default(), Vec::new());
        Ok(Plan { vmm, version, host, profile, caps, decisions, vm, unseen, inputs, assumptions })
    }

    fn assumptions(&self, plan: &Plan, files: &mut dyn Files) -> Vec<Assumption> {
        let Plan { version, host, vm, .. } = plan;
        let mut assumed = Pair { version, host }.assumptions(self);
        assumed.extend(trial::capabilities(self, plan, files));
        // A KVM that drives the boot has no call for the algorithm: there is nothing to say.
        let driven = host.generation.is_kvm_driven();
        let said =
            vm.assumed.iter().filter(|one| !driven || one.key != "hash" || one.value != "sha256");
        assumed.extend(said.map(Assumption::from));
        assumed.extend(plan.no_device_tree());
        assumed
    }

    /// The device tree that was given, among the inputs.
    pub(super) fn tree_input(&self) -> Option<Input> {
        let image = self.device_tree.clone()?;
        Some(Input { name: DEVICE_TREE.to_owned(), image })
    }

    /// Decides what stands around the command line.
    pub(super) fn setting(&self) -> Result<Setting, Error> {
        self.setting_on(Pair::of(self)?)
    }

    /// As [`Request::setting`], with this version on this host.
    pub(super) fn setting_on(&self, pair: Pair) -> Result<Setting, Error> {
        let Pair { version, host } = pair;
        let profile = self.profile(host)?;
        let mut layers = self.caps.clone();
        layers.push((host.name.to_owned(), CapsLayer::of_host(host, &layers)));
        let (caps, decisions) = stack(&layers);
        Ok(Setting { version, host, profile, caps, decisions })
    }

    /// The RMM that the host talks to: the one whose rule goes with it unless another is asked for.
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
        let own = match asked {
            // A release by its name is that one, whatever the host is written for.
            Some(asked) if asked.edition() != Edition::default() => asked,
            Some(asked) => host.profile(asked.rmm()),
            None => host.profile(host.measured_by),
        };
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
