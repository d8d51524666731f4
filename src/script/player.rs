//! Plays a script, as a Host: it knows of the RMM what the registers say.

use std::collections::{BTreeMap, BTreeSet};

use super::auto::Auto;
use super::ending::{PlayError, Refused, Unmet};
use super::error::ScriptError;
use super::gap::Gap;
use super::grammar::{Bytes, Expr, ImageSource, Invocation, Kind, Name, Shown, Span};
use super::load::{Item, LoadedScript};
use super::picture::Picture;
use super::serve::Recs;
use super::show::{self, Thing};
use super::words;
use super::work::{MAX_WORK, check_files, work_of};
use crate::abi::addr::{Hex, PAGE_SIZE};
use crate::abi::command::{CallRegs, CommandInfo};
use crate::abi::gic::{CpuInterface, NUM_LRS};
use crate::abi::platform::Platform;
use crate::abi::profile::Profile;
use crate::encoding::marked_line::source_line;
use crate::measure::image::Image;
use crate::measure::rim::Measurement;
use crate::model::granule::{Gpt, GranuleState};
use crate::rmi::Outcome;
use crate::session::{
    Action, Check, Fault, Mismatch, PeekWant, Place, Record, RimWant, Session, Step,
};

/// Most unmet expectations that are kept with their texts; further ones are counted.
pub const MAX_MISMATCHES: usize = 1000;
/// Most bytes of a `fill`: unlike zeros and files, they take memory.
pub const MAX_FILL_BYTES: u64 = 1 << 30;
/// What a line of `print` counts as: some 65,000 of them are the most of a script.
const WORK_OF_LINE: u64 = MAX_WORK >> 16;
/// Most bytes that one `peek` looks at.
pub const MAX_PEEK_BYTES: u64 = 1 << 20;

/// Plays one script.
#[derive(Clone, Debug)]
pub struct Player {
    script: LoadedScript,
    keep_going: bool,
    pub(super) most_work: u64,
    printed: Vec<String>,
    unmet: Vec<Unmet>,
    symbols: BTreeMap<u64, String>,
    gaps: BTreeMap<u64, Gap>,
}

impl Player {
    /// A player for a script.
    #[must_use]
    pub fn new(script: LoadedScript) -> Self {
        Self {
            script,
            keep_going: false,
            most_work: MAX_WORK,
            printed: Vec::new(),
            unmet: Vec::new(),
            symbols: BTreeMap::new(),
            gaps: BTreeMap::new(),
        }
    }

    /// Whether to go on after an expectation that is not met, and report all of them at the end.
    pub fn keep_going(&mut self, keep_going: bool) {
        self.keep_going = keep_going;
    }

    /// The machine and the RMM that the script asks for, or the defaults. A session with others is
    /// as good.
    #[must_use]
    pub fn setup(&self) -> (Platform, Profile) {
        self.script.setup()
    }

    /// What `print` statements have printed, a line each.
    #[must_use]
    pub fn printed(&self) -> &[String] {
        &self.printed
    }

    /// The symbol that had this value when the last play ended: the name of a Realm by its RD.
    #[must_use]
    pub fn symbol_of(&self, value: u64) -> Option<&str> {
        self.symbols.get(&value).map(String::as_str)
    }

    /// Why the RIM of the Realm whose RD is at `rd` can not be known, if it can not: when the last
    /// play ended. Whoever shows RIMs has to ask.
    #[must_use]
    pub fn gap(&self, rd: u64) -> Option<&Gap> {
        self.gaps.get(&rd)
    }

    /// Expectations that were not met before the play ended for another reason.
    #[must_use]
    pub fn unmet(&self) -> &[Unmet] {
        &self.unmet
    }

