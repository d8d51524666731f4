//! Conditions that many commands share, in the words of their failure rows.

use super::gate::{Checked, Gate, Rows};
use crate::abi::addr::{Hex, Ipa, Level, is_aligned};
use crate::model::granule::{Granule, GranuleState};
use crate::model::realm::{Realm, RealmState};
use crate::model::rtt::{RttConfig, Rtte, Walk};
use crate::model::world::World;

/// An RD granule and the Realm in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rd<'w> {
    pub(super) granule: Granule,
    pub(super) realm: &'w Realm,
}

impl Gate<'_> {
    /// `X_align`: the address is a granule's first byte.
    #[inline(always)]
    pub(super) fn granule_aligned<R: Rows>(&mut self, row: R, pa: u64) -> Checked<()> {
        let size = self.granule_size();
        self.ensure(row, is_aligned(pa, size.bytes()), move || {
            format!("{} is not a multiple of the granule size {:#x}", Hex(pa), size.bytes())
        })
    }

    /// `X_align`, `X_bound`: a granule of delegable memory.
    #[inline(always)]
    pub(super) fn granule<R: Rows>(
        &mut self,
        rows: [R; 2],
        world: &World,
        pa: u64,
    ) -> Checked<Granule> {
        let [align, bound] = rows;
        self.granule_aligned(align, pa)?;
        self.delegable(bound, world, pa)
    }

    /// `X_align`, `X_bound`, `X_state`: a granule of delegable memory in one state.
    #[inline(always)]
    pub(super) fn granule_in<R: Rows>(
        &mut self,
        rows: [R; 3],
        world: &World,
        pa: u64,
        wanted: GranuleState,
    ) -> Checked<Granule> {
        let [align, bound, state] = rows;
        let granule = self.granule([align, bound], world, pa)?;
        self.state(state, world, granule, wanted)
    }

    /// `X_bound`, `X_state`, of an address that another row has found aligned.
    #[inline(always)]
    pub(super) fn aligned_granule_in<R: Rows>(
        &mut self,
        rows: [R; 2],
        world: &World,
        pa: u64,
        wanted: GranuleState,
    ) -> Checked<Granule> {
        let [bound, state] = rows;
        let granule = self.delegable(bound, world, pa)?;
        self.state(state, world, granule, wanted)
    }

    #[inline(always)]
    fn delegable<R: Rows>(&mut self, row: R, world: &World, pa: u64) -> Checked<Granule> {
        self.some(row, world.granules.find(pa), move || {
            format!("{} is not in delegable memory, {}", Hex(pa), world.granules.ranges_text())
        })
    }

    #[inline(always)]
    fn state<R: Rows>(
        &mut self,
        row: R,
        world: &World,
        granule: Granule,
        wanted: GranuleState,
    ) -> Checked<Granule> {
        let is_wanted = world.granules.state(granule) == wanted;
        self.some(row, is_wanted.then_some(granule), move || {
            let (pa, found) = (world.granules.pa(granule), world.granules.state(granule));
            format!("granule {pa} is {found}; {wanted} is needed")
        })
    }

    /// `rd_align`, `rd_bound`, `rd_state`.
    #[inline(always)]
    pub(super) fn rd<'w, R: Rows>(
        &mut self,
        rows: [R; 3],
        world: &'w World,
        rd: u64,
    ) -> Checked<Rd<'w>> {
        let granule = self.granule_in(rows, world, rd, GranuleState::Rd)?;
        let realm = world.realms.get(&granule).expect("every RD granule has its Realm");
        Ok(Rd { granule, realm })
    }

    /// The granule is readable by the Host now.
    #[inline(always)]
    pub(super) fn host_readable<R: Rows>(
        &mut self,
        row: R,
        world: &World,
        granule: Granule,
    ) -> Checked<()> {
        self.ensure(row, world.permits_ns(granule), move || {
            let gpt = world.granules.gpt(granule).name();
            let pa = world.granules.pa(granule);
            format!("granule {pa} is in the {gpt} PAS; the Host's memory is Non-secure")
        })
    }

    /// `realm_state`: the Realm is NEW.
    #[inline(always)]
    pub(super) fn realm_is_new<R: Rows>(&mut self, row: R, realm: &Realm) -> Checked<()> {
        self.ensure(row, realm.state == RealmState::New, move || {
            format!("the Realm is {}; NEW is needed", realm.state.name())
        })
    }

    /// `level_bound`: a level from `lowest` to 3.
    pub(super) fn level<R: Rows>(&mut self, row: R, level: u64, lowest: i8) -> Checked<Level> {
        let known = Level::from_register(level).filter(|level| level.number() >= lowest);
        self.some(row, known, move || {
            format!("level {} is not one of {lowest} to 3", level.cast_signed())
        })
    }

    /// `ipa_align`: a multiple of what an entry at `level` covers.
    #[inline(always)]
    pub(super) fn ipa_aligned<R: Rows>(&mut self, row: R, ipa: u64, level: Level) -> Checked<()> {
        let size = self.granule_size();
        self.ensure(row, is_aligned(ipa, size.entry_bytes(level)), move || {
            let (ipa, size_bytes) = (Hex(ipa), Hex(size.entry_bytes(level)));
            format!("{ipa} is not a multiple of {size_bytes}, the entry size at level {level}")
        })
    }

    /// `ipa_bound`: in the Realm's IPA space.
    #[inline]
    pub(super) fn ipa_in_space<R: Rows>(
        &mut self,
        row: R,
        ipa: u64,
        rtt: &RttConfig,
    ) -> Checked<Ipa> {
        self.some(row, (ipa < rtt.ipa_top()).then_some(Ipa(ipa)), move || {
            let (top, width) = (Hex(rtt.ipa_top()), rtt.ipa_width);
            format!("{} is outside the IPA space of {top} ({width} bits)", Hex(ipa))
        })
    }

    /// `ipa_bound`: in the Protected half of the Realm's IPA space.
    #[inline(always)]
    pub(super) fn ipa_protected<R: Rows>(
        &mut self,
        row: R,
        ipa: u64,
        rtt: &RttConfig,
    ) -> Checked<Ipa> {
        self.some(row, rtt.is_protected(ipa).then_some(Ipa(ipa)), move || {
            let top = Hex(rtt.protected_top());
            format!("{} is outside the Protected IPA space of {top}", Hex(ipa))
        })
    }

    /// `X_bound2`: without LPA2 an address has 48 bits.
    #[inline(always)]
    pub(super) fn pa_fits<R: Rows>(&mut self, row: R, pa: u64, rtt: &RttConfig) -> Checked<()> {
        self.ensure(row, rtt.lpa2 || pa < 1 << 48, move || {
            format!("{} needs more than 48 bits, and the Realm has no LPA2", Hex(pa))
        })
    }
}

/// Says why a walk is too short; for `rtt_walk`.
pub(super) fn short_walk(ipa: Ipa, walk: Walk, needed: Level) -> String {
    format!("the walk for IPA {ipa} stops at level {}; level {needed} is needed", walk.level)
}

/// Says which entry was found; for `rtte_state`.
pub(super) fn wrong_entry(ipa: Ipa, walk: Walk, found: Rtte, wanted: &str) -> String {
    format!("the entry for IPA {ipa} at level {} is {found}; {wanted} is needed", walk.level)
}
