//! `rimsim lock`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::console::{Console, notes};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::locks::{
    Beside, Hashing, LockFile, Measured, Sha256Hex, Tree, arguments, changes, lock_file,
    measure_again, of_command_line, of_script, read_lock, words,
};
use crate::cli::options::{
    GuestArgs, HashingArgs, LineArgs, OutsideArgs, ProvenCacheArgs, ResponderArgs, VmmArgs,
};
use crate::cli::reach::Reach;
use crate::encoding::shown::ShowPath as _;
use crate::explain::write_events;
use crate::inputs;
use crate::measure::image::Image;
use crate::outputs::{OutputPath, OutputSet};
use crate::predict::sha256;

/// Write down what makes a RIM, for a repository: `rimsim check` compares
///
/// Measures what a VMM's command line or a script builds and writes a lock file: every input with
/// size and SHA-256, the arguments, the host, and the RIM. Beside it the measured events are kept
/// (FILE.events, some 300 bytes for each 4 KiB of contents) and the device tree (FILE.dtb), so that
/// `check` can say which page or which property changed; --no-events leaves them out. Paths are
/// relative to the lock file.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LockArgs {
    /// The lock file
    #[arg(short, long, value_name = "FILE", default_value = "rim.lock")]
    output: OutputPath,
    /// Measure again what the lock file says, and write it anew
    #[arg(long, conflicts_with_all = ["vmm", "script"])]
    update: bool,
    /// Replace a lock file that is there
    #[arg(long)]
    force: bool,
    /// Lock a script, not a command line
    #[arg(long, value_name = "FILE", conflicts_with = "vmm")]
    script: Option<PathBuf>,
    /// Which Realm of the script, if there are several
    #[arg(long, value_name = "NAME", requires = "script")]
    realm: Option<String>,
    /// Keep no events and no device tree beside the lock file
    #[arg(long)]
    no_events: bool,
    #[command(flatten)]
    responder: ResponderArgs,
    #[command(flatten)]
    pub(crate) guest: GuestArgs,
    #[command(flatten)]
    hashing: HashingArgs,
    #[command(flatten)]
    cache: ProvenCacheArgs,
    #[command(flatten)]
    pub(crate) outside: OutsideArgs,
    #[command(flatten)]
    pub(crate) line: Option<LineArgs>,
    #[arg(skip)]
    pub(crate) vmm: Option<VmmArgs>,
}

const EXAMPLES: &str = "\
Examples:
  Lock a VM, and let CI compare:
      rimsim lock --caps fvp kvmtool -- lkvm run --realm -c 2 -m 512M -k build/Image
      rimsim check
  The kernel is a new one, and that is meant:
      rimsim lock --update";

