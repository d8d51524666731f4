//! The target `rmi2_sequence`: commands of RMM 2.0, eight bytes a step.
//!
//! A Realm is under construction, with a table of each level for its first addresses. Arguments
//! come out of a pool, so that many steps make sense and few need much luck. In the end the Host
//! takes everything back.
//!
//! Granules have 4 KiB, under TF-RMM's rules; with one byte more than whole steps 16 KiB, and with
//! two 64 KiB, under the rules of the text, which knows them. With three bytes more it is TF-RMM's
//! next, whose Realms are made in several calls. With four and five the Realm has planes and a REC
//! that runs them, and there are few memory encryption contexts, by TF-RMM and by the text.

use std::sync::OnceLock;

use rimsim::abi::addr::Level;
use rimsim::abi::command::{CallRegs, Command, CommandInfo};
use rimsim::abi::granule_size::GranuleSize;
use rimsim::abi::platform::{DramRange, PlatformFile};
use rimsim::abi::status::MemReq;
use rimsim::model::program::GuestAction;
use rimsim::{Edition, Pa, Platform, Profile, World};

use crate::call_laws::check_laws;
use crate::unwind::unwind;

/// Steps of one run.
const MOST_STEPS: usize = 200;
/// Granules that steps name: the first half delegated, the rest the Host's.
const GRANULES: u64 = 96;
const BASE: u64 = 0x8000_0000;
const RD: u64 = BASE;
/// Where the Unprotected half begins.
const HALF: u64 = 1 << 39;

/// What is where, with granules of a size.
#[derive(Clone, Copy, Debug)]
struct Map(GranuleSize, Profile, Planes);

/// Whether the Realm has planes, and a REC that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planes {
    One,
    Three,
}

/// The maps of all sequences, by how many bytes there are more than whole steps.
const MAPS: [Map; 6] = [
    Map(GranuleSize::K4, Profile::TF_RMM_2, Planes::One),
    Map(GranuleSize::K16, Profile::SPEC_2, Planes::One),
    Map(GranuleSize::K64, Profile::SPEC_2, Planes::One),
    Map(GranuleSize::K4, Profile::TF_RMM_NEXT, Planes::One),
    Map(GranuleSize::K4, Profile::TF_RMM_2, Planes::Three),
    Map(GranuleSize::K4, Profile::SPEC_2, Planes::Three),
];

/// The page of RSI_PLANE_ENTER.
const RUN_IPA: u64 = 0x1000;

impl Map {
    fn granule(self, number: u64) -> u64 {
        BASE + (number << self.0.shift())
    }

    /// What an entry of level 2 covers.
    fn block_bytes(self) -> u64 {
        self.0.entry_bytes(Level::from_register(2).expect("a level"))
    }

    /// A block of level 2, all of it delegated but of the largest granules: they would be many.
    fn block(self) -> u64 {
        BASE + self.block_bytes()
    }

    /// Parameters of a Realm, of the Host's.
    fn realm_params(self) -> u64 {
        self.granule(90)
    }

    /// Parameters of RECs 0 to 3, of the Host's.
    fn rec_params(self, rec: u64) -> u64 {
        self.granule(80 + rec)
    }

    /// Lists, of the Host's.
    fn list(self) -> u64 {
        self.granule(91)
    }

    fn has_planes(self) -> bool {
        self.2 == Planes::Three
    }

    /// The REC of a Realm with planes.
    fn rec(self) -> u64 {
        self.granule(46)
    }

    /// A granule that no step names.
    fn spare(self) -> u64 {
        self.granule(100)
    }

    /// A descriptor of `count` delegated granules.
    fn range(self, number: u64, count: u64) -> u64 {
        self.granule(number) | (count << 2)
    }

    /// The starting level of 40 bits, and how many tables it has.
    fn start(self) -> (u64, u64) {
        match self.0 {
            GranuleSize::K4 => (1, 2),
            GranuleSize::K16 => (1, 1),
            GranuleSize::K64 => (2, 1),
        }
    }