    /// Carries out the script, from its beginning, in a session in which nothing was done before:
    /// `auto` counts on memory that is all the Host's.
    ///
    /// # Bounds
    /// What a script does is counted, and ends at [`MAX_WORK`]. Time grows with
    /// it. Memory grows by at most 400 bytes for each byte of the script, and by what its steps do
    /// to the machine: some 32 bytes for each page that holds something, 4 KiB if the Host wrote
    /// bytes there, 12 KiB for a translation table.
    ///
    /// # Errors
    /// If a command is refused that should not be, an expectation is not met, the script has a
    /// mistake, or one of its images changed meanwhile.
    pub fn play(&mut self, session: &mut Session<'_>) -> Result<(), PlayError> {
        let _span = tracing::info_span!("play", items = self.script.items.len()).entered();
        let (state, result) = self.play_until(session, u64::MAX);
        let (steps, realms, unmet) = (session.steps(), state.realms.len(), state.unmet_total);
        tracing::info!(steps, realms, unmet, is_good = result.is_ok(), "played");
        self.symbols = state.numbers.iter().map(|(name, value)| (*value, name.clone())).collect();
        self.unmet = state.unmet;
        self.gaps = state.gaps;
        result?;
        match state.unmet_total {
            0 => Ok(()),
            total => Err(PlayError::Mismatch(std::mem::take(&mut self.unmet), total)),
        }
    }

    /// As [`Player::play`], up to the step of this number, which is not made.
    pub(super) fn play_until(
        &mut self,
        session: &mut Session<'_>,
        stop_at: u64,
    ) -> (State, Result<(), PlayError>) {
        self.printed.clear();
        let mut state = State {
            auto: Auto::new(session.world().platform(), &self.script.literals),
            numbers: BTreeMap::new(),
            pictures: BTreeMap::new(),
            window: None,
            realms: BTreeSet::new(),
            rtt_auto: false,
            recs: Recs::default(),
            run_page: None,
            next_guest_id: 0,
            gaps: BTreeMap::new(),
            left_work: self.most_work,
            stop_at,
            keep_going: self.keep_going,
            unmet: Vec::new(),
            unmet_total: 0,
        };
        let result = self.play_all(&mut state, session);
        (state, result)
    }

    fn play_all(&mut self, state: &mut State, session: &mut Session<'_>) -> Result<(), PlayError> {
        let (mut looked_at, mut checked) = (0, 0);
        for (number, item) in self.script.items.iter().enumerate() {
            let printed = Run { state, session, item }.statement()?;
            let is_printed = !printed.is_empty();
            self.printed.extend(printed);
            // Files are looked at after as many statements as there are files, not for each RIM.
            if is_printed && number >= looked_at {
                check_files(&self.script, &mut self.printed, checked)?;
                (looked_at, checked) = (number + self.script.opened().len(), self.printed.len());
            }
        }
        check_files(&self.script, &mut self.printed, checked)
    }
}

/// What a Host remembers.
pub(super) struct State {
    pub(super) numbers: BTreeMap<String, u64>,
    pub(super) pictures: BTreeMap<String, Picture>,
    pub(super) auto: Auto,
    /// The Non-secure granule in which images are shown to DATA_CREATE.
    pub(super) window: Option<u64>,
    /// RDs of the Realms that exist.
    pub(super) realms: BTreeSet<u64>,
    pub(super) rtt_auto: bool,
    /// The RECs that were made.
    pub(super) recs: Recs,
    /// The Non-secure granule of `serve`.
    pub(super) run_page: Option<u64>,
    /// The number of the next action of a Realm's software.
    pub(super) next_guest_id: u64,
    /// Realms whose RIM can not be known, by RD.
    pub(super) gaps: BTreeMap<u64, Gap>,
    /// What it may yet do, as [`work`](super::work) counts.
    pub(super) left_work: u64,
    /// The step that is not made any more.
    pub(super) stop_at: u64,
    keep_going: bool,
    unmet: Vec<Unmet>,
    unmet_total: u64,
}

impl State {
    /// What was not as expected so far.
    pub(super) fn unmet(&self) -> &[Unmet] {
        &self.unmet
    }
}

