//! `rimsim check`

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::args::Format;
use super::assumed;
use super::hashing::{HashingArgs, ProvenCacheArgs};
use super::input::{read_settings, text_name};
use super::lock::{folder, lock_file};
use super::lock_file::{LockFile, Sha256Hex, TOOL};
use super::lock_source::{CAPS, Hashing, Measured, arguments, of_command_line, of_script};
use super::outside::{OutsideArgs, Reach};
use super::trouble::{Trouble, usage};
use super::{Console, Exit, explain};
use crate::encoding::shown::ShowPath as _;
use crate::explain::{Explanation, Trail, compare, read_events};
use crate::measure::image::Image;
use crate::predict::{DEVICE_TREE, sha256};

/// Measure again what a lock file says, and compare
///
/// Reads the inputs of the lock file, measures as its arguments say, and compares the RIM. If it is
/// another, says which inputs changed and, if the events are kept beside the lock file, explains
/// the first difference as `rimsim explain` does; exit code 3. An input that changed and left the
/// RIM as it was is a remark.
#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// The lock file
    #[arg(value_name = "FILE", default_value = "rim.lock")]
    file: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    hashing: HashingArgs,
    #[command(flatten)]
    cache: ProvenCacheArgs,
    #[command(flatten)]
    outside: OutsideArgs,
}

/// Something that is not as it was locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// `input`, `platform`, `argument` or `tool`.
    pub(super) kind: &'static str,
    /// What.
    pub(super) name: String,
    pub(super) locked: String,
    pub(super) now: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, locked, now } = self;
        write!(f, "{kind} {name}: locked {locked}, now {now}")
    }
}

struct Checked {
    old: LockFile,
    new: LockFile,
    changes: Vec<Change>,
    explanation: Option<(Trail, Trail, Explanation)>,
    /// Why nothing is explained, or with less than there could be.
    remarks: Vec<String>,
}

