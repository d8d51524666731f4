//! What `run` collects while a session goes on: a line a command, and the vector to export.

use serde_json::json;

use super::spool::Spool;
use crate::abi::addr::Hex;
use crate::abi::command::Command;
use crate::abi::rec_run::{EXIT_OFFSET, ExitReason};
use crate::cli::console::{Console, hex};
use crate::model::world::World;
use crate::session::{Action, Observer, Record, Step};

/// Prints one line a command on standard error.
#[derive(Debug)]
pub(crate) struct Trace<'c> {
    console: &'c mut Console,
}

impl<'c> Trace<'c> {
    pub(crate) fn new(console: &'c mut Console) -> Self {
        Self { console }
    }
}

impl Observer for Trace<'_> {
    fn observe(&mut self, step: &Step, record: &Record, world: &World) {
        if let Some(line) = line(step, record) {
            self.console.say(&line);
        }
        let entered = record.outcome.as_ref().is_some_and(|outcome| outcome.is_success());
        match &step.action {
            Action::Call(regs) if entered => {
                guest_lines(regs, world).iter().for_each(|line| self.console.say(line));
            }
            Action::Note(text) => self.console.say(&format!("{}: {text}", step.place)),
            _ => {}
        }
        if let Some(fault) = &record.fault {
            self.console.say(&format!("{}: {fault}", step.place));
        }
        for mismatch in &record.mismatches {
            self.console.say(&format!("{}: MISMATCH {mismatch}", step.place));
        }
    }
}

/// `boot.rmi:7: RTT_CREATE rd=… -> RMI_ERROR_RTT(1) rtt_walk: …`
fn line(step: &Step, record: &Record) -> Option<String> {
    let Action::Call(regs) = &step.action else { return None };
    let outcome = record.outcome.as_ref()?;
    let call = match outcome.command() {
        Some(command) => command.to_string(),
        None => format!("SMC {}", Hex(regs[0])),
    };
    let label = step.label().map(|label| format!(" [{label}]")).unwrap_or_default();
    Some(format!("{}:{label} {call} -> {outcome}", step.place))
}

fn guest_lines(regs: &[u64; 7], world: &World) -> Vec<String> {
    let edition = world.profile().edition();
    let Some(Command::RecEnter { rec, run_ptr }) = Command::decode(regs, edition) else {
        return Vec::new();
    };
    let log = world.guest(rec).map(|program| program.log()).unwrap_or_default();
    let seen = log.iter().map(|event| format!("    realm: {event}"));
    seen.chain(exit_line(run_ptr, world)).collect()
}

/// What the Host reads of the exit.
fn exit_line(run_ptr: u64, world: &World) -> Option<String> {
    let exit = world.host_read(run_ptr.checked_add(EXIT_OFFSET as u64)?, 0x118).ok()?;
    let at = |offset: usize| {
        u64::from_le_bytes(exit[offset..offset + 8].try_into().expect("eight bytes"))
    };
    let reason = ExitReason::name_of(exit[0]);
    let (esr, far, hpfar) = (Hex(at(0x100)), Hex(at(0x108)), Hex(at(0x110)));
    Some(format!("    exit: {reason} esr={esr} far={far} hpfar={hpfar}"))
}

/// Keeps one JSON object a command.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) list: Spool,
}

impl Observer for Commands {
    fn observe(&mut self, step: &Step, record: &Record, _: &World) {
        let Action::Call(regs) = &step.action else { return };
        let Some(outcome) = &record.outcome else { return };
        let command = outcome.command();
        let mut args = serde_json::Map::new();
        if let Some(command) = command {
            for (name, value) in command.info().inputs.iter().zip(&command.encode()[1..]) {
                args.insert((*name).to_owned(), hex(*value));
            }
        }
        self.list.push(&json!({
            "place": step.place.plain(),
            "label": step.label(),
            "name": command.map(|command| format!("RMI_{}", command.info().name)),
            "fid": hex(regs[0]),
            "args": args,
            "status": outcome.code().map(|code| code.status.name()),
            "index": outcome.code().map(|code| code.index),
            "x": outcome.regs().map(hex),
            "condition": outcome.failure().map(|failure| failure.condition()),
            "detail": outcome.failure().map(|failure| failure.detail()),
        }));
    }
}