    /// A machine of two blocks, with room for few operations.
    fn platform(self) -> Platform {
        let file = PlatformFile {
            name: "sequences".into(),
            pa_bits: 48,
            dram: vec![DramRange { base: BASE, size: 2 * self.block_bytes() }],
            sro_contexts: 3,
            mecid_bits: if self.has_planes() { 2 } else { 16 },
            granule_sizes: GranuleSize::ALL.map(|size| size.name().into()).into(),
            ..Platform::preset("small").expect("a preset").into()
        };
        Platform::try_from(file).expect("a machine that can be")
    }

    /// A Realm to play with.
    fn stage(number: usize) -> World {
        static STAGES: [OnceLock<World>; MAPS.len()] = [const { OnceLock::new() }; MAPS.len()];
        STAGES[number].get_or_init(|| MAPS[number].make_stage()).clone()
    }

    /// A machine whose RMM is active, with granules of the size. TF-RMM has one.
    fn machine(self) -> World {
        let mut world = World::new(self.platform(), self.1);
        put(&mut world, BASE, &[(8, self.0.code())]);
        must(&mut world, Command::RmmConfigSet { config_ptr: BASE });
        put(&mut world, BASE, &[(8, 0)]);
        must(&mut world, Command::RmmActivate {});
        assert_eq!(world.granule_size(), self.0);
        world
    }

    fn make_stage(self) -> World {
        let mut world = self.machine();
        let size = self.0;
        let in_block = if size == GranuleSize::K64 { 0 } else { self.block_bytes() / size.bytes() };
        let block = self.block_bytes() / size.bytes();
        for number in (0..48).chain(block..block + in_block) {
            must(&mut world, Command::delegate_sized(Edition::V2, Pa(self.granule(number)), size));
        }
        let (start, tables) = self.start();
        let root = self.granule(2);
        let realm =
            [(0x8, 40), (0x18, 1), (0x20, 1), (0x808, root), (0x810, start), (0x818, tables)];
        put(&mut world, self.realm_params(), &realm);
        if self.has_planes() {
            let [first, second] = [40, 42].map(|number| self.granule(number));
            let planes = [(0x38, 2), (0x820, 1), (0xF80, first), (0xF88, second)];
            put(&mut world, self.realm_params(), &planes);
        }
        for rec in 0..4 {
            put(&mut world, self.rec_params(rec), &[(0, 1), (0x100, rec), (0x200, 0x1000)]);
        }
        // Sixteen granules, and granules one by one.
        put(&mut world, self.list(), &[(0, self.range(16, 16)), (8, self.range(32, 8))]);
        for i in 0..16 {
            put(&mut world, self.list(), &[(0x100 + 8 * i, self.range(20 + i, 1))]);
        }
        self.make_realm(&mut world);
        let mut free = 5..;
        for ipa in [0, HALF] {
            for level in start + 1..4 {
                let rtt = self.granule(free.next().expect("without end"));
                must(&mut world, Command::RttCreate { rd: RD, rtt, ipa, level });
            }
        }
        if self.has_planes() {
            self.make_planes(&mut world);
        }
        world
    }

    /// Lets planes run: a page for what they are told, a REC, and the page in every tree.
    fn make_planes(self, world: &mut World) {
        let [data, src] = [44, 95].map(|number| Pa(self.granule(number)));
        let (rd, data, ipa) = (rimsim::Rd(Pa(RD)), rimsim::Data(data), rimsim::Ipa(RUN_IPA));
        must(world, Command::data_create(Edition::V2, rd, data, ipa, rimsim::Src(src), 0));
        let params_ptr = self.rec_params(0);
        let begun = world.execute(Command::RecCreateBegin { rd: RD, rec: self.rec(), params_ptr });
        let ([_, handle, request, ..], list_ptr) = (*begun.regs(), self.spare());
        put(world, list_ptr, &[(0, self.range(16, request >> 2 & 0x3FFF))]);
        let _ = world.execute(Command::OpMemDonate { handle, list_ptr, list_count: 1 });
        must(world, Command::OpContinue { handle, flags: 0 });
        must(world, Command::RealmActivate { rd: RD });
        let mut free = 32..;
        for index in [1, 2] {
            for level in [2, 3] {
                let rtt = self.granule(free.next().expect("without end"));
                must(world, Command::RttAuxCreate { rd: RD, rtt, ipa: 0, level, index });
            }
            must(world, Command::RttAuxMapProtected { rd: RD, ipa: RUN_IPA, index });
        }
    }

