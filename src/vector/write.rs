//! From a session to a vector's text: an observer that writes down what happens.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::format::{HexBytes, Number, PlatformObject, Smc, StepObject};
use crate::abi::addr::{GRANULE_LEN, GRANULE_SIZE};
use crate::abi::command::Command;
use crate::abi::gic::NUM_LRS;
use crate::abi::platform::Platform;
use crate::abi::profile::{Profile, Rmm};
use crate::abi::rim_rule::RimRule;
use crate::measure::event::MeasuredEvent;
use crate::measure::image::Image;
use crate::measure::log::EventLog;
use crate::model::program::{GuestAction, GuestEvent};
use crate::model::world::{HostFault, World};
use crate::session::{Action, Check, Observer, RealmWant, RecWant, Record, Step};

/// Writes the steps of a session in the vector format, each when it happens.
///
/// Contents of images become `page` steps, so that the file stands alone; RIMs follow every
/// measured command.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// The first thing that went wrong with `out`; nothing is written after it.
    done: io::Result<()>,
    len_bytes: u64,
    steps: u64,
    logs: BTreeMap<u64, EventLog>,
    /// By which the RMM that is named makes RIMs.
    rule: RimRule,
}

impl<W: Write> Writer<W> {
    /// A writer for a vector of this name, made by this RMM on this machine. Everything is written
    /// in small pieces.
    #[must_use]
    pub fn new(out: W, name: &str, rmm: Profile, platform: &Platform, impl_name: &str) -> Self {
        let edition = rmm.edition();
        let rule = Profile::from_name(rmm.name()).unwrap_or(rmm).rim_rule();
        let rmm = match rmm.name() {
            name if name == Profile::of(edition, Rmm::TfRmm).name() => String::new(),
            name => format!("\"rmm\":{},\n", json(name)),
        };
        let (done, logs) = (Ok(()), BTreeMap::new());
        let mut writer = Self { out, done, len_bytes: 0, steps: 0, logs, rule };
        writer.write(&format!(
            "{{\"name\":{},\n\"spec\":{},\n{rmm}\"impl\":{},\n\"platform\":{},\n\
             \"steps\":[\n",
            json(name),
            json(edition.vector_spec()),
            json(impl_name),
            json(&PlatformObject::of(platform, edition)),
        ));
        writer
    }

    /// Bytes of the document up to now.
    #[must_use]
    pub const fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Ends the document and gives back what it was written to, not flushed.
    ///
    /// # Errors
    /// The first error that writing met.
    pub fn finish(mut self) -> io::Result<W> {
        self.write("\n]}\n");
        self.done.map(|()| self.out)
    }

    fn write(&mut self, text: &str) {
        if self.done.is_ok() {
            self.done = self.out.write_all(text.as_bytes());
            self.len_bytes += text.len() as u64;
        }
    }

    fn push(&mut self, step: &StepObject) {
        if self.steps > 0 {
            self.write(",\n");
        }
        self.steps += 1;
        self.write(&json(step));
    }

    fn call(&mut self, regs: &[u64; 7], step: &Step, record: &Record, world: &World) {
        let Some(outcome) = &record.outcome else { return };
        let command = outcome.command();
        let inputs = command.map_or(6, |command| command.info().inputs.len());
        let notes = step.notes.as_deref().cloned().unwrap_or_default();
        let guest = match command {
            Some(Command::RecEnter { rec, .. }) if outcome.is_success() => {
                let log = world.guest(rec).map(|program| program.log()).unwrap_or_default();
                let events: Vec<_> = log.iter().map(GuestEvent::fields).collect();
                (!events.is_empty()).then_some(events)
            }
            _ => None,
        };
        let handle_ret = outcome.handle_reg();
        let mut cmp = outcome.defined_regs();
        cmp.retain(|x| Some(*x) != handle_ret);
        self.push(&StepObject::Smc(Box::new(Smc {
            name: command.map(|command| format!("RMI_{}", command.info().name)),
            fid: Number(regs[0]),
            args: regs[1..=inputs].iter().copied().map(Number).collect(),
            ret: Some(outcome.regs().iter().copied().map(Number).collect()),
            cmp: Some(cmp),
            label: notes.label,
            guest,
            abort: notes.abort,
            dev: notes.dev,
            spec: notes.spec,
            handle_ret,
            handle_arg: command.and_then(|command| command.info().handle_input()),
        })));
    }

