//! Random sequences: eight bytes are a step, and every byte string is a sequence.
//!
//! A step chooses its arguments from small pools, so that steps meet each other's granules and
//! addresses. Most bytes choose what the command can take in the world as it is, the rest anything.

use rimsim::abi::command::CallRegs;
use rimsim::model::granule::{Gpt, GranuleState};
use rimsim::model::realm::Realm;
use rimsim::model::rtt::Rtte;
use rimsim::{Command, Data, Edition, Ipa, Pa, Rd, World};

use crate::small_machine::{
    BLOCK, Fields, GRANULE, HIGH_RAM, RAM, RAM_TOP, REALM_FIELDS, REC_FIELDS, page, realm_values,
};

/// One step, as it comes from a generator or a fuzzer.
pub type Record = [u8; 8];

/// What a step does to the world.
pub enum Action {
    Call(CallRegs),
    /// The Host writes a page of parameters or contents.
    Page(u64, Box<[u8; 4096]>),
    /// EL3 gives a granule to another world.
    Gpt(u64, Gpt),
}

/// Granules that commands are given, beside the block.
const POOL: u64 = 64;

/// IPA width, starting level, root tables, LPA2.
const GEOMETRIES: [(u64, i64, u64, u64); 10] = [
    (33, 1, 1, 0),
    (32, 2, 4, 0),
    (40, 1, 2, 0),
    (40, 0, 1, 0),
    (48, 0, 1, 0),
    (34, 2, 16, 0),
    (49, -1, 1, 1),
    (52, -1, 1, 1),
    (50, 0, 4, 1),
    (33, 0, 1, 0),
];

/// The action that an edition has for one of RMM 1.0. What it has not stays as it is.
pub fn in_edition(action: Action, edition: Edition) -> Action {
    let Action::Call(regs) = action else { return action };
    let (Edition::V2, Some(command)) = (edition, Command::decode(&regs, Edition::V1)) else {
        return Action::Call(regs);
    };
    // One page or block of this level; a level that there is not is as good as any.
    let size = |level: u64| 1_u64 << (12 + 9 * (3 - level.min(3)));
    call(match command {
        Command::GranuleDelegate { addr } => Command::delegate(edition, Pa(addr)),
        Command::GranuleUndelegate { addr } => Command::undelegate(edition, Pa(addr)),
        Command::DataCreateUnknown { rd, data, ipa } => {
            Command::map_unknown(edition, Rd(Pa(rd)), Data(Pa(data)), Ipa(ipa))
        }
        Command::DataDestroy { rd, ipa } => {
            let top = ipa.wrapping_add(GRANULE);
            Command::RttDataUnmap { rd, base: ipa, top, flags: 1, oaddr: 0 }
        }
        Command::RttMapUnprotected { rd, ipa, level, desc } => {
            let top = ipa.wrapping_add(size(level));
            let oaddr = (desc & !0xFFF) | 1 << 2 | (3 - level.min(3));
            let flags = 1 | (desc >> 2 & 7) << 16 | (desc >> 6 & 3) << 19;
            Command::RttUnprotMap { rd, base: ipa, top, flags, oaddr }
        }
        Command::RttUnmapUnprotected { rd, ipa, level } => {
            let top = ipa.wrapping_add(size(level));
            Command::RttUnprotUnmap { rd, base: ipa, top, flags: 0, oaddr: 0 }
        }
        other => return Action::Call(other.encode()),
    })
}

/// Splits bytes into steps; what is left over is dropped.
pub fn records(bytes: &[u8]) -> Vec<Record> {
    bytes.as_chunks().0.to_vec()
}

/// The actions of a step in this world.
pub fn actions(record: &Record, world: &World) -> Vec<Action> {
    let [kind, a, b, c, d, ..] = *record;
    let pick = Pick { world, record };
    let (rd, realm) = pick.realm(a);
    match kind % 64 {
        0..=4 => {
            vec![call(Command::GranuleDelegate { addr: pick.pa(a, GranuleState::Undelegated) })]
        }
        5 | 6 => {
            vec![call(Command::GranuleUndelegate { addr: pick.pa(a, GranuleState::Delegated) })]
        }
        7..=11 => pick.realm_create(),
        12..=14 => pick.rec_create(rd, realm),
        15 if a % 4 == 0 => vec![call(Command::RealmActivate { rd })],
        15 | 16 => vec![call(Command::RealmDestroy { rd })],
        17 => vec![call(Command::RecDestroy { rec: pick.pa(b, GranuleState::Rec) })],
        18 => {
            let run_ptr = pick.pa(b, GranuleState::Undelegated);
            vec![call(Command::RecEnter { rec: pick.pa(a, GranuleState::Rec), run_ptr })]
        }
        19 => {
            let [calling_rec, target_rec] = [b, c].map(|byte| pick.pa(byte, GranuleState::Rec));
            vec![call(Command::PsciComplete { calling_rec, target_rec, status: d.into() })]
        }
        20..=61 => pick.translation(kind % 64, rd, realm),
        _ => pick.rest(rd),
    }
}