    /// Makes the Realm; its RD gets the granules that it may need.
    fn make_realm(self, world: &mut World) {
        let create = Command::RealmCreate { rd: RD, params_ptr: self.realm_params() };
        let begun = world.execute(create);
        if begun.awaits().is_none() {
            assert!(begun.is_success(), "{begun}");
            return;
        }
        let (handle, list_ptr) = (begun.regs()[1], self.spare());
        put(world, list_ptr, &[(0, self.range(44, 2))]);
        let given = world.execute(Command::OpMemDonate { handle, list_ptr, list_count: 1 });
        assert_eq!(given.awaits(), Some(MemReq::None), "{given}");
        must(world, Command::OpContinue { handle, flags: 0 });
    }

    fn argument(self, name: &str, choice: u8) -> u64 {
        let (n, bytes) = (u64::from(choice), self.0.bytes());
        let granule = self.granule(n % GRANULES);
        match name {
            "rd" if choice < 0xE0 => RD,
            "ipa" | "base" | "top" | "start" | "end" => match choice >> 6 {
                0 => n % 16 * bytes,
                1 => n % 4 * self.block_bytes(),
                2 => HALF + n % 16 * bytes,
                _ => granule,
            },
            "level" => n % 5,
            "flags" => [0, 1, 2, 4 << 2 | 2, 1 | 3 << 19, 16 << 2 | 2][usize::from(choice) % 6],
            "oaddr" => match choice >> 6 {
                0 | 1 if choice % 8 == 7 => self.block() | 1 << 2 | 1,
                0 | 1 => self.range(n % GRANULES, 1 + n % 3),
                2 => self.list() + n % 64 * 8,
                _ => 0,
            },
            "handle" => n % 4,
            "list_ptr" => self.list() + n % 64 * 8,
            "list_count" => n % 20,
            "params_ptr" if choice < 0x20 => self.realm_params(),
            "params_ptr" => self.rec_params(n % 4),
            "req" | "status" | "index" => n % 3,
            _ => granule,
        }
    }
}

fn must(world: &mut World, command: Command) {
    let outcome = world.execute(command);
    assert!(outcome.is_success(), "{command}: {outcome}");
}

fn put(world: &mut World, pa: u64, words: &[(u64, u64)]) {
    for (offset, word) in words {
        world.host_write(pa + offset, &word.to_le_bytes()).expect("the Host's memory");
    }
}

/// What the Host does besides calls: interrupts, entries of lists, fields of parameters, and which
/// REC another PE runs. Says whether `choice` is one of these.
fn host_does(map: Map, world: &mut World, choice: u8, args: &[u8]) -> bool {
    let [a, b, c, d, ..] = *args else { return false };
    let n = u64::from(b);
    match choice {
        0xF8.. => world.set_interrupt((b < 0x80).then_some(u64::from(a) * 4)),
        0xF2.. => {
            let level = u64::from(d % 4 == 0);
            let base = if level == 1 { map.block() } else { map.granule(n % GRANULES) };
            let word = base | u64::from(c % 20) << 2 | level | u64::from(d >= 0xF0) << 63;
            let place = map.list() + u64::from(a % 64) * 8;
            // The Host may have delegated its list.
            let _ = world.host_write(place, &word.to_le_bytes());
        }
        0xEE.. => {
            let fields = [0, 0x100, 0x200, 0x300];
            let place = map.rec_params(u64::from(a % 4)) + fields[usize::from(b % 4)];
            let _ = world.host_write(place, &u64::from(c % 8).to_le_bytes());
        }
        0xEC.. => {
            let _ = world.set_running(map.granule(n % GRANULES), a < 0x80);
        }
        _ => return false,
    }
    true
}

