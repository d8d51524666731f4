//! Compares what is with what a step wants.

use std::fmt;

use super::Fault;
use super::step::{Action, Check, Expected, PeekWant, RealmWant, RecWant, RimWant};
use crate::abi::addr::Hex;
use crate::abi::command::{Command, ResultRegs};
use crate::abi::status::ReturnCode;
use crate::encoding::text::hex;
use crate::measure::rim::Measurement;
use crate::model::granule::{Gpt, GranuleState};
use crate::model::program::GuestEvent;
use crate::model::world::{HostFault, World};
use crate::rmi::Outcome;

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was compared: a register, an attribute, a measurement.
    pub what: String,
    /// What it is.
    pub got: String,
    /// What was wanted.
    pub wanted: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: got {}, wanted {}", self.what, self.got, self.wanted)
    }
}

/// Compares what came of a write of the Host.
pub(super) fn write(expected: &Expected, fault: Option<&Fault>, mismatches: &mut Vec<Mismatch>) {
    let Expected::Write { refused } = expected else { return };
    let refused_here = matches!(fault, Some(Fault::Host(_)));
    if refused_here != *refused {
        let got = fault.map_or_else(|| "done".to_owned(), ToString::to_string);
        let wanted = if *refused { "gpf" } else { "done" }.to_owned();
        mismatches.push(Mismatch { what: "write".to_owned(), got, wanted });
    }
}

/// Compares the answer to a call.
pub(super) fn outcome(
    expected: &Expected,
    outcome: Option<&Outcome>,
    mismatches: &mut Vec<Mismatch>,
) {
    let Some(outcome) = outcome else { return };
    match expected {
        Expected::Write { .. } | Expected::Refusal { .. } => {}
        Expected::Regs(wanted) => {
            for (x, wanted) in wanted {
                let got = outcome.regs().get(*x).copied();
                if got != Some(*wanted) {
                    let got = got.map_or_else(|| "nothing".into(), |got| reg_text(*x, got));
                    let got = match outcome.failure() {
                        Some(failure) if *x == 0 => format!("{got} ({failure})"),
                        _ => got,
                    };
                    let wanted = reg_text(*x, *wanted);
                    mismatches.push(Mismatch { what: format!("X{x}"), got, wanted });
                }
            }
        }
        Expected::Result { code, condition, outputs } => {
            let mut compare = Compare { mismatches };
            let got_code =
                outcome.code().map_or_else(|| "SMC_NOT_SUPPORTED".into(), |c| c.to_string());
            compare.texts("status", got_code, code.to_string());
            if let Some(wanted) = condition {
                let got = outcome.failure().map_or("none", |failure| failure.condition());
                compare.texts("condition", got.to_owned(), wanted.clone());
            }
            for (name, wanted) in outputs {
                let got =
                    output(outcome, name).map_or_else(|| "nothing".into(), |v| Hex(v).to_string());
                compare.texts(name, got, Hex(*wanted).to_string());
            }
        }
    }
}

fn output(outcome: &Outcome, name: &str) -> Option<u64> {
    let regs: &ResultRegs = outcome.regs();
    let position = outcome.output_names().iter().position(|output| *output == name)?;
    regs.get(position + 1).copied()
}

fn reg_text(x: usize, value: u64) -> String {
    match ReturnCode::unpack(value) {
        Some(code) if x == 0 => code.to_string(),
        _ => Hex(value).to_string(),
    }
}

/// Compares what a Realm's software saw in a REC_ENTER.
pub(super) fn guest(
    world: &World,
    action: &Action,
    wanted: &[Vec<String>],
    mismatches: &mut Vec<Mismatch>,
) {
    let Action::Call(regs) = action else { return };
    let edition = world.profile().edition();
    let Some(Command::RecEnter { rec, .. }) = Command::decode(regs, edition) else { return };
    let log = world.guest(rec).map(|program| program.log()).unwrap_or_default();
    let got: Vec<_> = log.iter().map(GuestEvent::fields).collect();
    for i in 0..got.len().max(wanted.len()) {
        let text =
            |all: &[Vec<String>]| all.get(i).map_or("nothing".into(), |event| event.join(" "));
        let mut compare = Compare { mismatches };
        compare.texts(&format!("guest event {i}"), text(&got), text(wanted));
    }
}

/// Compares a part of the state.
pub(super) fn state(world: &mut World, check: &Check, mismatches: &mut Vec<Mismatch>) {
    let mut compare = Compare { mismatches };
    match check {
        Check::Peek { pa, len_bytes, want } => compare.peek(world, *pa, *len_bytes, want),
        Check::Rim { rd, want } => compare.rim(world, *rd, want),
        Check::Granule { pa, state, gpt } => compare.granule(world, *pa, *state, *gpt),
        Check::Realm { rd, want } => compare.realm(world, *rd, want),
        Check::Rec { rec, want } => compare.rec(world, *rec, want),
    }
}

struct Compare<'m> {
    mismatches: &'m mut Vec<Mismatch>,
}

