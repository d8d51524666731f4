//! Measured events in a file: what `--events-out` writes.
//!
//! A text of JSON documents, one a line. The first line tells of the Realm:
//!
//! ```json
//! {"schema":"rimsim/1","kind":"events","name":"rd","hash_algo":"sha256","rim_rule":"rmm-1.0"}
//! ```
//!
//! Each further line is one measured event, in order, with the RIM after it. Addresses and flags
//! are hexadecimal text, digests and RIMs hexadecimal without `0x`:
//!
//! | `command` | further fields |
//! |---|---|
//! | `RMI_REALM_CREATE` | the fields of RmiRealmParams that are measured |
//! | `RMI_RTT_INIT_RIPAS` | `base`, `top`, `entry`: adjacent RTT entries of `entry` bytes |
//! | `RMI_DATA_CREATE` | `ipa`, `flags`, `digest` (missing if not measured), `from`, `granule` |
//! | `RMI_RTT_DATA_MAP_INIT` | the same: it is the name in RMM 2.0 |
//! | `RMI_REC_CREATE` | `flags`, `pc`, `gprs` |
//!
//! `granule` is the granule's size in bytes; where it is missing it is 4096. Fields that are not
//! known are passed over. Events that no RMM measures (a Realm that is created later than first, an
//! address that is no granule's, RTT entries of no level's size) are errors.
//!
//! A file of n bytes takes O(n) memory and O(n log n) time to read and to explain: a line is one
//! event however many RTT entries it says.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::trail::{Content, Extension, Trail};
use crate::abi::addr::{Hex, Ipa, PAGE_SIZE};
use crate::abi::granule_size::GranuleSize;
use crate::abi::params::{DATA_MEASURE, REC_CREATE_GPRS};
use crate::encoding::text::{from_hex, hex};
use crate::measure::event::{MeasuredEvent, RealmEvent, RecEvent, RipasEvent};
use crate::measure::log::EventLog;
use crate::measure::rim::HashAlgo;
use crate::measure::rule::RimRule;

/// Most events that are read: 64 GiB of granules.
pub const MAX_EVENTS: usize = 1 << 24;
/// Bits that an IPA has at most.
const IPA_BITS: u32 = 52;
/// Longest line, in bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// Why a file of events can not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line}: {why}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// There are too many.
    #[error("more than {MAX_EVENTS} events")]
    TooMany,
}

#[derive(Serialize, Deserialize)]
struct Head {
    schema: String,
    kind: String,
    name: String,
    hash_algo: String,
    rim_rule: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "command")]
enum Line {
    #[serde(rename = "RMI_REALM_CREATE")]
    Realm {
        flags: Number,
        s2sz: u64,
        sve_vl: u64,
        num_bps: u64,
        num_wps: u64,
        pmu_num_ctrs: u64,
        hash_algo: u8,
        rim: Option<String>,
    },
    #[serde(rename = "RMI_RTT_INIT_RIPAS")]
    Ripas { base: Number, top: Number, entry: Number, rim: Option<String> },
    #[serde(rename = "RMI_DATA_CREATE")]
    Data(Data),
    #[serde(rename = "RMI_RTT_DATA_MAP_INIT")]
    MapInit(Data),
    #[serde(rename = "RMI_REC_CREATE")]
    Rec { flags: Number, pc: Number, gprs: [Number; REC_CREATE_GPRS], rim: Option<String> },
}

#[derive(Serialize, Deserialize)]
struct Data {
    ipa: Number,
    flags: Number,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granule: Option<u64>,
    rim: Option<String>,
}

/// 64 bits as `0x…`: JSON's numbers have fewer.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Number(u64);

impl TryFrom<String> for Number {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'));
        let value = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        value.map(Self).ok_or_else(|| format!("`{text}` is no number in hexadecimal"))
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        format!("{:#x}", number.0)
    }
}