/// One statement as it is played.
pub(super) struct Run<'r, 'o> {
    pub(super) state: &'r mut State,
    pub(super) session: &'r mut Session<'o>,
    pub(super) item: &'r Item,
}

impl Run<'_, '_> {
    /// Returns what there is to print, a line each.
    pub(super) fn statement(&mut self) -> Result<Vec<String>, PlayError> {
        let item = self.item;
        match &item.statement.kind {
            // The loader has taken them.
            Kind::Empty | Kind::Include(_) | Kind::Platform(_) | Kind::Memory { .. } => {}
            Kind::Rmm(_) | Kind::Spec(_) => {}
            Kind::Let { name, value } => {
                let value = self.value(value)?;
                self.state.numbers.insert(name.text.clone(), value);
            }
            Kind::Image { name, source } => self.image(name, source)?,
            Kind::RttAuto(auto) => self.state.rtt_auto = *auto,
            Kind::Invoke(invocation) => match CommandInfo::by_name(&invocation.verb.text) {
                Some(info) => self.command(invocation, info)?,
                None if invocation.verb.text == "serve" => self.serve(invocation)?,
                None if invocation.verb.text == "gic" => self.gic(invocation)?,
                None => self.host(invocation)?,
            },
            Kind::Call { regs, answer } => {
                let mut values: CallRegs = [0; 7];
                for (value, reg) in values.iter_mut().zip(regs) {
                    *value = self.number(reg)?;
                }
                self.execute(&values, answer.as_deref())?;
            }
            Kind::ExpectRim { rd, want } => self.expect_rim(rd.as_ref(), want.as_deref())?,
            Kind::ExpectGranule { pa, state, gpt } => {
                let pa = self.number(pa)?;
                let gpt = gpt.as_ref().and_then(|gpt| Gpt::from_name(&gpt.text));
                let check = Check::Granule { pa, state: state_of(&state.text), gpt };
                self.check(check, &format!("granule {}", Hex(pa)))?;
            }
            Kind::ExpectRem { index, rd, want } => self.expect_rem(index, rd.as_ref(), want)?,
            Kind::ExpectGuest { rec, line } => self.expect_guest(rec, &line.text)?,
            Kind::Guest { rec, plane, actions } => {
                let rec = self.number(rec)?;
                let plane = plane.as_ref().map_or(Ok(0), |plane| self.number(plane))?;
                self.guest(rec, plane, actions)?;
            }
            Kind::Print(shown) => return self.show_thing(shown),
            Kind::PrintRim { rd } => {
                let rd = self.realm(rd.as_ref())?;
                let text = match (self.state.gaps.get(&rd), self.session.world_mut().rim(rd)) {
                    (Some(gap), _) => format!("unknown: {}", gap.what),
                    (None, Some(rim)) => format!("{rim:?}"),
                    (None, None) => "none".to_owned(),
                };
                let text = format!("rim rd={} {text}", Hex(rd));
                self.step(Action::Note(text.clone()))?;
                return Ok(vec![text]);
            }
            Kind::Unknown { rd, what } => self.unknown(rd.as_ref(), &what.text)?,
            Kind::Note(text) => {
                self.step(Action::Note(text.text.clone()))?;
            }
        }
        Ok(Vec::new())
    }

    /// What the RMM knows of a thing.
    fn show_thing(&mut self, shown: &Shown) -> Result<Vec<String>, PlayError> {
        let which = shown.which().map_or(Ok(0), |which| self.number(which))?;
        let thing = match shown {
            Shown::Rtt(_) => Thing::Rtt(which),
            Shown::Granule(_) => Thing::Granule(which),
            Shown::Realm(_) => Thing::Realm(which),
            Shown::Rec(_) => Thing::Rec(which),
            Shown::Operations => Thing::Operations,
        };
        let gap = self.state.gaps.get(&which);
        let lines = show::lines(self.session.world_mut(), thing, gap);
        // They are kept: a script can not print without end.
        lines.iter().try_for_each(|_| self.work(WORK_OF_LINE))?;
        Ok(lines)
    }

