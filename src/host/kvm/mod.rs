//! KVM: turns the calls of a VMM into RMI commands, as a kernel of one generation does.
//!
//! KVM sees the RMM through registers only. It reacts to RMI_ERROR_RTT by making the tables that
//! are missing, to RMI_INCOMPLETE by giving and taking what it is asked for, and learns nothing
//! else of the Realm. Sources: the series "arm64: Support for Arm CCA in KVM", versions 2 to 16,
//! and the branch for RMM 1.0-eac5.

mod create;
mod machine;
mod populate;
mod ripas;
mod rmi;
mod rmm;
mod slots;
mod stage;

use std::collections::BTreeSet;

pub(crate) use create::geometry;
pub use machine::machine;
pub use slots::visit_order;
pub use stage::{Stage, StageKind};

use super::caps::Caps;
pub use super::profile::{Generation, HOSTS, HostProfile};
use super::vm::{Call, Layer, Refusal, Vm};
use crate::abi::addr::{Hex, Pa};
use crate::abi::args::{Rd, Rec};
use crate::abi::command::Command;
use crate::abi::params::{REC_RUNNABLE, RecParams, Rpv};
use crate::caller::Memory;
use crate::measure::rim::HashAlgo;
use crate::session::Session;

/// A Realm that KVM has built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booted {
    /// Address of the RD.
    pub rd: u64,
}

/// Builds the Realm of `vm` in a session in which nothing was done before, on the machine that
/// [`machine()`] gives, with an RMM whose edition is [`HostProfile::edition()`]. `on_stage` sees
/// each group of commands when it is done.
///
/// # Errors
/// If KVM or the RMM refuses a call.
pub fn boot(
    session: &mut Session<'_>,
    host: &HostProfile,
    caps: &Caps,
    vm: &Vm,
    on_stage: &mut dyn FnMut(Stage),
) -> Result<Booted, Refusal> {
    boot_by(session, host, caps, vm, Unseen::default(), on_stage)
}

/// What a KVM asks of the RMM otherwise than all series that were seen; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// The level at which RTTs start, 0 to 3; KVM's own choice is as few levels as can be.
    pub start_level: Option<u8>,
    /// Whether devices can be assigned to the Realm (2.0).
    pub assigns_devices: Option<bool>,
    /// RmiMecPolicy (2.0), 0 to 3: 0 is shared, 1 private.
    pub mec_policy: Option<u8>,
    /// RmiLfaPolicy (2.0), 0 to 3: 0 does not permit it, 1 does.
    pub lfa_policy: Option<u8>,
}

/// As [`boot()`], by a KVM that nobody has seen.
///
/// # Errors
/// As [`boot()`]; or if the VM's IPA size and the level do not go together, or the RMM's edition
/// has no such flags.
pub fn boot_by(
    session: &mut Session<'_>,
    host: &HostProfile,
    caps: &Caps,
    vm: &Vm,
    unseen: Unseen,
    on_stage: &mut dyn FnMut(Stage),
) -> Result<Booted, Refusal> {
    let _span = tracing::info_span!("boot", host = host.name).entered();
    let memory = Memory::new(session.world().platform(), "kvm");
    let mut kvm = Kvm {
        session,
        host,
        caps,
        vm,
        unseen,
        memory,
        rd: None,
        aux_count: 0,
        hash_algo: HashAlgo::Sha256,
        rpv: [0; 64],
        recs: BTreeSet::new(),
        active: false,
        window: None,
        reporter: stage::Reporter::new(on_stage),
    };
    kvm.begin(host.edition())?;
    kvm.create_vm()?;
    for call in &vm.calls {
        kvm.call_of_vmm(*call)?;
    }
    if kvm.host.generation.is_kvm_driven() {
        kvm.first_run()?;
    }
    let rd = kvm.created("KVM_RUN")?;
    Ok(Booted { rd: rd.addr() })
}

struct Kvm<'k, 'o> {
    session: &'k mut Session<'o>,
    host: &'k HostProfile,
    caps: &'k Caps,
    vm: &'k Vm,
    unseen: Unseen,
    memory: Memory,
    rd: Option<Rd>,
    aux_count: u64,
    hash_algo: HashAlgo,
    rpv: Rpv,
    recs: BTreeSet<usize>,
    active: bool,
    /// The Host's granules from which contents are copied.
    window: Option<Pa>,
    reporter: stage::Reporter<'k>,
}

/// A refusal by KVM.
fn refused(place: impl Into<String>, why: impl Into<String>) -> Refusal {
    Refusal::Refused { by: Layer::Kvm, place: place.into(), why: why.into() }
}

impl Kvm<'_, '_> {
    /// KVM_CREATE_VM, and what KVM checks of vCPUs and features before there is a Realm.
    fn create_vm(&mut self) -> Result<(), Refusal> {
        let (bits, limit) = (self.vm.ipa_bits, self.caps.ipa_limit());
        if !(32..=limit).contains(&bits) {
            let why =
                format!("an IPA size of {bits} bits; this host allows 32 to {limit} (EINVAL)");
            return Err(refused("KVM_CREATE_VM", why));
        }
        let page = self.caps.host_page_size;
        if !self.host.pages.contains(&page) {
            let why = format!("{} has no Realms with pages of {page}, only of 4k", self.host.name);
            return Err(refused("KVM_CREATE_VM", why));
        }
        let (vcpus, most) = (self.vm.vcpus.len() as u64, u64::from(self.caps.max_vcpus));
        if vcpus > most {
            let why = format!("{vcpus} vCPUs; this host allows {most} (EINVAL)");
            return Err(refused("KVM_CREATE_VCPU", why));
        }
        slots::check(&self.vm.slots)?;
        create::check_features(self.host.generation, &self.vm.features, self.caps)
    }

