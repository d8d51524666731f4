//! `serve rec=…`: enters a REC again and again and answers its exits as KVM does, until one comes
//! that needs somebody else.

use std::collections::BTreeMap;

use super::ending::PlayError;
use super::error::ScriptError;
use super::grammar::{Expr, Invocation};
use super::player::Run;
use crate::abi::addr::{Hex, Ipa, Level, Pa, align_down};
use crate::abi::args::{Data, Rd};
use crate::abi::command::Command;
use crate::abi::esr;
use crate::abi::rec_run::{EXIT_OFFSET, ExitReason, enter_flags};
use crate::abi::rsi::psci;
use crate::abi::status::Status;
use crate::model::program::GuestEvent;
use crate::session::{Action, Mismatch};

/// Entries of one `serve`: a Realm that asks for more without end is a mistake of the script.
const MAX_ENTRIES: u32 = 1 << 16;
/// Most events of a Realm's software that an error repeats.
const MAX_HEARD: usize = 64;

/// What the Host writes into RmiRecEnter: offset and bytes.
type Pieces = Vec<(u16, Vec<u8>)>;

/// What the Host reads in RmiRecExit.
struct Exit {
    reason: u8,
    esr: u64,
    hpfar: u64,
    gprs: [u64; 31],
    ripas_base: u64,
    ripas_top: u64,
}

/// What a Host knows of the RECs that it made.
#[derive(Debug, Default)]
pub(super) struct Recs {
    /// The Realm, and the index that PSCI names it by.
    made: BTreeMap<u64, (u64, u64)>,
    /// The same the other way around.
    by_index: BTreeMap<(u64, u64), u64>,
    count: BTreeMap<u64, u64>,
}

impl Recs {
    /// Remembers a REC_CREATE that succeeded: indices are handed out in order.
    pub(super) fn add(&mut self, rd: u64, rec: u64) {
        let count = self.count.entry(rd).or_default();
        let before = self.made.insert(rec, (rd, *count));
        before.and_then(|before| self.by_index.remove(&before));
        self.by_index.insert((rd, *count), rec);
        *count += 1;
    }

    /// Forgets a Realm.
    pub(super) fn remove_realm(&mut self, rd: u64) {
        let count = self.count.remove(&rd).unwrap_or_default();
        for index in 0..count {
            if let Some(rec) = self.by_index.remove(&(rd, index)) {
                self.made.remove(&rec);
            }
        }
    }

    fn realm_of(&self, rec: u64) -> Option<u64> {
        self.made.get(&rec).map(|(rd, _)| *rd)
    }

    fn with_index(&self, rd: u64, index: u64) -> Option<u64> {
        self.by_index.get(&(rd, index)).copied()
    }
}

impl Run<'_, '_> {
    pub(super) fn serve(&mut self, invocation: &Invocation) -> Result<(), PlayError> {
        let rec = self.arg(invocation, "rec")?;
        let Some(rd) = self.state.recs.realm_of(rec) else {
            let message = format!("{} is no REC that this script made", Hex(rec));
            return Err(self.mistake(&message).into());
        };
        let run_ptr = match invocation.arg("run_ptr") {
            Some(_) => self.arg(invocation, "run_ptr")?,
            None => self.run_page()?,
        };
        let mut enter = Vec::new();
        let mut last = String::new();
        for _ in 0..MAX_ENTRIES {
            let flags = if invocation.has("reject") { enter_flags::RIPAS_RESPONSE } else { 0 };
            let mut data = vec![(0, flags.to_le_bytes().to_vec())];
            data.extend(std::mem::take(&mut enter));
            self.step(Action::Page { pa: run_ptr, data })?;
            self.must_succeed(Command::RecEnter { rec, run_ptr })?;
            let exit = self.exit(run_ptr)?;
            last = exit.text();
            match self.answer_exit(rd, rec, &exit, invocation)? {
                Some(next) => enter = next,
                None => return self.served(invocation, &exit),
            }
        }
        let message = format!("the REC was entered {MAX_ENTRIES} times; its last exit was {last}");
        Err(self.mistake(&message).into())
    }

