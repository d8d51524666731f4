//! Trace events of a kernel in its console's or tracefs's text.
//!
//! No event of KVM shows an RMI call: those of mainline's `arch/arm64/kvm/trace_arm.h` tell of
//! vCPUs and faults. The pair `arm_smccc_start`, `arm_smccc_end` does show registers ("firmware:
//! smccc: Add tracepoints when SMCCC calls are made", linux-kernel, September 2021, not merged): X0
//! to X7 before a call, X0 to X3 after it. A later proposal, `arm_smccc_smc_start` (March 2023),
//! has the function identifier alone.

use super::line::{Call, INCOMPLETE_OUTPUTS, hex, is_level};
use crate::abi::command::CommandInfo;
use crate::abi::edition::Edition;
use crate::abi::status::{ReturnCode, Status};

/// The function identifiers of RMI.
const RMI: std::ops::RangeInclusive<u64> = 0xC400_0150..=0xC400_01CF;
/// SMCCC hint that the caller has no live SVE state.
const SVE_HINT: u64 = 1 << 16;

/// What a line of a trace is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'t> {
    /// A call begins: who calls, and X0 to X7.
    Start { task: &'t str, regs: Vec<u64> },
    /// A call ended: who called, its function identifier, X0 to X3.
    End { task: &'t str, fid: u64, results: Vec<u64> },
    /// An event with which nothing can be done.
    Bare,
    /// The kernel lost events here.
    Lost,
    /// An event that has registers and can not be read.
    Torn,
}

/// Whether a line can be an event: the names are looked for and nothing else.
pub(super) fn could_be(bytes: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"smccc", b"kvm_", b"[LOST"];
    (0..bytes.len()).any(|at| names.iter().any(|name| bytes[at..].starts_with(name)))
}

/// Reads a line that shows no call in TF-RMM's words.
pub(super) fn event(text: &str) -> Option<Event<'_>> {
    if text.contains("[LOST ") && text.contains(" EVENTS]") {
        return Some(Event::Lost);
    }
    if let Some((task, fields)) = text.split_once("arm_smccc_start: ") {
        let regs = fid(fields).zip(list(fields, "args={")).filter(|(_, args)| args.len() == 7);
        let event = regs.map(|(fid, args)| {
            let regs = [fid].into_iter().chain(args).collect();
            Event::Start { task: who(task), regs }
        });
        return Some(event.unwrap_or(Event::Torn));
    }
    if let Some((task, fields)) = text.split_once("arm_smccc_end: ") {
        let ended = fid(fields).zip(list(fields, "res={")).filter(|(_, res)| res.len() == 4);
        let event = ended.map(|(fid, results)| Event::End { task: who(task), fid, results });
        return Some(event.unwrap_or(Event::Torn));
    }
    let named = |start: &str| {
        text.match_indices(start).any(|(at, _)| {
            let rest = text[at..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
            rest.starts_with(':')
        })
    };
    (named("arm_smccc_smc_") || named("kvm_")).then_some(Event::Bare)
}

/// The command of a function identifier: `None` if it is none of RMI, `Some(None)` if it is not one
/// of RMM 1.0.
pub(super) fn command(fid: u64) -> Option<Option<&'static CommandInfo>> {
    let fid = fid & 0xFFFF_FFFF & !SVE_HINT;
    RMI.contains(&fid).then(|| CommandInfo::by_fid(fid, Edition::default()))
}

/// The call that two events show.
pub(super) fn call(
    line: u32,
    command: &'static CommandInfo,
    regs: &[u64],
    results: &[u64],
) -> Option<Call> {
    let code = ReturnCode::unpack(*results.first()?)?;
    let args = regs.get(1..=command.inputs.len())?.to_vec();
    let index = (code.status == Status::Rtt).then_some(code.index);
    if !index.is_none_or(is_level) {
        return None;
    }
    let told = match code.status {
        Status::Success => command.outputs.len(),
        Status::Incomplete => command.outputs.len().max(INCOMPLETE_OUTPUTS),
        _ => 0,
    };
    let outputs = results[1..].iter().take(told).copied().collect();
    Some(Call { line, command, args, status: code.status, index, outputs })
}

/// The task and its number, which stand before the CPU.
fn who(prefix: &str) -> &str {
    prefix.split('[').next().unwrap_or(prefix).trim()
}

fn fid(fields: &str) -> Option<u64> {
    let (_, fid) = fields.split_once("fn=")?;
    hex(fid.split_ascii_whitespace().next()?)
}

fn list(fields: &str, start: &str) -> Option<Vec<u64>> {
    let (_, list) = fields.split_once(start)?;
    let (list, _) = list.split_once('}')?;
    list.split_ascii_whitespace().map(hex).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_all_kinds() {
        let start = "  lkvm-123   [001] d..1. 85.5: arm_smccc_start: call=smc #0 fn=c4000157 \
                     args={88000000 1 2 3 4 5 6}";
        let regs = vec![0xC400_0157, 0x8800_0000, 1, 2, 3, 4, 5, 6];
        assert_eq!(event(start), Some(Event::Start { task: "lkvm-123", regs }));
        let end = "lkvm-123 [000] 85.6: arm_smccc_end: call=smc fn=c4000157 res={0 0 0 ffff}";
        let results = vec![0, 0, 0, 0xFFFF];
        let ended = Event::End { task: "lkvm-123", fid: 0xC400_0157, results };
        assert_eq!(event(end), Some(ended));
        assert_eq!(event("t-1 [000] 8: arm_smccc_end: fn=c4000157 res={0 0"), Some(Event::Torn));
        for bare in ["x: arm_smccc_smc_start: SMC ID: 0xc4000157", "x: kvm_entry: PC: 0x0"] {
            assert!(could_be(bare.as_bytes()));
            assert_eq!(event(bare), Some(Event::Bare), "{bare}");
        }
        assert_eq!(event("CPU:1 [LOST 12 EVENTS]"), Some(Event::Lost));
        assert_eq!(event("kvm_arm_init is done"), None);
        assert_eq!(command(0x8400_0003), None);
        assert_eq!(command(0xC401_0157).flatten().map(|info| info.name), Some("REALM_ACTIVATE"));
        assert_eq!(command(0xC400_01CF), Some(None));
    }
}
