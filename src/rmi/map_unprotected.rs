//! RMI_RTT_MAP_UNPROTECTED and RMI_RTT_UNMAP_UNPROTECTED.

use super::conditions::{short_walk, wrong_entry};
use super::gate::{Checked, Gate, NO_OUTPUTS, Outputs, Rows, failures};
use super::{Plan, Rmi};
use crate::abi::addr::{Hex, Ipa, Level, Pa, is_aligned};
use crate::model::realm::Realm;
use crate::model::rtt::{RttConfig, Rtte, Walk};
use crate::model::world::World;

pub(super) struct Map {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
    pub(super) desc: u64,
}

failures! {
    /// RMI_RTT_MAP_UNPROTECTED.
    MapRows {
        LevelBound "level_bound" Input All [] "nothing can be mapped at this level";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelStart "level_bound" Input All [] "the level is above the Realm's starting level";
        AttrValid "attr_valid" Input All [] "`desc` has bits that are not the Host's";
        AddrBound "addr_bound" Input All [] "the address in `desc` needs LPA2";
        AddrAlign "addr_align" Input All [] "the address in `desc` is not aligned to the level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Unprotected IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to the level";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the walk stops above the level";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the entry is not UNASSIGNED_NS";
    }
}

pub(super) struct MapPlan {
    walk: Walk,
    pa: Pa,
    attr: u8,
}

/// MemAttr\[2:0\] and S2AP\[1:0\] of a descriptor.
const ATTR_MASK: u64 = 0b111 << 2 | 0b11 << 6;
/// The field of MemAttr and the one value of it that is reserved.
const MEM_ATTR_MASK: u64 = 0b111 << 2;
const MEM_ATTR_RESERVED: u64 = 0b100 << 2;
/// ADDR\[47:12\]; with LPA2 also \[49:48\] in place and \[51:50\] at bits 9:8.
const ADDR_MASK: u64 = (1 << 48) - (1 << 12);
const ADDR_LPA2_MASK: u64 = 0b11 << 48 | 0b11 << 8;

/// The address in a descriptor.
fn address(desc: u64) -> Pa {
    Pa(desc & (ADDR_MASK | 0b11 << 48) | (desc >> 8 & 0b11) << 50)
}

/// The descriptor that RTT_READ_ENTRY shows for a mapping.
pub(super) fn descriptor(pa: Pa, attr: u8) -> u64 {
    pa.0 & (ADDR_MASK | 0b11 << 48) | (pa.0 >> 50 & 0b11) << 8 | u64::from(attr)
}

impl Rmi for Map {
    type Rows = MapRows;
    type Plan = MapPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<MapPlan> {
        use MapRows as F;
        let level = gate.level(F::LevelBound, self.level, Level::MIN_BLOCK.number())?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        let rtt = &rd.realm.rtt;
        gate.below_start(F::LevelStart, level, rtt)?;

        let desc = self.desc;
        let known = desc & !(ATTR_MASK | ADDR_MASK | ADDR_LPA2_MASK) == 0;
        let sound = known && desc & MEM_ATTR_MASK != MEM_ATTR_RESERVED;
        gate.ensure(F::AttrValid, sound, || {
            if known {
                format!("desc {} has the reserved MemAttr 0b100", Hex(desc))
            } else {
                format!("desc {} has bits outside ADDR, MemAttr and S2AP", Hex(desc))
            }
        })?;
        let pa = address(desc);
        gate.pa_fits(F::AddrBound, pa.0, rtt)?;
        let size_bytes = gate.granule_size().entry_bytes(level);
        gate.ensure(F::AddrAlign, is_aligned(pa.0, size_bytes), || {
            format!("the address {pa} in desc is not a multiple of {}", Hex(size_bytes))
        })?;
        let ipa = gate.ipa_unprotected(F::IpaBound, self.ipa, rtt)?;
        gate.ipa_aligned(F::IpaAlign, self.ipa, level)?;

        let walk = reachable_walk(world, rd.realm, ipa, level);
        let found = walk.level;
        gate.ensure_at(F::RttWalk, found == level, found.to_index(), || {
            short_walk(ipa, walk, level)
        })?;
        let entry = world.tables.entry(walk);
        gate.ensure_at(F::RtteState, entry == Rtte::UnassignedNs, found.to_index(), || {
            wrong_entry(ipa, walk, entry, "UNASSIGNED_NS")
        })?;
        let attr = u8::try_from(desc & ATTR_MASK).expect("bits 7:0");
        gate.pass::<F, _>(MapPlan { walk, pa, attr })
    }
}

