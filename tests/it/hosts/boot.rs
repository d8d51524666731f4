//! Boots a VM, and what is compared of it.

use rimsim::abi::profile::Rmm;
use rimsim::host::kvm::{self, Booted, HostProfile, Stage, StageKind};
use rimsim::host::{Caps, Refusal, Vm};
use rimsim::script::record::{Recorded, Recorder};
use rimsim::session::Session;
use rimsim::{Platform, World};

/// A Realm that KVM has built.
pub(crate) struct Realm {
    pub(crate) stages: Vec<Stage>,
    pub(crate) world: World,
    pub(crate) booted: Booted,
    pub(crate) machine: Platform,
    /// The boot as a script of the name `boot.rmi`.
    pub(crate) script: Recorded,
}

/// Boots `vm` on the KVM called `host`.
pub(crate) fn boot(host: &str, caps: &Caps, vm: &Vm) -> Result<Realm, Refusal> {
    let host = HostProfile::from_name(host).expect("a host");
    let machine = kvm::machine(host.generation, caps, vm)?;
    let mut recorder = Recorder::new();
    let mut session = Session::new(World::new(machine.clone(), host.profile(Rmm::TfRmm)));
    session.observe(&mut recorder);
    let mut stages = Vec::new();
    let booted = kvm::boot(&mut session, host, caps, vm, &mut |stage| stages.push(stage))?;
    let world = session.into_world();
    Ok(Realm { stages, world, booted, machine, script: recorder.script("boot.rmi") })
}

impl Realm {
    pub(crate) fn rim(&self) -> String {
        self.stages.last().expect("a stage").rim.to_string()
    }

    /// Names of commands and RIMs after them, without RECs that are not runnable.
    pub(crate) fn measured(&self) -> Vec<(&'static str, String)> {
        let counts = |stage: &&Stage| match stage.kind {
            StageKind::Rec { flags, .. } => flags != 0,
            StageKind::Activate => false,
            _ => true,
        };
        let named = |stage: &Stage| (stage.command_name, stage.rim.to_string());
        self.stages.iter().filter(counts).map(named).collect()
    }

    /// The measured events, a line each.
    pub(crate) fn events(&self) -> Vec<String> {
        let realm = self.world.realm(self.booted.rd).expect("a Realm");
        realm.log().events().iter().map(|event| event.to_string()).collect()
    }
}