    fn call_of_vmm(&mut self, call: Call) -> Result<(), Refusal> {
        // A KVM that drives the boot itself has no calls for its steps.
        let driven = self.host.generation.is_kvm_driven();
        match call {
            Call::HashAlgo(algo) => self.configure_hash(algo),
            Call::Rpv(rpv) => self.configure_rpv(rpv),
            Call::CreateRealm if driven => Ok(()),
            Call::CreateRealm => self.create_realm(),
            Call::InitRipas(..) | Call::FinalizeRec(_) | Call::Activate if driven => Ok(()),
            Call::InitRipas(base, top) => self.init_ripas(base, top),
            Call::Populate(index) => {
                if driven && self.rd.is_none() {
                    self.create_realm()?;
                }
                self.populate(index)
            }
            Call::FinalizeRec(index) => self.create_rec(index),
            Call::Activate => self.activate(),
        }
    }

    fn configure_hash(&mut self, algo: HashAlgo) -> Result<(), Refusal> {
        let place = "CONFIG HASH_ALGO";
        self.not_created(place)?;
        if self.host.generation.is_kvm_driven() && algo != HashAlgo::Sha256 {
            let why = format!("{}; this KVM has no call for it and takes sha256", algo.name());
            return Err(refused(place, why));
        }
        self.hash_algo = algo;
        Ok(())
    }

    fn configure_rpv(&mut self, rpv: Rpv) -> Result<(), Refusal> {
        self.not_created("CONFIG RPV")?;
        // From v12 on the value stays zero. It is not measured, so nothing is lost but the value.
        if !self.host.generation.is_kvm_driven() {
            self.rpv = rpv;
        }
        Ok(())
    }

    fn create_rec(&mut self, index: usize) -> Result<(), Refusal> {
        let place = format!("KVM_ARM_VCPU_FINALIZE(REC) of vCPU {index}");
        let rd = self.created(&place)?;
        let Some(vcpu) = self.vm.vcpus.get(index) else {
            return Err(refused(place, "there is no such vCPU (EINVAL)"));
        };
        self.is_new(&place)?;
        if !self.recs.insert(index) {
            return Err(refused(place, "it has a REC already (EBUSY)"));
        }
        let flags = if index == 0 { REC_RUNNABLE } else { 0 };
        let rec = Rec(self.delegated(&place)?);
        let mut aux = Vec::new();
        for _ in 0..self.aux_count {
            aux.push(self.delegated(&place)?);
        }
        let params = RecParams::builder(self.edition()).flags(flags).mpidr(vcpu.mpidr);
        let params = params.pc(vcpu.pc).gprs(vcpu.gprs).aux(&aux);
        let params_ptr = self.write_page(rmi::page(params.pieces(), &place)?, &place)?;
        self.must_end(Command::rec_create(self.edition(), rd, rec, params_ptr), &place)?;
        let kind = StageKind::Rec { index, flags, pc: vcpu.pc, gprs: vcpu.gprs };
        self.stage(rd, kind);
        Ok(())
    }

    fn activate(&mut self) -> Result<(), Refusal> {
        let place = "ACTIVATE_REALM";
        let rd = self.created(place)?;
        self.is_new(place)?;
        self.must(Command::realm_activate(rd), place)?;
        self.active = true;
        self.stage(rd, StageKind::Activate);
        Ok(())
    }

    /// The first KVM_RUN of a KVM that drives the boot: RECs, then RIPAS of all slots with a
    /// guest_memfd, then the activation (series v12, `kvm_activate_realm`).
    fn first_run(&mut self) -> Result<(), Refusal> {
        if self.rd.is_none() {
            self.create_realm()?;
        }
        for index in 0..self.vm.vcpus.len() {
            self.create_rec(index)?;
        }
        for slot in visit_order(&self.vm.slots) {
            if slot.guest_memfd {
                self.init_ripas(slot.ipa.start, slot.ipa.end)?;
            }
        }
        self.activate()
    }

    fn created(&self, place: &str) -> Result<Rd, Refusal> {
        self.rd.ok_or_else(|| refused(place, "there is no Realm yet (EINVAL)"))
    }

    fn not_created(&self, place: &str) -> Result<(), Refusal> {
        match self.rd {
            None => Ok(()),
            Some(_) => Err(refused(place, "the Realm is created already (EBUSY)")),
        }
    }

    fn is_new(&self, place: &str) -> Result<(), Refusal> {
        if self.active {
            return Err(refused(place, "the Realm is active already (EBUSY)"));
        }
        Ok(())
    }

    fn stage(&mut self, rd: Rd, kind: StageKind) {
        self.reporter.report(self.session, rd.addr(), kind);
    }
}

/// A range as refusals name it.
fn range_text(base: u64, top: u64) -> String {
    format!("{}..{}", Hex(base), Hex(top))
}