    fn image(&mut self, name: &Name, source: &ImageSource) -> Result<(), PlayError> {
        let made = |bytes: &Bytes| {
            let image = Image::from_bytes(name.text.clone(), bytes.as_slice().to_vec());
            Picture::image(image.into())
        };
        let picture = match source {
            ImageSource::File(_) | ImageSource::Digests(_) => {
                let image = self.item.image.as_ref().expect("loaded with the script");
                Picture::image(std::sync::Arc::clone(image))
            }
            ImageSource::Bytes(bytes, _) => made(bytes),
            ImageSource::Zeros(len) => Picture::zeros(self.number(len)?),
            ImageSource::Unknown(len) => Picture::unknown(self.number(len)?),
            ImageSource::Fill { len, seed } => {
                let len_bytes = self.at_most(len, MAX_FILL_BYTES, "a `fill`")?;
                Picture::fill(len_bytes, self.number(seed)?)
            }
            ImageSource::Slice { image, from, to } => {
                let (from_byte, to_byte) = (self.number(from)?, self.number(to)?);
                let whole = self.picture(&image.text, image.span)?;
                let slice = whole.slice(from_byte, to_byte);
                slice.map_err(|message| self.error(from.span, message))?
            }
        };
        if picture.len_bytes() == 0 {
            return Err(self.error(name.span, "an image has at least one byte").into());
        }
        self.state.pictures.insert(name.text.clone(), picture);
        Ok(())
    }

    /// What the Host does in its own memory.
    fn host(&mut self, invocation: &Invocation) -> Result<(), PlayError> {
        let pa = self.arg(invocation, "pa")?;
        let len_of = |bytes: &Bytes| bytes.as_slice().len() as u64;
        let bytes = match invocation.arg("bytes").map(|arg| &arg.value) {
            Some(super::grammar::Value::Bytes(bytes, _)) => Some(bytes),
            _ => None,
        };
        let mut touched_bytes = 1;
        match (invocation.verb.text.as_str(), bytes) {
            ("poke", Some(bytes)) => {
                touched_bytes = len_of(bytes);
                self.step(Action::Write { pa, bytes: bytes.as_slice().to_vec() })?;
            }
            ("peek", Some(bytes)) => {
                let mut words = BTreeMap::new();
                for (offset, piece) in (0..).step_by(8).zip(bytes.as_slice().chunks(8)) {
                    let mut word = [0; 8];
                    word[..piece.len()].copy_from_slice(piece);
                    words.insert(offset, word);
                }
                let (len_bytes, want) = (len_of(bytes), PeekWant::Words(words));
                self.check(Check::Peek { pa, len_bytes, want }, &format!("memory {}", Hex(pa)))?;
            }
            ("peek", None) => {
                let len_bytes = match invocation.arg("len") {
                    Some(arg) => self.limited(&arg.value, MAX_PEEK_BYTES, "a `peek`")?,
                    None => 1,
                };
                let check = Check::Peek { pa, len_bytes, want: PeekWant::Gpf };
                self.check(check, &format!("memory {}", Hex(pa)))?;
            }
            ("zero", _) => {
                touched_bytes = self.arg(invocation, "len")?;
                self.inside(pa, touched_bytes)?;
                self.step(Action::Zero { pa, len_bytes: touched_bytes })?;
            }
            ("fill", _) => {
                let seed = self.arg(invocation, "seed")?;
                let len = invocation.arg("len").expect("the parser asks for it");
                touched_bytes = self.limited(&len.value, MAX_FILL_BYTES, "a `fill`")?;
                self.inside(pa, touched_bytes)?;
                self.step(Action::Fill { pa, len_bytes: touched_bytes, seed })?;
            }
            ("load", _) => {
                let picture = self.image_arg(invocation)?.expect("the parser asks for it");
                let span = invocation.verb.span;
                if !picture.is_known() {
                    let message = "nobody knows the bytes of this image: it can not be loaded";
                    return Err(self.error(span, message).into());
                }
                let count = self.checked_count(picture.count(PAGE_SIZE), span)?;
                touched_bytes = count * PAGE_SIZE;
                self.inside(pa, touched_bytes)?;
                for number in 0..count {
                    self.show(&picture, number, pa + number * PAGE_SIZE)?;
                }
            }
            _ => {
                let word = invocation.words.first().and_then(|word| Gpt::from_name(&word.text));
                self.step(Action::SetGpt { pa, gpt: word.expect("the parser asks for one") })?;
            }
        }
        self.state.auto.avoid(pa, touched_bytes);
        Ok(())
    }