pub(crate) fn run(args: &LockArgs, console: &mut Console) -> io::Result<Exit> {
    match lock(args, console) {
        Ok(rim) => {
            console.result(&rim)?;
            Ok(Exit::Good)
        }
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

/// Writes the lock file; its RIM.
fn lock(args: &LockArgs, console: &mut Console) -> Result<String, CliError> {
    let hashing = Hashing { hashing: args.hashing.clone(), cache: args.cache.clone().into() };
    let shown = args.output.shown();
    let mut keep_events = !args.no_events;
    let measured = if args.update {
        let old = read_lock(&args.output)?;
        inputs::renew(&args.output);
        keep_events &= old.events.is_some();
        let measured = measure_again(&old, &args.output, &hashing, args.outside, console)?;
        let new = lock_file(&measured, &args.output)?;
        let (locked, now) = (old.rim.measurement(), new.rim.measurement());
        let changed = changes(&old, &new);
        changed.iter().for_each(|change| console.note(&change.to_string()));
        if locked == now {
            console.note(&format!("{shown}: the RIM is the same"));
        }
        measured
    } else {
        if args.script.is_none() && args.vmm.is_none() {
            return Err(usage("say a VMM and its command line, --script or --update".into()));
        }
        if args.output.exists() && !args.force {
            let why = "is there; --update measures it again, --force replaces it";
            return Err(usage(format!("{shown}: {why}")));
        }
        match (&args.script, &args.vmm) {
            (Some(script), _) => {
                let reach = args.outside.reach_of(script);
                of_script(script, args.realm.as_deref(), &hashing, &reach, true)?
            }
            (None, Some(vmm)) => {
                let mut words = words(&args.guest, &args.responder);
                words.extend([vmm.vmm.clone(), "--".to_owned()]);
                words.extend(vmm.argv.iter().cloned());
                let mut again = arguments(&words, &hashing).map_err(usage)?;
                if args.guest.rpv.is_some() {
                    let why = "--initdata: a lock holds the command line; write the value there";
                    return Err(usage(why.into()));
                }
                again.guest.map.clone_from(&args.guest.map);
                again.guest.named_by = args.guest.named_by.clone();
                again.guest.folder.clone_from(&args.guest.folder);
                again.guest.verbose = args.guest.verbose;
                again.guest.strict = args.guest.strict;
                of_command_line(again, console)?
            }
            (None, None) => unreachable!("one of them is there"),
        }
    };
    notes::tell(&measured.assumptions, args.guest.strict, console)?;
    let mut file = lock_file(&measured, &args.output)?;
    let outputs = console.outputs();
    let mut lock = outputs.begin(&args.output)?;
    if keep_events {
        lock.check_beside("what was measured")?;
        beside(&mut file, &measured, &args.output, outputs)?;
    }
    lock.write_all(file.to_text().as_bytes()).map_err(|source| lock.error(source))?;
    outputs.add(lock);
    let reach = Reach::below_folder_of(&args.output);
    for input in measured.inputs.iter().filter(|input| !reach.has(&input.path)) {
        let path = input.path.shown();
        console.note(&format!("{path}: not below the lock's folder; check needs --allow-outside"));
    }
    console.note(&format!("{shown}: {} inputs", file.input.len()));
    Ok(file.rim.measurement().to_string())
}

/// Adds the events and the device tree beside the lock file.
fn beside(
    file: &mut LockFile,
    measured: &Measured,
    path: &Path,
    outputs: &mut OutputSet,
) -> Result<(), CliError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| usage(format!("{}: no file", path.shown())))?;
    let place = |suffix: &str| {
        (format!("{name}.{suffix}"), path.with_file_name(format!("{name}.{suffix}")))
    };
    let hash = |bytes: Vec<u8>| Sha256Hex(sha256(&Image::from_bytes("beside", bytes), 0));
    let (events, target) = place("events");
    let text = events_text(file, measured);
    outputs.write_beside(&target, &text)?;
    file.events = Some(Beside { path: events, sha256: hash(text) });
    if let Some((base, bytes)) = measured.device_tree.as_ref().filter(|tree| !tree.1.is_empty()) {
        let (tree, target) = place("dtb");
        outputs.write_beside(&target, bytes)?;
        file.device_tree = Some(Tree { path: tree, base: *base, sha256: hash(bytes.clone()) });
    }
    Ok(())
}

/// The measured events. Contents are named as the inputs are, so that the bytes do not depend on
/// the folder in which somebody locks.
fn events_text(file: &LockFile, measured: &Measured) -> Vec<u8> {
    let mut saved = Vec::new();
    write_events(&mut saved, "the locked Realm", &measured.log).expect("memory takes everything");
    let opened = measured.inputs.iter().map(|input| input.path.display().to_string());
    let names: Vec<(String, String)> = opened
        .zip(&file.input)
        .map(|(opened, input)| (format!("\"from\":{}", json(&opened)), json(&input.name)))
        .map(|(opened, name)| (opened, format!("\"from\":{name}")))
        .collect();
    let mut text = String::from_utf8(saved).expect("JSON is text");
    for (opened, name) in names {
        // Without the quotation mark at the end: an offset may follow.
        let (opened, name) = (&opened[..opened.len() - 1], &name[..name.len() - 1]);
        for end in ["+0x", "\""] {
            text = text.replace(&format!("{opened}{end}"), &format!("{name}{end}"));
        }
    }
    text.into_bytes()
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
