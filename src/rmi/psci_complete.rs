//! RMI_PSCI_COMPLETE: the checks. No REC has a PSCI request before Realms run.

use super::gate::{Checked, Gate, failures};
use super::outcome::{NO_OUTPUTS, Outputs};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::model::granule::{Granule, GranuleState};
use crate::model::world::World;

pub(super) struct Complete {
    pub(super) calling_rec: u64,
    pub(super) target_rec: u64,
    pub(super) status: u64,
}

failures! {
    /// RMI_PSCI_COMPLETE. All conditions have one status, so the order shows only in messages.
    CompleteRows {
        CallingAlign "calling_align" Input Both [] "`calling_rec` is not granule aligned";
        CallingBound "calling_bound" Input Both [] "`calling_rec` is not delegable memory";
        CallingState "calling_state" Input Both [] "`calling_rec` is not a REC granule";
        TargetAlign "target_align" Input Both [] "`target_rec` is not granule aligned";
        TargetBound "target_bound" Input Both [] "`target_rec` is not delegable memory";
        TargetState "target_state" Input Both [] "`target_rec` is not a REC granule";
        Alias "alias" Input Both [] "both are one REC";
        Running "pending" Input Both [] "the calling REC is running";
        Pending "pending" Input Both [] "the calling REC has no PSCI request";
        Owner "owner" Input Both [] "the RECs belong to different Realms";
    }
}

pub(super) struct CompletePlan {
    calling: Granule,
}

impl Rmi for Complete {
    type Rows = CompleteRows;
    type Plan = CompletePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CompletePlan> {
        use CompleteRows as F;
        let Self { calling_rec, target_rec, status } = *self;
        let rows = [F::CallingAlign, F::CallingBound, F::CallingState];
        let calling = gate.granule_in(rows, world, calling_rec, GranuleState::Rec)?;
        let rows = [F::TargetAlign, F::TargetBound, F::TargetState];
        let target = gate.granule_in(rows, world, target_rec, GranuleState::Rec)?;
        gate.ensure(F::Alias, calling != target, || format!("both are {}", Hex(target_rec)))?;
        let caller = &world.recs[&calling];
        gate.ensure(F::Running, !caller.running, || "a running REC has no request".into())?;
        gate.ensure(F::Pending, caller.psci_pending, || {
            let rec = Hex(calling_rec);
            format!("REC {rec} has no PSCI request that status {} could answer", Hex(status))
        })?;
        let owner = world.recs[&target].owner;
        gate.ensure(F::Owner, caller.owner == owner, || {
            let (a, b) = (world.granules.pa(caller.owner), world.granules.pa(owner));
            format!("the RECs belong to the Realms of RD {a} and RD {b}")
        })?;
        gate.pass::<F, _>(CompletePlan { calling })
    }
}

impl Plan for CompletePlan {
    fn apply(self, world: &mut World) -> Outputs {
        let rec = world.recs.get_mut(&self.calling).expect("the check found the REC");
        rec.psci_pending = false;
        NO_OUTPUTS
    }
}