    /// Programs the virtual CPU interface; registers that are not named are zero.
    fn gic(&mut self, invocation: &Invocation) -> Result<(), PlayError> {
        let world = self.session.world();
        let (gic_is_in_run_page, has) =
            (world.profile().gic_is_in_run_page(), world.platform().gicv3_num_lrs as usize);
        if gic_is_in_run_page {
            let message = "in RMM 1.0 RecEnter has these registers: gicv3_hcr and gicv3_lrs";
            return Err(self.error(invocation.verb.span, message).into());
        }
        let mut values = [0; 1 + NUM_LRS];
        for (number, (value, name)) in values.iter_mut().zip(words::CPU_INTERFACE).enumerate() {
            let Some(arg) = invocation.arg(name) else { continue };
            if number > has {
                let message = format!("the machine has {has} list registers, and no {name}");
                return Err(self.error(arg.name.span, message).into());
            }
            *value = self.arg(invocation, name)?;
        }
        let [hcr, lrs @ ..] = values;
        self.step(Action::CpuInterface(Box::new(CpuInterface { hcr, lrs })))?;
        Ok(())
    }

    fn inside(&self, pa: u64, len_bytes: u64) -> Result<(), ScriptError> {
        match pa.checked_add(len_bytes) {
            Some(_) => Ok(()),
            None => Err(self.mistake("this passes the end of 64-bit addresses")),
        }
    }

    fn expect_rim(
        &mut self,
        rd: Option<&Expr>,
        want: Option<&Measurement>,
    ) -> Result<(), PlayError> {
        if rd.is_none() && want.is_none() && self.state.realms.is_empty() {
            return Ok(());
        }
        let rd = self.realm(rd)?;
        if let (Some(gap), Some(rim)) = (self.state.gaps.get(&rd), want) {
            let (got, wanted) = (format!("unknown: {}", gap.what), format!("{rim:?}"));
            let mismatch = Mismatch { what: "rim".into(), got, wanted };
            return self.report(&format!("Realm {}", Hex(rd)), vec![mismatch]);
        }
        // A slot that is not spoken of may be anything: it is expected to be as it is.
        let rems = self.session.world().realm(rd).map(|realm| *realm.rems());
        let want = match want {
            Some(rim) => {
                RimWant::Slots([*rim].into_iter().chain(rems.into_iter().flatten()).collect())
            }
            None => RimWant::NotRd,
        };
        self.check(Check::Rim { rd, want }, &format!("Realm {}", Hex(rd)))
    }

    fn expect_rem(
        &mut self,
        index: &Expr,
        rd: Option<&Expr>,
        want: &Measurement,
    ) -> Result<(), PlayError> {
        let number = self.number(index)?;
        let rd = self.realm(rd)?;
        let Some(n) = usize::try_from(number).ok().filter(|n| (1..=4).contains(n)) else {
            return Err(self.error(index.span, "a Realm has REM 1 to 4").into());
        };
        let realm = self.session.world().realm(rd).map(|realm| *realm.rems());
        let Some((rim, mut rems)) = self.session.world_mut().rim(rd).zip(realm) else {
            return Err(self.mistake("there is no such Realm").into());
        };
        rems[n - 1] = *want;
        let want = RimWant::Slots([rim].into_iter().chain(rems).collect());
        self.check(Check::Rim { rd, want }, &format!("Realm {}", Hex(rd)))
    }

