//! The flat model's Realms and RECs.

use super::*;

/// Reads a little-endian number.
fn number(page: &[u8; 4096], offset: usize, width: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..width].copy_from_slice(&page[offset..offset + width]);
    u64::from_le_bytes(bytes)
}

/// The widths that a starting level allows, and the bits that one table resolves.
fn widths(start: i64, lpa2: bool) -> Option<(u64, u64, u64)> {
    match start {
        3 => Some((13, 25, 21)),
        2 => Some((22, 34, 30)),
        1 => Some((31, 43, 39)),
        0 if lpa2 => Some((40, 52, 48)),
        0 => Some((40, 48, 48)),
        -1 if lpa2 => Some((49, 52, 52)),
        _ => None,
    }
}

impl Flat {
    pub(super) fn realm_create(&mut self, rd: u64, params: &[u8; 4096]) -> Checked<[u64; 4]> {
        let small = if self.spec { 1 } else { 4 };
        let flags = number(params, 0x000, 8);
        let [s2sz, sve_vl, bps, wps, pmu] =
            [0x08, 0x10, 0x18, 0x20, 0x28].map(|offset| number(params, offset, small));
        let hash = number(params, 0x30, 1);
        self.supported(flags, [s2sz, sve_vl, bps, wps, pmu], hash)?;

        let lpa2 = flags & 1 != 0;
        let start = number(params, 0x810, 8).cast_signed();
        let (low, high, table_bits) = widths(start, lpa2).ok_or(INPUT)?;
        let fits = (low..=high).contains(&s2sz) && (lpa2 || s2sz <= 48);
        check(fits && (start != 0 || self.platform.pa_bits >= 44), INPUT)?;
        let num_start = 1 << s2sz.saturating_sub(table_bits);
        check(number(params, 0x818, 4) == num_start, INPUT)?;
        let vmid = number(params, 0x800, 2);
        check(vmid >> self.platform.vmid_bits == 0, INPUT)?;
        check(self.realms.values().all(|realm| realm.vmid != vmid), INPUT)?;

        let base = number(params, 0x808, 8);
        check(!self.spec || base.is_multiple_of(num_start * 0x1000), INPUT)?;
        let roots: Vec<_> = (0..num_start).map(|i| base.wrapping_add(i * 0x1000)).collect();
        for granule in roots.iter().chain([&rd]) {
            self.find(*granule, Use::Delegated)?;
        }
        check(!roots.contains(&rd), INPUT)?;
        for root in &roots {
            self.put(*root, Use::Rtt)?;
        }
        let fields = [0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30];
        let values = [flags, s2sz, sve_vl, bps, wps, pmu, hash];
        let measured: Vec<_> = fields.into_iter().zip(values).collect();
        let mut view = View::default();
        view.cells.push(1 << (s2sz - 1), Cell::Unassigned(EMPTY));
        view.cells.push(1 << s2sz, Cell::Ns);
        let realm = FlatRealm {
            active: false,
            width: u32::try_from(s2sz).expect("at most 52"),
            start,
            lpa2,
            roots,
            vmid,
            next_index: 0,
            view,
            rim: NaiveRim::create(hash == 1, &measured),
        };
        self.realms.insert(rd, realm);
        self.put(rd, Use::Rd)
    }

    fn supported(&self, flags: u64, numbers: [u64; 5], hash: u64) -> Checked<()> {
        let [s2sz, sve_vl, bps, wps, pmu] = numbers;
        let has = &self.platform;
        let range = |value: u64, low: u32, high: u32| {
            check((u64::from(low)..=high.into()).contains(&value), INPUT)
        };
        check(flags & 1 == 0 || has.lpa2, INPUT)?;
        range(s2sz, 32, has.s2sz)?;
        range(bps, 1, has.num_bps - 1)?;
        range(wps, 1, has.num_wps - 1)?;
        if flags & 2 != 0 {
            range(sve_vl, 0, has.sve_vl.ok_or(INPUT)?)?;
        }
        if flags & 4 != 0 {
            range(pmu, u32::from(!has.feat_hpmn0), has.pmu_num_ctrs.unwrap_or(0))?;
        }
        check(hash == 0 && has.sha256 || hash == 1 && has.sha512, INPUT)
    }