    fn guest(&mut self, rec: u64, plane: u64, id: u64, action: &GuestAction) {
        let (kind, args) = action.words();
        let (rec, kind) = (Number(rec), kind.to_owned());
        self.push(&StepObject::Guest { rec, plane, id, kind, args });
    }

    /// The granules of an image, up to the first that the Host could not write.
    fn image(&mut self, pa: u64, image: &Image, offset: u64, count_granules: u64, world: &World) {
        for i in 0..count_granules {
            let at = i * GRANULE_SIZE;
            let bytes = image.bytes_from(offset + at);
            let bytes = &bytes[..bytes.len().min(GRANULE_LEN)];
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let data = (end > 0).then(|| (Number(0), HexBytes(bytes[..end].to_vec())));
            let (pa, data) = (pa.wrapping_add(at), data.into_iter().collect());
            let fault = world.host_read(pa, 1).err();
            let refused = fault.is_some_and(|fault| !matches!(fault, HostFault::Unknown(_)));
            let result = refused.then(|| "gpf".to_owned());
            self.push(&StepObject::Page { pa: Number(pa), data, result });
            if refused {
                break;
            }
        }
    }

    /// What is, whether or not it is what was wanted; the vector records behaviour. Where nothing
    /// is that a vector could speak of, nothing is written.
    fn check(&mut self, check: &Check, world: &World) {
        let object = match check {
            Check::Peek { pa, len_bytes, .. } => match peek(world, *pa, *len_bytes) {
                Some(object) => object,
                None => return,
            },
            Check::Rim { rd, .. } if world.realm(*rd).is_some() => return self.rim(*rd, world),
            Check::Rim { rd, .. } => {
                let result = Some("notrd".into());
                StepObject::Rim { rd: Number(*rd), algo: None, slots: None, result }
            }
            Check::Granule { pa, gpt, .. } => {
                let granules = world.granules();
                let granule = granules.find(*pa);
                let state = granule.map(|granule| granules.state(granule).name());
                let pas = gpt.and(granule).map(|granule| granules.gpt(granule).name().into());
                let state = match state {
                    None => "none".into(),
                    Some("UNDELEGATED") => "NS".into(),
                    Some(name) => name.into(),
                };
                StepObject::Gstate { pa: Number(*pa), state, pas }
            }
            Check::Realm { rd, .. } => match RealmWant::of(world, *rd) {
                Some(is) => realm(*rd, &is),
                None => return,
            },
            Check::Rec { rec, .. } => match RecWant::of(world, *rec) {
                Some(is) => rec_object(*rec, &is),
                None => return,
            },
        };
        self.push(&object);
    }

    /// The measurements of a Realm, trailing zero slots dropped.
    fn rim(&mut self, rd: u64, world: &World) {
        let Some(realm) = world.realm(rd) else { return };
        // The world folds lazily and is only lent to observers, so the writer folds a copy of the
        // log, event by event.
        let log = self
            .logs
            .entry(rd)
            .or_insert_with(|| EventLog::new(realm.log().algo()).by_rule(self.rule));
        let events = realm.log().events();
        if events.len() <= log.events().len()
            && matches!(events.get(events.len().saturating_sub(1)), Some(MeasuredEvent::Realm(_)))
        {
            *log = EventLog::new(realm.log().algo()).by_rule(self.rule);
        }
        for event in events.iter_from(log.events().len()) {
            log.push(event);
        }
        let rim = log.rim();
        let slots = [rim].into_iter().chain(*realm.rems());
        let mut slots: Vec<_> = slots.map(|slot| (slot.is_zero(), slot)).collect();
        while slots.last().is_some_and(|(zero, _)| *zero) {
            slots.pop();
        }
        let slots = slots.iter().map(|(_, slot)| HexBytes(slot.as_bytes().to_vec())).collect();
        let algo = Some(rim.algo().name().to_owned());
        self.push(&StepObject::Rim { rd: Number(rd), algo, slots: Some(slots), result: None });
    }
}