/// Writes the events of a Realm's log.
///
/// # Errors
/// If `out` can not be written.
pub fn write_events(out: &mut (impl Write + Send), name: &str, log: &EventLog) -> io::Result<()> {
    let head = Head {
        schema: "rimsim/1".into(),
        kind: "events".into(),
        name: name.into(),
        hash_algo: log.algo().name().into(),
        rim_rule: log.rule().name().into(),
    };
    serde_json::to_writer(&mut *out, &head)?;
    writeln!(out)?;
    let len = log.algo().len_bytes();
    let mut written = Ok(());
    log.each_event(|event, digest, rim| {
        if written.is_ok() {
            let line = line(log.rule(), event, &digest.slot()[..len], Some(rim.to_string()));
            let json = serde_json::to_writer(&mut *out, &line).map_err(io::Error::from);
            written = json.and_then(|()| writeln!(out));
        }
    });
    written
}

fn line(rule: RimRule, event: &MeasuredEvent, digest: &[u8], rim: Option<String>) -> Line {
    match event {
        MeasuredEvent::Realm(params) => {
            let RealmEvent { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo } =
                **params;
            let flags = Number(flags);
            Line::Realm { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo, rim }
        }
        MeasuredEvent::Ripas(ripas) => Line::Ripas {
            base: Number(ripas.base.0),
            top: Number(ripas.top.0),
            entry: Number(ripas.entry_size_bytes),
            rim,
        },
        MeasuredEvent::Data(data) => {
            let data = Data {
                ipa: Number(data.ipa.0),
                flags: Number(data.flags),
                digest: (data.flags & DATA_MEASURE != 0).then(|| hex(digest)),
                from: data.content.origin().to_string(),
                granule: Some(data.content.size().bytes()).filter(|bytes| *bytes != PAGE_SIZE),
                rim,
            };
            let is_old = rule.edition() == RimRule::default().edition();
            if is_old { Line::Data(data) } else { Line::MapInit(data) }
        }
        MeasuredEvent::Rec(params) => Line::Rec {
            flags: Number(params.flags),
            pc: Number(params.pc),
            gprs: params.gprs.map(Number),
            rim,
        },
    }
}

/// Reads events that were saved.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 30 bytes for each byte; lines of at
/// most 64 KiB are read one by one.
///
/// # Errors
/// If the text can not be read, a line is not what it should be, or there are more than
/// [`MAX_EVENTS`].
pub fn read_events(text: impl BufRead) -> Result<Trail, SavedError> {
    let mut lines = Lines { text, number: 0, line: Vec::new() };
    let wrong = |line, why: String| SavedError::Line { line, why };
    let head: Head = match lines.next()? {
        Some((number, line)) => {
            serde_json::from_slice(line).map_err(|error| wrong(number, error.to_string()))?
        }
        None => return Err(wrong(1, "there are no events".into())),
    };
    if head.schema != "rimsim/1" || head.kind != "events" {
        return Err(wrong(1, format!("`{}` `{}` are no saved events", head.schema, head.kind)));
    }
    let unknown = |what: &str, name: &str| wrong(1, format!("`{name}` is no {what}"));
    let algo = HashAlgo::from_name(&head.hash_algo)
        .ok_or_else(|| unknown("hash algorithm", &head.hash_algo))?;
    let rule = RimRule::from_name(&head.rim_rule)
        .ok_or_else(|| unknown("rule of a RIM", &head.rim_rule))?;
    let mut extensions = Vec::new();
    while let Some((number, line)) = lines.next()? {
        let line: Line =
            serde_json::from_slice(line).map_err(|error| wrong(number, error.to_string()))?;
        push(line, algo, &mut extensions).map_err(|why| match why {
            Some(why) => wrong(number, why),
            None => SavedError::TooMany,
        })?;
    }
    Ok(Trail::of_saved(head.name, algo, rule, extensions))
}