pub(super) fn run(args: &CheckArgs, console: &mut Console) -> io::Result<Exit> {
    match check(args, console) {
        Ok(checked) => checked.tell(args, console),
        Err(Trouble(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

/// Reads a lock file.
pub(super) fn read_lock(path: &Path) -> Result<LockFile, Trouble> {
    let shown = path.shown();
    let text =
        read_settings(path).map_err(|error| Trouble(Exit::Io, format!("{shown}: {error}")))?;
    LockFile::read(&text).map_err(|why| usage(format!("{shown}:{why}")))
}

/// Measures what a lock file says.
pub(super) fn measure_again(
    lock: &LockFile,
    path: &Path,
    hashing: &Hashing,
    outside: OutsideArgs,
    console: &mut Console,
) -> Result<Measured, Trouble> {
    let (from, reach) = (folder(path), outside.reach_of(path));
    if let Some(script) = &lock.script {
        let (path, realm) = (from.join(&script.path), script.realm.as_deref());
        reach.check_named(&path)?;
        return of_script(&path, realm, hashing, &reach, false);
    }
    let measure = lock.measure.as_ref().expect("a lock file has one of the two");
    let mut args = arguments(&measure.arguments, hashing)
        .map_err(|why| usage(format!("{}: the arguments: {why}", path.shown())))?;
    args.guest.reach = reach;
    let argv = measure.arguments.clone();
    for input in &lock.input {
        let place = from.join(&input.path);
        if input.name == DEVICE_TREE {
            args.guest.dtb = Some(place);
        } else if let Some(name) = input.name.strip_prefix(CAPS) {
            let place = text_name(&place)
                .map_err(|error| usage(format!("{}: {error}", place.shown())))?
                .to_owned();
            // Without a folder it would be read as the name of a preset.
            let place = if place.contains(['.', '/']) { place } else { format!("./{place}") };
            args.guest.caps.iter_mut().filter(|caps| *caps == name).for_each(|caps| {
                caps.clone_from(&place);
            });
        } else {
            args.guest.map.push((input.name.clone(), place));
        }
    }
    let mut measured = of_command_line(args, console)?;
    // Files are named as they were when the lock was made, wherever they are.
    for file in &mut measured.inputs {
        let known = lock.input.iter().find(|input| from.join(&input.path) == file.path);
        if let Some(input) = known {
            file.name.clone_from(&input.name);
        }
    }
    if let Some(table) = &mut measured.measure {
        table.arguments = argv;
        // What was resolved when the lock was made is no assumption any more.
        let resolved = |text: &&String| {
            let key = text.split(' ').next().unwrap_or_default();
            !table.assumed.contains(text) && ["host", "vmm_version"].contains(&key)
        };
        let kept: Vec<_> = measure.assumed.iter().filter(resolved).cloned().collect();
        table.assumed.splice(..0, kept);
    }
    Ok(measured)
}

/// What is not as it was.
pub(super) fn changes(old: &LockFile, new: &LockFile) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut say = |kind, name: &str, locked: String, now: String| {
        if locked != now {
            changes.push(Change { kind, name: name.to_owned(), locked, now });
        }
    };
    let file = |input: &super::lock_file::Input| {
        let Sha256Hex(sha256) = &input.sha256;
        format!("{} bytes, sha256 {sha256}", input.size)
    };
    let none = || "nothing".to_owned();
    for input in &old.input {
        let now = new.input.iter().find(|now| (&now.name, &now.path) == (&input.name, &input.path));
        say("input", &input.name, file(input), now.map_or_else(none, file));
    }
    for input in &new.input {
        let known =
            |old: &super::lock_file::Input| (&old.name, &old.path) == (&input.name, &input.path);
        if !old.input.iter().any(known) {
            say("input", &input.name, none(), file(input));
        }
    }
    if let (Some(old), Some(new)) = (&old.measure, &new.measure) {
        let keys = old.platform.iter().chain(&new.platform);
        let mut keys: Vec<_> = keys.filter_map(|line| line.split_once(" = ")).collect();
        keys.sort_unstable();
        keys.dedup_by_key(|(key, _)| *key);
        for (key, _) in keys {
            let of = |lines: &[String]| {
                let found = lines.iter().filter_map(|line| line.split_once(" = "));
                let found = found.clone().find(|(name, _)| *name == key);
                found.map_or_else(none, |(_, value)| value.to_owned())
            };
            say("platform", key, of(&old.platform), of(&new.platform));
        }
    }
    if let (Some(old), Some(new)) = (&old.script, &new.script) {
        say("script's", "profile", old.profile.clone(), new.profile.clone());
        say("script's", "platform", old.platform.clone(), new.platform.clone());
    }
    changes
}

fn check(args: &CheckArgs, console: &mut Console) -> Result<Checked, Trouble> {
    let old = read_lock(&args.file)?;
    let hashing = Hashing { hashing: args.hashing.clone(), cache: args.cache.clone().into() };
    let measured = measure_again(&old, &args.file, &hashing, args.outside, console)?;
    let new = lock_file(&measured, &args.file)?;
    let mut checked =
        Checked { changes: changes(&old, &new), remarks: Vec::new(), explanation: None, old, new };
    if checked.old.tool != TOOL {
        let tool = &checked.old.tool;
        checked.remarks.push(format!("locked by {tool}, and this is {TOOL}"));
    }
    if checked.differs() {
        checked.explain(&args.file, &args.outside.reach_of(&args.file), &measured);
    }
    Ok(checked)
}

impl Checked {
    fn differs(&self) -> bool {
        (self.old.rim.measurement(), self.old.rim.rule())
            != (self.new.rim.measurement(), self.new.rim.rule())
    }

    /// Compares with the events that were kept.
    fn explain(&mut self, path: &Path, reach: &Reach, measured: &Measured) {
        let Some(events) = &self.old.events else {
            let why = "no events are kept beside the lock file, so no place is named";
            self.remarks.push(why.to_owned());
            return;
        };
        let from = folder(path);
        let place = from.join(&events.path);
        let old = match unchanged(&place, reach, &events.sha256).and_then(|_| {
            let file = File::open(&place).map_err(|error| error.to_string())?;
            read_events(BufReader::new(file)).map_err(|error| error.to_string())
        }) {
            Ok(trail) => trail,
            Err(why) => {
                self.remarks.push(format!("{}: {why}; no place is named", place.shown()));
                return;
            }
        };
        if old.rule != measured.rule {
            return;
        }
        let mut old = old;
        if let Some(tree) = &self.old.device_tree {
            let place = from.join(&tree.path);
            match unchanged(&place, reach, &tree.sha256) {
                Ok(image) => {
                    let given = self.old.input.iter().any(|input| input.name == DEVICE_TREE);
                    let name = if given { DEVICE_TREE } else { "dtb" };
                    let image = Image::from_bytes(name, image.bytes_from(0).to_vec());
                    old = old.with_bytes(tree.base, &Arc::new(image));
                }
                Err(why) => self.remarks.push(format!("{}: {why}", place.shown())),
            }
        }
        let mut new = measured.trail("now");
        old.name = format!("as locked in {}", path.shown());
        new.name = "now".to_owned();
        let explanation = compare(&old, &new);
        self.explanation = Some((old, new, explanation));
    }

    fn tell(&self, args: &CheckArgs, console: &mut Console) -> io::Result<Exit> {
        let differs = self.differs();
        match args.format {
            Format::Json => console.json(&self.document(args))?,
            Format::Text if differs => self.text(args, console)?,
            Format::Text => console.result(&format!("{}: as locked", args.file.shown()))?,
        }
        if !differs {
            for change in &self.changes {
                console.note(&format!("{change}; the RIM is the same"));
            }
        }
        let measure = self.old.measure.as_ref();
        let assumed = measure.into_iter().flat_map(|measure| measure.assumed.iter().cloned());
        assumed::note("the lock assumes:", assumed, console);
        self.remarks.iter().for_each(|remark| console.note(remark));
        Ok(if differs { Exit::Mismatch } else { Exit::Good })
    }

    fn text(&self, args: &CheckArgs, console: &mut Console) -> io::Result<()> {
        let (old, new) = (self.old.rim.measurement(), self.new.rim.measurement());
        console.result(&format!("{}: the RIM is another", args.file.shown()))?;
        console.result(&format!("  locked {old}"))?;
        console.result(&format!("  now    {new}"))?;
        for change in &self.changes {
            console.result(&format!("changed: {change}"))?;
        }
        if self.changes.is_empty() {
            console
                .result("no input changed: this program measures otherwise than the locking one")?;
        }
        if let Some((a, b, explanation)) = &self.explanation {
            console.result("")?;
            explain::text(a, b, explanation, console)?;
        }
        Ok(())
    }

    fn document(&self, args: &CheckArgs) -> Value {
        let change = |change: &Change| {
            let Change { kind, name, locked, now } = change;
            json!({ "kind": kind, "name": name, "locked": locked, "now": now })
        };
        let explanation = self.explanation.as_ref();
        json!({
            "schema": "rimsim/1",
            "command": "check",
            "lock": args.file.display().to_string(),
            "equal": !self.differs(),
            "locked": self.old.rim.measurement().to_string(),
            "rim": self.new.rim.measurement().to_string(),
            "tool": self.old.tool,
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
            "explanation": explanation.map(|(a, b, why)| explain::document(a, b, why)),
            "assumed": self.old.measure.as_ref().map(|measure| &measure.assumed),
            "remarks": self.remarks,
        })
    }
}

/// A file beside the lock file, if it is the one that was written with it.
fn unchanged(path: &Path, reach: &Reach, wanted: &Sha256Hex) -> Result<Image, String> {
    reach.check(path).map_err(|error| error.to_string())?;
    let image = Image::read(path).map_err(|error| error.to_string())?;
    if sha256(&image, 0) != wanted.0 {
        return Err("is not what was locked".to_owned());
    }
    Ok(image)
}
