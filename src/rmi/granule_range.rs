//! RMI_GRANULE_RANGE_DELEGATE, RMI_GRANULE_RANGE_UNDELEGATE, RMI_GRANULE_TRACKING_GET and
//! RMI_GPT_L1_CREATE (2.0).
//!
//! TF-RMM takes one granule a call, whatever the range is, and looks at no other.

use super::gate::{Checked, Gate, Outputs, Rows, failures};
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, is_aligned};
use crate::abi::platform::Platform;
use crate::model::granule::{Gpt, Granule, GranuleState};
use crate::model::world::World;

pub(super) struct Delegate {
    pub(super) base: u64,
    pub(super) top: u64,
}

failures! {
    /// RMI_GRANULE_RANGE_DELEGATE.
    DelegateRows {
        BaseAlign "base_align" Input All [] "`base` is not granule aligned";
        TopAlign "top_align" Input All [] "`top` is not granule aligned";
        SizeValid "size_valid" Input All [] "the range has no granule";
        Bound "gran_bound" Input All [] "`base` is not delegable memory";
        State "gran_state" Input All [] "the first granule is not UNDELEGATED";
        Gpt "gran_gpt" Input All [] "the first granule is not in the Non-secure PAS";
    }
}

/// The first granule of a range, and where it ends.
pub(super) struct FirstGranule {
    granule: Granule,
    top: u64,
}

pub(super) struct DelegatePlan(FirstGranule);

impl Gate<'_> {
    /// `base_align`, `top_align`, `size_valid`, `gran_bound`, `gran_state`.
    fn first_granule<R: Rows>(
        &mut self,
        rows: [R; 5],
        world: &World,
        (base, top): (u64, u64),
        state: GranuleState,
    ) -> Checked<FirstGranule> {
        let [base_align, top_align, size_valid, bound, gran_state] = rows;
        self.granule_aligned(base_align, base)?;
        self.granule_aligned(top_align, top)?;
        // Aligned, so one more granule than `base` is no more than `top`.
        self.ensure(size_valid, top > base, || {
            format!("top {} is not above base {}", Hex(top), Hex(base))
        })?;
        let granule = self.aligned_granule_in([bound, gran_state], world, base, state)?;
        Ok(FirstGranule { granule, top: base + self.granule_size().bytes() })
    }
}

impl Rmi for Delegate {
    type Rows = DelegateRows;
    type Plan = DelegatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DelegatePlan> {
        use DelegateRows as F;
        let rows = [F::BaseAlign, F::TopAlign, F::SizeValid, F::Bound, F::State];
        let range = (self.base, self.top);
        let first = gate.first_granule(rows, world, range, GranuleState::Undelegated)?;
        let gpt = world.granules.gpt(first.granule);
        gate.ensure(F::Gpt, gpt == Gpt::Ns, || {
            let pa = world.granules.pa(first.granule);
            format!("granule {pa} is in the {} PAS; EL3 delegates only ns", gpt.name())
        })?;
        gate.pass::<F, _>(DelegatePlan(first))
    }
}

impl Plan for DelegatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.release(self.0.granule);
        [self.0.top, 0, 0, 0]
    }
}

pub(super) struct Undelegate {
    pub(super) base: u64,
    pub(super) top: u64,
}

failures! {
    /// RMI_GRANULE_RANGE_UNDELEGATE.
    UndelegateRows {
        BaseAlign "base_align" Input All [] "`base` is not granule aligned";
        TopAlign "top_align" Input All [] "`top` is not granule aligned";
        SizeValid "size_valid" Input All [] "the range has no granule";
        Bound "gran_bound" Input All [] "`base` is not delegable memory";
        State "gran_state" Input All [] "the first granule is not DELEGATED";
    }
}

pub(super) struct UndelegatePlan(FirstGranule);

impl Rmi for Undelegate {
    type Rows = UndelegateRows;
    type Plan = UndelegatePlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<UndelegatePlan> {
        use UndelegateRows as F;
        let rows = [F::BaseAlign, F::TopAlign, F::SizeValid, F::Bound, F::State];
        let range = (self.base, self.top);
        let first = gate.first_granule(rows, world, range, GranuleState::Delegated)?;
        gate.pass::<F, _>(UndelegatePlan(first))
    }
}

impl Plan for UndelegatePlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.granules.undelegate(self.0.granule, Gpt::Ns);
        [self.0.top, 0, 0, 0]
    }
}

pub(super) struct TrackingGet {
    pub(super) start: u64,
    pub(super) end: u64,
}