impl Compare<'_> {
    fn texts(&mut self, what: &str, got: String, wanted: String) {
        if got != wanted {
            self.mismatches.push(Mismatch { what: what.to_owned(), got, wanted });
        }
    }

    fn numbers(&mut self, what: &str, got: u64, wanted: u64) {
        self.texts(what, Hex(got).to_string(), Hex(wanted).to_string());
    }

    fn peek(&mut self, world: &World, pa: u64, len_bytes: u64, want: &PeekWant) {
        let bytes = match (world.host_read(pa, len_bytes), want) {
            (Err(HostFault::Gpf { .. }), PeekWant::Gpf) => return,
            (Err(fault), _) => return self.texts("memory", fault.to_string(), "bytes".into()),
            (Ok(_), PeekWant::Gpf) => return self.texts("memory", "bytes".into(), "gpf".into()),
            (Ok(bytes), PeekWant::Words(_)) => bytes,
        };
        let PeekWant::Words(words) = want else { return };
        for (offset, got) in (0..).step_by(8).zip(bytes.chunks(8)) {
            let wanted = words.get(&offset).copied().unwrap_or_default();
            if *got != wanted[..got.len()] {
                let what = format!("memory at {}", Hex(pa.wrapping_add(offset)));
                self.texts(&what, hex(got), hex(&wanted[..got.len()]));
            }
        }
    }

    fn rim(&mut self, world: &mut World, rd: u64, want: &RimWant) {
        let rim = world.rim(rd);
        let slots = match (rim, want) {
            (None, RimWant::NotRd) => return,
            (None, RimWant::Slots(_)) => {
                return self.texts("rim", "no Realm".into(), "a Realm".into());
            }
            (Some(rim), RimWant::NotRd) => {
                return self.texts("rim", rim.to_string(), "no Realm".into());
            }
            (Some(_), RimWant::Slots(slots)) => slots,
        };
        let Some(realm) = world.realm(rd) else { return };
        let got = rim.into_iter().chain(*realm.rems());
        let wanted = slots.iter().copied().map(Some).chain(std::iter::repeat(None));
        let names = ["rim", "rem1", "rem2", "rem3", "rem4"];
        for ((got, wanted), name) in got.zip(wanted).zip(names) {
            let wanted = wanted.unwrap_or_else(|| Measurement::zero(got.algo()));
            self.texts(name, format!("{got:?}"), format!("{wanted:?}"));
        }
    }

    fn granule(&mut self, world: &World, pa: u64, state: Option<GranuleState>, gpt: Option<Gpt>) {
        let granule = world.granules().find(pa);
        let name =
            |state: Option<GranuleState>| state.map_or("none", GranuleState::name).to_owned();
        let got = granule.map(|granule| world.granules().state(granule));
        self.texts("granule state", name(got), name(state));
        if let (Some(granule), Some(wanted)) = (granule, gpt) {
            let got = world.granules().gpt(granule);
            self.texts("granule PAS", got.name().into(), wanted.name().into());
        }
    }

    fn realm(&mut self, world: &World, rd: u64, want: &RealmWant) {
        let Some(is) = RealmWant::of(world, rd) else {
            return self.texts("Realm", "none".into(), want.state.name().into());
        };
        self.texts("Realm state", is.state.name().into(), want.state.name().into());
        self.numbers("next REC index", is.next_rec_index, want.next_rec_index);
        self.numbers("RECs", is.num_recs, want.num_recs);
        self.numbers("IPA width", is.ipa_width, want.ipa_width);
        self.texts("starting level", is.start_level.to_string(), want.start_level.to_string());
        self.numbers("starting RTTs", is.rtt_num_start, want.rtt_num_start);
        self.numbers("VMID", is.vmid, want.vmid);
        self.texts("LPA2", is.lpa2.to_string(), want.lpa2.to_string());
    }

    fn rec(&mut self, world: &World, rec: u64, want: &RecWant) {
        let Some(is) = RecWant::of(world, rec) else {
            return self.texts("REC", "none".into(), "one".into());
        };
        self.numbers("REC index", is.index, want.index);
        self.texts("runnable", is.runnable.to_string(), want.runnable.to_string());
        self.numbers("pc", is.pc, want.pc);
        self.texts("psci_pending", is.psci_pending.to_string(), want.psci_pending.to_string());
        let host_call = is.host_call_pending.to_string();
        self.texts("host_call_pending", host_call, want.host_call_pending.to_string());
        self.numbers("ripas base", is.ripas_base, want.ripas_base);
        self.numbers("ripas_top", is.ripas_top, want.ripas_top);
        self.numbers("ripas_addr", is.ripas_addr, want.ripas_addr);
        self.numbers("ripas_value", is.ripas_value, want.ripas_value);
        self.numbers("change_destroyed", is.change_destroyed, want.change_destroyed);
    }
}

impl RealmWant {
    /// What the attributes are now; `None` if there is no Realm at `rd`.
    #[must_use]
    pub fn of(world: &World, rd: u64) -> Option<Self> {
        let realm = world.realm(rd)?;
        let rtt = realm.rtt();
        Some(Self {
            state: realm.state(),
            next_rec_index: realm.next_rec_index(),
            num_recs: realm.recs().len() as u64,
            ipa_width: rtt.ipa_width.into(),
            start_level: rtt.start.number().into(),
            rtt_num_start: rtt.num_start,
            vmid: realm.vmid().into(),
            lpa2: rtt.lpa2,
        })
    }
}

impl RecWant {
    /// What the attributes are now; `None` if there is no REC at `rec`.
    #[must_use]
    pub fn of(world: &World, rec: u64) -> Option<Self> {
        let rec = world.rec(rec)?;
        let change = rec.ripas_change();
        Some(Self {
            index: rec.index(),
            runnable: rec.runnable(),
            pc: rec.pc(),
            psci_pending: rec.psci_pending(),
            host_call_pending: rec.host_call_pending(),
            ripas_base: change.base,
            ripas_top: change.top,
            ripas_addr: change.addr,
            ripas_value: change.value.into(),
            change_destroyed: change.flags,
        })
    }
}
