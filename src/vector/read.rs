//! From a vector's text to steps.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use thiserror::Error;

use super::format::{Document, HexBytes, Number, Smc, StepObject};
use crate::abi::addr::{GRANULE_SIZE, Pa};
use crate::abi::command::{CallRegs, Command, CommandInfo};
use crate::abi::edition::Edition;
use crate::abi::gic::{CpuInterface, NUM_LRS};
use crate::abi::platform::{MAX_DRAM_BYTES, Platform, PlatformError};
use crate::abi::profile::{Profile, Rmm};
use crate::measure::rim::{HashAlgo, Measurement};
use crate::model::granule::{Gpt, GranuleState};
use crate::model::program::GuestAction;
use crate::model::realm::RealmState;
use crate::session::{
    Action, Check, Expected, Notes, PeekWant, Place, RealmWant, RecWant, RimWant, Step,
};

/// Most calls that one `delegate_range` stands for: as many as a platform can have granules.
const MAX_RANGE_GRANULES: u64 = MAX_DRAM_BYTES / GRANULE_SIZE;
/// Most granules in all ranges of a vector's steps, for each that its platform has: few bytes say
/// very many of them.
const MAX_ROUNDS: u64 = 16;

/// A vector: a platform and steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// The vector's name.
    pub name: String,
    /// The edition of the specification that it was recorded for.
    pub edition: Edition,
    /// The RMM that made it: the recorded TF-RMM of the edition, unless the vector names another.
    pub recorded: Profile,
    /// The machine.
    pub platform: Platform,
    steps: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    One(Box<Step>),
    DelegateRange { pa: u64, count: u64, place: Place },
}

impl Item {
    /// How many pages a range has that the step names, and where the step stands.
    fn pages(&self) -> (u64, &Place) {
        match self {
            Self::DelegateRange { count, place, .. } => (*count, place),
            Self::One(step) => {
                let pages = match &step.action {
                    Action::Zero { len_bytes, .. } | Action::Fill { len_bytes, .. } => {
                        len_bytes / GRANULE_SIZE
                    }
                    Action::Check(Check::Peek { len_bytes, .. }) => len_bytes / GRANULE_SIZE,
                    _ => 0,
                };
                (pages, &step.place)
            }
        }
    }
}

/// Why a text is not a vector. The place is the line and column where it stops being one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {what}")]
pub struct VectorError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
}

impl Vector {
    /// The steps in order. A `delegate_range` becomes one call a granule.
    pub fn steps(&self) -> impl Iterator<Item = std::borrow::Cow<'_, Step>> {
        use std::borrow::Cow;
        let edition = self.edition;
        self.steps.iter().flat_map(move |item| {
            let (one, range) = match item {
                Item::One(step) => (Some(Cow::Borrowed(&**step)), None),
                Item::DelegateRange { pa, count, place } => (None, Some((*pa, *count, place))),
            };
            let calls = range.into_iter().flat_map(move |(pa, count, place)| {
                (0..count).map(move |i| {
                    let addr = pa.wrapping_add(i * GRANULE_SIZE);
                    let call = Command::delegate(edition, Pa(addr)).encode();
                    let expected = Some(Expected::Regs(vec![(0, 0)]));
                    Cow::Owned(Step { expected, ..Step::new(Action::Call(call), place.clone()) })
                })
            });
            one.into_iter().chain(calls)
        })
    }
}

