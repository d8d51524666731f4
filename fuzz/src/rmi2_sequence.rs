//! The target `rmi2_sequence`: commands of RMM 2.0, eight bytes a step.
//!
//! A Realm is under construction, with a table of each level for its first addresses. Arguments
//! come out of a pool, so that many steps make sense and few need much luck.

use rimsim::abi::command::{CallRegs, Command, CommandInfo};
use rimsim::{Edition, Platform, Profile, Status, World};

/// Steps of one run.
const MOST_STEPS: usize = 200;
/// Pages that steps name: the first half delegated, the rest the Host's.
const PAGES: u64 = 96;
const BASE: u64 = 0x8000_0000;
/// Pages with parameters of a Realm, of RECs 0 to 3, and lists, all of the Host's.
const REALM_PARAMS: u64 = BASE + 90 * 0x1000;
const REC_PARAMS: u64 = BASE + 80 * 0x1000;
const LIST: u64 = BASE + 91 * 0x1000;
const RD: u64 = BASE;

/// A Realm to play with.
pub(crate) fn stage() -> World {
    let mut world = World::new(Platform::preset("small").expect("a preset"), Profile::TF_RMM_2);
    let mut must = |command: Command| {
        let outcome = world.execute(command);
        assert!(outcome.is_success(), "{command}: {outcome}");
    };
    must(Command::RmmActivate {});
    for page in 0..48 {
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
            0 | 1 => range(n % PAGES, 1),
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

/// Commands that have an effect although they say that they failed: TF-RMM's ways.
const fn may_change(command: Command) -> bool {
    matches!(
        command,
        Command::OpMemReclaim { .. }
            | Command::OpContinue { .. }
            | Command::RecEnter { .. }
            | Command::PsciComplete { .. }
            | Command::RttDataMap { .. }
            | Command::RttUnprotMap { .. }
    )
}

/// Carries the steps out. The invariants hold after each, and a command that fails has changed
/// nothing.
pub(crate) fn run(data: &[u8]) {
    let commands: Vec<_> = CommandInfo::of_edition(Edition::V2).collect();
    let mut world = stage();
    for step in data.chunks_exact(8).take(MOST_STEPS) {
        let [choice, args @ ..] = step else { continue };
        if *choice >= 0xF8 {
            let polls = u64::from(args[0]) * 4;
            world.set_interrupt((args[1] < 0x80).then_some(polls));
            continue;
        }
        let info = commands[usize::from(*choice) % commands.len()];
        let mut regs: CallRegs = [info.fid, 0, 0, 0, 0, 0, 0];
        for ((reg, name), choice) in regs[1..].iter_mut().zip(info.inputs).zip(args) {
            *reg = argument(name, *choice);
        }
        let before = world.clone();
        let outcome = world.call(&regs);
        let command = outcome.command().expect("a command of 2.0");
        let went_on = matches!(outcome.status(), Some(Status::Success | Status::Incomplete));
        if !went_on && !may_change(command) {
            assert!(world == before, "{command} failed and changed something: {outcome}");
        }
        world.invariants().unwrap_or_else(|law| panic!("{command} -> {outcome}: {law}"));
    }
}
