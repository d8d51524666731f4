//! The flat model's translation tables.

use super::*;

/// Bits of a descriptor that the Host may set, and where the attributes are.
const ATTR: u64 = 0xDC;
const ADDR: u64 = 0x3_FFFF_FFFF_F300;

impl Flat {
    /// The checks that RTT_CREATE, RTT_DESTROY and RTT_FOLD share; the level.
    fn table_target(&mut self, rd: u64, ipa: u64, level: u64) -> Checked<i64> {
        let realm = self.realm(rd)?;
        let level = level.cast_signed();
        check((realm.start + 1..=3).contains(&level), INPUT)?;
        check(ipa < realm.ipa_top() && ipa.is_multiple_of(size(level - 1)), INPUT)?;
        Ok(level)
    }

    pub(super) fn rtt_create(
        &mut self,
        rd: u64,
        table: u64,
        ipa: u64,
        level: u64,
    ) -> Checked<[u64; 4]> {
        self.find(table, Use::Delegated)?;
        let level = self.table_target(rd, ipa, level)?;
        let realm = self.realm(rd)?;
        check(realm.lpa2 || table < 1 << 48, INPUT)?;
        let walk = realm.walk(ipa, level - 1);
        check(walk == level - 1 && realm.table(level, ipa).is_none(), rtt(walk))?;
        realm.view.tables.insert((level, ipa), table);
        self.put(table, Use::Rtt)
    }

    pub(super) fn rtt_destroy(&mut self, rd: u64, ipa: u64, level: u64) -> Checked<[u64; 4]> {
        let level = self.table_target(rd, ipa, level)?;
        let realm = self.realm(rd)?;
        let walk = realm.walk(ipa, level - 1);
        let found = if walk == level - 1 { realm.table(level, ipa) } else { None };
        let Some(granule) = found else {
            return Err(Fail(rtt(walk).0, [0, realm.top(walk, ipa), 0, 0]));
        };
        check(!realm.holds(level, ipa), Fail(rtt(level).0, [0, ipa, 0, 0]))?;
        let gone = if realm.protected(ipa) { Cell::Unassigned(DESTROYED) } else { Cell::Ns };
        // The last table of a root may reach past the IPA space.
        let end = (ipa + size(level - 1)).min(realm.ipa_top());
        realm.view.cells.set(ipa..end, gone);
        realm.view.tables.remove(&(level, ipa));
        let top = realm.top(level - 1, ipa);
        self.put(granule, Use::Delegated)?;
        Ok([granule, top, 0, 0])
    }

    pub(super) fn rtt_fold(&mut self, rd: u64, ipa: u64, level: u64) -> Checked<[u64; 4]> {
        let level = self.table_target(rd, ipa, level)?;
        let spec = self.spec;
        let realm = self.realm(rd)?;
        let walk = realm.walk(ipa, level - 1);
        let found = if walk == level - 1 { realm.table(level, ipa) } else { None };
        let granule = found.ok_or(rtt(walk))?;

        let covers = size(level - 1);
        let cells = realm.view.cells.within(ipa..ipa + covers);
        let tables = &realm.view.tables;
        let child = tables.range((level + 1, ipa)..(level + 1, ipa + covers)).next();
        let aligned = |delta: u64| ipa.wrapping_add(delta).is_multiple_of(covers);
        let (one, block) = match (&cells[..], child) {
            ([(_, Cell::Unassigned(_) | Cell::Ns)], None) => (true, false),
            ([(_, Cell::Assigned { delta, .. } | Cell::NsMapped { delta, .. })], None) => {
                (aligned(*delta), true)
            }
            _ => (false, false),
        };
        // TF-RMM names the parent's level for a level 1 table that is full, whatever it is full of.
        let full = child.is_none() && cells.iter().all(|(_, c)| matches!(c, Cell::Assigned { .. }));
        let named = if !spec && level <= 1 && (full || one && block) { level - 1 } else { level };
        check(one && (!block || level >= 2), rtt(named))?;
        realm.view.tables.remove(&(level, ipa));
        self.put(granule, Use::Delegated)?;
        Ok([granule, 0, 0, 0])
    }

