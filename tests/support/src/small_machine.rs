//! Sets a scene: a small machine with Realms in it, made by RMI commands.
//!
//! Offsets and numbers stand here once more, so that a slip in `abi` does not cancel itself out.

use std::collections::BTreeMap;

use rimsim::abi::platform::{DramRange, PlatformFile};
use rimsim::abi::status::MemReq;
use rimsim::model::granule::Gpt;
use rimsim::model::program::GuestAction;
use rimsim::rmi::Outcome;
use rimsim::{Command, Data, Edition, Ipa, Pa, Platform, Profile, Rd, Src, World};

pub const GRANULE: u64 = 0x1000;
/// 2 MiB of memory for blocks, then granules for everything else.
pub const BLOCK: u64 = 0x8000_0000;
pub const RAM: u64 = BLOCK + 0x20_0000;
pub const RAM_TOP: u64 = RAM + 0x20_0000;
/// Memory that only LPA2 can address.
pub const HIGH_RAM: u64 = 1 << 48;

/// The RMI revision of an edition.
pub const fn revision(edition: Edition) -> u64 {
    match edition {
        Edition::V1 => 0x1_0000,
        Edition::V2 => 0x2_0000,
    }
}

/// A machine of 4 MiB that offers everything, with few RECs a Realm so that their limit is near.
pub fn platform() -> Platform {
    let file = PlatformFile {
        name: "tests".into(),
        dram: vec![
            DramRange { base: BLOCK, size: RAM_TOP - BLOCK },
            DramRange { base: HIGH_RAM, size: 4 * GRANULE },
        ],
        max_recs_order: 2,
        rec_aux_count: 2,
        sro_contexts: 8,
        ..Platform::preset("fvp-lpa2").expect("a preset").into()
    };
    Platform::try_from(file).expect("a machine that can be")
}

/// Fields of RmiRealmParams: name, offset, width in bytes (DEN0137 1.0 B4.4).
pub const REALM_FIELDS: &[(&str, usize, usize)] = &[
    ("flags", 0x000, 8),
    ("s2sz", 0x008, 1),
    ("sve_vl", 0x010, 1),
    ("num_bps", 0x018, 1),
    ("num_wps", 0x020, 1),
    ("pmu_num_ctrs", 0x028, 1),
    ("hash_algo", 0x030, 1),
    ("rpv", 0x400, 8),
    ("vmid", 0x800, 2),
    ("rtt_base", 0x808, 8),
    ("rtt_level_start", 0x810, 8),
    ("rtt_num_start", 0x818, 4),
];

/// Fields of RmiRealmParams of RMM 2.0 (TF-RMM `smc-rmi.h`).
const REALM_FIELDS_2: &[(&str, usize, usize)] = &[
    ("flags", 0x000, 8),
    ("s2sz", 0x008, 4),
    ("sve_vl", 0x010, 4),
    ("num_bps", 0x018, 4),
    ("num_wps", 0x020, 4),
    ("pmu_num_ctrs", 0x028, 4),
    ("hash_algo", 0x030, 1),
    ("num_aux_planes", 0x038, 4),
    ("rpv", 0x400, 8),
    ("ats_plane", 0x440, 8),
    ("rtt_base", 0x808, 8),
    ("rtt_level_start", 0x810, 8),
    ("rtt_num_start", 0x818, 4),
    ("flags1", 0x820, 8),
    ("aux_rtt_base", 0xF80, 8),
    ("aux_rtt_base1", 0xF88, 8),
];

/// Fields of RmiRealmParams of an edition.
pub const fn realm_fields(edition: Edition) -> &'static [(&'static str, usize, usize)] {
    match edition {
        Edition::V1 => REALM_FIELDS,
        Edition::V2 => REALM_FIELDS_2,
    }
}

/// Fields of RmiRecParams.
pub const REC_FIELDS: &[(&str, usize, usize)] = &[
    ("flags", 0x000, 8),
    ("mpidr", 0x100, 8),
    ("pc", 0x200, 8),
    ("gpr0", 0x300, 8),
    ("gpr7", 0x338, 8),
    ("num_aux", 0x800, 8),
    ("aux0", 0x808, 8),
    ("aux1", 0x810, 8),
    ("aux2", 0x818, 8),
];

/// Fields of RmiRecEnter.
pub const ENTER_FIELDS: &[(&str, usize, usize)] = &[("flags", 0x000, 8), ("gicv3_hcr", 0x300, 8)];

/// Values of fields by name; fields that are not named are zero.
pub type Fields<'a> = BTreeMap<&'a str, u64>;

/// A page with `values` at the offsets that `fields` gives them.
pub fn page(fields: &[(&str, usize, usize)], values: &Fields<'_>) -> [u8; 4096] {
    let mut bytes = [0; 4096];
    for (name, value) in values {
        let known = fields.iter().find(|(field, ..)| field == name);
        let (_, offset, width) = known.unwrap_or_else(|| panic!("no field is called {name}"));
        bytes[*offset..offset + width].copy_from_slice(&value.to_le_bytes()[..*width]);
    }
    bytes
}