/// A walk that also works where a survey goes on with a level above the starting level.
fn reachable_walk(world: &World, realm: &Realm, ipa: Ipa, level: Level) -> Walk {
    world.walk(realm, ipa, level.max(realm.rtt.start))
}

impl Gate<'_> {
    /// `level_bound`: the Realm has tables at this level.
    fn below_start<R: Rows>(&mut self, row: R, level: Level, rtt: &RttConfig) -> Checked<()> {
        self.ensure(row, level >= rtt.start, || {
            let start = rtt.start;
            format!("level {level} is above the starting level {start} (TF-RMM crashes here)")
        })
    }

    /// `ipa_bound`: in the Unprotected half of the Realm's IPA space.
    fn ipa_unprotected<R: Rows>(&mut self, row: R, ipa: u64, rtt: &RttConfig) -> Checked<Ipa> {
        let inside = ipa < rtt.ipa_top() && !rtt.is_protected(ipa);
        self.some(row, inside.then_some(Ipa(ipa)), || {
            let (base, top) = (Hex(rtt.protected_top()), Hex(rtt.ipa_top()));
            format!("{} is outside the Unprotected IPA space {base}..{top}", Hex(ipa))
        })
    }
}

impl Plan for MapPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.tables.set(self.walk, Rtte::AssignedNs { pa: self.pa, attr: self.attr });
        NO_OUTPUTS
    }
}

pub(super) struct Unmap {
    pub(super) rd: u64,
    pub(super) ipa: u64,
    pub(super) level: u64,
}

failures! {
    /// RMI_RTT_UNMAP_UNPROTECTED.
    UnmapRows {
        LevelBound "level_bound" Input All [] "nothing can be mapped at this level";
        RdAlign "rd_align" Input All [] "`rd` is not granule aligned";
        RdBound "rd_bound" Input All [] "`rd` is not delegable memory";
        RdState "rd_state" Input All [] "`rd` is not an RD granule";
        LevelStart "level_bound" Input All [] "the level is above the Realm's starting level";
        IpaBound "ipa_bound" Input All [] "`ipa` is outside the Unprotected IPA space";
        IpaAlign "ipa_align" Input All [] "`ipa` is not aligned to the level";
        RttWalk "rtt_walk" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the walk stops above the level";
        RtteState "rtte_state" Rtt All ["rd_bound", "rd_state", "level_bound", "ipa_bound"]
            "the entry is not ASSIGNED_NS";
    }
}

pub(super) struct UnmapPlan {
    walk: Walk,
    ipa: Ipa,
}

impl Rmi for Unmap {
    type Rows = UnmapRows;
    type Plan = UnmapPlan;

    fn check(&self, world: &World, mut gate: Gate<'_>) -> Checked<UnmapPlan> {
        use UnmapRows as F;
        let level = gate.level(F::LevelBound, self.level, Level::MIN_BLOCK.number())?;
        let rd = gate.rd([F::RdAlign, F::RdBound, F::RdState], world, self.rd)?;
        gate.below_start(F::LevelStart, level, &rd.realm.rtt)?;
        let ipa = gate.ipa_unprotected(F::IpaBound, self.ipa, &rd.realm.rtt)?;
        gate.ipa_aligned(F::IpaAlign, self.ipa, level)?;
        let walk = reachable_walk(world, rd.realm, ipa, level);
        let found = walk.level;
        let top = world.tables.skip_non_live(walk, ipa).0;
        gate.ensure_at(F::RttWalk, found == level, found.to_index(), || {
            short_walk(ipa, walk, level)
        })
        .map_err(|failure| failure.with_output(1, top))?;
        let entry = world.tables.entry(walk);
        let mapped = matches!(entry, Rtte::AssignedNs { .. });
        gate.ensure_at(F::RtteState, mapped, found.to_index(), || {
            wrong_entry(ipa, walk, entry, "ASSIGNED_NS")
        })
        .map_err(|failure| failure.with_output(1, top))?;
        gate.pass::<F, _>(UnmapPlan { walk, ipa })
    }
}

impl Plan for UnmapPlan {
    type Answer = Outputs;

    fn apply(self, world: &mut World) -> Outputs {
        world.tables.set(self.walk, Rtte::UnassignedNs);
        [world.tables.skip_non_live(self.walk, self.ipa).0, 0, 0, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_hold_52_bit_addresses() {
        for pa in [0x1000, 0xFFFF_FFFF_F000, 1 << 48, 3 << 50, (1 << 52) - 0x1000] {
            let desc = descriptor(Pa(pa), 0xC4);
            assert_eq!(address(desc), Pa(pa));
            assert_eq!(desc & ATTR_MASK, 0xC4);
            assert_eq!(desc >> 50, 0);
        }
    }
}
