//! The log of a guest's boot (CCEL) beside a VM: what it tells of the VM, and what it can not tell.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::sentence::listed;
use crate::abi::profile::RemReading;
use crate::boot::{Clue, HashedImages, Logged, Tells, clues, differences};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::read_limited;
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::hex;
use crate::event_log::{self, Log, MAX_LOG_BYTES, Registers, Rems};
use crate::host::{Vmm, qemu};
use crate::measure::hasher::Hasher;
use crate::measure::image::Image;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::predict::Plan;

/// A log, and what it tells.
pub(super) struct BootLog {
    log: Log,
    clues: Vec<Clue>,
    hashed: HashedImages,
    /// Why events at its end are missing.
    broken: Option<String>,
}

/// One thing that a log tells.
#[derive(Clone, Debug)]
pub(super) struct Says {
    /// The event's number; of the whole log none.
    pub(super) event: Option<usize>,
    pub(super) text: String,
    /// Whether it is as in the VM, if that can be compared.
    pub(super) equal: Option<bool>,
}

/// All that a log tells beside a VM.
pub(crate) struct LogTells {
    path: PathBuf,
    says: Vec<Says>,
}

/// A VM that a log is held against, with the files that it may have been started with.
pub(super) struct Beside<'a> {
    pub(super) plan: Option<&'a Plan>,
    pub(super) argv: &'a [String],
    /// Names and contents.
    pub(super) files: Vec<(String, Arc<Image>)>,
    pub(super) algo: HashAlgo,
    /// The REMs of the token, if it is one.
    pub(super) rems: Option<[Measurement; 4]>,
}

impl BootLog {
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let shown = path.shown();
        let bytes = read_limited(path, MAX_LOG_BYTES)
            .map_err(|error| CliError(Exit::Io, format!("--seen {shown}: {error}")))?;
        let (log, broken) = event_log::read_as_far(&bytes)
            .map_err(|error| usage(format!("--seen {shown}: {error}")))?;
        let (clues, hashed) = (clues(&log), HashedImages::default());
        Ok(Self { log, clues, hashed, broken: broken.map(|error| error.to_string()) })
    }

    /// What is otherwise in a VM, of what the RIM is made of; `None` if the VM is refused.
    pub(super) fn differences(&self, plan: &Plan, hasher: &Hasher) -> Option<Vec<String>> {
        differences(&self.clues, plan, hasher, &self.hashed)
    }

    /// Whether files are looked for by their digests.
    pub(super) fn asks_for_files(&self) -> bool {
        self.clues.iter().any(|clue| matches!(clue.tells, Tells::Image(_) | Tells::Initrd(_)))
    }

    /// All that it tells.
    pub(super) fn told(&self, path: &Path, hasher: &Hasher, beside: &Beside<'_>) -> LogTells {
        let mut says: Vec<Says> = Vec::new();
        let of_rim: Vec<&Clue> = self.clues.iter().filter(|one| one.tells.is_of_rim()).collect();
        let whole = |text: String, equal| Says { event: None, text, equal };
        if !of_rim.is_empty() {
            let left = beside.plan.and_then(|plan| self.differences(plan, hasher));
            let names = names(&of_rim);
            let equal = left.as_ref().map(Vec::is_empty);
            let text = match equal {
                Some(true) => format!("{names}, all as in this VM"),
                Some(false) => format!("{names}, not as in this VM"),
                None => format!("{names}, and this VM can not be, to compare it with"),
            };
            says.push(whole(text, equal));
        }
        for Clue { event, tells } in &self.clues {
            if let Some((text, equal)) = of_guest(tells, beside) {
                says.push(Says { event: Some(*event), text, equal });
            }
        }
        says.extend(self.registers(beside).into_iter().map(|(text, equal)| whole(text, equal)));
        if let Some(broken) = &self.broken {
            says.push(whole(format!("not all of it can be read: {broken}"), None));
        }
        let not = if of_rim.iter().any(|clue| matches!(clue.tells, Tells::Params(_))) {
            "it does not tell the RMM and its rule; nobody signs what the VMM wrote"
        } else if of_rim.is_empty() {
            "it has nothing that the RIM is made of, so it tells no option of the VMM: not RAM, \
             vCPUs, KVM, the machine, nor what is in the firmware"
        } else {
            "it does not tell what is not in the device tree: KVM, the RMM, breakpoints and SVE of \
             the machine, the order of regions, nor what is in the firmware"
        };
        says.push(whole(not.into(), None));
        LogTells { path: path.to_owned(), says }
    }

    /// Whether the log is that of the token, by the REMs.
    fn registers(&self, beside: &Beside<'_>) -> Vec<(String, Option<bool>)> {
        let algo = beside.algo;
        if self.log.events.iter().all(|event| event.index == 0) {
            return Vec::new();
        }
        if self.log.head.banks.iter().all(|bank| bank.algorithm != algo.tcg_number()) {
            let text = format!(
                "its digests are not of {}, by which the RIM is made: it is of another Realm, or \
                 its REMs can not be compared",
                algo.name()
            );
            return vec![(text, Some(false))];
        }
        let Rems { values, .. } =
            event_log::rems(&self.log, algo, Registers::Mr, RemReading::Concatenated);
        let Some(token) = beside.rems else {
            let any = values.iter().any(|rem| rem.count > 0);
            let text = "with the token in place of the RIM its REMs are compared, so that it is \
                        known whether the log is of that VM";
            return if any { vec![(text.into(), None)] } else { Vec::new() };
        };
        let mut lines = Vec::new();
        let mut equal = Vec::new();
        for (number, (rem, token)) in (1..).zip(values.iter().zip(token)) {
            match &rem.value {
                Ok(_) if rem.count == 0 => {}
                Ok(value) if *value == token => equal.push(format!("rem{number}")),
                Ok(value) => lines.push((
                    format!(
                        "rem{number} is {value} by the log and {token} in the token: it is the \
                         log of another boot, or the Realm extended that REM without an entry"
                    ),
                    Some(false),
                )),
                Err(why) => lines.push((format!("rem{number} is not known: {why}"), None)),
            }
        }
        if !equal.is_empty() {
            let text = format!("{} of the token are those of this log", equal.join(", "));
            lines.insert(0, (text, Some(true)));
        }
        lines
    }
}