    pub(super) fn read_entry(&mut self, rd: u64, ipa: u64, level: u64) -> Checked<[u64; 4]> {
        let spec = self.spec;
        let realm = self.realm(rd)?;
        let level = level.cast_signed();
        check((realm.start..=3).contains(&level), INPUT)?;
        check(ipa < realm.ipa_top() && ipa.is_multiple_of(size(level)), INPUT)?;
        let walk = realm.walk(ipa, level);
        // The walk may end at a block that covers more than the level asked for.
        let base = align(ipa, size(walk));
        let (state, desc, ripas) = match (realm.table(walk + 1, ipa), realm.view.cells.at(base)) {
            (Some(table), _) if walk < 3 => (2, table, 0),
            (_, Cell::Unassigned(ripas)) => (0, 0, ripas),
            (_, Cell::Ns) => (0, 0, EMPTY),
            (_, Cell::Assigned { ripas: DESTROYED, .. }) if !spec => (1, 0, DESTROYED),
            (_, Cell::Assigned { delta, ripas }) => (1, base.wrapping_add(delta), ripas),
            (_, Cell::NsMapped { delta, attr }) => {
                let pa = base.wrapping_add(delta);
                (1, pa & !(0xF << 50) | (pa >> 50) << 8 | u64::from(attr), EMPTY)
            }
        };
        Ok([walk.cast_unsigned(), state, desc, ripas.into()])
    }

    /// The checks that RTT_MAP_UNPROTECTED and RTT_UNMAP_UNPROTECTED share after `rd`.
    fn ns_target(realm: &FlatRealm, ipa: u64, level: i64) -> Checked<()> {
        check(level >= realm.start, INPUT)?;
        check(ipa < realm.ipa_top() && !realm.protected(ipa), INPUT)?;
        check(ipa.is_multiple_of(size(level)), INPUT)
    }

    pub(super) fn map(&mut self, rd: u64, ipa: u64, level: u64, desc: u64) -> Checked<[u64; 4]> {
        let level = level.cast_signed();
        check((1..=3).contains(&level), INPUT)?;
        let realm = self.realm(rd)?;
        check(desc & !(ATTR | ADDR) == 0 && desc & 0x1C != 0x10, INPUT)?;
        let pa = desc & 0x3_FFFF_FFFF_F000 | (desc >> 8 & 3) << 50;
        check(pa.is_multiple_of(size(level)) && (realm.lpa2 || pa < 1 << 48), INPUT)?;
        Self::ns_target(realm, ipa, level)?;
        let walk = realm.walk(ipa, level);
        let free = realm.view.cells.at(ipa) == Cell::Ns;
        let table = level < 3 && realm.table(level + 1, ipa).is_some();
        check(walk == level && free && !table, rtt(walk))?;
        let attr = u8::try_from(desc & ATTR).expect("eight bits");
        let cell = Cell::NsMapped { delta: pa.wrapping_sub(ipa), attr };
        realm.view.cells.set(ipa..ipa + size(level), cell);
        Ok([0; 4])
    }

    pub(super) fn unmap(&mut self, rd: u64, ipa: u64, level: u64) -> Checked<[u64; 4]> {
        let level = level.cast_signed();
        check((1..=3).contains(&level), INPUT)?;
        let realm = self.realm(rd)?;
        Self::ns_target(realm, ipa, level)?;
        let walk = realm.walk(ipa, level);
        let mapped = matches!(realm.view.cells.at(ipa), Cell::NsMapped { .. });
        let table = level < 3 && realm.table(level + 1, ipa).is_some();
        if walk != level || !mapped || table {
            return Err(Fail(rtt(walk).0, [realm.top(walk, ipa), 0, 0, 0]));
        }
        realm.view.cells.set(ipa..ipa + size(level), Cell::Ns);
        Ok([realm.top(level, ipa), 0, 0, 0])
    }

