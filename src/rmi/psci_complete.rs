//! RMI_PSCI_COMPLETE: the Host answers a PSCI request that needs another REC.

use super::gate::{Checked, Failure, Gate, NO_OUTPUTS, Outputs, failures};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::abi::rsi::psci;
use crate::model::granule::{Granule, GranuleState};
use crate::model::rec::Rec;
use crate::model::world::World;

pub(super) struct Complete {
    pub(super) calling_rec: u64,
    pub(super) target_rec: u64,
    pub(super) status: u64,
}

failures! {
    /// RMI_PSCI_COMPLETE. All conditions have one status, so the order shows only in messages.
    CompleteRows {
        CallingAlign "calling_align" Input All [] "`calling_rec` is not granule aligned";
        TargetAlign "target_align" Input All [] "`target_rec` is not granule aligned";
        CallingBound "calling_bound" Input All [] "`calling_rec` is not delegable memory";
        CallingState "calling_state" Input All [] "`calling_rec` is not a REC granule";
        TargetBound "target_bound" Input All [] "`target_rec` is not delegable memory";
        TargetState "target_state" Input All [] "`target_rec` is not a REC granule";
        Alias "alias" Input All [] "both are one REC";
        Running "pending" Input All [] "the calling REC is running";
        Pending "pending" Input All [] "the calling REC has no PSCI request";
        Owner "owner" Input All [] "the RECs belong to different Realms";
        Target "target" Input All [] "the target is not the one that the request names";
        Status "status" Input All [] "the status is no answer to the request";
        Denied "status" Input All [] "CPU_ON is denied, and the target is on already";
    }
}

pub(super) struct CompletePlan {
    calling: Granule,
    target: Granule,
    /// What the calling REC gets in X0.
    answer: u64,
    /// Whether the target starts.
    start: bool,
    /// TF-RMM refuses a denial when the target is on, and completes the request all the same.
    refused: bool,
}

impl Rmi for Complete {
    type Rows = CompleteRows;
    type Plan = CompletePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CompletePlan> {
        use CompleteRows as F;
        let Self { calling_rec, target_rec, status } = *self;
        gate.granule_aligned(F::CallingAlign, calling_rec)?;
        gate.granule_aligned(F::TargetAlign, target_rec)?;
        let rows = [F::CallingBound, F::CallingState];
        let calling = gate.aligned_granule_in(rows, world, calling_rec, GranuleState::Rec)?;
        let rows = [F::TargetBound, F::TargetState];
        let target = gate.aligned_granule_in(rows, world, target_rec, GranuleState::Rec)?;
        gate.ensure(F::Alias, calling != target, || format!("both are {}", Hex(target_rec)))?;
        let (caller, called) = (&world.recs[&calling], &world.recs[&target]);
        gate.ensure(F::Running, !caller.running, || "a running REC has no request".into())?;
        gate.ensure(F::Pending, caller.psci_pending, || {
            let rec = Hex(calling_rec);
            format!("REC {rec} has no PSCI request that status {} could answer", Hex(status))
        })?;
        gate.ensure(F::Owner, caller.owner == called.owner, || {
            let (a, b) = (world.granules.pa(caller.owner), world.granules.pa(called.owner));
            format!("the RECs belong to the Realms of RD {a} and RD {b}")
        })?;
        let index = gate.profile().psci_target(caller.gprs[1]);
        gate.ensure(F::Target, index == Some(called.index), || {
            let (named, this) = (Hex(caller.gprs[1]), called.index);
            match index {
                Some(index) => {
                    format!("the request names the REC of index {index}; this one has {this}")
                }
                None => format!("the request names {named}, which is no REC's MPIDR"),
            }
        })?;
        let cpu_on = psci::CPU_ON.contains(&gate.profile().psci_function(caller.gprs[0]));
        let denied = cpu_on && status == psci::DENIED;
        gate.ensure(F::Status, status == psci::SUCCESS || denied, || {
            let name = if cpu_on { "CPU_ON" } else { "AFFINITY_INFO" };
            format!("status {} is no answer to {name}", status.cast_signed())
        })?;
        let on = called.running || called.runnable;
        let tolerated = gate.profile().refused_denial_completes();
        gate.ensure(F::Denied, !(denied && on) || tolerated, || already_on(called))?;
        let answer = match (cpu_on, on, denied) {
            (true, true, _) => psci::ALREADY_ON,
            (true, false, true) => psci::DENIED,
            (true, false, false) | (false, true, _) => psci::SUCCESS,
            (false, false, _) => psci::OFF,
        };
        let start = cpu_on && !on && !denied;
        gate.pass::<F, _>(CompletePlan { calling, target, answer, start, refused: denied && on })
    }
}

fn already_on(rec: &Rec) -> String {
    format!("CPU_ON can not be denied: the REC of index {} is on already", rec.index)
}

impl Plan for CompletePlan {
    /// Fails if TF-RMM refuses what it has done.
    type Answer = Checked<Outputs>;

    fn apply(self, world: &mut World) -> Checked<Outputs> {
        let Self { calling, target, answer, start, refused } = self;
        let refused = refused.then(|| already_on(&world.recs[&target]));
        let keeps_gprs = world.profile().cpu_on_keeps_gprs();
        let caller = world.rec_mut(calling);
        let (entry_point, context_id) = (caller.gprs[2], caller.gprs[3]);
        caller.gprs[..4].copy_from_slice(&[answer, 0, 0, 0]);
        caller.psci_pending = false;
        if start {
            let target = world.rec_mut(target);
            if !keeps_gprs {
                target.gprs = [0; 31];
            }
            target.gprs[0] = context_id;
            target.pc = entry_point;
            target.runnable = true;
        }
        match refused {
            Some(detail) => Err(Failure::late(CompleteRows::Denied, detail)),
            None => Ok(NO_OUTPUTS),
        }
    }
}