/// Parameters of a Realm that most tests can live with: 33 bits, starting level 1, SHA-256.
pub fn realm_values(vmid: u64, rtt_base: u64) -> Fields<'static> {
    Fields::from([
        ("s2sz", 33),
        ("num_bps", 5),
        ("num_wps", 3),
        ("vmid", vmid),
        ("rtt_base", rtt_base),
        ("rtt_level_start", 1),
        ("rtt_num_start", 1),
    ])
}

/// RmiAddrRangeDesc of `count` delegated pages.
pub const fn pages(pa: u64, count: u64) -> u64 {
    pa | count << 2
}

/// A world, and the granules of it that are not in use.
#[derive(Clone)]
pub struct SmallMachine {
    pub world: World,
    next: u64,
    next_vmid: u64,
}

impl SmallMachine {
    pub fn new(profile: Profile) -> Self {
        Self::on(platform(), profile)
    }

    /// A scene on another machine, whose memory is where that of [`platform`] is.
    pub fn on(platform: Platform, profile: Profile) -> Self {
        let mut world = World::new(platform, profile);
        if profile.edition() == Edition::V2 {
            assert!(world.execute(Command::RmmActivate {}).is_success());
        }
        Self { world, next: RAM, next_vmid: 1 }
    }

    pub fn edition(&self) -> Edition {
        self.world.profile().edition()
    }

    /// A granule of the Host that nobody else got.
    pub fn host(&mut self) -> u64 {
        self.next += GRANULE;
        assert!(self.next <= RAM_TOP, "the scene needs more memory");
        self.next - GRANULE
    }

    /// The first of `count` DELEGATED granules in a row, aligned to their size (a power of two).
    pub fn delegated_run(&mut self, count: u64) -> u64 {
        self.next = self.next.next_multiple_of(count * GRANULE);
        let base = self.next;
        for _ in 0..count {
            self.delegated();
        }
        base
    }

    /// A DELEGATED granule.
    pub fn delegated(&mut self) -> u64 {
        let addr = self.host();
        self.must(Command::delegate(self.edition(), Pa(addr)));
        addr
    }

    /// An UNDELEGATED granule that the GPT gives to `gpt`.
    pub fn with_gpt(&mut self, gpt: Gpt) -> u64 {
        let addr = self.host();
        self.world.set_gpt(addr, gpt).expect("the granule is the Host's");
        addr
    }

    /// Executes a command that has to succeed; X1 to X4.
    #[track_caller]
    pub fn must(&mut self, command: Command) -> [u64; 4] {
        let outcome = self.world.execute(command);
        assert!(outcome.is_success(), "{command:?}: {outcome}");
        let [_, outputs @ ..] = *outcome.regs();
        outputs
    }