/// Appends what a line stands for. The error is what is wrong, or `None` if there is no room.
fn push(line: Line, algo: HashAlgo, extensions: &mut Vec<Extension>) -> Result<(), Option<String>> {
    let extension = match line {
        Line::Realm { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo, .. } => {
            if !extensions.is_empty() {
                return Err(Some("a Realm is created before anything else is measured".into()));
            }
            let flags = flags.0;
            let params =
                RealmEvent { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo };
            Extension::Realm(Box::new(params))
        }
        Line::Rec { flags, pc, gprs, .. } => {
            let gprs = gprs.map(|gpr| gpr.0);
            Extension::Rec(Box::new(RecEvent { flags: flags.0, pc: pc.0, gprs }))
        }
        Line::Data(data) | Line::MapInit(data) => {
            let Data { ipa, flags, digest, from, granule, .. } = data;
            let digest = match digest {
                None if flags.0 & DATA_MEASURE != 0 => {
                    return Err(Some("`digest` is missing".into()));
                }
                None => None,
                Some(text) => Some(digest_of(&text, algo).ok_or_else(|| {
                    Some(format!("`digest` is not {} bytes in hexadecimal", algo.len_bytes()))
                })?),
            };
            let bytes = granule.unwrap_or(PAGE_SIZE);
            let size = GranuleSize::ALL.into_iter().find(|size| size.bytes() == bytes);
            let size = size.ok_or_else(|| Some(format!("a granule of {bytes} bytes")))?;
            if !ipa.0.is_multiple_of(bytes) || ipa.0 >= 1 << IPA_BITS {
                let why = format!("`ipa` is {}, which is no granule's", Hex(ipa.0));
                return Err(Some(why));
            }
            let content = Content::Saved { digest, origin: from, size };
            Extension::Data { ipa: Ipa(ipa.0), flags: flags.0, content }
        }
        Line::Ripas { base, top, entry, .. } => {
            Extension::Ripas(ripas_of(base.0, top.0, entry.0).map_err(Some)?)
        }
    };
    if extensions.len() == MAX_EVENTS {
        return Err(None);
    }
    extensions.push(extension);
    Ok(())
}

/// RTT entries in a row: each of a size that a level of some granule size has, at a multiple of it.
fn ripas_of(base: u64, top: u64, entry: u64) -> Result<RipasEvent, String> {
    let is_level = |size: &GranuleSize| {
        let levels = (0..=3).map(|above| size.shift() + above * size.stride());
        levels.take_while(|shift| *shift < IPA_BITS).any(|shift| entry == 1 << shift)
    };
    if !GranuleSize::ALL.iter().any(is_level) {
        return Err(format!("`entry` is {}, which is no RTT entry's size", Hex(entry)));
    }
    if base >= top || !base.is_multiple_of(entry) || !top.is_multiple_of(entry) {
        let (base, top) = (Hex(base), Hex(top));
        return Err(format!("the range {base}..{top} is not made of entries"));
    }
    if top > 1 << IPA_BITS {
        return Err(format!("the range ends at {}, above {IPA_BITS} bits of IPA", Hex(top)));
    }
    Ok(RipasEvent { base: Ipa(base), top: Ipa(top), entry_size_bytes: entry })
}

fn digest_of(text: &str, algo: HashAlgo) -> Option<Vec<u8>> {
    from_hex(text).ok().filter(|bytes| bytes.len() == algo.len_bytes())
}

/// Lines of bounded length.
struct Lines<R> {
    text: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line that is not empty, and its number from 1.
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, SavedError> {
        loop {
            self.line.clear();
            self.number += 1;
            let limit = MAX_LINE_BYTES + 1;
            let read = (&mut self.text).take(limit).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == limit {
                let why = format!("it is longer than {MAX_LINE_BYTES} bytes");
                return Err(SavedError::Line { line: self.number, why });
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some((self.number, self.line.trim_ascii())))
    }
}