/// Reads a vector. `file` is the name that errors and steps carry.
///
/// # Bounds
/// Time and memory grow with the length, memory by at most 60 bytes for each byte.
///
/// # Errors
/// If the text is not JSON, not of the format, or its platform can not be; the error says where.
pub fn read(file: &str, text: &[u8]) -> Result<Vector, VectorError> {
    let at = |line, column| Place { file: file.into(), line, column };
    let text = std::str::from_utf8(text).map_err(|error| {
        let (line, column) = Position::default().move_to(text, error.valid_up_to());
        VectorError { place: at(line, column), what: "not UTF-8".into() }
    })?;
    let document: Document<'_> = serde_json::from_str(text).map_err(|error| {
        let place = at(clamp(error.line()), clamp(error.column()));
        VectorError { place, what: plain(&error) }
    })?;
    let edition = match document.spec.as_deref() {
        None => Edition::default(),
        Some(spec) => Edition::of_release(spec).ok_or_else(|| {
            let known = Edition::ALL.map(Edition::name).join(" and ");
            let what = format!("the vector is for {spec:?}; there are {known}");
            VectorError { place: at(1, 0), what }
        })?,
    };
    let recorded = match document.rmm.as_deref() {
        None => Profile::of(edition, Rmm::TfRmm),
        Some(name) => Profile::from_name(name)
            .filter(|profile| profile.edition() == edition)
            .ok_or_else(|| {
                let what =
                    format!("the vector is of {name:?}, which is no RMM of {}", edition.name());
                VectorError { place: at(1, 0), what }
            })?,
    };
    let platform = document.platform.platform(edition).map_err(|error: PlatformError| {
        VectorError { place: at(1, 0), what: format!("platform: {error}") }
    })?;
    let mut position = Position::default();
    let read_item = |raw: &&RawValue| {
        let offset = raw.get().as_ptr().addr() - text.as_ptr().addr();
        let (line, column) = position.move_to(text.as_bytes(), offset);
        item(raw, edition, at(line, column))
    };
    let steps: Vec<Item> = document.steps.iter().map(read_item).collect::<Result<_, _>>()?;
    let pages_of_platform = platform.page_count();
    let most = pages_of_platform.saturating_mul(MAX_ROUNDS);
    let mut left = most;
    for item in &steps {
        let (pages, place) = item.pages();
        left = left.checked_sub(pages.min(pages_of_platform)).ok_or_else(|| VectorError {
            place: place.clone(),
            what: format!(
                "up to here ranges have more than {most} granules, {MAX_ROUNDS} times \
                as many as the platform"
            ),
        })?;
    }
    Ok(Vector { name: document.name, edition, recorded, platform, steps })
}

fn item(raw: &RawValue, edition: Edition, place: Place) -> Result<Item, VectorError> {
    let wrong = |what: String| VectorError { place: place.clone(), what };
    let object: StepObject = serde_json::from_str(raw.get()).map_err(|e| wrong(plain(&e)))?;
    if let StepObject::DelegateRange { pa, count } = object {
        if count.0 > MAX_RANGE_GRANULES {
            return Err(wrong(format!("count {:#x} is more than any platform has", count.0)));
        }
        return Ok(Item::DelegateRange { pa: pa.0, count: count.0, place });
    }
    let mut step = Step::new(Action::Note(String::new()), place.clone());
    step.expected = write_result(&object).map_err(wrong)?;
    step.action = match object {
        StepObject::Smc(smc) => call(*smc, edition, &mut step).map(Action::Call).map_err(wrong)?,
        StepObject::Page { pa, data, .. } => page(pa, data).map_err(wrong)?,
        StepObject::Poke { pa, hex, .. } => Action::Write { pa: pa.0, bytes: hex.0 },
        StepObject::Zero { pa, len, .. } => Action::Zero { pa: pa.0, len_bytes: len.0 },
        StepObject::Fill { pa, len, seed, .. } => {
            Action::Fill { pa: pa.0, len_bytes: len.0, seed: seed.0 }
        }
        StepObject::Pas { pa, pas } => {
            let gpt = Gpt::from_name(&pas).ok_or_else(|| wrong(format!("no PAS is {pas:?}")))?;
            Action::SetGpt { pa: pa.0, gpt }
        }
        StepObject::Guest { rec, plane, id, kind, args } => {
            let action = GuestAction::parse(&kind, &args).map_err(|e| wrong(e.to_string()))?;
            match plane {
                0 => Action::Guest { rec: rec.0, id, action },
                _ => Action::GuestOfPlane { rec: rec.0, plane, id, action },
            }
        }
        StepObject::GuestClear { rec } => Action::GuestClear { rec: rec.0 },
        StepObject::Note { text } => Action::Note(text),
        StepObject::Running { rec, on } => Action::Running { rec: rec.0, on },
        StepObject::Gic { hcr, lrs } => {
            let mut interface = CpuInterface { hcr: hcr.0, ..CpuInterface::default() };
            if lrs.len() > NUM_LRS {
                return Err(wrong(format!("{} list registers; there are {NUM_LRS}", lrs.len())));
            }
            for (lr, value) in interface.lrs.iter_mut().zip(lrs) {
                *lr = value.0;
            }
            Action::CpuInterface(Box::new(interface))
        }
        // A negative number is never.
        StepObject::IrqAfter { polls } => Action::Interrupt { polls: u64::try_from(polls).ok() },
        other => check(other).map(Action::Check).map_err(wrong)?,
    };
    Ok(Item::One(Box::new(step)))
}

