//! Any function identifier of RMM 2.0 with any registers, on a stage where everything is under way:
//! there is an answer, and the laws hold.

use rimsim::abi::command::devices::DeviceCommand;
use rimsim::{Command, Profile, World};

use crate::call_laws::check_laws;
use crate::rmi::call_lines::Stage;

/// Calls that one stage is used for.
const CALLS: u64 = 40;
const PROFILES: [Profile; 5] = [
    Profile::TF_RMM_2,
    Profile::TF_RMM_NEXT,
    Profile::SPEC_2,
    Profile::SPEC_2_BET2,
    Profile::SPEC_2_BET3,
];
/// Function identifiers from 0xC400_0150 on.
const IDENTIFIERS: u64 = 0xC8;

/// Numbers that look random (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn of(&mut self, values: &[u64]) -> u64 {
        values[usize::try_from(self.next() % values.len() as u64).expect("an index")]
    }

    /// A register: what stands on the stage, its neighbours, numbers at edges, noise.
    fn register(&mut self, places: &[u64]) -> u64 {
        const EDGES: [u64; 24] = [
            0,
            1,
            2,
            3,
            4,
            0x800,
            0x1000,
            0x1001,
            0x3000,
            0x20_0000,
            0x40_0000,
            0x7FFF_FFFF,
            0x8000_0000,
            0xFFFF_FFFF,
            0x1_0000_0000,
            0x1_0000_1000,
            0x2_0000_0000,
            1 << 47,
            1 << 48,
            1 << 52,
            (1 << 52) - 0x1000,
            1 << 63,
            u64::MAX - 0xFFF,
            u64::MAX,
        ];
        match self.next() % 16 {
            0..7 => self.of(places),
            7 => self.of(places) + self.of(&[1, 8, 0x800, 0x1000, 0x20_0000]),
            8 => self.of(places) | self.of(&[1, 4, 5, 8, 0x7FD, 1 << 63 | 4, 1 << 62 | 4]),
            9 | 10 => self.next() % 24,
            11..14 => self.of(&EDGES),
            14 => self.next() & 0x1F_FFFF_F000,
            _ => self.next(),
        }
    }
}

/// What the Host writes in between: words of pages that structures and lists are read from.
fn host_writes(dice: &mut Dice, world: &mut World, places: &[u64]) {
    let page = dice.of(places) & !0xFFF;
    for _ in 0..dice.next() % 4 {
        let offset = dice.of(&[0, 8, 0x10, 0x18, 0x28, 0x30, 0x38, 0x100, 0x440, 0x808, 0x810]);
        let offset = if dice.next().is_multiple_of(4) { dice.next() % 512 * 8 } else { offset };
        let word = dice.register(places).to_le_bytes();
        // What is not the Host's stays as it is.
        let _ = world.host_write(page + offset, &word);
    }
}

/// One call, held against the laws. What runs a REC has laws of its own.
fn call(world: &mut World, regs: &[u64; 7]) {
    let before = world.clone();
    let outcome = world.call(regs);
    if let Some(Command::RecEnter { .. }) = outcome.command() {
        assert_eq!(world.invariants(), Ok(()), "{outcome}");
        return;
    }
    if outcome.command().is_none() {
        let known = DeviceCommand::by_fid(regs[0]).is_some();
        assert_eq!(known, outcome.regs()[0] != u64::MAX, "{regs:x?}: {outcome}");
    }
    check_laws(&before, regs, &outcome, world);
}

fn sweep(seed: u64) {
    for (profile, seed) in PROFILES.into_iter().zip(seed..) {
        let Stage { mut world, names } = Stage::new(profile);
        let mut places: Vec<_> = names.into_values().collect();
        places.sort_unstable();
        let mut dice = Dice(seed);
        for _ in 0..CALLS {
            let fid = 0xC400_0150 + dice.next() % IDENTIFIERS;
            let mut regs = [0; 7].map(|_: u64| dice.register(&places));
            regs[0] = fid | dice.of(&[0, 0, 0, 1 << 16, 1 << 32]);
            host_writes(&mut dice, &mut world, &places);
            world.set_interrupt(dice.next().is_multiple_of(4).then_some(dice.next() % 8));
            call(&mut world, &regs);
        }
    }
}

#[test]
fn any_registers_have_an_answer() {
    (0..crate::cases(8).into()).for_each(|n: u64| sweep(n << 8));
}
