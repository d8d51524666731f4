//! RMI_GRANULE_DELEGATE and RMI_GRANULE_UNDELEGATE.

use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, failures};
use super::{Plan, Rmi};
use crate::model::granule::{Gpt, Granule, GranuleState};
use crate::model::world::World;

pub(super) struct Delegate {
    pub(super) addr: u64,
}

failures! {
    /// RMI_GRANULE_DELEGATE.
    DelegateRows {
        Align "gran_align" Input All [] "`addr` is not granule aligned";
        Bound "gran_bound" Input All [] "`addr` is not delegable memory";
        State "gran_state" Input All [] "the granule is not UNDELEGATED";
        Gpt "gran_gpt" Input All [] "the granule is not in the Non-secure PAS";
    }
}

pub(super) struct DelegatePlan {
    granule: Granule,
}

impl Rmi for Delegate {
    type Rows = DelegateRows;
    type Plan = DelegatePlan;

    #[inline(always)]
    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DelegatePlan> {
        use DelegateRows as F;
        let rows = [F::Align, F::Bound, F::State];
        let granule = gate.granule_in(rows, world, self.addr, GranuleState::Undelegated)?;
        gate.ensure(F::Gpt, world.granules.gpt(granule) == Gpt::Ns, move || {
            let (pa, gpt) = (world.granules.pa(granule), world.granules.gpt(granule));
            format!("granule {pa} is in the {} PAS; EL3 delegates only ns", gpt.name())
        })?;
        gate.pass::<F, _>(DelegatePlan { granule })
    }
}

impl Plan for DelegatePlan {
    type Answer = Outputs;

    #[inline(always)]
    fn apply(self, world: &mut World) -> Outputs {
        world.release(self.granule);
        NO_OUTPUTS
    }
}

pub(super) struct Undelegate {
    pub(super) addr: u64,
}

failures! {
    /// RMI_GRANULE_UNDELEGATE.
    UndelegateRows {
        Align "gran_align" Input All [] "`addr` is not granule aligned";
        Bound "gran_bound" Input All [] "`addr` is not delegable memory";
        State "gran_state" Input All [] "the granule is not DELEGATED";
    }
}

pub(super) struct UndelegatePlan {
    granule: Granule,
}

impl Rmi for Undelegate {
    type Rows = UndelegateRows;
    type Plan = UndelegatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<UndelegatePlan> {
        use UndelegateRows as F;
        let rows = [F::Align, F::Bound, F::State];
        let granule = gate.granule_in(rows, world, self.addr, GranuleState::Delegated)?;
        gate.pass::<F, _>(UndelegatePlan { granule })
    }
}

impl Plan for UndelegatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.granules.undelegate(self.granule, Gpt::Ns);
        NO_OUTPUTS
    }
}
