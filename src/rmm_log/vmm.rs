//! What kvmtool says with `--loglevel debug`, on the console that the RMM's lines are on as well.
//!
//! ```text
//! … realm_init_ipa_range:88: Initialized IPA range (80000000 - a0000000) as RAM
//! … __realm_populate:108: Populated Realm memory area : 80000000 - 830c6000 (size 51142656 bytes)
//! … dump_fdt:32: Wrote 65536 bytes to dtb /mnt/guest.dtb
//! ```
//!
//! Addresses are IPAs in hexadecimal, half-open. kvmtool prints a line when KVM has done it, one
//! after the other, so the lines say in which order. They name no Realm.

use std::borrow::Cow;
use std::ops::Range;

use super::line::hex;
use super::{Call, Log};
use crate::abi::addr::{GRANULE_SIZE, is_aligned};
use crate::encoding::shown::Shown;

/// Longest file name of a device tree that is kept, in bytes.
const MAX_NAME_BYTES: usize = 512;
/// Above the IPAs that a Realm can have.
const MAX_IPA: u64 = 1 << 52;

/// Something that kvmtool had KVM do, or says beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmmLine {
    /// The log's line, from 1.
    pub line: u32,
    /// What it says.
    pub what: VmmStep,
}

/// What a line of kvmtool says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VmmStep {
    /// RIPAS RAM for these IPAs, half-open, in whole granules.
    InitRipas(Range<u64>),
    /// Contents of the VMM's memory for these IPAs, half-open, in whole granules, measured.
    Populate(Range<u64>),
    /// The device tree was written to a file.
    DumpTree {
        /// Its length in bytes.
        len_bytes: u64,
        /// The file, on the Host.
        name: String,
    },
}

/// What a line of a console is for these.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Step(VmmStep),
    /// It begins as one and can not be read to its end: of RIPAS, or of contents.
    Torn(&'static str),
    Nothing,
}

const RIPAS: &str = "Initialized IPA range (";
const CONTENTS: &str = "Populated Realm memory area : ";

/// Reads a line.
pub(super) fn read(text: &str) -> Read {
    if let Some((_, after)) = text.split_once(RIPAS) {
        let range = after.split_once(") as RAM").and_then(|(range, _)| ipas(range));
        return range
            .map_or(Read::Torn("RTT_INIT_RIPAS"), |ipa| Read::Step(VmmStep::InitRipas(ipa)));
    }
    if let Some((_, after)) = text.split_once(CONTENTS) {
        return contents(after)
            .map_or(Read::Torn("DATA_CREATE"), |ipa| Read::Step(VmmStep::Populate(ipa)));
    }
    let tree = text.split_once(": Wrote ").and_then(|(_, after)| {
        let (len_bytes, name) = after.split_once(" bytes to dtb ")?;
        let name = name.trim_end();
        let kept = !name.is_empty() && name.len() <= MAX_NAME_BYTES;
        let len_bytes = len_bytes.parse().ok().filter(|_| kept)?;
        Some(VmmStep::DumpTree { len_bytes, name: name.to_owned() })
    });
    tree.map_or(Read::Nothing, Read::Step)
}

/// Whether a line is worth a second look.
pub(super) fn could_be(bytes: &[u8]) -> bool {
    let has = |mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
    has(b"Initialized IPA") || has(b"Populated Realm") || has(b" bytes to dtb ")
}

fn contents(text: &str) -> Option<Range<u64>> {
    let (range, size) = text.split_once(" (size ")?;
    let size: u64 = size.split_once(" bytes)")?.0.parse().ok()?;
    ipas(range).filter(|ipa| ipa.end - ipa.start == size)
}

fn ipas(text: &str) -> Option<Range<u64>> {
    let (start, end) = text.split_once(" - ")?;
    let (start, end) = (hex(start)?, hex(end)?);
    let whole = is_aligned(start, GRANULE_SIZE) && is_aligned(end, GRANULE_SIZE);
    (whole && start < end && end <= MAX_IPA).then_some(start..end)
}

/// The lines that are about one Realm, and the first that could be about another as well.
#[derive(Debug, Default)]
pub(super) struct Own<'l> {
    /// In the log's order.
    pub(super) steps: Vec<&'l VmmLine>,
    /// It stands where the log builds more than one Realm.
    pub(super) of_some_realm: Option<u32>,
}

impl Own<'_> {
    /// Whether they say what the command does.
    pub(super) fn says(&self, command: &str) -> bool {
        self.steps.iter().any(|line| match line.what {
            VmmStep::InitRipas(_) => command == "RTT_INIT_RIPAS",
            VmmStep::Populate(_) => command != "RTT_INIT_RIPAS",
            VmmStep::DumpTree { .. } => false,
        })
    }
}

