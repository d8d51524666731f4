//! A VM on its host, before it is booted.

use super::assumption::Assumption;
use super::error::Error;
use super::input::Input;
use super::measured::Measured;
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::host::caps::Decision;
use crate::host::kvm::{self, Booted, HostProfile, Stage, StageKind, Unseen};
use crate::host::vmm::VmmVersion;
use crate::host::{Call, Caps, Layer, Refusal, Region, Vm, Vmm};
use crate::measure::event::RealmEvent;
use crate::measure::hasher::Hasher;
use crate::measure::image::ImageError;
use crate::measure::rim::HashAlgo;
use crate::measure::rule::RimRule;
use crate::model::world::World;
use crate::session::{Observer, Session};

/// Everything that a RIM depends on, decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The VMM.
    pub vmm: Vmm,
    /// Its version.
    pub version: &'static VmmVersion,
    /// The KVM.
    pub host: &'static HostProfile,
    /// The RMM that it talks to.
    pub profile: Profile,
    /// What the host offers.
    pub caps: Caps,
    /// Who decided each of the capabilities.
    pub decisions: Vec<Decision>,
    /// The VM.
    pub vm: Vm,
    /// What the KVM does otherwise than all that were seen.
    pub unseen: Unseen,
    /// The files that were read: those that the command line names, in the order in which it opens
    /// them, then the device tree that stands beside it.
    pub inputs: Vec<Input>,
    /// What was decided without anybody's word, if somebody asked.
    pub assumptions: Vec<Assumption>,
}

impl Plan {
    /// The rule by which the RIM is made.
    #[must_use]
    pub fn rule(&self) -> RimRule {
        self.profile.rim_rule()
    }

    /// The algorithm that the VMM asks for; `None` if it is KVM's own, SHA-256.
    #[must_use]
    pub fn asked_hash_algo(&self) -> Option<HashAlgo> {
        self.vm.calls.iter().find_map(|call| match call {
            Call::HashAlgo(algo) => Some(*algo),
            _ => None,
        })
    }

    /// Lets an RMM measure that has this rule.
    ///
    /// # Errors
    /// If there is none that the host talks to.
    pub fn set_rule(&mut self, rule: RimRule) -> Result<(), Refusal> {
        let found = Profile::by_rim_rule(self.host.edition(), rule);
        self.profile = found.ok_or_else(|| Refusal::Refused {
            by: Layer::Rmm,
            place: "REALM_CREATE".into(),
            why: format!("no RMM that {} talks to measures by {}", self.host.name, rule.name()),
        })?;
        Ok(())
    }

    /// The region of the device tree, if the VM has one.
    #[must_use]
    pub fn tree_region(&self) -> Option<&Region> {
        self.vm.regions.iter().find(|region| region.name == "dtb")
    }

    /// That what is measured as the device tree is none; `None` if it begins as one.
    pub(super) fn no_device_tree(&self) -> Option<Assumption> {
        let image = self.tree_region()?.image.as_ref()?;
        Assumption::of_tree_bytes(image.bytes_from(0), image.name())
    }

    /// The machine that the VM is booted on.
    ///
    /// # Errors
    /// If there can be no such machine.
    pub fn machine(&self) -> Result<Platform, Refusal> {
        kvm::machine(self.host.generation, &self.caps, &self.vm)
    }

    /// Says whether all files are still what they were.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_unchanged(&self) -> Result<(), ImageError> {
        self.inputs.iter().try_for_each(|input| input.image.check_unchanged())
    }

    /// Builds the Realm on a machine of its own. `on_stage` sees each group of commands when it is
    /// done, `observers` each step.
    ///
    /// # Errors
    /// If KVM or the RMM refuses it.
    pub fn boot(
        &self,
        hasher: Hasher,
        observers: Vec<&mut dyn Observer>,
        on_stage: &mut dyn FnMut(Stage),
    ) -> Result<(World, Booted), Refusal> {
        self.boot_vm(&self.vm, hasher, observers, on_stage)
    }

    fn boot_vm(
        &self,
        vm: &Vm,
        hasher: Hasher,
        observers: Vec<&mut dyn Observer>,
        on_stage: &mut dyn FnMut(Stage),
    ) -> Result<(World, Booted), Refusal> {
        let machine = kvm::machine(self.host.generation, &self.caps, vm)?;
        let mut world = World::new(machine, self.profile);
        world.set_hasher(hasher);
        let mut session = Session::new(world);
        observers.into_iter().for_each(|observer| session.observe(observer));
        let (host, caps, unseen) = (self.host, &self.caps, self.unseen);
        let booted = kvm::boot_by(&mut session, host, caps, vm, unseen, on_stage)?;
        Ok((session.into_world(), booted))
    }

    /// The parameters that the RMM reads at REALM_CREATE: a boot that ends there.
    ///
    /// # Errors
    /// If KVM or the RMM refuses it until then.
    ///
    /// # Panics
    /// If a boot creates no Realm and succeeds: a fault of this program.
    pub fn start(&self, hasher: Hasher) -> Result<RealmEvent, Refusal> {
        let vm = Vm {
            ipa_bits: self.vm.ipa_bits,
            features: self.vm.features.clone(),
            slots: Vec::new(),
            vcpus: Vec::new(),
            regions: Vec::new(),
            calls: self.vm.calls.iter().copied().filter(Call::is_of_start).collect(),
            remarks: Vec::new(),
            assumed: Vec::new(),
        };
        let mut start = None;
        let mut on_stage = |stage: Stage| {
            if let StageKind::RealmCreate(params) = stage.kind {
                start = Some(params);
            }
        };
        self.boot_vm(&vm, hasher, Vec::new(), &mut on_stage)?;
        Ok(start.expect("a Realm was created"))
    }

    /// Builds the Realm and says what was measured.
    ///
    /// # Errors
    /// If KVM or the RMM refuses it, or a file changed meanwhile.
    ///
    /// # Panics
    /// If a boot has no stages and succeeds: a fault of this program.
    pub fn measure(
        self,
        hasher: Hasher,
        observers: Vec<&mut dyn Observer>,
    ) -> Result<Measured, Error> {
        let mut stages = Vec::new();
        let (world, booted) = self.boot(hasher, observers, &mut |stage| stages.push(stage))?;
        self.check_unchanged().map_err(Error::Changed)?;
        let rim = stages.last().expect("a Realm that was built has stages").rim;
        tracing::info!(stages = stages.len(), %rim, "measured");
        Ok(Measured { plan: self, stages, rim, world, rd: booted.rd })
    }
}