/// What happens in a Realm with planes: actions of a plane, registers of the GIC, what the Host
/// wants at an entry, and what it asks of the next Realm. Says whether `choice` is one of these.
fn planes_do(map: Map, world: &mut World, choice: u8, args: &[u8]) -> bool {
    let [a, b, c, d, ..] = *args else { return false };
    let n = u64::from(b);
    match choice {
        0xD0..0xEA => {
            let ipa = [RUN_IPA, RUN_IPA + n * 8, n * 0x1000, HALF + n * 0x1000, n << 56];
            let ipa = ipa[usize::from(c) % ipa.len()];
            let values = [u64::from(d), ipa, u64::from(d % 4)];
            let action = match a % 10 {
                0 => GuestAction::Smc(vec![0xC400_01A3, n % 4, RUN_IPA]),
                1 => GuestAction::Smc([&[0xC400_0190 | n % 0x20][..], &values].concat()),
                2 => GuestAction::Load { ipa, size_bytes: 8, rt: b % 32 },
                3 => GuestAction::Store { ipa, size_bytes: 4, rt: b % 32 },
                4 => GuestAction::Exec { ipa },
                5 => GuestAction::Wfx { wfe: b < 0x80 },
                6 => GuestAction::Hvc,
                7 => GuestAction::Irq,
                8 => GuestAction::Sync { esr: n << 26 | u64::from(c), far: ipa, hpfar: ipa >> 8 },
                _ => {
                    let field = [0, 8, 0x10, 0x208, 0x210][usize::from(c) % 5];
                    let bytes = (u64::from(d) << (n % 8 * 8)).to_le_bytes().to_vec();
                    GuestAction::StoreBytes { ipa: RUN_IPA + field, bytes }
                }
            };
            let _ = world.queue_guest_of_plane(map.rec(), u64::from(d >> 6), n, action);
        }
        0xC8..0xD0 => {
            let lr = |i: u8| u64::from(i) << 56 | u64::from(i % 2);
            world.set_cpu_interface(n, &std::array::from_fn(|i| [a, c, d, 0][i % 4]).map(lr));
        }
        0xC0..0xC8 => {
            let run_ptr = map.spare();
            put(world, run_ptr, &[(0, n), (0x200, u64::from(c))]);
            let _ = world.execute(Command::RecEnter { rec: map.rec(), run_ptr });
        }
        0xB8..0xC0 => put_if_ours(world, map.realm_params(), u64::from(c) << 4 | n & 8),
        _ => return false,
    }
    true
}

/// Writes the first word of a page, if it is the Host's.
fn put_if_ours(world: &mut World, pa: u64, word: u64) {
    let _ = world.host_write(pa, &word.to_le_bytes());
}

/// Carries the steps out. The laws hold after each, and in the end everything can be had back.
pub fn run(data: &[u8]) {
    let commands: Vec<_> = CommandInfo::of_edition(Edition::V2).collect();
    let number = if data.len() % 8 < MAPS.len() { data.len() % 8 } else { 0 };
    let (map, mut world) = (MAPS[number], Map::stage(number));
    for step in data.chunks_exact(8).take(MOST_STEPS) {
        let [choice, args @ ..] = step else { continue };
        if host_does(map, &mut world, *choice, args) {
            continue;
        }
        if map.has_planes() && planes_do(map, &mut world, *choice, args) {
            assert_eq!(world.invariants(), Ok(()));
            continue;
        }
        let info = commands[usize::from(*choice) % commands.len()];
        let mut regs: CallRegs = [info.fid, 0, 0, 0, 0, 0, 0];
        for ((reg, name), choice) in regs[1..].iter_mut().zip(info.inputs).zip(args) {
            *reg = map.argument(name, *choice);
        }
        let before = world.clone();
        let outcome = world.call(&regs);
        check_laws(&before, &regs, &outcome, &world);
    }
    // TF-RMM can lose references to auxiliary tables (R-AUX-TABLE-TWICE).
    if !(map.has_planes() && map.1 == Profile::TF_RMM_2) {
        unwind(&mut world, map.spare());
    }
}
