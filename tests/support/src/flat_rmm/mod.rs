//! A second RMM, written from the list of checks and without a tree: the oracle.
//!
//! An IPA space is a function on ranges ([`View`]) and a set of tables. Each command is its checks
//! in TF-RMM's order and then its effect. What only a running Realm can do is not here.

use std::collections::{BTreeMap, BTreeSet};

use rimsim::{Command, Profile, World};

use crate::ipa_view::{Cell, DESTROYED, EMPTY, RAM, View};
use crate::naive_rim::NaiveRim;

/// What the RMM uses a granule for. Granules that are not in the map are Non-secure and the Host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// UNDELEGATED; `ns` is whether the Host may access it although its PAS is not Non-secure.
    Foreign {
        ns: bool,
    },
    Delegated,
    Rd,
    Rec,
    RecAux,
    Data,
    Rtt,
}

/// X0 to X4, if the model says what they have to be.
pub type Answer = Option<[u64; 5]>;

/// A failed check: X0 and X1 to X4.
struct Fail(u64, [u64; 4]);
/// Reads the Host's memory as it is before a command; `None` where the Host itself could not.
pub type Host<'h> = &'h dyn Fn(u64) -> Option<[u8; 4096]>;
type Checked<T> = Result<T, Fail>;

const INPUT: Fail = Fail(1, [0; 4]);
const REALM: Fail = Fail(2, [0; 4]);
const REC: Fail = Fail(3, [0; 4]);

fn rtt(level: i64) -> Fail {
    Fail(4 | u64::from(level.to_le_bytes()[0]) << 8, [0; 4])
}

fn check(good: bool, fail: Fail) -> Checked<()> {
    if good { Ok(()) } else { Err(fail) }
}

/// Bytes that an entry covers, with granules of 4 KiB.
pub fn size(level: i64) -> u64 {
    size_in(12, level)
}

/// Bytes that an entry covers, with granules of 2^`bits` bytes: each fills one with eight bytes an
/// entry.
pub fn size_in(bits: u32, level: i64) -> u64 {
    let below = u32::try_from(3 - level).expect("there is no level below 3");
    1 << (bits + (bits - 3) * below)
}

fn align(ipa: u64, size: u64) -> u64 {
    ipa & !(size - 1)
}

#[derive(Clone, Debug)]
pub struct FlatRealm {
    pub active: bool,
    width: u32,
    start: i64,
    lpa2: bool,
    roots: Vec<u64>,
    pub vmid: u64,
    pub next_index: u64,
    pub view: View,
    pub rim: NaiveRim,
}

#[derive(Clone, Debug)]
struct FlatRec {
    owner: u64,
    aux: Vec<u64>,
    runnable: bool,
}

/// The whole machine.
#[derive(Clone, Debug)]
pub struct Flat {
    platform: rimsim::Platform,
    spec: bool,
    pub uses: BTreeMap<u64, Use>,
    pub realms: BTreeMap<u64, FlatRealm>,
    recs: BTreeMap<u64, FlatRec>,
}

impl FlatRealm {
    fn ipa_top(&self) -> u64 {
        1 << self.width
    }

    fn protected(&self, ipa: u64) -> bool {
        ipa < self.ipa_top() / 2
    }

    /// The level at which a walk ends.
    pub fn walk(&self, ipa: u64, target: i64) -> i64 {
        let mut level = self.start;
        while level < target && self.table(level + 1, ipa).is_some() {
            level += 1;
        }
        level
    }

    /// The granule of the table at `level` that covers `ipa`.
    fn table(&self, level: i64, ipa: u64) -> Option<u64> {
        self.view.tables.get(&(level, align(ipa, size(level - 1)))).copied()
    }

    /// Whether the table at `level` from `base` on holds a table or Realm memory.
    fn holds(&self, level: i64, base: u64) -> bool {
        let range = base..base + size(level) * 512;
        let tables = &self.view.tables;
        let child = tables.range((level + 1, range.start)..(level + 1, range.end)).next();
        let data = |(_, cell)| matches!(cell, Cell::Assigned { .. });
        child.is_some() || self.view.cells.within(range).into_iter().any(data)
    }

    /// The first live IPA from `ipa` on in the table at `level`, or the table's end.
    fn top(&self, level: i64, ipa: u64) -> u64 {
        let step = size(level);
        let first = align(ipa, step);
        let end = align(ipa, step * 512) + step * 512;
        let child = self.view.tables.range((level + 1, first)..(level + 1, end)).next();
        let mut live: BTreeSet<u64> = child.map(|((_, base), _)| *base).into_iter().collect();
        let cells = self.view.cells.within(first..end).into_iter();
        live.extend(
            cells.filter(|(_, cell)| cell.is_live()).map(|(range, _)| align(range.start, step)),
        );
        match live.first() {
            Some(at) if *at == first => ipa,
            Some(at) => *at,
            None => end,
        }
    }
}