    /// Says how the REC left, and compares it with what the script wants.
    fn served(&mut self, invocation: &Invocation, exit: &Exit) -> Result<(), PlayError> {
        self.step(Action::Note(format!("the REC left: {}", exit.text())))?;
        let Some(wanted) =
            invocation.words.iter().find(|word| ExitReason::NAMES.contains(&word.text.as_str()))
        else {
            return Ok(());
        };
        if exit.name() == wanted.text {
            return Ok(());
        }
        let (got, wanted) = (exit.text(), wanted.text.clone());
        self.report("serve", vec![Mismatch { what: "exit_reason".into(), got, wanted }])
    }

    fn run_page(&mut self) -> Result<u64, PlayError> {
        if let Some(page) = self.state.run_page {
            return Ok(page);
        }
        let page = self.take(1, false)?;
        self.state.run_page = Some(page);
        Ok(page)
    }

    /// What to put into the next RmiRecEnter, or `None` if the exit is nothing that KVM answers on
    /// its own.
    fn answer_exit(
        &mut self,
        rd: u64,
        rec: u64,
        exit: &Exit,
        invocation: &Invocation,
    ) -> Result<Option<Pieces>, PlayError> {
        match exit.name() {
            "RIPAS_CHANGE" if invocation.has("reject") => Ok(Some(Vec::new())),
            "RIPAS_CHANGE" => self.change_ripas(rd, rec, exit).map(Some),
            "HOST_CALL" => {
                // The call's registers go back as they came.
                let gprs = exit.gprs.iter().flat_map(|gpr| gpr.to_le_bytes()).collect();
                Ok(Some(vec![(0x200, gprs)]))
            }
            "PSCI" => self.answer_psci(rd, rec, exit, invocation),
            "SYNC" if exit.is_missing_memory(self.protected_top(rd)) => {
                let ipa = esr::fault_ipa(exit.hpfar);
                let ipa = align_down(ipa, self.granule_size().bytes());
                self.provide(rd, ipa)?;
                Ok(Some(Vec::new()))
            }
            _ => Ok(None),
        }
    }

    /// RTT_SET_RIPAS from the request's base on, until all is done or the RMM stops.
    fn change_ripas(&mut self, rd: u64, rec: u64, exit: &Exit) -> Result<Pieces, PlayError> {
        let (mut base, top) = (exit.ripas_base, exit.ripas_top);
        while base < top {
            let regs = Command::RttSetRipas { rd, rec, base, top }.encode();
            let outcome = self.call(&regs)?;
            let code = outcome.code();
            match code.map(|code| code.status) {
                Some(Status::Success) if outcome.regs()[1] > base => base = outcome.regs()[1],
                Some(Status::Rtt) => {
                    // A block is split where the request begins or ends inside it; an entry that
                    // can not be changed ends the request.
                    let found = code.map_or(0, |code| i64::from(code.index.cast_signed()));
                    let level = Level::from_register(found.cast_unsigned()).and_then(Level::child);
                    match level {
                        Some(level) => self.make_table(rd, base, level)?,
                        None => break,
                    }
                }
                _ => break,
            }
        }
        Ok(Vec::new())
    }

    fn answer_psci(
        &mut self,
        rd: u64,
        rec: u64,
        exit: &Exit,
        invocation: &Invocation,
    ) -> Result<Option<Pieces>, PlayError> {
        let [function, target, ..] = exit.gprs;
        let cpu_on = psci::CPU_ON.contains(&function);
        if psci::CPU_SUSPEND.contains(&function) {
            return Ok(Some(Vec::new()));
        }
        if !cpu_on && !psci::AFFINITY_INFO.contains(&function) {
            return Ok(None);
        }
        let Some(target_rec) = self.state.recs.with_index(rd, psci::rec_index(target)) else {
            return Ok(None);
        };
        let status = if cpu_on && invocation.has("deny") { psci::DENIED } else { psci::SUCCESS };
        self.must_succeed(Command::PsciComplete { calling_rec: rec, target_rec, status })?;
        Ok(Some(Vec::new()))
    }