    /// Makes a Realm with [`realm_values`], changed by `change`; its RD.
    pub fn realm(&mut self, change: &[(&'static str, u64)]) -> u64 {
        let (outcome, rd) = self.try_realm(change);
        assert!(outcome.is_success(), "{outcome}");
        rd
    }

    /// Tries to make a Realm; what came of it, and where its RD would be.
    pub fn try_realm(&mut self, change: &[(&'static str, u64)]) -> (Outcome, u64) {
        let mut values = realm_values(self.next_vmid, 0);
        self.next_vmid += 1;
        values.extend(change.iter().copied());
        if self.edition() == Edition::V2 {
            // The RMM chooses it.
            values.remove("vmid");
        }
        if !change.iter().any(|(name, _)| *name == "rtt_base") {
            let base = self.delegated_run(values["rtt_num_start"]);
            values.insert("rtt_base", base);
        }
        let params_ptr = self.host();
        self.put(params_ptr, &page(realm_fields(self.edition()), &values));
        let rd = self.delegated();
        (self.ended(Command::RealmCreate { rd, params_ptr }), rd)
    }

    /// Executes a command and goes on with the operation that it may begin: gives what is asked for
    /// in one list, takes all back in one.
    pub fn ended(&mut self, command: Command) -> Outcome {
        let mut outcome = self.world.execute(command);
        let handle = outcome.regs()[1];
        while let Some(request) = outcome.awaits() {
            let next = match request {
                MemReq::None => Command::OpContinue { handle, flags: 0 },
                MemReq::Donate => {
                    // The number of pages stands above the size of the blocks.
                    let count = outcome.regs()[2] >> 2 & 0xFFFF;
                    let list: Vec<_> = (0..count).map(|_| pages(self.delegated(), 1)).collect();
                    let (list_ptr, list_count) = (self.host(), count);
                    self.write_list(list_ptr, &list);
                    Command::OpMemDonate { handle, list_ptr, list_count }
                }
                MemReq::Reclaim => {
                    let list_ptr = self.host();
                    Command::OpMemReclaim { handle, list_ptr, list_count: 512 }
                }
            };
            outcome = self.world.execute(next);
        }
        outcome
    }

    /// Makes the REC with this MPIDR, with the two auxiliary granules that it needs.
    pub fn rec(&mut self, rd: u64, mpidr: u64, change: &[(&'static str, u64)]) -> u64 {
        let (aux0, aux1) = (self.delegated(), self.delegated());
        let mut values = Fields::from([("mpidr", mpidr)]);
        if self.edition() == Edition::V1 {
            values.extend([("num_aux", 2), ("aux0", aux0), ("aux1", aux1)]);
        }
        values.extend(change.iter().copied());
        let params_ptr = self.host();
        self.put(params_ptr, &page(REC_FIELDS, &values));
        let rec = self.delegated();
        match self.edition() {
            Edition::V1 => {
                self.must(Command::RecCreate { rd, rec, params_ptr });
            }
            Edition::V2 => self.rec_of_steps(Command::RecCreateBegin { rd, rec, params_ptr }, aux0),
        }
        rec
    }

    /// Carries a creation out with the two granules from `aux` on.
    fn rec_of_steps(&mut self, begin: Command, aux: u64) {
        let list_ptr = self.host();
        self.write_list(list_ptr, &[pages(aux, 2)]);
        let handle = self.goes_on(begin)[0];
        self.goes_on(Command::OpMemDonate { handle, list_ptr, list_count: 1 });
        self.must(Command::OpContinue { handle, flags: 0 });
    }

    /// Executes a command that has to begin an operation or to go on with one; X1 to X4.
    #[track_caller]
    pub fn goes_on(&mut self, command: Command) -> [u64; 4] {
        let outcome = self.world.execute(command);
        assert!(outcome.awaits().is_some(), "{command}: {outcome}");
        let [_, outputs @ ..] = *outcome.regs();
        outputs
    }

    /// Writes descriptors to a place in the Host's memory.
    pub fn write_list(&mut self, place: u64, list: &[u64]) {
        let bytes: Vec<_> = list.iter().flat_map(|desc| desc.to_le_bytes()).collect();
        self.world.host_write(place, &bytes).expect("the granule is the Host's");
    }

    /// Gives granules to an operation one by one, by a list at `list_ptr`; X0 to X2.
    pub fn give(&mut self, handle: u64, list_ptr: u64, granules: &[u64]) -> [u64; 3] {
        let list: Vec<_> = granules.iter().map(|pa| pages(*pa, 1)).collect();
        let list_count = list.len() as u64;
        self.write_list(list_ptr, &list);
        let outcome = self.world.execute(Command::OpMemDonate { handle, list_ptr, list_count });
        let [x0, x1, x2, ..] = *outcome.regs();
        [x0, x1, x2]
    }

    /// Lets the software of a REC do something until the REC exits.
    pub fn run(&mut self, rec: u64, actions: Vec<GuestAction>) {
        for (id, action) in (0..).zip(actions) {
            self.world.queue_guest(rec, id, action).expect("a possible action");
        }
        let run_ptr = self.host();
        self.must(Command::RecEnter { rec, run_ptr });
    }

    /// Makes the tables over `ipa` that are not there yet, down to `level`.
    pub fn tables(&mut self, rd: u64, ipa: u64, level: u64) {
        for level in 0..=level {
            let covers = 1_u64 << (12 + 9 * (4 - level));
            let ipa = ipa & !(covers - 1);
            let start = self.world.realm(rd).expect("the Realm exists").rtt().start;
            if i64::from(start.number()) >= level.cast_signed() {
                continue;
            }
            let rtt = self.delegated();
            // A table that is there already is what was wanted.
            let _ = self.world.execute(Command::RttCreate { rd, rtt, ipa, level });
        }
    }

    /// Adds a measured page of `byte`s.
    pub fn data(&mut self, rd: u64, ipa: u64, byte: u8) -> u64 {
        let (data, src) = (self.delegated(), self.host());
        self.put(src, &[byte; 4096]);
        let (rd, data_pa, src) = (Rd(Pa(rd)), Data(Pa(data)), Src(Pa(src)));
        self.must(Command::data_create(self.edition(), rd, data_pa, Ipa(ipa), src, 1));
        data
    }

    /// Maps a page of the Host's, to be read and written.
    pub fn map_host(&mut self, rd: u64, ipa: u64, pa: u64) {
        self.must(match self.edition() {
            Edition::V1 => Command::RttMapUnprotected { rd, ipa, level: 3, desc: pa | 0xC4 },
            Edition::V2 => {
                let flags = 1 | 1 << 16 | 3 << 19;
                Command::RttUnprotMap {
                    rd,
                    base: ipa,
                    top: ipa + GRANULE,
                    flags,
                    oaddr: pages(pa, 1),
                }
            }
        });
    }

    /// Takes a page away from a Realm.
    pub fn unmap(&mut self, rd: u64, ipa: u64) {
        self.must(match self.edition() {
            Edition::V1 => Command::DataDestroy { rd, ipa },
            Edition::V2 => {
                Command::RttDataUnmap { rd, base: ipa, top: ipa + GRANULE, flags: 0, oaddr: 0 }
            }
        });
    }

    pub fn put(&mut self, pa: u64, bytes: &[u8; 4096]) {
        self.world.host_write_page(pa, bytes).expect("the granule is the Host's");
    }
}