/// What of the RIM a log has, in a few words.
fn names(clues: &[&Clue]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for clue in clues {
        let name = match clue.tells {
            Tells::Params(_) => "the Realm's parameters",
            Tells::Ripas(..) => "RAM",
            Tells::Rec(_) => "vCPUs",
            Tells::Contents { .. } => "contents",
            _ => "the device tree",
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    format!("it has {}", listed(&names))
}

/// What an event says that is not of the RIM.
fn of_guest(tells: &Tells, beside: &Beside<'_>) -> Option<(String, Option<bool>)> {
    let fw_cfg = || {
        let plan = beside.plan.filter(|plan| plan.vmm == Vmm::Qemu)?;
        qemu::fw_cfg(plan.version.name, beside.argv)
    };
    Some(match tells {
        Tells::Vmm(name, machine) => {
            let machine = machine.filter(|(ram, _)| *ram > 0);
            let machine = machine.map_or(String::new(), |(ram, cpus)| {
                format!(", with {} MiB of RAM and {cpus} vCPUs", ram >> 20)
            });
            (format!("the VMM calls itself {name}{machine}: its own word"), None)
        }
        Tells::Image(logged) => {
            let is_it = |image: &Image| logged.is_of_image(image.bytes_from(0));
            of_file("the image that firmware loaded", beside, is_it, || fw_cfg()?.kernel)
        }
        Tells::Initrd(logged) => {
            let is_it = |image: &Image| logged.is_of(image.bytes_from(0));
            of_file("the initrd that the kernel got", beside, is_it, || fw_cfg()?.initrd)
        }
        Tells::LoadOptions(logged) => of_options(logged, fw_cfg().map(|found| found.append)),
        Tells::Acpi => {
            ("ACPI tables of the VMM, which no line of a VMM predicts here".to_owned(), None)
        }
        Tells::Version(text) => (format!("firmware version \"{text}\""), None),
        _ => return None,
    })
}

/// Which file it was.
fn of_file(
    what: &str,
    beside: &Beside<'_>,
    is_it: impl Fn(&Image) -> bool,
    said: impl FnOnce() -> Option<String>,
) -> (String, Option<bool>) {
    let found = beside.files.iter().find(|(_, image)| is_it(image)).map(|(name, _)| name);
    let said = said();
    match (found, &said) {
        (Some(name), Some(said)) if name == said => {
            (format!("{what} is `{name}`, as you said"), Some(true))
        }
        (Some(name), Some(said)) => (format!("{what} is `{name}`; you said `{said}`"), Some(false)),
        (Some(name), None) => (format!("{what} is `{name}`"), None),
        (None, Some(said)) => (
            format!("{what} is not `{said}`, nor another file that is here: --candidate FILE"),
            Some(false),
        ),
        (None, None) => (format!("{what} is no file that is here: --candidate FILE"), None),
    }
}

/// Whether the kernel's command line is the one that was said. It is not in the RIM.
fn of_options(logged: &Logged, said: Option<Option<String>>) -> (String, Option<bool>) {
    let what = "the command line that the kernel got";
    match said {
        Some(said) => {
            let text = said.unwrap_or_default();
            let equal = logged.is_of_options(&text);
            let is = if equal { "is" } else { "is not" };
            (format!("{what} {is} that of -append {text:?}"), Some(equal))
        }
        None => {
            let text = format!(
                "{what} comes from a boot option or a loader, and not from the VMM's line: its \
                 {} digest is {}",
                logged.algo.name(),
                hex(&logged.bytes),
            );
            (text, None)
        }
    }
}

impl LogTells {
    /// A line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let path = self.path.shown();
        let line = |one: &Says| match one.event {
            Some(event) => format!("{path}, event {event}: {}", one.text),
            None => format!("{path}: {}", one.text),
        };
        self.says.iter().map(line).collect()
    }

    pub(super) fn json(&self) -> Value {
        let says = |one: &Says| json!({ "event": one.event, "text": one.text, "equal": one.equal });
        json!({
            "file": self.path.display().to_string(),
            "says": self.says.iter().map(says).collect::<Vec<_>>(),
        })
    }
}