/// What a write of the Host is recorded to have come to.
fn write_result(object: &StepObject) -> Result<Option<Expected>, String> {
    let (StepObject::Page { result, .. }
    | StepObject::Poke { result, .. }
    | StepObject::Zero { result, .. }
    | StepObject::Fill { result, .. }) = object
    else {
        return Ok(None);
    };
    match result.as_deref() {
        None => Ok(Some(Expected::Write { refused: false })),
        Some("gpf") => Ok(Some(Expected::Write { refused: true })),
        Some(other) => Err(format!("a write has no result {other:?}; there is \"gpf\"")),
    }
}

/// A call's name has to be that of its FID; one that is no command has none.
fn check_name(smc: &Smc, edition: Edition) -> Result<(), String> {
    let known = CommandInfo::by_fid(smc.fid.0, edition);
    match smc.name.as_deref() {
        None => Ok(()),
        // What is not simulated has a name all the same.
        Some(_) if known.is_none() && edition != Edition::default() => Ok(()),
        Some(name) if known.is_some() && CommandInfo::of_name(name, edition) == known => Ok(()),
        Some(name) => {
            let known = known.map_or("no command".to_owned(), |info| format!("RMI_{}", info.name));
            Err(format!("FID {:#x} is {known}, not {name}", smc.fid.0))
        }
    }
}

fn call(smc: Smc, edition: Edition, step: &mut Step) -> Result<CallRegs, String> {
    check_name(&smc, edition)?;
    let mut regs: CallRegs = [0; 7];
    regs[0] = smc.fid.0;
    let given = smc.args.len();
    let room = regs.get_mut(1..=given).ok_or(format!("{given} arguments; a call has 6 at most"))?;
    for (reg, arg) in room.iter_mut().zip(&smc.args) {
        *reg = arg.0;
    }
    if let Some(ret) = &smc.ret {
        if ret.is_empty() {
            return Err("ret is empty; leave it out if nothing was recorded".into());
        }
        let all = || (0..ret.len()).collect();
        let wanted = smc.cmp.clone().unwrap_or_else(all).into_iter().map(|x| {
            let value = ret.get(x).ok_or(format!("cmp names X{x}, which ret does not have"))?;
            Ok((x, value.0))
        });
        step.expected = Some(Expected::Regs(wanted.collect::<Result<_, String>>()?));
    }
    let Smc { label, dev, spec, abort, guest, .. } = smc;
    let notes = Notes { label, dev, spec, abort, guest };
    if notes != Notes::default() {
        step.notes = Some(Box::new(notes));
    }
    Ok(regs)
}

fn page(pa: Number, data: BTreeMap<Number, HexBytes>) -> Result<Action, String> {
    let piece = |(offset, bytes): (Number, HexBytes)| {
        let end = offset.0.checked_add(bytes.0.len() as u64);
        match u16::try_from(offset.0) {
            Ok(offset) if end.is_some_and(|end| end <= GRANULE_SIZE) => Ok((offset, bytes.0)),
            _ => Err(format!("offset {:#x} is not inside a page", offset.0)),
        }
    };
    let data = data.into_iter().map(piece).collect::<Result<_, _>>()?;
    Ok(Action::Page { pa: pa.0, data })
}

fn check(object: StepObject) -> Result<Check, String> {
    Ok(match object {
        StepObject::Peek { pa, len, words, result } => {
            let want = match (words, result.as_deref()) {
                (None, Some("gpf")) => PeekWant::Gpf,
                (Some(words), None) => PeekWant::Words(peek_words(words)?),
                _ => return Err("peek has either words or \"result\":\"gpf\"".into()),
            };
            Check::Peek { pa: pa.0, len_bytes: len.0, want }
        }
        StepObject::Rim { rd, algo, slots, result } => {
            let want = match (algo, slots, result.as_deref()) {
                (None, None, Some("notrd")) => RimWant::NotRd,
                (Some(algo), Some(slots), None) => RimWant::Slots(measurements(&algo, &slots)?),
                _ => return Err("rim has either algo and slots or \"result\":\"notrd\"".into()),
            };
            Check::Rim { rd: rd.0, want }
        }
        StepObject::Gstate { pa, state, pas } => {
            let state = granule_state(&state)?;
            let gpt = match pas {
                None => None,
                Some(pas) => Some(Gpt::from_name(&pas).ok_or(format!("no PAS is {pas:?}"))?),
            };
            Check::Granule { pa: pa.0, state, gpt }
        }
        StepObject::Rd { rd, state, rec_count, recs, ipa_bits, sl, nroot, vmid, lpa2 } => {
            let want = RealmWant {
                state: RealmState::from_name(&state)
                    .ok_or(format!("no Realm state is {state:?}"))?,
                next_rec_index: rec_count.0,
                num_recs: recs.0,
                ipa_width: ipa_bits.0,
                start_level: sl,
                rtt_num_start: nroot.0,
                vmid: vmid.0,
                lpa2: lpa2 != 0,
            };
            Check::Realm { rd: rd.0, want }
        }
        StepObject::Rec {
            rec,
            idx,
            runnable,
            pc,
            psci_pending,
            host_call,
            ripas_base,
            ripas_top,
            ripas_addr,
            ripas_val,
            change_destroyed,
        } => {
            let want = RecWant {
                index: idx.0,
                runnable: runnable.0 != 0,
                pc: pc.0,
                psci_pending: psci_pending.0 != 0,
                host_call_pending: host_call.0 != 0,
                ripas_base: ripas_base.0,
                ripas_top: ripas_top.0,
                ripas_addr: ripas_addr.0,
                ripas_value: ripas_val.0,
                change_destroyed: change_destroyed.0,
            };
            Check::Rec { rec: rec.0, want }
        }
        _ => return Err("not a check".into()),
    })
}

