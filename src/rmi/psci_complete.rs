//! RMI_PSCI_COMPLETE: the Host answers a PSCI request that needs another REC.

use super::gate::{Checked, Failure, Gate, NO_OUTPUTS, Outputs, failures};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::abi::command::Command;
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
    /// RMI_PSCI_COMPLETE. All conditions have one status, so the order shows only in messages. An
    /// RMM that remembers the target has no conditions of it but that it is still there.
    CompleteRows {
        CallingAlign "calling_align" Input All [] "`calling_rec` is not granule aligned";
        TargetAlign "target_align" Input Named [] "`target_rec` is not granule aligned";
        CallingBound "calling_bound" Input All [] "`calling_rec` is not delegable memory";
        CallingState "calling_state" Input All [] "`calling_rec` is not a REC granule";
        TargetBound "target_bound" Input Named [] "`target_rec` is not delegable memory";
        TargetState "target_state" Input Named [] "`target_rec` is not a REC granule";
        Alias "alias" Input Named [] "both are one REC";
        Running "pending" Input All [] "the calling REC is running";
        Pending "pending" Input All [] "the calling REC has no PSCI request";
        Owner "owner" Input Named [] "the RECs belong to different Realms";
        Target "target" Input Named [] "the target is not the one that the request names";
        Gone "target" Input Remembered [] "the REC that the request names is gone";
        Status "status" Input All [] "the status is no answer to the request";
        Denied "status" Input All [] "CPU_ON is denied, and the target is on already";
    }
}

pub(super) struct CompletePlan {
    calling: Granule,
    /// The REC that starts.
    starts: Option<Granule>,
    /// What the calling REC gets in X0.
    answer: u64,
    /// TF-RMM refuses a denial when the target is on, and completes the request all the same.
    refused: Option<String>,
}

/// The command with the REC that the request is about, where the RMM knows it and not the Host;
/// `None` if the command is complete as it is.
#[inline(always)]
pub(super) fn with_target(world: &World, command: &Command) -> Option<Command> {
    match *command {
        Command::PsciComplete { calling_rec, status, .. }
            if !world.profile().psci_complete_names_target() =>
        {
            let target_rec = remembered_target(world, calling_rec);
            Some(Command::PsciComplete { calling_rec, target_rec, status })
        }
        _ => None,
    }
}

/// The REC that the request of `calling_rec` is about; 0 if there is none.
fn remembered_target(world: &World, calling_rec: u64) -> u64 {
    let remembered = world.rec(calling_rec).and_then(|rec| rec.psci_target);
    remembered.map_or(0, |target| world.granules.pa(target).0)
}

