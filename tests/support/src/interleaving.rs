//! Random interleavings of Host and Realm: eight bytes are a step.
//!
//! Two Realms run in one machine. Steps queue what their RECs do, enter them, answer them, and do
//! to them what any other Host would (`random_steps`).

use std::collections::BTreeMap;

use rimsim::abi::command::CallRegs;
use rimsim::model::program::GuestAction;
use rimsim::model::rec::Rec;
use rimsim::rmi::Outcome;
use rimsim::{Command, Edition, Pa, Profile, World};

use crate::call_laws::check_laws;
use crate::entry_laws::{Queued, check_entry};
use crate::random_steps::{Action, Record, actions, in_edition};
use crate::running_realm::{
    DATA, DATA2, DESTROYED_IPA, EMPTY_DATA, EMPTY_IPA, Enter, Exit, FAR, NO_MEMORY, RunningRealm,
};
use crate::small_machine::{RAM, SmallMachine};

/// A Realm of the play.
struct Home {
    rd: u64,
    recs: [u64; 3],
    runs: [u64; 3],
    half: u64,
}

/// The world, and what its RECs were told to do.
pub struct Play {
    pub world: World,
    homes: [Home; 2],
    queued: Queued,
    /// Whether calls are checked by all laws, or by the invariants alone.
    thorough: bool,
    /// How often each end of a command was seen: its name, and a condition or an exit reason.
    pub seen: BTreeMap<(&'static str, String), u64>,
}

/// Numbers from a step's bytes.
struct Dice<'r>(&'r Record);

impl Dice<'_> {
    fn pick<T: Copy>(&self, byte: usize, all: &[T]) -> T {
        all[usize::from(self.0[byte]) % all.len()]
    }

    fn number(&self, byte: usize) -> u64 {
        self.0[byte].into()
    }

    /// Bits that depend on all bytes.
    fn noise(&self) -> u64 {
        u64::from_le_bytes(*self.0).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
    }
}

impl Play {
    pub fn new(profile: Profile) -> Self {
        let first = RunningRealm::join(SmallMachine::new(profile), &[]);
        let last_level = [("flags", 1), ("s2sz", 52), ("rtt_level_start", u64::MAX)];
        let change = [&last_level[..], &[("hash_algo", 1)]].concat();
        let second = RunningRealm::join(first.scene.clone(), &change);
        let home =
            |lab: &RunningRealm| Home { rd: lab.rd, recs: lab.recs, runs: lab.runs, half: lab.ns };
        let homes = [home(&first), home(&second)];
        Self {
            world: second.scene.world,
            homes,
            queued: Queued::new(),
            thorough: true,
            seen: BTreeMap::new(),
        }
    }

    /// Carries out a step and checks no more than the invariants.
    pub fn step_lightly(&mut self, record: &Record) {
        self.thorough = false;
        self.step(record);
        self.thorough = true;
    }

    /// Carries out a step and checks what came of it.
    pub fn step(&mut self, record: &Record) {
        let dice = Dice(record);
        match record[0] % 16 {
            0..=5 => self.queue(&dice),
            6..=8 => self.enter(&dice),
            9 | 10 => {
                self.queue(&dice);
                self.enter(&dice);
            }
            11 => self.set_ripas(&dice),
            12 => self.complete(&dice),
            _ => self.host(record),
        }
    }

    fn home(&self, dice: &Dice<'_>) -> (&Home, usize) {
        let home = &self.homes[usize::from(dice.0[1] & 1)];
        (home, usize::from(dice.0[1] >> 1) % 3)
    }

    /// A REC of which this holds; if there is none, or rarely, any.
    fn fitting(&self, dice: &Dice<'_>, good: impl Fn(&Rec) -> bool) -> (&Home, usize) {
        let all = self.homes.iter().flat_map(|home| [(home, 0), (home, 1), (home, 2)]);
        let fits = |(home, n): &(&Home, usize)| self.world.rec(home.recs[*n]).is_some_and(&good);
        let fitting: Vec<_> = all.filter(fits).collect();
        match fitting.len() {
            0 => self.home(dice),
            _ if dice.0[1] >= 0xF8 => self.home(dice),
            count => fitting[usize::from(dice.0[1]) % count],
        }
    }

