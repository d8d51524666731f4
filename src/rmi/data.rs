//! RMI_DATA_CREATE, which 2.0 calls RMI_RTT_DATA_MAP_INIT, and RMI_DATA_CREATE_UNKNOWN and
//! RMI_DATA_DESTROY of 1.0.

use super::conditions::{Rd, short_walk, wrong_entry};
use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, Rows, failures};
use super::realm::realm_mut;
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, Ipa, Level, Pa};
use crate::abi::params::DATA_MEASURE;
use crate::measure::contents::Contents;
use crate::measure::event::DataEvent;
use crate::model::granule::{Granule, GranuleState};
use crate::model::rtt::{Ripas, Rtte, Walk};
use crate::model::world::World;

pub(super) struct MapInit {
    pub(super) rd: u64,
    pub(super) data: u64,
    pub(super) ipa: u64,
    pub(super) src: u64,
    pub(super) flags: u64,
}

failures! {
    /// RMI_DATA_CREATE and RMI_RTT_DATA_MAP_INIT.
    ///
    /// TF-RMM looks at `src` twice: whose it is at the beginning, whether it can be read at the
    /// end. 2.0 looks at `data` only after the walk.
    MapInitRows {
        Flags "flags" Input TfRmm [] "`flags` has bits that TF-RMM does not know";
        DataIsRd "alias" Input V2 [] "`data` is `rd`";
        SrcAlign "src_align" Input All [] "`src` is not granule aligned";
        SrcBound "src_bound" Input All [] "`src` is not delegable memory";
        SrcState "src_pas" Input All [] "`src` is delegated";
        DataAlign "data_align" Input V1 [] "`data` is not granule aligned";
        DataBound "data_bound" Input V1 [] "`data` is not delegable memory";
        DataState "data_state" Input V1 [] "`data` is not DELEGATED";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        RealmState "realm_state" Realm All ["rd_bound", "rd_state"] "the Realm is not NEW";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Protected IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not granule aligned";
        DataBound2 "data_bound2" Input All [] "`data` needs LPA2";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "ipa_bound"]
            "the walk stops above level 3";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "ipa_bound"]
            "the entry is not UNASSIGNED";
        Pending "rtte_pending" Busy V2 [] "a stateful operation has yet to finish with the entry";
        LateDataAlign "data_align" Input V2 [] "`data` is not granule aligned";
        LateDataBound "data_bound" Input V2 [] "`data` is not delegable memory";
        LateDataState "data_state" Input V2 [] "`data` is not DELEGATED";
        SrcRead "src_pas" Input All [] "`src` is not in the Non-secure PAS";
    }
}

pub(super) struct MapInitPlan {
    rd: Granule,
    data: Granule,
    pa: Pa,
    ipa: Ipa,
    walk: Walk,
    content: Contents,
    flags: u64,
}

impl Rmi for MapInit {
    type Rows = MapInitRows;
    type Plan = MapInitPlan;

    #[inline(always)]
    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MapInitPlan> {
        use MapInitRows as F;
        let Self { rd, data, ipa, src, flags } = *self;
        gate.ensure(F::Flags, flags <= DATA_MEASURE, move || {
            format!("flags is {}; only bit 0 (measure) may be set", Hex(flags))
        })?;
        gate.ensure(F::DataIsRd, data != rd, move || format!("both are {}", Hex(rd)))?;
        let rows = [F::SrcAlign, F::SrcBound, F::SrcState];
        let src = gate.granule_in(rows, world, src, GranuleState::Undelegated)?;
        let first = if gate.profile().checks_data_first() {
            let rows = [F::DataAlign, F::DataBound, F::DataState];
            Some(gate.granule_in(rows, world, data, GranuleState::Delegated)?)
        } else {
            None
        };
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, rd)?;
        gate.realm_is_new(F::RealmState, rd.realm)?;
        let ipa = gate.data_ipa([F::IpaBound, F::IpaAlign], rd, ipa)?;
        gate.pa_fits(F::DataBound2, data, &rd.realm.rtt)?;
        let (walk, entry) = gate.unassigned_page([F::RttWalk, F::RtteState], world, rd, ipa)?;
        gate.ensure(F::Pending, !entry.is_pending(), move || {
            format!("the entry for IPA {ipa} waits for a stateful operation")
        })?;
        let pa = Pa(data);
        let data = if let Some(data) = first {
            data
        } else {
            let rows = [F::LateDataAlign, F::LateDataBound, F::LateDataState];
            gate.granule_in(rows, world, data, GranuleState::Delegated)?
        };
        gate.host_readable(F::SrcRead, world, src)?;
        let content = world.memory.contents(src);
        gate.pass::<F, _>(MapInitPlan { rd: rd.granule, data, pa, ipa, walk, content, flags })
    }
}

