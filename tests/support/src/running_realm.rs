//! A Realm that runs: memory of every kind, RECs, their run pages, and what comes of an entry.
//!
//! Offsets and identifiers stand here once more, as in `small_machine`.

use rimsim::model::program::{GuestAction, GuestEvent};
use rimsim::rmi::Outcome;
use rimsim::{Command, Data, Ipa, Pa, Profile, Rd, World};

use crate::small_machine::SmallMachine;

/// IPAs of the Protected half, by what is there. The data pages are RAM.
pub const DATA: u64 = 0x0;
pub const DATA2: u64 = 0x1000;
pub const NO_MEMORY: u64 = 0x2000;
pub const EMPTY_IPA: u64 = 0x3000;
pub const DESTROYED_IPA: u64 = 0x4000;
pub const EMPTY_DATA: u64 = 0x5000;
/// No table is near, and the RIPAS is EMPTY.
pub const FAR: u64 = 0x8000_0000;

/// REC exit reasons.
pub const SYNC: u64 = 0;
pub const IRQ: u64 = 1;
pub const FIQ: u64 = 2;
pub const PSCI: u64 = 3;
pub const RIPAS_CHANGE: u64 = 4;
pub const HOST_CALL: u64 = 5;
pub const SERROR: u64 = 6;

/// RSI calls for attestation tokens, and that more of one is to come.
pub const TOKEN_INIT: u64 = 0xC400_0194;
pub const TOKEN_CONTINUE: u64 = 0xC400_0195;
pub const INCOMPLETE: u64 = 3;

/// RecEnter flags.
pub const EMUL_MMIO: u64 = 1;
pub const INJECT_SEA: u64 = 2;
pub const TRAP_WFI: u64 = 4;
pub const TRAP_WFE: u64 = 8;
pub const REJECT: u64 = 16;

/// What the Host writes into a run page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Enter {
    pub flags: u64,
    pub gprs: [u64; 31],
    pub hcr: u64,
    pub lrs: [u64; 16],
}

impl Enter {
    pub fn flags(flags: u64) -> Self {
        Self { flags, ..Self::default() }
    }

    /// The page, with noise where the RMM writes.
    pub fn page(&self) -> Box<[u8; 4096]> {
        let mut page = Box::new([0; 4096]);
        page[0x800..].fill(0xEE);
        let mut put = |at: usize, value: u64| {
            page[at..at + 8].copy_from_slice(&value.to_le_bytes());
        };
        put(0, self.flags);
        put(0x300, self.hcr);
        self.gprs.iter().zip(0..).for_each(|(gpr, i)| put(0x200 + 8 * i, *gpr));
        self.lrs.iter().zip(0..).for_each(|(lr, i)| put(0x308 + 8 * i, *lr));
        page
    }
}

/// What the Host finds in a run page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit(Vec<u8>);

impl Exit {
    /// What is in the run page at `pa`, if the Host can read it.
    pub fn read(world: &World, pa: u64) -> Option<Self> {
        world.host_read(pa + 0x800, 0x800).ok().map(Self)
    }

    fn at(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.0[offset..offset + 8].try_into().expect("eight bytes"))
    }

    pub fn reason(&self) -> u64 {
        self.at(0)
    }

    /// ESR, FAR and HPFAR.
    pub fn syndrome(&self) -> [u64; 3] {
        [self.at(0x100), self.at(0x108), self.at(0x110)]
    }

    pub fn gprs(&self) -> [u64; 31] {
        std::array::from_fn(|i| self.at(0x200 + 8 * i))
    }

    /// HCR and LR0.
    pub fn gic(&self) -> [u64; 2] {
        [self.at(0x300), self.at(0x308)]
    }

    /// Base, top and value of a RIPAS change.
    pub fn ripas(&self) -> [u64; 3] {
        [self.at(0x500), self.at(0x508), self.at(0x510)]
    }

    pub fn imm(&self) -> u64 {
        self.at(0x600)
    }
}

/// A Realm of RECs 0 and 2, which can run, and 1, which can not.
#[derive(Clone)]
pub struct RunningRealm {
    pub scene: SmallMachine,
    pub rd: u64,
    pub recs: [u64; 3],
    pub runs: [u64; 3],
    /// First IPA of the Unprotected half. The page there is mapped, the one after it is not.
    pub ns: u64,
    /// The Host's page behind it.
    pub ns_page: u64,
    next_id: u64,
}

impl RunningRealm {
    pub fn new(profile: Profile) -> Self {
        Self::with(profile, &[])
    }

