//! RMI_RTT_SET_S2AP (2.0): completes a change of permissions that a REC asked for. A Realm asks for
//! one only with planes, which are not simulated, so there is never one to complete.

use super::gate::{Checked, Gate, Outputs, failures};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::model::granule::GranuleState;
use crate::model::world::World;

pub(super) struct SetS2ap {
    pub(super) rd: u64,
    pub(super) rec: u64,
    pub(super) base: u64,
    pub(super) top: u64,
}

failures! {
    /// RMI_RTT_SET_S2AP.
    SetS2apRows {
        SizeValid "size_valid" Input All [] "`top` is not above `base`";
        TopAlign "top_gran_align" Input All [] "`top` is not granule aligned";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RecAlign "rec_align" Input All [] "`rec` is not granule aligned";
        RecBound "rec_bound" Input All [] "`rec` is not delegable memory";
        RecGranState "rec_gran_state" Input All [] "`rec` is not a REC granule";
        RecState "rec_state" Rec All [] "the REC is running";
        RecOwner "rec_owner" Rec All [] "the REC belongs to another Realm";
        BaseBound "base_bound" Input All [] "the REC has not asked for a change";
    }
}

pub(super) enum SetS2apPlan {}

impl Rmi for SetS2ap {
    type Rows = SetS2apRows;
    type Plan = SetS2apPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<SetS2apPlan> {
        use SetS2apRows as F;
        gate.ensure(F::SizeValid, self.top > self.base, || {
            format!("top {} is not above base {}", Hex(self.top), Hex(self.base))
        })?;
        gate.granule_aligned(F::TopAlign, self.top)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let rows = [F::RecAlign, F::RecBound, F::RecGranState];
        let rec = gate.granule_in(rows, world, self.rec, GranuleState::Rec)?;
        let contents = &world.recs[&rec];
        gate.ensure(F::RecState, !contents.running, || "the REC is running".into())?;
        gate.ensure(F::RecOwner, contents.owner == rd.granule, || {
            let owner = world.granules.pa(contents.owner);
            format!("the REC belongs to the Realm of RD {owner}")
        })?;
        let plan: Option<SetS2apPlan> = None;
        let plan = gate.some(F::BaseBound, plan, || "the REC has asked for no change".into())?;
        gate.pass::<F, _>(plan)
    }
}

impl Plan for SetS2apPlan {
    type Answer = Outputs;

    fn apply(self, _: &mut World) -> Outputs {
        match self {}
    }
}