impl Own<'_> {
    /// What was taken from kvmtool's lines, for a person.
    pub(super) fn remarks(&self, contents: &str) -> Vec<String> {
        let mut remarks = Vec::new();
        let first = |of: fn(&VmmStep) -> bool| self.steps.iter().find(|line| of(&line.what));
        if let Some(line) = first(|what| matches!(what, VmmStep::InitRipas(_))) {
            remarks.push(format!(
                "line {}: RTT_INIT_RIPAS is by kvmtool's lines, with the tables that KVM makes for \
                 it; the RMM does not print it",
                line.line
            ));
        }
        if let Some(line) = first(|what| matches!(what, VmmStep::Populate(_))) {
            remarks.push(format!(
                "line {}: {contents} is by kvmtool's lines, which say where and in which order; \
                 beside a file that is given memory is taken to be zeros",
                line.line
            ));
        }
        for line in &self.steps {
            if let VmmStep::DumpTree { len_bytes, name } = &line.what {
                let (line, name) = (line.line, Shown(name));
                remarks.push(format!(
                    "line {line}: kvmtool wrote its device tree, {len_bytes} bytes, to {name}"
                ));
            }
        }
        remarks
    }
}

/// The lines about the Realm whose calls these are, without those that the RMM's own lines say as
/// well: they are exact.
pub(super) fn own<'l>(log: &'l Log, calls: &[Cow<'_, Call>], contents: &str) -> Own<'l> {
    let done =
        |name: &str| calls.iter().find(|call| call.command.name == name && call.is_success());
    let Some(begin) = done("REALM_CREATE") else { return Own::default() };
    let end = done("REALM_ACTIVATE").or_else(|| done("REALM_DESTROY"));
    let (rd, begin, end) = (begin.args[0], begin.line, end.map_or(u32::MAX, |call| call.line));
    let has_ripas = done("RTT_INIT_RIPAS").is_some();
    let has_contents = done(contents).is_some();
    let mut own = Own::default();
    // Kernels write the tree before they make the Realm.
    let others = being_built(log, rd);
    for line in &log.vmm {
        let wanted = match line.what {
            VmmStep::InitRipas(_) => !has_ripas,
            VmmStep::Populate(_) => !has_contents,
            VmmStep::DumpTree { .. } => {
                own.steps.push(line);
                continue;
            }
        };
        if !wanted || line.line < begin || line.line > end {
            continue;
        }
        own.steps.push(line);
        if others.iter().any(|other| other.contains(&line.line)) {
            own.of_some_realm = own.of_some_realm.or(Some(line.line));
        }
    }
    own
}

/// The lines between which the log builds other Realms than that at `rd`.
fn being_built(log: &Log, rd: u64) -> Vec<Range<u32>> {
    let mut open: Vec<(u64, u32)> = Vec::new();
    let mut built = Vec::new();
    for call in log.calls.iter().filter(|call| call.is_success()) {
        let other = call.arg("rd").filter(|other| *other != rd);
        let Some(other) = other else { continue };
        match call.command.name {
            "REALM_CREATE" => open.push((other, call.line)),
            "REALM_ACTIVATE" | "REALM_DESTROY" => {
                if let Some(at) = open.iter().position(|(own, _)| *own == other) {
                    built.push(open.swap_remove(at).1..call.line);
                }
            }
            _ => {}
        }
    }
    built.extend(open.into_iter().map(|(_, line)| line..u32::MAX));
    built
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_or_torn() {
        let ripas = "  Debug: (arm/aarch64/realm.c) realm_init_ipa_range:88: Initialized IPA range \
                     (80000000 - a0000000) as RAM";
        assert_eq!(read(ripas), Read::Step(VmmStep::InitRipas(0x8000_0000..0xa000_0000)));
        let contents = "Populated Realm memory area : 8fe00000 - 8fe10000 (size 65536 bytes)";
        assert_eq!(read(contents), Read::Step(VmmStep::Populate(0x8fe0_0000..0x8fe1_0000)));
        let tree = "(arm/fdt.c) dump_fdt:32: Wrote 65536 bytes to dtb /mnt/guest.dtb";
        let name = "/mnt/guest.dtb".to_owned();
        assert_eq!(read(tree), Read::Step(VmmStep::DumpTree { len_bytes: 65536, name }));
        for torn in [
            &ripas[..ripas.len() - 9],
            "Initialized IPA range (80000000 - 80000000) as RAM",
            "Initialized IPA range (80000800 - 90000000) as RAM",
            "Initialized IPA range (0 - ffffffffffffffff) as RAM",
        ] {
            assert_eq!(read(torn), Read::Torn("RTT_INIT_RIPAS"), "{torn}");
        }
        for torn in [
            &contents[..40],
            "Populated Realm memory area : 8fe00000 - 8fe10000 (size 4096 bytes)",
            "Populated Realm memory area : 8fe00000 - 8fe10000 (size 65536",
        ] {
            assert_eq!(read(torn), Read::Torn("DATA_CREATE"), "{torn}");
        }
        for other in ["Wrote 5 bytes", "x: Wrote 5 bytes to dtb ", "x: Wrote -5 bytes to dtb a", ""]
        {
            assert_eq!(read(other), Read::Nothing, "{other}");
        }
    }
}