    /// The RD that is named, or that of the only Realm.
    fn realm(&mut self, rd: Option<&Expr>) -> Result<u64, PlayError> {
        if let Some(rd) = rd {
            return self.number(rd).map_err(Into::into);
        }
        let mut realms = self.state.realms.iter();
        match (realms.next(), realms.next()) {
            (Some(rd), None) => Ok(*rd),
            (None, _) => Err(self.mistake("there is no Realm; say which with rd=…").into()),
            _ => Err(self.mistake("there are several Realms; say which with rd=…").into()),
        }
    }

    /// Ends the play before a step that is not to be made.
    pub(super) fn go_on(&self) -> Result<(), PlayError> {
        let is_over = self.session.steps() >= self.state.stop_at;
        if is_over { Err(PlayError::Stopped) } else { Ok(()) }
    }

    /// Does one thing. A fault of the Host ends the play.
    pub(super) fn step(&mut self, action: Action) -> Result<Record, PlayError> {
        self.go_on()?;
        self.work(work_of(&action))?;
        let step = Step::new(action, self.place());
        let record = self.session.step(&step);
        match &record.fault {
            None => Ok(record),
            Some(fault) => Err(self.fault(fault)),
        }
    }

    pub(super) fn fault(&self, fault: &Fault) -> PlayError {
        let what = match &self.item.statement.kind {
            Kind::Invoke(invocation) => invocation.verb.text.clone(),
            _ => "Host memory".to_owned(),
        };
        self.refused(what, fault.to_string())
    }

    pub(super) fn call(&mut self, regs: &CallRegs) -> Result<Outcome, PlayError> {
        self.go_on()?;
        self.work(1)?;
        let item = self.item;
        let place = || item.statement.span.in_file(&item.text.file);
        self.session.call(regs, place).map_err(|fault| self.fault(&fault))
    }

    fn check(&mut self, check: Check, what: &str) -> Result<(), PlayError> {
        let record = self.step(Action::Check(check))?;
        self.report(what, record.mismatches)
    }

    /// Keeps mismatches, and ends the play with the first one if it is to end.
    pub(super) fn report(
        &mut self,
        what: &str,
        mismatches: Vec<Mismatch>,
    ) -> Result<(), PlayError> {
        let place = self.place();
        let state = &mut *self.state;
        state.unmet_total += mismatches.len() as u64;
        let room = MAX_MISMATCHES - state.unmet.len().min(MAX_MISMATCHES);
        for mismatch in mismatches.into_iter().take(room) {
            let shown = state.unmet.last().is_some_and(|last| last.place == place);
            let text = &self.item.text.text;
            let source_line = (!shown).then(|| marked(text, self.item.statement.span)).flatten();
            let (place, what) = (place.clone(), what.to_owned());
            state.unmet.push(Unmet { place, what, mismatch, source_line });
        }
        if state.unmet_total == 0 || state.keep_going {
            return Ok(());
        }
        Err(PlayError::Mismatch(std::mem::take(&mut state.unmet), state.unmet_total))
    }

    pub(super) fn refused(&self, command: String, explanation: String) -> PlayError {
        let source_line = marked(&self.item.text.text, self.item.statement.span);
        let place = self.place();
        PlayError::Refused(Box::new(Refused { place, command, explanation, source_line }))
    }

    pub(super) fn place(&self) -> Place {
        self.item.statement.span.in_file(&self.item.text.file)
    }

    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> ScriptError {
        self.item.text.error(span, message)
    }

    pub(super) fn mistake(&self, message: &str) -> ScriptError {
        self.error(self.item.statement.span, message)
    }
}

fn marked(text: &str, span: Span) -> Option<(String, usize)> {
    source_line(text, span.line, span.column)
}

fn state_of(name: &str) -> Option<GranuleState> {
    super::parse::GRANULE_STATES.into_iter().find(|state| state.name() == name)
}