impl Gate<'_> {
    /// `ipa_bound`, `ipa_align` of one granule of Protected memory.
    #[inline(always)]
    fn data_ipa<R: Rows>(&mut self, rows: [R; 2], rd: Rd<'_>, ipa: u64) -> Checked<Ipa> {
        let [bound, align] = rows;
        let protected = self.ipa_protected(bound, ipa, &rd.realm.rtt)?;
        self.ipa_aligned(align, ipa, Level::PAGE)?;
        Ok(protected)
    }

    /// `rtt_walk`, `rtte_state`: the level 3 entry for `ipa` is UNASSIGNED.
    #[inline(always)]
    fn unassigned_page<R: Rows>(
        &mut self,
        rows: [R; 2],
        world: &World,
        rd: Rd<'_>,
        ipa: Ipa,
    ) -> Checked<(Walk, Rtte)> {
        let [rtt_walk, rtte_state] = rows;
        let walk = world.walk(rd.realm, ipa, Level::PAGE);
        let level = walk.level;
        self.ensure_at(rtt_walk, level == Level::PAGE, level.to_index(), move || {
            short_walk(ipa, walk, Level::PAGE)
        })?;
        let entry = world.tables.entry(walk);
        let free = matches!(entry.settled(), Rtte::Unassigned(_));
        self.ensure_at(rtte_state, free, level.to_index(), move || {
            wrong_entry(ipa, walk, entry, "UNASSIGNED")
        })?;
        Ok((walk, entry))
    }
}

impl Plan for MapInitPlan {
    type Answer = Outputs;

    #[inline(always)]
    fn apply(self, world: &mut World) -> Outputs {
        let Self { rd, data, pa, ipa, walk, content, flags } = self;
        world.claim(data, GranuleState::Data);
        world.memory.set_contents(data, &content);
        world.tables.set(walk, Rtte::Assigned { pa, ripas: Ripas::Ram });
        realm_mut(world, rd).log.push_row(&DataEvent { ipa, flags, content }, 1);
        NO_OUTPUTS
    }
}

pub(super) struct CreateUnknown {
    pub(super) rd: u64,
    pub(super) data: u64,
    pub(super) ipa: u64,
}

failures! {
    /// RMI_DATA_CREATE_UNKNOWN.
    CreateUnknownRows {
        DataAlign "data_align" Input All [] "`data` is not granule aligned";
        DataBound "data_bound" Input All [] "`data` is not delegable memory";
        DataState "data_state" Input All [] "`data` is not DELEGATED";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Protected IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not granule aligned";
        DataBound2 "data_bound2" Input All [] "`data` needs LPA2";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "ipa_bound"]
            "the walk stops above level 3";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "ipa_bound"]
            "the entry is not UNASSIGNED";
    }
}

pub(super) struct CreateUnknownPlan {
    data: Granule,
    walk: Walk,
}

impl Rmi for CreateUnknown {
    type Rows = CreateUnknownRows;
    type Plan = CreateUnknownPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<CreateUnknownPlan> {
        use CreateUnknownRows as F;
        let rows = [F::DataAlign, F::DataBound, F::DataState];
        let data = gate.granule_in(rows, world, self.data, GranuleState::Delegated)?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let ipa = gate.data_ipa([F::IpaBound, F::IpaAlign], rd, self.ipa)?;
        gate.pa_fits(F::DataBound2, self.data, &rd.realm.rtt)?;
        let (walk, _) = gate.unassigned_page([F::RttWalk, F::RtteState], world, rd, ipa)?;
        gate.pass::<F, _>(CreateUnknownPlan { data, walk })
    }
}

impl Plan for CreateUnknownPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { data, walk } = self;
        world.claim(data, GranuleState::Data);
        let pa = world.granules.pa(data);
        let ripas = world.tables.entry(walk).ripas().expect("the check found UNASSIGNED");
        world.tables.set(walk, Rtte::Assigned { pa, ripas });
        NO_OUTPUTS
    }
}

pub(super) struct Destroy {
    pub(super) rd: u64,
    pub(super) ipa: u64,
}

failures! {
    /// RMI_DATA_DESTROY.
    DestroyRows {
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Protected IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not granule aligned";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "ipa_bound"]
            "the walk stops above level 3";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "ipa_bound"]
            "the entry is not ASSIGNED";
    }
}

pub(super) struct DestroyPlan {
    data: Granule,
    ipa: Ipa,
    walk: Walk,
    ripas: Ripas,
}

impl Rmi for Destroy {
    type Rows = DestroyRows;
    type Plan = DestroyPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<DestroyPlan> {
        use DestroyRows as F;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let ipa = gate.data_ipa([F::IpaBound, F::IpaAlign], rd, self.ipa)?;
        let walk = world.walk(rd.realm, ipa, Level::PAGE);
        let level = walk.level;
        let top = world.tables.skip_non_live(walk, ipa).0;
        gate.ensure_at(F::RttWalk, level == Level::PAGE, level.to_index(), || {
            short_walk(ipa, walk, Level::PAGE)
        })
        .map_err(|failure| failure.with_output(2, top))?;
        let entry = world.tables.entry(walk);
        let assigned = match entry {
            Rtte::Assigned { pa, ripas } => world.granules.find(pa.0).map(|data| (data, ripas)),
            _ => None,
        };
        let (data, before) = gate
            .some_at(F::RtteState, assigned, level.to_index(), || {
                wrong_entry(ipa, walk, entry, "ASSIGNED")
            })
            .map_err(|failure| failure.with_output(2, top))?;
        let ripas = if before == Ripas::Ram { Ripas::Destroyed } else { before };
        gate.pass::<F, _>(DestroyPlan { data, ipa, walk, ripas })
    }
}

impl Plan for DestroyPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        let Self { data, ipa, walk, ripas } = self;
        world.tables.set(walk, Rtte::Unassigned(ripas));
        world.release(data);
        let top = world.tables.skip_non_live(walk, ipa);
        [world.granules.pa(data).0, top.0, 0, 0]
    }
}