fn peek_words(words: BTreeMap<Number, HexBytes>) -> Result<BTreeMap<u64, [u8; 8]>, String> {
    let word = |(offset, bytes): (Number, HexBytes)| {
        let word = bytes.0.try_into().map_err(|_| "a word of peek has 8 bytes".to_owned())?;
        Ok((offset.0, word))
    };
    words.into_iter().map(word).collect()
}

fn measurements(algo: &str, slots: &[HexBytes]) -> Result<Vec<Measurement>, String> {
    let algo = HashAlgo::from_name(algo).ok_or_else(|| format!("no hash algorithm is {algo:?}"))?;
    if slots.len() > 5 {
        return Err(format!("{} slots; a Realm has 5", slots.len()));
    }
    let one = |bytes: &HexBytes| {
        if bytes.0.is_empty() {
            return Ok(Measurement::zero(algo));
        }
        Measurement::from_bytes(algo, &bytes.0).ok_or_else(|| {
            format!(
                "a slot has {} bytes; {} gives {}",
                bytes.0.len(),
                algo.name(),
                algo.len_bytes()
            )
        })
    };
    slots.iter().map(one).collect()
}

/// The format calls UNDELEGATED `NS`, whatever the PAS.
fn granule_state(name: &str) -> Result<Option<GranuleState>, String> {
    Ok(match name {
        "none" => None,
        "NS" => Some(GranuleState::Undelegated),
        "DELEGATED" => Some(GranuleState::Delegated),
        "RD" => Some(GranuleState::Rd),
        "REC" => Some(GranuleState::Rec),
        "REC_AUX" => Some(GranuleState::RecAux),
        "RD_AUX" => Some(GranuleState::RdAux),
        "DATA" => Some(GranuleState::Data),
        "RTT" => Some(GranuleState::Rtt),
        "PARTIAL" => Some(GranuleState::Partial),
        other => return Err(format!("no granule state is {other:?}")),
    })
}

/// A place in a text that only moves forward, so that finding all steps costs one look at the text.
#[derive(Default)]
struct Position {
    offset: usize,
    lines_before: usize,
    bytes_before: usize,
}

impl Position {
    /// Line and column, both from 1, of a byte offset at or after the last.
    fn move_to(&mut self, text: &[u8], offset: usize) -> (u32, u32) {
        for byte in &text[self.offset..offset] {
            self.bytes_before += 1;
            if *byte == b'\n' {
                self.lines_before += 1;
                self.bytes_before = 0;
            }
        }
        self.offset = offset;
        (clamp(self.lines_before + 1), clamp(self.bytes_before + 1))
    }
}