    fn call(&mut self, command: Command) {
        self.act(&Action::Call(command.encode()));
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Call(regs) => self.checked(regs),
            Action::Page(pa, bytes) => {
                if pa.is_multiple_of(0x1000) {
                    let _ = self.world.host_write_page(*pa, bytes);
                }
            }
            Action::Gpt(pa, gpt) => {
                let _ = self.world.set_gpt(*pa, *gpt);
            }
        }
    }

    fn checked(&mut self, regs: &CallRegs) {
        if !self.thorough {
            let _ = self.world.call(regs);
            return self.world.invariants().expect("the invariants hold");
        }
        let before = self.world.clone();
        let outcome = self.world.call(regs);
        self.note(&outcome);
        match outcome.command() {
            Some(Command::RecEnter { .. }) => {
                check_entry(&before, &outcome, &self.world, &self.queued);
            }
            _ => check_laws(&before, regs, &outcome, &self.world),
        }
    }

    fn note(&mut self, outcome: &Outcome) {
        let Some(command) = outcome.command() else { return };
        let end = match (command, outcome.failure()) {
            (_, Some(failure)) => failure.condition().to_owned(),
            (Command::RecEnter { run_ptr, .. }, None) => {
                let exit = Exit::read(&self.world, run_ptr).expect("it was written");
                format!("exit {}", exit.reason())
            }
            _ => "success".to_owned(),
        };
        *self.seen.entry((command.info().name, end)).or_default() += 1;
    }

    /// What any Host does. Fillings of whole tables are left to `rmi_sequence`.
    fn host(&mut self, record: &Record) {
        let [_, kind, rest @ ..] = *record;
        let [a, b, c, d, e, f] = rest;
        let all = actions(&[kind, a, b, c, d, e, f, kind ^ a], &self.world);
        let edition = self.world.profile().edition();
        for action in all.into_iter().take(24) {
            // What ends a play, or its entries, is left to a few.
            let spoils = match &action {
                Action::Call(regs) => match Command::decode(regs, Edition::V1) {
                    Some(Command::RecDestroy { .. }) => true,
                    Some(Command::GranuleDelegate { addr }) => self.is_run(addr),
                    _ => false,
                },
                Action::Gpt(pa, _) => self.is_run(*pa),
                Action::Page(..) => false,
            };
            if !spoils || record[0] >= 0xF0 {
                self.act(&in_edition(action, edition));
            }
        }
    }

    fn is_run(&self, pa: u64) -> bool {
        self.homes.iter().any(|home| home.runs.contains(&(pa & !0xFFF)))
    }

    fn queue(&mut self, dice: &Dice<'_>) {
        let (home, n) = self.fitting(dice, Rec::runnable);
        let (rec, action) = (home.recs[n], self.action(dice, home, n));
        // What can not go on would be tried again for ever.
        if dice.0[7] % 8 == 7 {
            self.world.clear_guest(rec);
        }
        self.tell(rec, action);
    }

    fn enter(&mut self, dice: &Dice<'_>) {
        let (home, n) = self.fitting(dice, |rec| rec.runnable() && !rec.psci_pending());
        let rec = home.recs[n];
        let run_ptr = match dice.0[7] {
            0xF8.. => RAM + 0x1000 * dice.number(6),
            _ => home.runs[n],
        };
        let flags = dice.pick(6, &[0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 8, 12, 16, 16, 16, 31, u64::MAX]);
        let mut enter = Enter { gprs: [dice.noise(); 31], ..Enter::flags(flags) };
        match dice.0[5] {
            0..0xC0 => {}
            0xC0..0xF0 => {
                enter.hcr = 0x40FE & dice.noise();
                enter.lrs[0] = 1 << 62 | dice.number(4);
            }
            _ => {
                enter.hcr = dice.noise();
                enter.lrs = [dice.noise(); 16];
            }
        }
        if self.is_run(run_ptr) && self.world.host_page(run_ptr).is_err() {
            // It was taken away while a REC ran.
            self.call(Command::undelegate(self.world.profile().edition(), Pa(run_ptr)));
        }
        self.act(&Action::Page(run_ptr, enter.page()));
        self.call(Command::RecEnter { rec, run_ptr });
    }

    /// Answers a RIPAS change; if none is asked for, lets a REC ask.
    fn set_ripas(&mut self, dice: &Dice<'_>) {
        let asks = |rec: &Rec| rec.ripas_change().top != 0;
        let (home, n) = self.fitting(dice, asks);
        if !self.world.rec(home.recs[n]).is_some_and(asks) && dice.0[7] < 0xE0 {
            let base = self.ipa(dice, home) & !0xFFF;
            let top = base.wrapping_add(dice.pick(5, &[0x1000, 0x3000, 0x20_0000, 0x8000_0000]));
            let (ripas, flags) = (dice.number(6) & 1, dice.number(7) & 1);
            return self.asks(dice, vec![0xC400_0197, base, top, ripas, flags]);
        }
        let rec = home.recs[n];
        let Some(change) = self.world.rec(rec).map(|rec| *rec.ripas_change()) else { return };
        let top = match dice.0[2] % 8 {
            0 => change.addr.wrapping_add(0x1000),
            1 => change.top.wrapping_add(0x1000),
            2 => change.top.wrapping_sub(0x1000),
            3 => change.top.wrapping_sub(0x800),
            _ => change.top,
        };
        let base = if dice.0[3] < 0xF0 { change.addr } else { change.base };
        self.call(Command::RttSetRipas { rd: home.rd, rec, base, top });
    }

    /// Lets a REC make this call before all else.
    fn asks(&mut self, dice: &Dice<'_>, call: Vec<u64>) {
        let (home, n) = self.fitting(dice, |rec| rec.runnable() && !rec.psci_pending());
        let (rec, run_ptr) = (home.recs[n], home.runs[n]);
        self.world.clear_guest(rec);
        self.tell(rec, GuestAction::Smc(call));
        self.act(&Action::Page(run_ptr, Enter::default().page()));
        self.call(Command::RecEnter { rec, run_ptr });
    }

    fn tell(&mut self, rec: u64, action: GuestAction) {
        let id = self.queued.len() as u64;
        self.world.queue_guest(rec, id, action.clone()).expect("a possible action");
        self.queued.insert(id, action);
    }

    /// Answers a PSCI request; if there is none, lets a REC make one.
    fn complete(&mut self, dice: &Dice<'_>) {
        let (home, n) = self.fitting(dice, Rec::psci_pending);
        if !self.world.rec(home.recs[n]).is_some_and(Rec::psci_pending) && dice.0[7] < 0xE0 {
            return self.asks(dice, psci(dice, dice.number(3) << 12));
        }
        let calling_rec = home.recs[n];
        let named = self.world.rec(calling_rec).map_or(0, |rec| rec.gprs()[1]);
        let target = if dice.0[2] < 0xE0 { named } else { dice.number(3) };
        let target_rec = home.recs[usize::try_from(target % 3).expect("below three")];
        let status = dice.pick(4, &[0, 0, 0, 3_u64.wrapping_neg(), 1, 4_u64.wrapping_neg()]);
        self.call(Command::PsciComplete { calling_rec, target_rec, status });
    }

    /// An address where something is, or where something ends.
    fn ipa(&self, dice: &Dice<'_>, home: &Home) -> u64 {
        let half = home.half;
        let places = [
            DATA,
            DATA,
            DATA,
            DATA2,
            DATA2,
            NO_MEMORY,
            EMPTY_IPA,
            DESTROYED_IPA,
            EMPTY_DATA,
            FAR,
            half - 0x1000,
            half,
            half + 0x1000,
            2 * half - 0x1000,
            2 * half,
            1 << 48,
            1 << 52,
            u64::MAX - 0xFFF,
        ];
        let offsets = [0, 0, 0, 0, 8, 0x100, 0x800, 0xF00, 0xFFC, 0xFFF];
        dice.pick(3, &places).wrapping_add(dice.pick(4, &offsets))
    }

    fn action(&self, dice: &Dice<'_>, home: &Home, n: usize) -> GuestAction {
        let ipa = self.ipa(dice, home);
        let rt = dice.0[5] % 32;
        match dice.0[2] % 32 {
            0..=9 => GuestAction::Smc(self.rsi(dice, home, ipa)),
            10 | 11 => GuestAction::Smc(psci(dice, ipa)),
            12..=14 => GuestAction::Load { ipa, size_bytes: dice.pick(6, &[1, 2, 4, 8]), rt },
            15 | 16 => GuestAction::Store { ipa, size_bytes: dice.pick(6, &[1, 2, 4, 8]), rt },
            17 => GuestAction::LoadBytes { ipa, len_bytes: 1 + 32 * dice.number(6) },
            18 => GuestAction::StoreBytes { ipa, bytes: vec![dice.0[5]; 1 + rt as usize * 256] },
            19 => GuestAction::Exec { ipa },
            20 => GuestAction::Wfx { wfe: rt & 1 != 0 },
            21 => {
                [GuestAction::Hvc, GuestAction::Irq, GuestAction::Fiq][usize::from(rt % 3)].clone()
            }
            22 => GuestAction::Serror { esr: dice.noise() & 0xFFFF_FFFF },
            23 | 24 => {
                let classes = [0x24, 0x24, 0x20, 0x18, 0x01, 0x16, 0x17, 0x07, 0x19, 0x1D, 0x3F];
                let esr = dice.pick(5, &classes) << 26 | dice.noise() & 0x3FF_FFFF;
                let esr = if rt & 1 == 0 { esr & !0x3F | 7 } else { esr };
                GuestAction::Sync { esr, far: dice.noise(), hpfar: ipa >> 8 }
            }
            25 => {
                let register = dice.pick(3, &[0x30_300A, 0x30_300E, 0x30_100C, 0x30_0008, 0]);
                GuestAction::SysReg { esr: 1 << 25 | register | u64::from(rt) << 5 | 1 }
            }
            26 => GuestAction::SetReg { n: rt % 31, value: ipa },
            _ => GuestAction::HostSmc(self.nested(dice, home, n, ipa).to_vec()),
        }
    }

    fn rsi(&self, dice: &Dice<'_>, home: &Home, ipa: u64) -> Vec<u64> {
        let half = home.half;
        let len = [0x1000, 0x2000, 0x20_0000, half, 0, 0x800, 0x8000_0000];
        let top = ipa.wrapping_add(dice.pick(5, &len));
        let offset = dice.pick(6, &[0, 0, 1, 0x800, 0xFFF, 0x1000, u64::MAX]);
        let size = dice.pick(5, &[0x1000_u64, 0x800, 0x40, 0, 1, u64::MAX]);
        let size = if dice.0[7] & 1 == 0 { size.wrapping_sub(offset) } else { size };
        match dice.0[7] % 16 {
            0 | 1 => vec![0xC400_0199, if size & 1 == 0 { ipa & !0xFF } else { ipa }],
            2 => vec![0xC400_0196, ipa],
            3..=6 => {
                let ripas = dice.pick(6, &[0, 1, 1, 1, 2]);
                vec![0xC400_0197, ipa & !0xFFF, top & !0xFFF, ripas, dice.number(4) & 1]
            }
            7 => vec![0xC400_0198, ipa, top],
            8..=10 => {
                let value = [dice.noise(); 8];
                let size = dice.pick(6, &[0, 1, 32, 64, 65]);
                let index = dice.pick(5, &[0, 1, 2, 3, 4, 5]);
                [&[0xC400_0193, index, size][..], &value].concat()
            }
            11 => vec![0xC400_0192, dice.number(5) % 6],
            12 => vec![0xC400_0194, dice.noise()],
            13 => vec![0xC400_0195, ipa, offset, size],
            14 => vec![0xC400_0190 | dice.number(5) << 16, 0x1_0000],
            _ => vec![0xC400_019A + dice.noise() % 0x100, ipa],
        }
    }

    /// What the Host does on another PE while the REC runs.
    fn nested(&self, dice: &Dice<'_>, home: &Home, n: usize, ipa: u64) -> CallRegs {
        let other = &self.homes[usize::from(dice.0[5] & 1)];
        let m = usize::from(dice.0[6]) % 3;
        let (rd, rec) = (home.rd, home.recs[n]);
        let command = match dice.0[7] % 16 {
            0..=5 => Command::RecEnter { rec: other.recs[m], run_ptr: other.runs[m] },
            6 => Command::RecDestroy { rec },
            7 => Command::RttSetRipas { rd, rec, base: 0, top: 0x1000 },
            8 => Command::GranuleDelegate { addr: home.runs[n] },
            9 => Command::GranuleUndelegate { addr: other.runs[m] },
            10 => Command::DataDestroy { rd, ipa: ipa & !0xFFF },
            11 => Command::RealmDestroy { rd: other.rd },
            12 => {
                let target_rec = home.recs[m];
                Command::PsciComplete { calling_rec: rec, target_rec, status: 0 }
            }
            13 => Command::RttDestroy { rd, ipa: ipa & !0x1F_FFFF, level: 3 },
            14 => Command::RttUnmapUnprotected { rd, ipa: home.half, level: 3 },
            _ => return [0xC400_0150 + dice.noise() % 32, rd, ipa, rec, 3, 0, 0],
        };
        match in_edition(Action::Call(command.encode()), self.world.profile().edition()) {
            Action::Call(regs) => regs,
            Action::Page(..) | Action::Gpt(..) => unreachable!("a call stays a call"),
        }
    }
}

fn psci(dice: &Dice<'_>, ipa: u64) -> Vec<u64> {
    let functions = [
        0xC400_0003,
        0xC400_0003,
        0x8400_0003,
        0xC400_0004,
        0x8400_0004,
        0xC400_0001,
        0x8400_0000,
        0x8400_000A,
        0x8400_0002,
        0x8401_0002,
    ];
    // Switching off ends everything, so it is rare.
    let fid = match dice.0[7] {
        0xFE.. => dice.pick(6, &[0x8400_0008, 0x8400_0009]),
        high => dice.pick(6, &functions) | u64::from(high & 1) << 40,
    };
    let second = if fid & 0xF == 4 { dice.number(4) & 1 } else { ipa };
    vec![fid, dice.number(5) % 4, second, dice.noise()]
}