impl<W: Write> Observer for Writer<W> {
    fn observe(&mut self, step: &Step, record: &Record, world: &World) {
        let result = record.fault.as_ref().map(|_| "gpf".to_owned());
        let number = Number;
        match &step.action {
            Action::Call(regs) => {
                self.call(regs, step, record, world);
                if let Some(rd) = measured_realm(record) {
                    self.rim(rd, world);
                }
            }
            Action::Page { pa, data } => {
                let piece =
                    |(at, bytes): &(u16, Vec<u8>)| (Number((*at).into()), HexBytes(bytes.clone()));
                let data: BTreeMap<_, _> = data.iter().map(piece).collect();
                self.push(&StepObject::Page { pa: number(*pa), data, result });
            }
            Action::Write { pa, bytes } => {
                let hex = HexBytes(bytes.clone());
                self.push(&StepObject::Poke { pa: number(*pa), hex, result });
            }
            Action::Zero { pa, len_bytes } => {
                self.push(&StepObject::Zero { pa: number(*pa), len: number(*len_bytes), result });
            }
            Action::Fill { pa, len_bytes, seed } => {
                let (pa, len, seed) = (number(*pa), number(*len_bytes), number(*seed));
                self.push(&StepObject::Fill { pa, len, seed, result });
            }
            Action::Image { pa, image, offset, count_granules } => {
                self.image(*pa, image, *offset, *count_granules, world);
            }
            Action::SetGpt { pa, gpt } => {
                self.push(&StepObject::Pas { pa: number(*pa), pas: gpt.name().into() });
            }
            Action::Guest { rec, id, action } => self.guest(*rec, 0, *id, action),
            Action::GuestOfPlane { rec, plane, id, action } => {
                self.guest(*rec, *plane, *id, action);
            }
            Action::GuestClear { rec } => self.push(&StepObject::GuestClear { rec: number(*rec) }),
            Action::Running { rec, on } => {
                self.push(&StepObject::Running { rec: number(*rec), on: *on });
            }
            Action::CpuInterface(interface) => {
                let used = NUM_LRS - interface.lrs.iter().rev().take_while(|lr| **lr == 0).count();
                let lrs = interface.lrs[..used].iter().copied().map(number).collect();
                self.push(&StepObject::Gic { hcr: number(interface.hcr), lrs });
            }
            Action::Interrupt { polls } => {
                let polls = polls.and_then(|polls| i64::try_from(polls).ok()).unwrap_or(-1);
                self.push(&StepObject::IrqAfter { polls });
            }
            Action::Check(check) => self.check(check, world),
            Action::Note(text) => self.push(&StepObject::Note { text: text.clone() }),
        }
    }
}

/// What the Host reads there; `None` where there is no memory or nobody knows what is in it, of
/// which a vector can not speak.
fn peek(world: &World, pa: u64, len_bytes: u64) -> Option<StepObject> {
    let (words, result) = match world.host_read(pa, len_bytes) {
        Err(HostFault::Gpf { .. }) => (None, Some("gpf".into())),
        Err(_) => return None,
        Ok(bytes) => {
            let pieces = (0..).step_by(8).zip(bytes.chunks(8));
            let word = |(at, piece): (u64, &[u8])| {
                let mut word = [0; 8];
                word[..piece.len()].copy_from_slice(piece);
                (word != [0; 8]).then(|| (Number(at), HexBytes(word.to_vec())))
            };
            (Some(pieces.filter_map(word).collect()), None)
        }
    };
    Some(StepObject::Peek { pa: Number(pa), len: Number(len_bytes), words, result })
}

fn realm(rd: u64, is: &RealmWant) -> StepObject {
    StepObject::Rd {
        rd: Number(rd),
        state: is.state.name().into(),
        rec_count: Number(is.next_rec_index),
        recs: Number(is.num_recs),
        ipa_bits: Number(is.ipa_width),
        sl: is.start_level,
        nroot: Number(is.rtt_num_start),
        vmid: Number(is.vmid),
        lpa2: is.lpa2.into(),
    }
}

fn rec_object(rec: u64, is: &RecWant) -> StepObject {
    StepObject::Rec {
        rec: Number(rec),
        idx: Number(is.index),
        runnable: Number(is.runnable.into()),
        pc: Number(is.pc),
        psci_pending: Number(is.psci_pending.into()),
        host_call: Number(is.host_call_pending.into()),
        ripas_base: Number(is.ripas_base),
        ripas_top: Number(is.ripas_top),
        ripas_addr: Number(is.ripas_addr),
        ripas_val: Number(is.ripas_value),
        change_destroyed: Number(is.change_destroyed),
    }
}

/// The RD of the Realm whose RIM a successful call may have changed.
fn measured_realm(record: &Record) -> Option<u64> {
    let outcome = record.outcome.as_ref().filter(|outcome| outcome.is_success())?;
    match outcome.command()? {
        Command::RealmCreate { rd, .. }
        | Command::DataCreate { rd, .. }
        | Command::RecCreate { rd, .. }
        | Command::RttInitRipas { rd, .. } => Some(rd),
        _ => None,
    }
}

/// JSON of our own types, which always have one.
fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("numbers, strings and maps of them")
}
