//! RMI_RTT_DEV_MAP and RMI_RTT_DEV_VALIDATE (2.0): memory of devices (TF-RMM
//! `runtime/rmi/rtt_map.c`, `rtt.c`). No machine has a device, so nothing can be mapped and no REC
//! has anything to validate; RMI_RTT_DEV_UNMAP stands with the other commands that unmap.

use super::gate::{Checked, Gate, Outputs, failures};
use super::range_blocks::{MapRows, Request};
use super::{Plan, Rmi};
use crate::abi::addr::Hex;
use crate::model::granule::GranuleState;
use crate::model::world::World;

pub(super) struct Map {
    pub(super) rd: u64,
    pub(super) vdev: u64,
    pub(super) request: Request,
}

failures! {
    /// RMI_RTT_DEV_MAP.
    Rows {
        Context "sro_context" Blocked All [] "there are as many operations as there can be";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RealmState "realm_state" Realm All [] "the Realm is neither NEW nor ACTIVE";
        SizeValid "size_valid" Input All [] "`top` is not above `base`";
        AddrType "addr_type" Input All [] "`flags` says neither single nor list";
        ListAlign "list_align" Input All [] "the list is not aligned to 8 bytes";
        ListEmpty "list_count" Input All [] "the list has no ranges";
        ListBound "list_bound" Input All [] "the list is not in delegable memory";
        ListState "list_pas" Input All [] "the list is in delegated memory";
        ListRead "list_pas" Input All [] "the list is not in Non-secure memory";
        RangeState "range_state" Input All [] "the first range says that it is not delegated";
        LevelBound "level_bound" Input All [] "nothing can be mapped at this level";
        BaseAlign "base_align" Input All [] "`base` is not aligned to a block";
        BaseBound "base_bound" Input All [] "`base` is outside the Realm's IPA space";
        TopAlign "top_align" Input All [] "`top` is not granule aligned";
        TopBound "top_bound" Input All [] "`top` is outside the Realm's IPA space";
        Protected "ipa_bound" Input All [] "the range leaves the Protected IPA space";
        TooSmall "range_size" Rtt All [] "the range is smaller than a block";
        VdevState "vdev_state" Input All [] "`vdev` is not a device of the Realm";
    }
}

const MAP_ROWS: MapRows<Rows> = MapRows {
    realm_state: Rows::RealmState,
    size_valid: Rows::SizeValid,
    addr_type: Rows::AddrType,
    list_align: Rows::ListAlign,
    list_empty: Rows::ListEmpty,
    list: [Rows::ListBound, Rows::ListState, Rows::ListRead],
    range_state: Rows::RangeState,
    level_bound: Rows::LevelBound,
    base_align: Rows::BaseAlign,
    base_bound: Rows::BaseBound,
    top_align: Rows::TopAlign,
    top_bound: Rows::TopBound,
    half: Rows::Protected,
    too_small: Rows::TooSmall,
};

pub(super) enum NoPlan {}

impl Rmi for Map {
    type Rows = Rows;
    type Plan = NoPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<NoPlan> {
        use Rows as F;
        gate.context(F::Context, world)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.blocks(&MAP_ROWS, world, rd, self.request, true)?;
        let none: Option<NoPlan> = None;
        let plan = gate.some(F::VdevState, none, || {
            format!("vdev {} is no device: the machine has none", Hex(self.vdev))
        })?;
        gate.pass::<F, _>(plan)
    }
}

impl Plan for NoPlan {
    type Answer = Outputs;

    fn apply(self, _: &mut World) -> Outputs {
        match self {}
    }
}

pub(super) struct Validate {
    pub(super) rd: u64,
    pub(super) rec: u64,
    pub(super) base: u64,
    pub(super) top: u64,
}

failures! {
    /// RMI_RTT_DEV_VALIDATE.
    ValidateRows {
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
        TopBound "top_bound" Input All [] "the REC has not asked for a device's memory";
    }
}

impl Rmi for Validate {
    type Rows = ValidateRows;
    type Plan = NoPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<NoPlan> {
        use ValidateRows as F;
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
        let none: Option<NoPlan> = None;
        let plan = gate.some(F::TopBound, none, || "the REC has asked for nothing".into())?;
        gate.pass::<F, _>(plan)
    }
}