    /// A granule for a Protected IPA that the Realm touched.
    fn provide(&mut self, rd: u64, ipa: u64) -> Result<(), PlayError> {
        let data = self.take(1, true)?;
        let (rd, data, size) = (Rd(Pa(rd)), Data(Pa(data)), self.granule_size());
        let regs = Command::map_unknown_sized(self.edition(), rd, data, Ipa(ipa), size).encode();
        let tables = std::mem::replace(&mut self.state.rtt_auto, true);
        let done = self.execute(&regs, None);
        self.state.rtt_auto = tables;
        done.map(drop)
    }

    /// Where the Protected half ends: a Host knows what it asked for.
    fn protected_top(&self, rd: u64) -> u64 {
        self.session.world().realm(rd).map_or(0, |realm| realm.rtt().protected_top())
    }

    fn exit(&self, run_ptr: u64) -> Result<Exit, ScriptError> {
        let bytes = self.session.world().host_read(run_ptr + EXIT_OFFSET as u64, 0x800);
        let bytes = bytes.map_err(|fault| self.mistake(&fault.to_string()))?;
        let at = |offset: usize| {
            u64::from_le_bytes(bytes[offset..offset + 8].try_into().expect("eight bytes"))
        };
        Ok(Exit {
            reason: bytes[0],
            esr: at(0x100),
            hpfar: at(0x110),
            gprs: std::array::from_fn(|n| at(0x200 + 8 * n)),
            ripas_base: at(0x500),
            ripas_top: at(0x508),
        })
    }
}

impl Exit {
    fn name(&self) -> &'static str {
        ExitReason::name_of(self.reason)
    }

    fn text(&self) -> String {
        match self.name() {
            "SYNC" => format!("SYNC esr={} ipa={}", Hex(self.esr), Hex(esr::fault_ipa(self.hpfar))),
            "PSCI" => format!("PSCI function={}", Hex(self.gprs[0])),
            name => name.to_owned(),
        }
    }

    /// A translation fault at a Protected IPA: memory that the Host owes the Realm.
    fn is_missing_memory(&self, protected_top: u64) -> bool {
        let class = self.esr & esr::ec::MASK;
        let code = self.esr & esr::FSC_MASK;
        let translation = (esr::fsc::TRANSLATION_L0..esr::fsc::TRANSLATION_L0 + 4).contains(&code);
        [esr::ec::DATA_ABORT, esr::ec::INST_ABORT].contains(&class)
            && translation
            && esr::fault_ipa(self.hpfar) < protected_top
    }
}

impl Run<'_, '_> {
    /// A line of what the Realm's software saw in the last REC_ENTER of its REC.
    pub(super) fn expect_guest(&mut self, rec: &Expr, line: &str) -> Result<(), PlayError> {
        let rec = self.number(rec)?;
        let program = self.session.world().guest(rec);
        let log = program.map(|program| program.log()).unwrap_or_default();
        // A REC does what waits in its order, and a script numbers that.
        let id = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let id = id.filter(|_| !line.starts_with("in "));
        let first = log.partition_point(|event| event.id() < id);
        let mut of_id = log[first..].iter().take_while(|event| event.id() == id);
        // Planes have orders of their own.
        let in_planes = || log.iter().any(|event| matches!(event, GuestEvent::Plane { .. }));
        if of_id.any(|event| event.to_string() == line)
            || in_planes() && log.iter().any(|event| event.to_string() == line)
        {
            return Ok(());
        }
        let mut got: Vec<String> = log.iter().take(MAX_HEARD).map(ToString::to_string).collect();
        if log.len() > MAX_HEARD {
            got.push(format!("{} more", log.len() - MAX_HEARD));
        }
        let got = if got.is_empty() { "nothing".to_owned() } else { got.join("; ") };
        let mismatch = Mismatch { what: "log".into(), got, wanted: line.to_owned() };
        self.report(&format!("guest {}", Hex(rec)), vec![mismatch])
    }
}
