//! What a log does not show of a Realm whose RIM it should make.

use std::borrow::Cow;

use super::vmm::{Own, VmmStep};
use super::{Call, Log, LogGap, Options};
use crate::abi::addr::Hex;
use crate::abi::profile::{Edition, Profile};
use crate::abi::ranges::Ranges;

/// Lines that are named of those that are torn one after the other.
const NAMED_LINES: usize = 8;

/// The gaps of one Realm, in the log's order. `calls` are its own, from its REALM_CREATE on;
/// `endless` are those that began an operation whose end is not shown.
pub(super) fn gaps(
    log: &Log,
    calls: &[Cow<'_, Call>],
    endless: &[&Call],
    contents: &str,
    vmm: &Own<'_>,
    options: &Options,
) -> Vec<LogGap> {
    let done =
        |name: &str| calls.iter().find(|call| call.command.name == name && call.is_success());
    let Some(begin) = done("REALM_CREATE") else { return Vec::new() };
    let (rd, begin) = (begin.args[0], begin.line);
    let last = done("REALM_ACTIVATE").or_else(|| done("REALM_DESTROY"));
    let end = last.map_or(u32::MAX, |call| call.line);
    let inside = |line: u32| begin < line && line < end;
    let mut gaps = Vec::new();
    let torn = log.torn.iter().filter(|torn| inside(torn.line) && torn.could_touch(rd));
    // Those without a call of the Realm between them are one gap.
    let mut run: Vec<u32> = Vec::new();
    let mut own = calls.iter().map(|call| call.line).filter(|line| *line > begin).peekable();
    for torn in torn {
        let mut parted = false;
        while own.next_if(|line| *line < torn.line).is_some() {
            parted = true;
        }
        if parted {
            gaps.extend(of_torn(&mut run));
        }
        run.push(torn.line);
    }
    gaps.extend(of_torn(&mut run));
    for call in endless.iter().filter(|call| inside(call.line)) {
        if call.arg("rd").is_none_or(|own| own == rd) {
            let name = call.command.name;
            gaps.push(LogGap { line: call.line, what: format!("how {name} ended") });
        }
    }
    if let Some(line) = vmm.of_some_realm {
        let what = "of which Realm kvmtool speaks: the log builds more than one at that time";
        gaps.push(LogGap { line, what: what.into() });
    }
    gaps.extend(populated_twice(vmm).filter(|gap| inside(gap.line)));
    gaps.sort_by_key(|gap| gap.line);
    if options.complete {
        return gaps;
    }
    let mut missing = vec![contents];
    if measures_ripas(log.edition) {
        missing.push("RTT_INIT_RIPAS");
    }
    missing.retain(|name| done(name).is_none() && !vmm.says(name));
    let ends = last.or(calls.iter().max_by_key(|call| call.line));
    let line = ends.map_or(begin, |call| call.line);
    if !missing.is_empty() {
        let missing = missing.join(" and no ");
        let what = format!(
            "calls that the log does not show: no {missing} that succeeds, and TF-RMM prints them \
             only if `smc_handlers` in runtime/core/handler.c says so"
        );
        gaps.push(LogGap { line, what });
    }
    if last.is_none() {
        let what = "what follows the log's end: the Realm is not activated in it".into();
        gaps.push(LogGap { line, what });
    }
    gaps
}

/// Lines of kvmtool that give contents to IPAs which have some: no RMM lets it, so one of them is
/// not what was done.
fn populated_twice(vmm: &Own<'_>) -> impl Iterator<Item = LogGap> {
    let mut populated = Ranges::default();
    vmm.steps.iter().filter_map(move |step| {
        let VmmStep::Populate(all) = &step.what else { return None };
        let twice = populated.overlaps(all.start, all.end);
        populated.insert(all.start, all.end);
        let what = format!(
            "what lies at IPA {}..{}, which kvmtool's lines give contents more than once",
            Hex(all.start),
            Hex(all.end)
        );
        twice.then_some(LogGap { line: step.line, what })
    })
}

fn measures_ripas(edition: Edition) -> bool {
    Profile::default().in_edition(edition).rim_rule().measures_ripas()
}

fn of_torn(lines: &mut Vec<u32>) -> Option<LogGap> {
    let line = *lines.first()?;
    let mut named: Vec<String> = lines.iter().take(NAMED_LINES).map(u32::to_string).collect();
    if lines.len() > NAMED_LINES {
        named.push(format!("{} more", lines.len() - NAMED_LINES));
    }
    let what = match lines.len() {
        1 => "a call that is torn".to_owned(),
        _ => format!("calls that are torn, in lines {}", named.join(", ")),
    };
    lines.clear();
    Some(LogGap { line, what })
}
