//! The memory of a log's machine: its own granules, where the platform has none.

use std::borrow::Cow;

use super::Call;
use super::vmm::{Own, VmmStep};
use crate::abi::addr::Hex;
use crate::abi::platform::{DramRange, Platform};
use crate::script::statements::{hex, statement};
use crate::script::{Kind, Statement};

const GIB: u64 = 1 << 30;
/// What the script's own granules need at least: tables, parameters, contents.
const ROOM_BYTES: u64 = 2 * GIB;
/// Granules further apart than this are in ranges of their own.
const APART_BYTES: u64 = 8 * GIB;
/// Arguments that name a granule of the RMM.
const GRANULES: [&str; 5] = ["rd", "rec", "rtt", "data", "addr"];

/// Memory in place of a platform's.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) statements: Vec<Statement>,
    pub(super) remark: Option<String>,
}

/// Looks whether the preset `name` has the granules of the calls; nothing comes of a file's name,
/// whose memory the user knows.
pub(super) fn memory(name: &str, calls: &[Cow<'_, Call>], vmm: &Own<'_>) -> Memory {
    let Ok(platform) = Platform::preset(name) else { return Memory::default() };
    let mut used: Vec<u64> = calls
        .iter()
        .filter(|call| call.is_success())
        .flat_map(|call| GRANULES.iter().filter_map(|name| call.arg(name)))
        .collect();
    used.sort_unstable();
    used.dedup();
    let has = |pa: &u64| platform.dram.iter().any(|range| range.range().contains(pa));
    let Some(outside) = used.iter().find(|pa| !has(pa)).copied() else { return Memory::default() };
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for pa in used {
        let base = pa - pa % GIB;
        let top = base.saturating_add(GIB);
        match ranges.last_mut().filter(|range| pa - range.1.min(pa) < APART_BYTES) {
            Some(range) => range.1 = range.1.max(top),
            None => ranges.push((base, top)),
        }
    }
    if let Some(last) = ranges.last_mut() {
        let contents: u64 = vmm.steps.iter().map(|line| line.what.content_bytes()).sum();
        let room = ROOM_BYTES.saturating_add(contents.saturating_mul(2));
        last.1 = last.1.saturating_add(room.next_multiple_of(GIB));
    }
    let dram = ranges.iter().map(|(base, top)| DramRange { base: *base, size: top - base });
    if let Err(error) = platform.with_dram(dram.collect()) {
        let outside = Hex(outside);
        let text =
            format!("{outside} is no memory of {name}, and the log's own can not be: {error}");
        return Memory { statements: Vec::new(), remark: Some(text) };
    }
    let statements = ranges
        .iter()
        .map(|(base, top)| statement(Kind::Memory { base: hex(*base), top: hex(*top) }));
    let remark = format!(
        "{} is no memory of {name}: the script has memory where the log's granules are",
        Hex(outside)
    );
    Memory { statements: statements.collect(), remark: Some(remark) }
}

impl VmmStep {
    /// How many bytes of the Realm it fills.
    const fn content_bytes(&self) -> u64 {
        match self {
            Self::Populate(ipa) => ipa.end - ipa.start,
            _ => 0,
        }
    }
}
