//! `rimsim lock`

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::boot::write_saved;
use crate::cli::console::{Console, notes};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::locks::{
    Beside, FleetLock, Hashing, LockFile, Measured, Sha256Hex, Tree, arguments, changes,
    fleet_again, fleet_changes, lock_file, lock_of, lock_text, measure_again, of_chain,
    of_command_line, of_script, other_rems, words,
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
///
/// --chain locks what firmware, boot loaders and the kernel measure, too: the lock holds the REMs
/// and every file of the chain, and FILE.boot its measurements.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct LockArgs {
    /// The lock file
    #[arg(short, long, value_name = "FILE", default_value = "rim.lock")]
    output: OutputPath,
    /// Measure again what the lock file says, and write it anew
    #[arg(long, conflicts_with_all = ["vmm", "script", "chain"])]
    update: bool,
    /// Replace a lock file that is there
    #[arg(long)]
    force: bool,
    /// Lock a script, not a command line
    #[arg(long, value_name = "FILE", conflicts_with = "vmm")]
    script: Option<PathBuf>,
    /// Lock a chain of measured boot, as `rimsim boot` reads it, with its REMs and all its files
    #[arg(long, value_name = "CHAIN", conflicts_with_all = ["vmm", "script"])]
    chain: Option<PathBuf>,
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
  Many VMs in one lock (see rimsim matrix --help):
      rimsim matrix --cpus 1,2 --lock-out fleet.lock --caps fvp kvmtool -- --realm -m 1G -k Image
  A chain of measured boot, with RIM and REMs:
      rimsim lock --chain chain.toml
  The kernel is a new one, and that is meant:
      rimsim lock --update";

pub(crate) fn run(args: &LockArgs, console: &mut Console) -> io::Result<Exit> {
    match lock(args, console) {
        Ok(lines) => {
            lines.iter().try_for_each(|line| console.result(line))?;
            Ok(Exit::Good)
        }
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

/// Measures again what is locked, and says what is another.
fn renewed(
    args: &LockArgs,
    old: &LockFile,
    hashing: &Hashing,
    console: &mut Console,
) -> Result<Measured, CliError> {
    let shown = args.output.shown();
    inputs::renew(&args.output);
    let measured = measure_again(old, &args.output, hashing, args.outside, console)?;
    let new = lock_file(&measured, &args.output)?;
    let (locked, now) = (old.rim.measurement(), new.rim.measurement());
    let changed = changes(old, &new);
    changed.iter().for_each(|change| console.note(&change.to_string()));
    if locked == now {
        console.note(&format!("{shown}: the RIM is the same"));
    }
    for (number, _, _) in other_rems(old, &new) {
        console.note(&format!("{shown}: rem{number} changed"));
    }
    Ok(measured)
}

/// Makes a locked table again; how many of its RIMs are others.
fn renewed_fleet(
    args: &LockArgs,
    text: &str,
    hashing: &Hashing,
    console: &mut Console,
) -> Result<Vec<String>, CliError> {
    let (path, shown) = (&args.output, args.output.shown());
    let old = FleetLock::read(text).map_err(|why| usage(format!("{shown}:{why}")))?;
    inputs::renew(path);
    let new = fleet_again(&old, path, hashing, args.outside)?;
    fleet_changes(&old, &new).iter().for_each(|change| console.note(&change.to_string()));
    console.outputs().write(path, new.to_text()?.as_bytes())?;
    let others = old.row.iter().zip(&new.row).filter(|(old, new)| !old.is_as(new)).count();
    Ok(vec![format!("{shown}: {} rows, {others} RIMs changed", new.row.len())])
}

/// Measures what was not locked before.
fn first(args: &LockArgs, hashing: &Hashing, console: &mut Console) -> Result<Measured, CliError> {
    if args.script.is_none() && args.vmm.is_none() && args.chain.is_none() {
        let why = "say a VMM and its command line, --script, --chain or --update";
        return Err(usage(why.into()));
    }
    if args.output.exists() && !args.force {
        let why = "is there; --update measures it again, --force replaces it";
        return Err(usage(format!("{}: {why}", args.output.shown())));
    }
    let mut words = words(&args.guest, &args.responder);
    let no_words = |by: &str, place: &str| match words.first() {
        None => Ok(()),
        Some(word) => Err(usage(format!("{word}: {by} says it itself{place}"))),
    };
    if let Some(chain) = &args.chain {
        no_words("a chain", ", in [measure] vm")?;
        return of_chain(chain, hashing, args.outside, None, console);
    }
    if let Some(script) = &args.script {
        no_words("a script", "")?;
        let reach = args.outside.reach_of(script);
        return of_script(script, args.realm.as_deref(), hashing, &reach, true);
    }
    let vmm = args.vmm.as_ref().expect("one of the three is there");
    words.extend([vmm.vmm.clone(), "--".to_owned()]);
    words.extend(vmm.argv.iter().cloned());
    let mut again = arguments(&words, hashing).map_err(usage)?;
    if args.guest.rpv.is_some() {
        let why = "--initdata: a lock holds the command line; write the value there";
        return Err(usage(why.into()));
    }
    again.guest.map.clone_from(&args.guest.map);
    again.guest.named_by = args.guest.named_by.clone();
    again.guest.folder.clone_from(&args.guest.folder);
    again.guest.verbose = args.guest.verbose;
    again.guest.strict = args.guest.strict;
    of_command_line(again, console)
}

/// Says what was assumed.
fn tell_assumed(
    args: &LockArgs,
    measured: &Measured,
    console: &mut Console,
) -> Result<(), CliError> {
    notes::tell(&measured.assumptions, args.guest.strict, console)?;
    let Some(boot) = &measured.boot else { return Ok(()) };
    if let Some(first) = boot.assumed.first().filter(|_| args.guest.strict) {
        return Err(usage(format!("{}: --strict: {first}", boot.path.shown())));
    }
    let short = boot.assumed.iter().map(|one| format!("{} = {}", one.field, one.value));
    notes::note("assumed of the boot:", short, console);
    Ok(())
}

/// Writes the lock file; its RIM, and the REMs of a chain.
fn lock(args: &LockArgs, console: &mut Console) -> Result<Vec<String>, CliError> {
    let hashing = Hashing { hashing: args.hashing.clone(), cache: args.cache.clone().into() };
    let shown = args.output.shown();
    let mut keep_events = !args.no_events;
    let measured = if args.update {
        let text = lock_text(&args.output)?;
        if FleetLock::is_one(&text) {
            return renewed_fleet(args, &text, &hashing, console);
        }
        let old = lock_of(&text, &args.output)?;
        keep_events &= old.events.is_some();
        renewed(args, &old, &hashing, console)?
    } else {
        first(args, &hashing, console)?
    };
    tell_assumed(args, &measured, console)?;
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
    let rim = file.rim.measurement();
    let Some(chain) = &file.chain else { return Ok(vec![rim.to_string()]) };
    let rems = (1..).zip(chain.rems()).map(|(number, rem)| format!("rem{number} {rem}"));
    Ok([format!("rim {rim}")].into_iter().chain(rems).collect())
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
    if let Some(boot) = &measured.boot {
        let (path, target) = place("boot");
        let text = write_saved(&boot.events).into_bytes();
        outputs.write_beside(&target, &text)?;
        file.boot = Some(Beside { path, sha256: hash(text) });
    }
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