    pub(super) fn realm_destroy(&mut self, rd: u64) -> Checked<[u64; 4]> {
        self.realm(rd)?;
        check(self.recs.values().all(|rec| rec.owner != rd), REALM)?;
        let realm = &self.realms[&rd];
        let root_size = size(realm.start) * 512;
        let mut roots = (0..realm.roots.len() as u64).map(|i| i * root_size);
        check(!roots.any(|base| realm.holds(realm.start, base)), REALM)?;
        let realm = self.realms.remove(&rd).expect("looked at above");
        for granule in realm.roots.into_iter().chain([rd]) {
            self.put(granule, Use::Delegated)?;
        }
        Ok([0; 4])
    }

    pub(super) fn rec_create(
        &mut self,
        rd: u64,
        rec: u64,
        params: &[u8; 4096],
    ) -> Checked<[u64; 4]> {
        let num_aux = number(params, 0x800, if self.spec { 8 } else { 4 });
        check(num_aux <= 16, INPUT)?;
        let aux: Vec<_> = (0..16).map(|i| number(params, 0x808 + 8 * i, 8)).collect();
        let aux = &aux[..usize::try_from(num_aux).expect("at most sixteen")];
        for granule in aux {
            self.find(*granule, Use::Delegated)?;
        }
        let distinct: BTreeSet<_> = aux.iter().chain([&rec]).collect();
        check(distinct.len() == aux.len() + 1, INPUT)?;
        self.find(rec, Use::Delegated)?;
        let count = self.recs.values().filter(|rec| rec.owner == rd).count() as u64;
        let most = (1 << self.platform.max_recs_order) - 1;
        let wanted_aux = u64::from(self.platform.rec_aux_count);
        let realm = self.realm(rd)?;
        check(count < most && !realm.active, REALM)?;
        let mpidr = number(params, 0x100, 8);
        let [low, aff1, aff2, aff3, ..] = mpidr.to_le_bytes().map(u64::from);
        let index = low + 16 * aff1 + 4096 * aff2 + 1_048_576 * aff3;
        check(mpidr >> 32 == 0 && low < 16 && index == realm.next_index, INPUT)?;
        check(num_aux == wanted_aux, INPUT)?;

        let flags = number(params, 0x000, 8);
        let runnable = flags & 1 == 1;
        realm.next_index += 1;
        if runnable {
            let gprs = std::array::from_fn(|i| number(params, 0x300 + 8 * i, 8));
            realm.rim.rec(flags, number(params, 0x200, 8), gprs);
        }
        for granule in aux {
            self.put(*granule, Use::RecAux)?;
        }
        self.recs.insert(rec, FlatRec { owner: rd, aux: aux.to_vec(), runnable });
        self.put(rec, Use::Rec)
    }

    pub(super) fn rec_enter(&mut self, rec: u64, run_ptr: u64) -> Checked<[u64; 4]> {
        let run = self.uses.get(&run_ptr);
        check(self.is_ram(run_ptr) && matches!(run, None | Some(Use::Foreign { .. })), INPUT)?;
        self.find(rec, Use::Rec)?;
        check(run != Some(&Use::Foreign { ns: false }), INPUT)?;
        let FlatRec { owner, runnable, .. } = self.recs[&rec];
        check(self.realms[&owner].active, REALM)?;
        check(runnable, REC)?;
        Ok([0; 4])
    }

    /// RECs of a Realm that exist.
    pub fn rec_count(&self, rd: u64) -> usize {
        self.recs.values().filter(|rec| rec.owner == rd).count()
    }
}
