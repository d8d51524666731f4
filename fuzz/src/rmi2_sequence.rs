//! The target `rmi2_sequence`: commands of RMM 2.0, eight bytes a step.
//!
//! A Realm is under construction, with a table of each level for its first addresses. Arguments
//! come out of a pool, so that many steps make sense and few need much luck. In the end the Host
//! takes everything back.

use std::sync::OnceLock;

use rimsim::abi::command::{CallRegs, Command, CommandInfo};
use rimsim::abi::platform::{DramRange, PlatformFile};
use rimsim::{Edition, Platform, Profile, World};

use crate::check::check_laws;
use crate::unwind::unwind;

/// Steps of one run.
const MOST_STEPS: usize = 200;
/// Pages that steps name: the first half delegated, the rest the Host's.
const PAGES: u64 = 96;
const BASE: u64 = 0x8000_0000;
/// A block of 2 MiB, all of it delegated.
const BLOCK: u64 = BASE + 0x20_0000;
/// Pages with parameters of a Realm, of RECs 0 to 3, and lists, all of the Host's.
const REALM_PARAMS: u64 = BASE + 90 * 0x1000;
const REC_PARAMS: u64 = BASE + 80 * 0x1000;
const LIST: u64 = BASE + 91 * 0x1000;
/// A page that no step names.
const SPARE: u64 = BASE + 100 * 0x1000;
const RD: u64 = BASE;

/// A machine of 4 MiB with room for few operations.
fn platform() -> Platform {
    let file = PlatformFile {
        name: "sequences".into(),
        dram: vec![DramRange { base: BASE, size: 4 << 20 }],
        sro_contexts: 3,
        ..Platform::preset("small").expect("a preset").into()
    };
    Platform::try_from(file).expect("a machine that can be")
}

/// A Realm to play with.
fn stage() -> World {
    static STAGE: OnceLock<World> = OnceLock::new();
    STAGE.get_or_init(make_stage).clone()
}

fn make_stage() -> World {
    let mut world = World::new(platform(), Profile::TF_RMM_2);
    let mut must = |command: Command| {
        let outcome = world.execute(command);
        assert!(outcome.is_success(), "{command}: {outcome}");
    };
    must(Command::RmmActivate {});
    for page in (0..48).chain(512..1024) {
        must(Command::delegate(Edition::V2, BASE + page * 0x1000));
    }
    let put = |world: &mut World, pa: u64, words: &[(u64, u64)]| {
        for (offset, word) in words {
            world.host_write(pa + offset, &word.to_le_bytes()).expect("the Host's memory");
        }
    };
    let realm = [(0x8, 40), (0x18, 1), (0x20, 1), (0x808, BASE + 0x2000), (0x810, 1), (0x818, 2)];
    put(&mut world, REALM_PARAMS, &realm);
    for rec in 0..4 {
        put(&mut world, REC_PARAMS + rec * 0x1000, &[(0, 1), (0x100, rec), (0x200, 0x1000)]);
    }
    // Sixteen pages, and pages one by one.
    put(&mut world, LIST, &[(0, range(16, 16)), (8, range(32, 8))]);
    for i in 0..16 {
        put(&mut world, LIST, &[(0x100 + 8 * i, range(20 + i, 1))]);
    }
    let mut must = |command: Command| {
        let outcome = world.execute(command);
        assert!(outcome.is_success(), "{command}: {outcome}");
    };
    must(Command::RealmCreate { rd: RD, params_ptr: REALM_PARAMS });
    let tables = [(5, 0, 2), (6, 0, 3), (7, 1 << 39, 2), (8, 1 << 39, 3)];
    for (page, ipa, level) in tables {
        must(Command::RttCreate { rd: RD, rtt: BASE + page * 0x1000, ipa, level });
    }
    world
}

/// A descriptor of `count` delegated pages.
const fn range(page: u64, count: u64) -> u64 {
    (BASE + page * 0x1000) | (count << 2)
}

fn argument(name: &str, choice: u8) -> u64 {
    let n = u64::from(choice);
    let page = BASE + n % PAGES * 0x1000;
    match name {
        "rd" if choice < 0xE0 => RD,
        "ipa" | "base" | "top" | "start" | "end" => match choice >> 6 {
            0 => n % 16 * 0x1000,
            1 => n % 4 * 0x20_0000,
            2 => (1 << 39) + n % 16 * 0x1000,
            _ => page,
        },
        "level" => n % 5,
        "flags" => [0, 1, 2, 4 << 2 | 2, 1 | 3 << 19, 16 << 2 | 2][usize::from(choice) % 6],
        "oaddr" => match choice >> 6 {
            0 | 1 if choice % 8 == 7 => BLOCK | 1 << 2 | 1,
            0 | 1 => range(n % PAGES, 1 + n % 3),
            2 => LIST + n % 64 * 8,
            _ => 0,
        },
        "handle" => n % 4,
        "list_ptr" => LIST + n % 64 * 8,
        "list_count" => n % 20,
        "params_ptr" if choice < 0x20 => REALM_PARAMS,
        "params_ptr" => REC_PARAMS + n % 4 * 0x1000,
        "req" | "status" | "index" => n % 3,
        _ => page,
    }
}

/// What the Host does besides calls: interrupts, entries of lists, fields of parameters, and which
/// REC another PE runs. Says whether `choice` is one of these.
fn host_does(world: &mut World, choice: u8, args: &[u8]) -> bool {
    let [a, b, c, d, ..] = *args else { return false };
    let n = u64::from(b);
    match choice {
        0xF8.. => world.set_interrupt((b < 0x80).then_some(u64::from(a) * 4)),
        0xF2.. => {
            let level = u64::from(d % 4 == 0);
            let base = if level == 1 { BLOCK } else { BASE + n % PAGES * 0x1000 };
            let word = base | u64::from(c % 20) << 2 | level | u64::from(d >= 0xF0) << 63;
            let place = LIST + u64::from(a % 64) * 8;
            // The Host may have delegated its list.
            let _ = world.host_write(place, &word.to_le_bytes());
        }
        0xEE.. => {
            let fields = [0, 0x100, 0x200, 0x300];
            let place = REC_PARAMS + u64::from(a % 4) * 0x1000 + fields[usize::from(b % 4)];
            let _ = world.host_write(place, &u64::from(c % 8).to_le_bytes());
        }
        0xEC.. => {
            let _ = world.set_running(BASE + n % PAGES * 0x1000, a < 0x80);
        }
        _ => return false,
    }
    true
}

/// Carries the steps out. The laws hold after each, and in the end everything can be had back.
pub(crate) fn run(data: &[u8]) {
    let commands: Vec<_> = CommandInfo::of_edition(Edition::V2).collect();
    let mut world = stage();
    for step in data.chunks_exact(8).take(MOST_STEPS) {
        let [choice, args @ ..] = step else { continue };
        if host_does(&mut world, *choice, args) {
            continue;
        }
        let info = commands[usize::from(*choice) % commands.len()];
        let mut regs: CallRegs = [info.fid, 0, 0, 0, 0, 0, 0];
        for ((reg, name), choice) in regs[1..].iter_mut().zip(info.inputs).zip(args) {
            *reg = argument(name, *choice);
        }
        let before = world.clone();
        let outcome = world.call(&regs);
        check_laws(&before, &regs, &outcome, &world);
    }
    unwind(&mut world, SPARE);
}