    pub fn with(profile: Profile, change: &[(&'static str, u64)]) -> Self {
        Self::join(SmallMachine::new(profile), change)
    }

    /// Sets up the Realm in a scene.
    pub fn join(mut scene: SmallMachine, change: &[(&'static str, u64)]) -> Self {
        let rd = scene.realm(change);
        let ns = scene.world.realm(rd).expect("it was made").rtt().protected_top();
        scene.tables(rd, 0, 3);
        scene.tables(rd, ns, 3);
        scene.data(rd, DATA, 0xDA);
        scene.data(rd, DATA2, 0xDB);
        scene.must(Command::RttInitRipas { rd, base: NO_MEMORY, top: EMPTY_IPA });
        scene.data(rd, DESTROYED_IPA, 0xDE);
        let data = scene.delegated();
        scene.must(Command::map_unknown(
            scene.edition(),
            Rd(Pa(rd)),
            Data(Pa(data)),
            Ipa(EMPTY_DATA),
        ));
        let ns_page = scene.host();
        scene.put(ns_page, &[0x4E; 4096]);
        scene.map_host(rd, ns, ns_page);
        let recs = [1, 0, 1].iter().zip(0..);
        let recs: Vec<_> =
            recs.map(|(runs, i)| scene.rec(rd, i, &[("flags", *runs), ("pc", 0x1000)])).collect();
        scene.must(Command::RealmActivate { rd });
        scene.unmap(rd, DESTROYED_IPA);
        let runs = std::array::from_fn(|_| scene.host());
        let recs = recs.try_into().expect("three");
        Self { scene, rd, recs, runs, ns, ns_page, next_id: 1 }
    }

    pub fn world(&mut self) -> &mut World {
        &mut self.scene.world
    }

    /// Lets REC `n` do something; the action's number.
    pub fn queue(&mut self, n: usize, action: GuestAction) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.scene.world.queue_guest(self.recs[n], id, action).expect("a possible action");
        id
    }

    /// Enters REC `n`.
    pub fn enter(&mut self, n: usize, enter: &Enter) -> Outcome {
        self.scene.put(self.runs[n], &enter.page());
        let (rec, run_ptr) = (self.recs[n], self.runs[n]);
        self.scene.world.execute(Command::RecEnter { rec, run_ptr })
    }

    /// Enters REC `n`, which has to succeed.
    #[track_caller]
    pub fn run(&mut self, n: usize, enter: &Enter) -> Exit {
        let outcome = self.enter(n, enter);
        assert!(outcome.is_success(), "{outcome}");
        Exit::read(&self.scene.world, self.runs[n]).expect("a run page")
    }

    /// REC `n` does one thing, and the Host sees this exit.
    #[track_caller]
    pub fn act(&mut self, n: usize, action: GuestAction) -> Exit {
        self.queue(n, action);
        self.run(n, &Enter::default())
    }

    /// What REC `n` saw in its last entry.
    pub fn log(&self, n: usize) -> &[GuestEvent] {
        self.scene.world.guest(self.recs[n]).map_or(&[], |program| program.log())
    }

    /// REC 0 makes a call that is answered at once; X0 to X10 after it.
    #[track_caller]
    pub fn smc(&mut self, regs: &[u64]) -> [u64; 11] {
        let exit = self.act(0, GuestAction::Smc(regs.to_vec()));
        assert_eq!(exit.reason(), FIQ, "{regs:x?}: {:x?}", exit.syndrome());
        self.result(0)
    }

    /// The result of the last call that REC `n` saw.
    #[track_caller]
    pub fn result(&self, n: usize) -> [u64; 11] {
        let mut results = self.log(n).iter().filter_map(|event| match event {
            GuestEvent::Smc { gprs, .. } => Some(*gprs),
            _ => None,
        });
        results.next_back().expect("a call has returned")
    }

    /// REC 0 reads its memory.
    #[track_caller]
    pub fn load(&mut self, ipa: u64, len_bytes: u64) -> Vec<u8> {
        self.act(0, GuestAction::LoadBytes { ipa, len_bytes });
        match self.log(0) {
            [_, GuestEvent::LoadBytes { bytes, .. }] => bytes.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// REC 0 asks for a token and fetches it in pieces of this size into the page at DATA.
    pub fn fetch_token(&mut self, challenge: u64, size: u64) -> Vec<u8> {
        let call = [&[TOKEN_INIT], &[challenge; 8][..]].concat();
        assert_eq!(self.smc(&call)[..2], [0, 0x1000], "at most a granule");
        let mut token = Vec::new();
        loop {
            let offset = token.len() as u64 % (0x1000 - size + 1);
            let [status, written, ..] = self.smc(&[TOKEN_CONTINUE, DATA, offset, size]);
            assert!(written <= size && (written == size || status == 0));
            token.extend(self.load(DATA + offset, written));
            if status == 0 {
                return token;
            }
            assert_eq!(status, INCOMPLETE);
        }
    }

    #[track_caller]
    pub fn store(&mut self, ipa: u64, bytes: &[u8]) {
        self.act(0, GuestAction::StoreBytes { ipa, bytes: bytes.to_vec() });
        assert!(matches!(self.log(0), [_, GuestEvent::StoreBytes { .. }]));
    }
}
