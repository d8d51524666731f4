//! `rimsim check`

mod args;
mod boot;
mod fleet;
mod kept;

use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::boot::Compared;
use crate::cli::console::{Console, notes};
use crate::cli::differences;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::explanation;
use crate::cli::junit::Ended;
use crate::cli::locks::{
    Change, FleetLock, Hashing, LockFile, Measured, TOOL, changes, lock_file, lock_of, lock_text,
    measure_again, other_rems,
};
use crate::cli::places::folder;
use crate::cli::reach::Reach;
use crate::encoding::shown::ShowPath as _;
use crate::explain::{Explanation, Trail, compare, read_events};
use crate::inputs;
use crate::measure::image::Image;
use crate::predict::DEVICE_TREE;
use args::CheckFormat;
use kept::unchanged;

pub(crate) use args::CheckArgs;

struct Checked {
    old: LockFile,
    new: LockFile,
    changes: Vec<Change>,
    explanation: Option<(Trail, Trail, Explanation)>,
    /// REMs that are others: number, as locked, and now.
    rems: Vec<(usize, String, String)>,
    /// Measurements of a boot that are others.
    boot: Option<Compared>,
    /// Why nothing is explained, or with less than there could be.
    remarks: Vec<String>,
}

pub(crate) fn run(args: &CheckArgs, console: &mut Console) -> io::Result<Exit> {
    let told = lock_text(&args.file).and_then(|text| {
        if FleetLock::is_one(&text) {
            return fleet::check(args, &text).map(|checked| checked.tell(args, console));
        }
        check(args, &text, console).map(|checked| checked.tell(args, console))
    });
    match told {
        Ok(told) => told,
        Err(CliError(exit, text)) => {
            console.error(&text);
            if args.format == CheckFormat::Junit {
                console.bytes(args.junit(Ended::Error(text)).as_bytes())?;
            }
            Ok(exit)
        }
    }
}

fn check(args: &CheckArgs, text: &str, console: &mut Console) -> Result<Checked, CliError> {
    let old = lock_of(text, &args.file)?;
    let hashing = Hashing { hashing: args.hashing.clone(), cache: args.cache.clone().into() };
    let measured = measure_again(&old, &args.file, &hashing, args.outside, console)?;
    let new = lock_file(&measured, &args.file)?;
    let mut checked = Checked {
        changes: changes(&old, &new),
        remarks: Vec::new(),
        explanation: None,
        rems: other_rems(&old, &new),
        boot: None,
        old,
        new,
    };
    if checked.old.tool != TOOL {
        let tool = &checked.old.tool;
        checked.remarks.push(format!("locked by {tool}, and this is {TOOL}"));
    }
    let reach = args.outside.reach_of(&args.file);
    if checked.rim_differs() {
        checked.explain(&args.file, &reach, &measured);
    }
    if let Some(now) = measured.boot.as_ref().filter(|_| !checked.rems.is_empty()) {
        match boot::compared(&checked.old, &args.file, &reach, &now.events) {
            Ok(found) => checked.boot = Some(found),
            Err(why) => checked.remarks.push(why),
        }
    }
    Ok(checked)
}

impl Checked {
    fn differs(&self) -> bool {
        self.rim_differs() || !self.rems.is_empty()
    }

    fn rim_differs(&self) -> bool {
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
            let file = inputs::open(&place).map_err(|error| error.to_string())?;
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
            CheckFormat::Json => console.json(&self.document(args))?,
            CheckFormat::Junit => {
                let differs = differs.then(|| self.lines(args).join("\n"));
                let what = if self.rim_differs() { "the RIM changed" } else { "a REM changed" };
                let failed = |text| Ended::Failed(what.to_owned(), text);
                let ended = differs.map_or(Ended::Good, failed);
                console.bytes(args.junit(ended).as_bytes())?;
            }
            CheckFormat::Text if differs => {
                self.lines(args).iter().try_for_each(|line| console.result(line))?;
            }
            CheckFormat::Text => console.result(&format!("{}: as locked", args.file.shown()))?,
        }
        if !differs {
            for change in &self.changes {
                let has_rems = self.old.chain.is_some();
                let same = if has_rems { "RIM and REMs are" } else { "the RIM is" };
                console.note(&format!("{change}; {same} the same"));
            }
        }
        let around = self.old.surroundings();
        let assumed = around.into_iter().flat_map(|around| around.assumed.iter().cloned());
        notes::note("the lock assumes:", assumed, console);
        self.remarks.iter().for_each(|remark| console.note(remark));
        Ok(if differs { Exit::Mismatch } else { Exit::Good })
    }

    /// What is not as it was locked.
    fn lines(&self, args: &CheckArgs) -> Vec<String> {
        let (old, new) = (self.old.rim.measurement(), self.new.rim.measurement());
        let shown = args.file.shown();
        let mut lines = Vec::new();
        if self.rim_differs() {
            lines.extend([
                format!("{shown}: the RIM changed"),
                format!("  locked {old}"),
                format!("  now    {new}"),
            ]);
        }
        for (number, old, new) in &self.rems {
            lines.extend([
                format!("{shown}: rem{number} changed"),
                format!("  locked {old}"),
                format!("  now    {new}"),
            ]);
        }
        lines.extend(self.changes.iter().map(|change| format!("changed: {change}")));
        if self.changes.is_empty() && self.old.tool == TOOL {
            let why = "what the VMM finds under a name (a folder, a disk) is something else";
            lines.push(format!("no input changed: {why}, or the lock was edited"));
        } else if self.changes.is_empty() {
            let why = "this program measures otherwise than the locking one";
            lines.push(format!("no input changed: {why}"));
        }
        if let Some((a, b, explanation)) = &self.explanation {
            lines.push(String::new());
            lines.extend(explanation::lines(a, b, explanation));
        }
        if let Some(found) = &self.boot {
            let head = "measurements of the boot, expected as locked, found now:";
            lines.extend([String::new(), head.to_owned()]);
            lines.extend(differences::told(found));
        }
        lines
    }

    fn document(&self, args: &CheckArgs) -> Value {
        let explanation = self.explanation.as_ref();
        let rem = |other: &(usize, String, String)| {
            let (number, locked, now) = other;
            json!({ "rem": number, "locked": locked, "now": now })
        };
        let chain = self.old.chain.as_ref();
        let rems = chain.map(|_| self.rems.iter().map(rem).collect::<Vec<_>>());
        json!({
            "schema": "rimsim/1",
            "command": "check",
            "lock": args.file.display().to_string(),
            "equal": !self.differs(),
            "locked": self.old.rim.measurement().to_string(),
            "rim": self.new.rim.measurement().to_string(),
            "tool": self.old.tool,
            "changes": self.changes.iter().map(Change::json).collect::<Vec<_>>(),
            "rems": rems,
            "boot": self.boot.as_ref().map(differences::document),
            "explanation": explanation.map(|(a, b, why)| explanation::document(a, b, why)),
            "assumed": self.old.surroundings().map(|around| around.assumed),
            "remarks": self.remarks,
        })
    }
}