fn clamp(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// serde's message without its own line and column: they are counted from the piece it was given.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::profile::Profile;
    use crate::model::world::World;
    use crate::session::Session;

    const PLATFORM: &str = r#"{"s2sz":48,"lpa2":1,"sve":0,"sve_vl":0,"num_bps":1,"num_wps":1,
        "pmu":1,"pmu_num_ctrs":31,"sha256":1,"sha512":1,"gicv3_num_lrs":0,"max_recs_order":10,
        "rec_aux_count":16,"vmid_bits":8,"feat_hpmn0":0,"pa_bits":48,
        "dram":["0x80000000","0x40000000"]}"#;

    fn error(steps: &str) -> String {
        let text = format!("{{\"name\":\"t\",\"platform\":{PLATFORM},\"steps\":[\n{steps}\n]}}");
        read("t.json", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn errors_say_where_and_what() {
        assert_eq!(
            error(r#"{"op":"pas","pa":"0x0","pas":"red"}"#),
            "t.json:5:1: no PAS is \"red\""
        );
        let rd = r#"{"op":"rd","rd":"0x0","state":"ODD","rec_count":"0x0","recs":"0x0",
            "ipa_bits":"0x20","sl":1,"nroot":"0x1","vmid":"0x0","lpa2":0}"#;
        assert_eq!(error(rd), "t.json:5:1: no Realm state is \"ODD\"");
        let twice =
            "{\"op\":\"note\",\"text\":\"\"},\n  {\"op\":\"smc\",\"fid\":\"0x\",\"args\":[]}";
        assert!(error(twice).starts_with("t.json:6:3: "), "{}", error(twice));
        let page = r#"{"op":"page","pa":"0x0","data":{"0xfff":"0102"}}"#;
        assert_eq!(error(page), "t.json:5:1: offset 0xfff is not inside a page");
        let cmp = r#"{"op":"smc","fid":"0x1","args":[],"ret":["0x0"],"cmp":[1]}"#;
        assert_eq!(error(cmp), "t.json:5:1: cmp names X1, which ret does not have");
        let ret = r#"{"op":"smc","fid":"0x1","args":[],"ret":[]}"#;
        assert!(error(ret).contains("ret is empty"));
        let name = r#"{"op":"smc","name":"RMI_VERSION","fid":"0xc4000151","args":[]}"#;
        assert_eq!(
            error(name),
            "t.json:5:1: FID 0xc4000151 is RMI_GRANULE_DELEGATE, not RMI_VERSION"
        );
        let poke = r#"{"op":"poke","pa":"0x0","hex":"00","result":"ok"}"#;
        assert_eq!(error(poke), "t.json:5:1: a write has no result \"ok\"; there is \"gpf\"");
        let slot = r#"{"op":"rim","rd":"0x0","algo":"sha512","slots":["00"]}"#;
        assert_eq!(error(slot), "t.json:5:1: a slot has 1 bytes; sha512 gives 64");
        let range = r#"{"op":"delegate_range","pa":"0x0","count":18446744073709551615}"#;
        assert!(error(range).contains("more than any platform has"));
        // The platform has 262144 granules, and a range has no more that cost anything.
        let range = r#"{"op":"delegate_range","pa":"0x80000000","count":262144}"#;
        let many = |count: usize| vec![range; count].join(",");
        let text = format!("{{\"name\":\"t\",\"platform\":{PLATFORM},\"steps\":[{}]}}", many(16));
        assert!(read("t.json", text.as_bytes()).is_ok());
        assert!(error(&many(17)).contains("16 times as many as the platform"));
    }

    #[test]
    fn what_came_of_a_write_is_compared() {
        let write = |pa: &str, result: &str| {
            let step = format!(r#"{{"op":"poke","pa":"{pa}","hex":"00"{result}}}"#);
            let text = format!("{{\"name\":\"t\",\"platform\":{PLATFORM},\"steps\":[{step}]}}");
            let vector = read("t.json", text.as_bytes()).expect("a vector");
            let step = vector.steps().next().expect("one").into_owned();
            let world = World::new(vector.platform, Profile::TF_RMM);
            let mut record = Session::new(world).step(&step);
            record.mismatches.pop().map(|mismatch| mismatch.to_string())
        };
        assert_eq!(write("0x80000000", ""), None);
        let got = "write: got done, wanted gpf";
        assert_eq!(write("0x80000000", r#","result":"gpf""#).as_deref(), Some(got));
        assert_eq!(write("0x0", r#","result":"gpf""#), None);
        let got = "write: got no memory at 0x0: it is outside the platform's DRAM, wanted done";
        assert_eq!(write("0x0", "").as_deref(), Some(got));
    }

    #[test]
    fn damaged_texts_are_errors() {
        for text in [&b""[..], b"{", b"[]", b"\xff", b"{\"name\":1}", b"null"] {
            assert!(read("t.json", text).is_err(), "{text:?}");
        }
        assert_eq!(read("t", b"{\"n\xff").unwrap_err().to_string(), "t:1:4: not UTF-8");
    }
}