fn call(command: Command) -> Action {
    Action::Call(command.encode())
}

/// Bytes that an entry covers; for numbers that are no level, those of the nearest that is.
fn entry_size(level: u64) -> u64 {
    1 << (12 + 9 * (3 - level.cast_signed()).clamp(0, 4))
}

/// Chooses arguments for a record.
struct Pick<'w> {
    world: &'w World,
    record: &'w Record,
}

impl Pick<'_> {
    fn state(&self, pa: u64) -> Option<GranuleState> {
        let granules = self.world.granules();
        granules.find(pa).map(|granule| granules.state(granule))
    }

    /// The granules of the pool in this state.
    fn in_state(&self, wanted: GranuleState) -> Vec<u64> {
        let pool = (0..POOL).map(|i| RAM + i * GRANULE).chain([HIGH_RAM, HIGH_RAM + GRANULE]);
        pool.filter(|pa| self.state(*pa) == Some(wanted)).collect()
    }

    /// Mostly a granule in the state that the command needs.
    fn pa(&self, byte: u8, wanted: GranuleState) -> u64 {
        let fitting = self.in_state(wanted);
        if byte < 0xE8 && !fitting.is_empty() {
            return fitting[usize::from(byte) % fitting.len()];
        }
        match byte % 8 {
            0 => RAM + u64::from(byte) * 0x101,
            1 => GRANULE,
            2 => u64::MAX - 0xFFF,
            3 => RAM_TOP,
            4 => HIGH_RAM,
            _ => RAM + u64::from(byte) % POOL * GRANULE,
        }
    }

    fn realm(&self, byte: u8) -> (u64, Option<&Realm>) {
        let rds: Vec<_> = self.world.realms().collect();
        match rds.len() {
            0 => (self.pa(byte, GranuleState::Delegated), None),
            _ if byte >= 0xF0 => (self.pa(byte, GranuleState::Rec), None),
            count => {
                let (rd, realm) = rds[usize::from(byte) % count];
                (rd.0, Some(realm))
            }
        }
    }

    /// An IPA near an edge of the Realm's IPA space, or of a table.
    fn ipa(&self, base: u8, offset: u8, realm: Option<&Realm>) -> u64 {
        let top = realm.map_or(1 << 33, |realm| realm.rtt().ipa_top());
        let half = top / 2;
        let bases =
            [0, 0, 0, half, half, 0x4000_0000, half - 0x20_0000, top - 0x20_0000, 1 << 39, top];
        let offsets = [0, 0x1000, 0x2000, 0x1F_F000, 0x20_0000, 0x20_1000, 0x40_0000, 0x123];
        let (base, offset) = (usize::from(base), usize::from(offset));
        bases[base % bases.len()].wrapping_add(offsets[offset % offsets.len()])
    }

    /// The level where a walk to level 3 ends; 2 if there is nothing to walk.
    fn walk(&self, ipa: u64, realm: Option<&Realm>) -> u64 {
        let Some(realm) = realm.filter(|realm| ipa < realm.rtt().ipa_top()) else { return 2 };
        let mut level = realm.rtt().start;
        let size = realm.rtt().granule;
        let table_bytes = size.entry_bytes(level) * size.rtt_entries() as u64;
        let root = usize::try_from(ipa / table_bytes).expect("sixteen at most");
        let mut table = realm.roots()[root];
        loop {
            let entries = self.world.tables().get(table).entries();
            match entries[size.entry_index(level, rimsim::abi::addr::Ipa(ipa))] {
                Rtte::Table(child) => table = child,
                _ => return level.to_register(),
            }
            level = level.child().expect("level 3 has no tables");
        }
    }

    fn translation(&self, kind: u8, rd: u64, realm: Option<&Realm>) -> Vec<Action> {
        let [_, _, base, offset, c, d, e, f] = *self.record;
        let anywhere = self.ipa(base, offset, realm);
        // Commands of one half of the IPA space mostly get an address there.
        let half = realm.map_or(1 << 32, |realm| realm.rtt().protected_top());
        let ipa = match kind {
            37..=42 | 60.. if f < 0xE8 && anywhere < half => anywhere + half,
            43..=59 if f < 0xE8 && anywhere >= half => anywhere % half,
            _ => anywhere,
        };
        let walk = self.walk(ipa, realm);
        // Commands that need a page mostly get one: the tables above it come first.
        if matches!(kind, 48..=61) && walk != 3 && f < 0xC0 {
            return vec![self.deepen(rd, ipa, walk)];
        }
        match kind {
            59 => self.fill(rd, ipa & !0x1F_FFFF, walk),
            60.. => self.fill_ns(rd, ipa & !0x1F_FFFF, walk),
            48..=58 => {
                let data = self.pa(c, GranuleState::Delegated);
                let src = self.pa(d, GranuleState::Undelegated);
                let flags = if e < 0xF0 { u64::from(e % 2) } else { e.into() };
                vec![call(match kind {
                    48..=52 => Command::DataCreate { rd, data, ipa, src, flags },
                    53 | 54 => Command::DataCreateUnknown { rd, data, ipa },
                    _ => Command::DataDestroy { rd, ipa },
                })]
            }
            _ => vec![call(self.entry(kind, rd, ipa, walk))],
        }
    }

    /// Makes the next table on the way to `ipa`.
    fn deepen(&self, rd: u64, ipa: u64, walk: u64) -> Action {
        let level = walk.wrapping_add(1);
        let rtt = self.pa(self.record[5], GranuleState::Delegated);
        call(Command::RttCreate { rd, rtt, ipa: ipa & !(entry_size(walk) - 1), level })
    }

    /// Commands on an entry of any level.
    fn entry(&self, kind: u8, rd: u64, ipa: u64, walk: u64) -> Command {
        let [.., c, d, e, _] = *self.record;
        let any_level = u64::from(e % 7).wrapping_sub(2);
        let level = |fitting: u64| if c < 0xE0 { fitting } else { any_level };
        let down = |level: u64| if d < 0xF0 { ipa & !(entry_size(level) - 1) } else { ipa };
        let above = |level: u64| down(level.wrapping_sub(1));
        match kind {
            20..=26 => {
                let level = level(walk.wrapping_add(1));
                let rtt = self.pa(d, GranuleState::Delegated);
                Command::RttCreate { rd, rtt, ipa: above(level), level }
            }
            27..=29 => Command::RttDestroy { rd, ipa: above(level(walk)), level: level(walk) },
            30..=34 => Command::RttFold { rd, ipa: above(level(walk)), level: level(walk) },
            35 | 36 => Command::RttReadEntry { rd, ipa: down(any_level), level: any_level },
            37..=39 => {
                let level = level(walk);
                let desc = self.descriptor(level);
                Command::RttMapUnprotected { rd, ipa: down(level), level, desc }
            }
            40..=42 => {
                Command::RttUnmapUnprotected { rd, ipa: down(level(walk)), level: level(walk) }
            }
            43..=46 => {
                let base = down(walk);
                let len = [0x1000, 0x20_0000, 0x3000, 0x4000_0000, 1 << 39, 0x1001];
                Command::RttInitRipas { rd, base, top: base.wrapping_add(len[usize::from(e) % 6]) }
            }
            _ => {
                let rec = self.pa(d, GranuleState::Rec);
                Command::RttSetRipas { rd, rec, base: ipa & u64::from(e), top: ipa }
            }
        }
    }

    fn descriptor(&self, level: u64) -> u64 {
        let [.., e, f] = *self.record;
        let pa = match f % 8 {
            0 => HIGH_RAM,
            1 => RAM + GRANULE * u64::from(e),
            2 => 0x300,
            _ => u64::from(f) * entry_size(level),
        };
        let attr = [0, 0xC4, 0x1C, 0x10, 0xDC, 1, 0x40, 1 << 60];
        pa | attr[usize::from(e) % if f < 0xE0 { 3 } else { 8 }]
    }

    /// Assigns the block of memory page by page to 2 MiB of Protected IPA.
    fn fill(&self, rd: u64, ipa: u64, walk: u64) -> Vec<Action> {
        let delegated = |pa: u64| self.state(pa) != Some(GranuleState::Undelegated);
        let pages = (0..512).map(|i| (BLOCK + i * GRANULE, ipa.wrapping_add(i * GRANULE)));
        let page = |(data, ipa)| {
            let delegate = call(Command::GranuleDelegate { addr: data });
            let create = call(Command::DataCreateUnknown { rd, data, ipa });
            (!delegated(data)).then_some(delegate).into_iter().chain([create])
        };
        // Without a table one page says as much as all.
        pages.take(if walk == 3 { 512 } else { 1 }).flat_map(page).collect()
    }

    /// Maps 2 MiB of Unprotected IPA page by page.
    fn fill_ns(&self, rd: u64, ipa: u64, walk: u64) -> Vec<Action> {
        let map = |i: u64| {
            let (ipa, desc) = (ipa.wrapping_add(i * GRANULE), BLOCK + i * GRANULE);
            call(Command::RttMapUnprotected { rd, ipa, level: 3, desc })
        };
        (0..if walk == 3 { 512 } else { 1 }).map(map).collect()
    }

    /// Everything that a Realm needs, and the Realm.
    fn realm_create(&self) -> Vec<Action> {
        let [_, a, b, c, d, e, f, g] = *self.record;
        let (s2sz, start, num_start, lpa2) = GEOMETRIES[usize::from(a) % GEOMETRIES.len()];
        let free = self.in_state(GranuleState::Undelegated);
        let free = |i: usize| free.get(i).copied().unwrap_or(RAM);
        let run_is_usable = |base: &u64| {
            let usable = [Some(GranuleState::Undelegated), Some(GranuleState::Delegated)];
            (0..num_start).all(|i| usable.contains(&self.state(base + i * GRANULE)))
        };
        let bases = (0..POOL / num_start).map(|i| RAM + i * num_start * GRANULE);
        let rtt_base = bases.clone().find(run_is_usable).unwrap_or(RAM);
        let roots = (0..num_start).map(|i| rtt_base + i * GRANULE);
        let params_ptr = (0..66).map(free).rfind(|pa| !roots.clone().any(|root| root == *pa));
        let params_ptr = params_ptr.unwrap_or(RAM);
        let rd = (0..66).map(free).find(|pa| *pa != params_ptr && !roots.clone().any(|r| r == *pa));
        let rd = rd.unwrap_or(RAM);

        let mut values = realm_values((b % 8).into(), rtt_base);
        values.extend([("s2sz", s2sz), ("rtt_num_start", num_start), ("flags", lpa2)]);
        values.insert("rtt_level_start", start.cast_unsigned());
        values.insert("hash_algo", (c % 2).into());
        match d {
            0xF0.. => {
                let (name, ..) = REALM_FIELDS[usize::from(e) % REALM_FIELDS.len()];
                values.insert(name, f.into());
            }
            0xC0..0xF0 => {
                values.extend([("flags", lpa2 | u64::from(e) << 1), ("sve_vl", (f % 17).into())]);
                values.insert("pmu_num_ctrs", (g % 33).into());
            }
            _ => {}
        }
        let delegate = |addr| call(Command::GranuleDelegate { addr });
        let mut actions: Vec<_> = roots.map(delegate).collect();
        actions.extend([delegate(rd), self.page(params_ptr, page(REALM_FIELDS, &values))]);
        actions.push(call(Command::RealmCreate { rd, params_ptr }));
        actions
    }

    fn rec_create(&self, rd: u64, realm: Option<&Realm>) -> Vec<Action> {
        let [_, _, b, c, d, e, f, _] = *self.record;
        let params_ptr = self.pa(b, GranuleState::Undelegated);
        let free = self.in_state(GranuleState::Delegated);
        let aux = |i: usize| free.get(i).copied().unwrap_or(RAM);
        let next = realm.map_or(0, Realm::next_rec_index);
        let mpidr = if c < 0xF0 { next & 0xF | next >> 4 << 8 } else { c.into() };
        let num_aux = if d < 0xF0 { 2 } else { d.into() };
        let mut values = Fields::from([("mpidr", mpidr), ("num_aux", num_aux)]);
        values.extend([("aux0", aux(1)), ("aux1", aux(2)), ("aux2", aux(3))]);
        values.extend([("flags", u64::from(e % 3)), ("pc", f.into()), ("gpr0", b.into())]);
        if e >= 0xF0 {
            values.insert("aux1", self.pa(f, GranuleState::Data));
        }
        let rec = if f < 0xF0 { aux(0) } else { self.pa(f, GranuleState::Delegated) };
        let params = self.page(params_ptr, page(REC_FIELDS, &values));
        vec![params, call(Command::RecCreate { rd, rec, params_ptr })]
    }

    fn page(&self, pa: u64, bytes: [u8; 4096]) -> Action {
        Action::Page(pa, Box::new(bytes))
    }

    /// What no command family claims: other calls, other worlds, and the Host's stores.
    fn rest(&self, rd: u64) -> Vec<Action> {
        let [_, a, b, c, d, e, ..] = *self.record;
        let pa = self.pa(b, GranuleState::Undelegated);
        match a % 8 {
            0 => vec![call(Command::RecAuxCount { rd })],
            1 => vec![call(Command::Version { req: 0xFFFF + u64::from(b % 3) })],
            2 => vec![call(Command::Features { index: (b % 2).into() })],
            3 | 4 => {
                let fid = (0xC400_0150 + u64::from(b % 32)) | u64::from(c) << 16;
                vec![Action::Call([fid, rd, pa, d.into(), e.into(), 0, 0])]
            }
            5 => vec![Action::Gpt(
                pa,
                [Gpt::Ns, Gpt::Secure, Gpt::Root, Gpt::Aap][usize::from(c % 4)],
            )],
            _ => vec![self.page(pa, [c; 4096])],
        }
    }
}