failures! {
    /// RMI_GRANULE_TRACKING_GET.
    TrackingGetRows {
        Bound "range_bound" Input All [] "the range leaves the physical address space";
        SizeValid "size_valid" Input All [] "the range has no granule";
        StartAlign "start_align" Input All [] "`start` is not granule aligned";
        EndAlign "end_align" Input All [] "`end` is not granule aligned";
    }
}

pub(super) struct TrackingGetPlan {
    start: u64,
    end: u64,
}

impl Rmi for TrackingGet {
    type Rows = TrackingGetRows;
    type Plan = TrackingGetPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<TrackingGetPlan> {
        use TrackingGetRows as F;
        let Self { start, end } = *self;
        let most = 1_u64 << world.platform().pa_bits;
        let last = most - u64::from(gate.profile().tracking_get_takes_all());
        gate.ensure(F::Bound, start < most && end <= last, || {
            format!("{}..{} leaves the physical addresses of {}", Hex(start), Hex(end), Hex(most))
        })?;
        let len_bytes = end.saturating_sub(start);
        gate.ensure(F::SizeValid, len_bytes >= world.granule_size().bytes(), || {
            format!("{}..{} has no whole granule", Hex(start), Hex(end))
        })?;
        gate.granule_aligned(F::StartAlign, start)?;
        gate.granule_aligned(F::EndAlign, end)?;
        gate.pass::<F, _>(TrackingGetPlan { start, end })
    }
}

/// RmiMemCategory.
const CONVENTIONAL: u64 = 0;
const NO_MEMORY: u64 = 3;
/// RmiTrackingState.
const TRACKING_RESERVED: u64 = 0;
const TRACKING_NONE: u64 = 1;
const TRACKING_FINE: u64 = 2;

impl Plan for TrackingGetPlan {
    type Answer = Outputs;

    /// What is tracked is tracked finely, from RMI_RMM_ACTIVATE on. TF-RMM that was seen run does
    /// not look at whether it is active.
    fn apply(self, world: &mut World) -> Outputs {
        let (profile, Self { start, end }) = (world.profile(), self);
        let tracked = world.granules.find(start).is_some();
        let fine = tracked && (world.is_active() || !profile.names_absent_memory());
        let state = if fine { TRACKING_FINE } else { TRACKING_NONE };
        if profile.tracking_get_takes_all() {
            return [CONVENTIONAL, state, end, 0];
        }
        let top = same_until(world.platform(), start).min(end);
        if !tracked && profile.names_absent_memory() {
            return [NO_MEMORY, TRACKING_RESERVED, top, 0];
        }
        [CONVENTIONAL, state, top, 0]
    }
}

/// The first address behind `start` where memory ends, or begins; the end of the address space if
/// there is none.
fn same_until(platform: &Platform, start: u64) -> u64 {
    let mut at = start;
    while let Some(range) = platform.dram.iter().find(|dram| dram.range().contains(&at)) {
        at = range.range().end;
    }
    if at > start {
        return at;
    }
    let begins = platform.dram.iter().map(|dram| dram.base).filter(|base| *base > start);
    begins.min().unwrap_or(1 << platform.pa_bits)
}

pub(super) struct GptL1Create {
    pub(super) addr: u64,
}

failures! {
    /// RMI_GPT_L1_CREATE. TF-RMM makes no tables: EL3 has them all.
    GptL1CreateRows {
        Align "addr_align" Input All [] "`addr` is not a multiple of what a table covers";
        Gpt "gpt_state" Gpt All [] "EL3 makes the granule protection tables";
    }
}

pub(super) enum GptL1CreatePlan {}

/// What one level 1 table covers, in bytes (L0GPTSZ is 30 bits).
const GPT_L1_BYTES: u64 = 1 << 30;

impl Rmi for GptL1Create {
    type Rows = GptL1CreateRows;
    type Plan = GptL1CreatePlan;

    fn check(&self, _: &World, mut gate: Gate<'_>) -> Checked<GptL1CreatePlan> {
        use GptL1CreateRows as F;
        gate.ensure(F::Align, is_aligned(self.addr, GPT_L1_BYTES), || {
            format!("{} is not a multiple of {}", Hex(self.addr), Hex(GPT_L1_BYTES))
        })?;
        let table: Option<GptL1CreatePlan> = None;
        let plan = gate.some(F::Gpt, table, || "EL3 has made every table".into())?;
        gate.pass::<F, _>(plan)
    }
}

impl Plan for GptL1CreatePlan {
    type Answer = Outputs;

    fn apply(self, _: &mut World) -> Outputs {
        match self {}
    }
}
