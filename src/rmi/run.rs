//! RMI_REC_ENTER.
//!
//! The checks that need no running Realm, and the exit of a Realm that does nothing: it leaves at
//! once with an FIQ.

use super::gate::{Checked, Gate, failures};
use super::outcome::{NO_OUTPUTS, Outputs};
use super::{Plan, Rmi};
use crate::abi::addr::{GRANULE_SIZE, Hex};
use crate::model::granule::{Granule, GranuleState};
use crate::model::realm::RealmState;
use crate::model::world::World;

pub(super) struct Enter {
    pub(super) rec: u64,
    pub(super) run_ptr: u64,
}

failures! {
    /// RMI_REC_ENTER.
    EnterRows {
        RunAlign "run_align" Input Both [] "`run_ptr` is not granule aligned";
        RunBound "run_bound" Input Both [] "`run_ptr` is not delegable memory";
        RunState "run_pas" Input Both [] "`run_ptr` is delegated";
        RecAlign "rec_align" Input Both [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input Both [] "`rec` is not delegable memory";
        RecGranState "rec_gran_state" Input Both [] "`rec` is not a REC granule";
        RecState "rec_state" Rec Both ["rec_bound", "rec_gran_state"] "the REC is running";
        RunRead "run_pas" Input Both [] "`run_ptr` is not in the Non-secure PAS";
        RealmNew "realm_state" Realm Both ["rec_gran_state"] "the Realm is NEW";
        RealmOff "system_off" Realm Both ["rec_gran_state"] "the Realm is SYSTEM_OFF";
        Runnable "rec_runnable" Rec Both ["rec_gran_state"] "the REC is not runnable";
        PsciPending "psci_pending" Rec Both ["rec_gran_state"] "a PSCI request is pending";
    }
}

pub(super) struct EnterPlan {
    run: Granule,
}

impl Rmi for Enter {
    type Rows = EnterRows;
    type Plan = EnterPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<EnterPlan> {
        use EnterRows as F;
        let rows = [F::RunAlign, F::RunBound, F::RunState];
        let run = gate.granule_in(rows, world, self.run_ptr, GranuleState::Undelegated)?;
        let rows = [F::RecAlign, F::RecBound, F::RecGranState];
        let granule = gate.granule_in(rows, world, self.rec, GranuleState::Rec)?;
        let rec = &world.recs[&granule];
        gate.ensure(F::RecState, !rec.running, || "the REC is running".into())?;
        gate.host_readable(F::RunRead, world, run)?;
        let state = world.realms[&rec.owner].state;
        let found = || format!("the Realm is {}; ACTIVE is needed", state.name());
        gate.ensure_at(F::RealmNew, state != RealmState::New, 0, found)?;
        gate.ensure_at(F::RealmOff, state != RealmState::SystemOff, 1, found)?;
        gate.ensure(F::Runnable, rec.runnable, || {
            format!("REC {} was not made runnable, or switched itself off", Hex(self.rec))
        })?;
        gate.ensure(F::PsciPending, !rec.psci_pending, || {
            format!("REC {} waits for RMI_PSCI_COMPLETE", Hex(self.rec))
        })?;
        gate.pass::<F, _>(EnterPlan { run })
    }
}

/// RmiRecExit begins here in RmiRecRun.
const EXIT_OFFSET: usize = 0x800;
/// RmiRecExitReason FIQ.
const EXIT_FIQ: u8 = 2;

impl Plan for EnterPlan {
    fn apply(self, world: &mut World) -> Outputs {
        let mut exit = [0; GRANULE_SIZE as usize - EXIT_OFFSET];
        exit[0] = EXIT_FIQ;
        world.memory.store(self.run, EXIT_OFFSET, &exit);
        NO_OUTPUTS
    }
}