impl Gate<'_> {
    /// The REC that the calling one asks for, as the Host names it.
    fn named_target(&mut self, world: &World, complete: &Complete) -> Checked<[Granule; 2]> {
        use CompleteRows as F;
        let Complete { calling_rec, target_rec, .. } = *complete;
        self.granule_aligned(F::CallingAlign, calling_rec)?;
        self.granule_aligned(F::TargetAlign, target_rec)?;
        let rows = [F::CallingBound, F::CallingState];
        let calling = self.aligned_granule_in(rows, world, calling_rec, GranuleState::Rec)?;
        let rows = [F::TargetBound, F::TargetState];
        let target = self.aligned_granule_in(rows, world, target_rec, GranuleState::Rec)?;
        self.ensure(F::Alias, calling != target, || format!("both are {}", Hex(target_rec)))?;
        self.psci_pending(world, complete, calling)?;
        let (caller, called) = (&world.recs[&calling], &world.recs[&target]);
        self.ensure(F::Owner, caller.owner == called.owner, || {
            let (a, b) = (world.granules.pa(caller.owner), world.granules.pa(called.owner));
            format!("the RECs belong to the Realms of RD {a} and RD {b}")
        })?;
        let index = self.profile().psci_target(caller.gprs[1]);
        self.ensure(F::Target, index == Some(called.index), || {
            let (named, this) = (Hex(caller.gprs[1]), called.index);
            match index {
                Some(index) => {
                    format!("the request names the REC of index {index}; this one has {this}")
                }
                None => format!("the request names {named}, which is no REC's MPIDR"),
            }
        })?;
        Ok([calling, target])
    }

    /// The calling REC, and the one that it asks for as the RMM remembers it; `None` if that one is
    /// gone, which does not hinder a denial (TF-RMM `runtime/rmi/rec.c` behind 9a7f8ef4).
    fn remembered_target(
        &mut self,
        world: &World,
        complete: &Complete,
    ) -> Checked<(Granule, Option<Granule>)> {
        use CompleteRows as F;
        let rows = [F::CallingBound, F::CallingState];
        self.granule_aligned(F::CallingAlign, complete.calling_rec)?;
        let state = GranuleState::Rec;
        let calling = self.aligned_granule_in(rows, world, complete.calling_rec, state)?;
        self.psci_pending(world, complete, calling)?;
        let caller = &world.recs[&calling];
        let index = psci::rec_index(caller.gprs[1]);
        let is_it = |target: &Granule| {
            let found = world.recs.get(target);
            found.is_some_and(|rec| rec.owner == caller.owner && rec.index == index)
        };
        let target = caller.psci_target.filter(is_it);
        let there = target.is_some() || complete.status == psci::DENIED;
        self.ensure(F::Gone, there, || {
            format!("there is no REC of index {index} where it was when it was asked for")
        })?;
        Ok((calling, target))
    }

    /// `pending`: the calling REC waits for an answer.
    fn psci_pending(&mut self, world: &World, it: &Complete, calling: Granule) -> Checked<()> {
        let caller = &world.recs[&calling];
        self.ensure(CompleteRows::Running, !caller.running, || {
            "a running REC has no request".into()
        })?;
        self.ensure(CompleteRows::Pending, caller.psci_pending, || {
            let (rec, status) = (Hex(it.calling_rec), Hex(it.status));
            format!("REC {rec} has no PSCI request that status {status} could answer")
        })
    }
}

impl Rmi for Complete {
    type Rows = CompleteRows;
    type Plan = CompletePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CompletePlan> {
        use CompleteRows as F;
        let (calling, target) = if gate.profile().psci_complete_names_target() {
            let [calling, target] = gate.named_target(world, self)?;
            (calling, Some(target))
        } else {
            gate.remembered_target(world, self)?
        };
        let (caller, called) = (&world.recs[&calling], target.map(|target| &world.recs[&target]));
        let status = self.status;
        let cpu_on = psci::CPU_ON.contains(&gate.profile().psci_function(caller.gprs[0]));
        let denied = cpu_on && status == psci::DENIED;
        gate.ensure(F::Status, status == psci::SUCCESS || denied, || {
            let name = if cpu_on { "CPU_ON" } else { "AFFINITY_INFO" };
            format!("status {} is no answer to {name}", status.cast_signed())
        })?;
        let on = called.is_some_and(|called| called.running || called.runnable);
        let refused = called.filter(|_| denied && on).map(already_on);
        let tolerated = gate.profile().refused_denial_completes();
        gate.ensure(F::Denied, refused.is_none() || tolerated, || {
            refused.clone().unwrap_or_default()
        })?;
        let answer = match (cpu_on, on, denied) {
            (true, true, _) => psci::ALREADY_ON,
            (true, false, true) => psci::DENIED,
            (true, false, false) | (false, true, _) => psci::SUCCESS,
            (false, false, _) => psci::OFF,
        };
        let starts = target.filter(|_| cpu_on && !on && !denied);
        gate.pass::<F, _>(CompletePlan { calling, starts, answer, refused })
    }
}

fn already_on(rec: &Rec) -> String {
    format!("CPU_ON can not be denied: the REC of index {} is on already", rec.index)
}

impl Plan for CompletePlan {
    /// Fails if TF-RMM refuses what it has done.
    type Answer = Checked<Outputs>;

    fn apply(self, world: &mut World) -> Checked<Outputs> {
        let Self { calling, starts, answer, refused } = self;
        let keeps_gprs = world.profile().cpu_on_keeps_gprs();
        let caller = world.rec_mut(calling);
        let (entry_point, context_id) = (caller.gprs[2], caller.gprs[3]);
        caller.gprs[..4].copy_from_slice(&[answer, 0, 0, 0]);
        (caller.psci_pending, caller.psci_target) = (false, None);
        if let Some(target) = starts {
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