impl Flat {
    pub fn new(world: &World) -> Self {
        Self {
            platform: world.platform().clone(),
            spec: world.profile() == Profile::SPEC,
            uses: BTreeMap::new(),
            realms: BTreeMap::new(),
            recs: BTreeMap::new(),
        }
    }

    /// Executes a command.
    pub fn execute(&mut self, command: Command, host: Host<'_>) -> Answer {
        if let Command::Features { index: 0 } = command {
            return None;
        }
        let entered = matches!(command, Command::RecEnter { .. });
        match self.command(command, host) {
            Ok(_) if entered => None,
            Ok([x1, x2, x3, x4]) => Some([0, x1, x2, x3, x4]),
            Err(Fail(x0, [x1, x2, x3, x4])) => Some([x0, x1, x2, x3, x4]),
        }
    }

    fn command(&mut self, command: Command, host: Host<'_>) -> Checked<[u64; 4]> {
        match command {
            Command::Version { req } => {
                let revision = [0x1_0000, 0x1_0000, 0, 0];
                if req == 0x1_0000 { Ok(revision) } else { Err(Fail(1, revision)) }
            }
            Command::Features { .. } => Ok([0; 4]),
            Command::GranuleDelegate { addr } => {
                check(self.is_ram(addr) && !self.uses.contains_key(&addr), INPUT)?;
                self.put(addr, Use::Delegated)
            }
            Command::GranuleUndelegate { addr } => {
                self.find(addr, Use::Delegated)?;
                self.uses.remove(&addr);
                Ok([0; 4])
            }
            Command::RealmCreate { rd, params_ptr } => {
                self.realm_create(rd, &host(params_ptr).ok_or(INPUT)?)
            }
            Command::RealmActivate { rd } => {
                let realm = self.realm(rd)?;
                check(!realm.active, REALM)?;
                realm.active = true;
                Ok([0; 4])
            }
            Command::RealmDestroy { rd } => self.realm_destroy(rd),
            Command::RecAuxCount { rd } => {
                self.realm(rd)?;
                Ok([self.platform.rec_aux_count.into(), 0, 0, 0])
            }
            Command::RecCreate { rd, rec, params_ptr } => {
                self.rec_create(rd, rec, &host(params_ptr).ok_or(INPUT)?)
            }
            Command::RecDestroy { rec } => {
                self.find(rec, Use::Rec)?;
                let gone = self.recs.remove(&rec).expect("every REC granule has its REC");
                for granule in gone.aux.into_iter().chain([rec]) {
                    self.put(granule, Use::Delegated)?;
                }
                Ok([0; 4])
            }
            Command::RecEnter { rec, run_ptr } => self.rec_enter(rec, run_ptr),
            // Without a running Realm there is no request to complete.
            Command::PsciComplete { .. } => Err(INPUT),
            Command::RttSetRipas { rd, rec, base, top } => {
                check(top > base, INPUT)?;
                self.realm(rd)?;
                self.find(rec, Use::Rec)?;
                check(self.recs[&rec].owner == rd, REC)?;
                Err(INPUT)
            }
            Command::RttCreate { rd, rtt, ipa, level } => self.rtt_create(rd, rtt, ipa, level),
            Command::RttDestroy { rd, ipa, level } => self.rtt_destroy(rd, ipa, level),
            Command::RttFold { rd, ipa, level } => self.rtt_fold(rd, ipa, level),
            Command::RttReadEntry { rd, ipa, level } => self.read_entry(rd, ipa, level),
            Command::RttMapUnprotected { rd, ipa, level, desc } => self.map(rd, ipa, level, desc),
            Command::RttUnmapUnprotected { rd, ipa, level } => self.unmap(rd, ipa, level),
            Command::RttInitRipas { rd, base, top } => self.init_ripas(rd, base, top),
            Command::DataCreate { rd, data, ipa, src, flags } => {
                self.data_create(rd, data, ipa, src, flags, host)
            }
            Command::DataCreateUnknown { rd, data, ipa } => self.data_create_unknown(rd, data, ipa),
            Command::DataDestroy { rd, ipa } => self.data_destroy(rd, ipa),
            other => unreachable!("{other} is not in RMM 1.0"),
        }
    }

    fn is_ram(&self, pa: u64) -> bool {
        pa.is_multiple_of(0x1000)
            && self.platform.dram.iter().any(|dram| dram.range().contains(&pa))
    }

    fn find(&self, pa: u64, wanted: Use) -> Checked<()> {
        check(self.uses.get(&pa) == Some(&wanted), INPUT)
    }

    #[allow(clippy::unnecessary_wraps, reason = "ends commands")]
    fn put(&mut self, pa: u64, state: Use) -> Checked<[u64; 4]> {
        self.uses.insert(pa, state);
        Ok([0; 4])
    }

    fn realm(&mut self, rd: u64) -> Checked<&mut FlatRealm> {
        self.realms.get_mut(&rd).ok_or(INPUT)
    }
}

// The paths let another crate include this file by path.
mod objects;
mod translation;