    pub(super) fn init_ripas(&mut self, rd: u64, base: u64, top: u64) -> Checked<[u64; 4]> {
        check(top > base, INPUT)?;
        let spec = self.spec;
        let realm = self.realm(rd)?;
        check(spec || base.is_multiple_of(0x1000), INPUT)?;
        check(top.is_multiple_of(0x1000) && realm.protected(top - 1), INPUT)?;
        check(!realm.active, REALM)?;
        let level = realm.walk(base, 3);
        let step = size(level);
        check(base.is_multiple_of(step), rtt(level))?;
        let fits = |ipa: u64| {
            let table = level < 3 && realm.table(level + 1, ipa).is_some();
            let end = ipa.checked_add(step).is_some_and(|end| end <= top);
            let cell = realm.view.cells.at(ipa);
            let first =
                matches!(cell, Cell::Unassigned(_)) && (spec || cell.ripas() != Some(DESTROYED));
            end && !table && (first || spec && ipa != base)
        };
        let table_end = align(base, step * 512) + step * 512;
        let steps = (0..512).map(|i| base + i * step).take_while(|ipa| *ipa < table_end);
        let entries: Vec<_> = steps.take_while(|ipa| fits(*ipa)).collect();
        let out_top = base + entries.len() as u64 * step;
        check(out_top > base, rtt(level))?;
        for ipa in entries {
            realm.rim.ripas(ipa, ipa + step);
        }
        for (range, cell) in realm.view.cells.within(base..out_top) {
            realm.view.cells.set(range, cell.with_ripas(RAM));
        }
        Ok([out_top, 0, 0, 0])
    }

    pub(super) fn data_create(
        &mut self,
        rd: u64,
        data: u64,
        ipa: u64,
        src: u64,
        flags: u64,
        host: Host<'_>,
    ) -> Checked<[u64; 4]> {
        check(flags <= 1 || self.spec, INPUT)?;
        let foreign = matches!(self.uses.get(&src), None | Some(Use::Foreign { .. }));
        check(self.is_ram(src) && foreign, INPUT)?;
        self.find(data, Use::Delegated)?;
        check(!self.realm(rd)?.active, REALM)?;
        self.page_free(rd, data, ipa)?;
        let content = host(src).ok_or(INPUT)?;
        self.assign(rd, data, ipa, Some(RAM));
        self.realm(rd)?.rim.data(ipa, flags, &content);
        Ok([0; 4])
    }

    pub(super) fn data_create_unknown(
        &mut self,
        rd: u64,
        data: u64,
        ipa: u64,
    ) -> Checked<[u64; 4]> {
        self.find(data, Use::Delegated)?;
        self.page_free(rd, data, ipa)?;
        self.assign(rd, data, ipa, None);
        Ok([0; 4])
    }

    /// The checks of a new page of Realm memory, from `rd` on.
    fn page_free(&mut self, rd: u64, data: u64, ipa: u64) -> Checked<()> {
        let realm = self.realm(rd)?;
        check(realm.protected(ipa) && ipa.is_multiple_of(0x1000), INPUT)?;
        check(realm.lpa2 || data < 1 << 48, INPUT)?;
        let walk = realm.walk(ipa, 3);
        let free = matches!(realm.view.cells.at(ipa), Cell::Unassigned(_));
        check(walk == 3 && free, rtt(walk))
    }

    /// Puts a page at `ipa`, with another RIPAS or the one that is there.
    fn assign(&mut self, rd: u64, data: u64, ipa: u64, ripas: Option<u8>) {
        self.uses.insert(data, Use::Data);
        let cells = &mut self.realms.get_mut(&rd).expect("the checks found it").view.cells;
        let ripas = ripas.or(cells.at(ipa).ripas()).expect("it is Protected");
        let cell = Cell::Assigned { delta: data.wrapping_sub(ipa), ripas };
        cells.set(ipa..ipa + 0x1000, cell);
    }

    pub(super) fn data_destroy(&mut self, rd: u64, ipa: u64) -> Checked<[u64; 4]> {
        let realm = self.realm(rd)?;
        check(realm.protected(ipa) && ipa.is_multiple_of(0x1000), INPUT)?;
        let walk = realm.walk(ipa, 3);
        let (Cell::Assigned { delta, ripas }, 3) = (realm.view.cells.at(ipa), walk) else {
            return Err(Fail(rtt(walk).0, [0, realm.top(walk, ipa), 0, 0]));
        };
        let ripas = if ripas == RAM { DESTROYED } else { ripas };
        realm.view.cells.set(ipa..ipa + 0x1000, Cell::Unassigned(ripas));
        let top = realm.top(3, ipa);
        let data = ipa.wrapping_add(delta);
        self.put(data, Use::Delegated)?;
        Ok([data, top, 0, 0])
    }
}
