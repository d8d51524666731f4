//! The VM in a chain's `[measure]`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;

use crate::boot::{FwCfg, Line};
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::input::command_line;
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, LineArgs, OutsideArgs, Purpose, ResponderArgs, VmmArgs,
};
use crate::cli::places::folder;
use crate::cli::reach::Reach;
use crate::cli::request::{Boot, NoRequest, parse, words_of};
use crate::encoding::shown::ShowPath as _;
use crate::host::{Vmm, qemu};
use crate::measure::image::Image;
use crate::predict::{Measured, Plan};

/// What stands in `[measure] vm`: what `rimsim measure` takes, but for what it writes and prints.
#[derive(Debug, Parser)]
#[command(name = "vm", disable_help_flag = true, disable_version_flag = true)]
struct Words {
    #[command(flatten)]
    guest: GuestArgs,
    #[command(flatten)]
    responder: ResponderArgs,
    #[command(flatten)]
    hashing: HashingArgs,
    #[command(flatten)]
    line: LineArgs,
}

/// What the VMM's command line of a chain builds, and what it says of the boot.
pub(super) fn measured(
    path: &Path,
    vm: &str,
    outside: OutsideArgs,
    hashing: &HashingArgs,
    console: &mut Console,
) -> Result<(Measured, Line), CliError> {
    let place =
        |CliError(exit, text)| CliError(exit, format!("{}: [measure] vm: {text}", path.shown()));
    let wrong = |why: String| place(usage(why));
    let words = words_of(vm, "measure");
    let (words, _) = words.map_err(|_| wrong("a quotation mark is not closed".into()))?;
    let read: Result<Words, _> = parse("vm", &words);
    let mut args = read.map_err(|NoRequest { text, .. }| wrong(text))?;
    let (from, reach) = (folder(path), outside.reach_of(path));
    if args.line.pid.is_some() {
        return Err(wrong("--pid: a chain is of files; a process is another one tomorrow".into()));
    }
    found_beside(&mut args.line, from, &reach).map_err(place)?;
    let vmm = command_line(&args.line, &mut args.guest, outside).map_err(place)?;
    guest_beside(&mut args.guest, from, &reach);
    let Words { guest, responder, .. } = &args;
    let boot = Boot {
        guest,
        responder,
        hashing,
        cache: &CacheArgs::default(),
        vmm: &vmm,
        purpose: Purpose::Reliance,
    };
    let measured = boot.predicted(Vec::new(), console).map_err(place)?;
    let line = line(&measured.plan, &vmm);
    Ok((measured, line))
}

/// The files in which a line is found are relative to the chain.
fn found_beside(line: &mut LineArgs, from: &Path, reach: &Reach) -> Result<(), CliError> {
    let LineArgs { domain, qemu_log, cmdline, initdata, .. } = line;
    for name in [domain, qemu_log, cmdline, initdata].into_iter().flatten() {
        *name = from.join(&*name);
        reach.check_named(name)?;
    }
    Ok(())
}

/// So are those that the arguments name.
fn guest_beside(guest: &mut GuestArgs, from: &Path, reach: &Reach) {
    let beside = |name: &PathBuf| from.join(name);
    guest.dtb = guest.dtb.as_ref().map(beside);
    guest.map.iter_mut().for_each(|(_, path)| *path = from.join(&*path));
    for name in guest.caps.iter_mut().filter(|name| name.contains(['.', '/'])) {
        let place = from.join(&*name).display().to_string();
        // Without a folder it would be read as the name of a preset.
        *name = if place.contains(['.', '/']) { place } else { format!("./{place}") };
    }
    guest.folder = from.to_owned();
    guest.reach = reach.clone();
}

/// What the VMM's words say of the boot.
fn line(plan: &Plan, vmm: &VmmArgs) -> Line {
    let opened = |name: Option<String>| -> Option<Arc<Image>> {
        let name = name?;
        let found = plan.inputs.iter().find(|input| input.name == name);
        found.map(|input| Arc::clone(&input.image))
    };
    let fw_cfg = match plan.vmm {
        Vmm::Qemu => qemu::fw_cfg(plan.version.name, &vmm.argv),
        _ => None,
    };
    let has_region = plan.vm.regions.iter().any(|region| region.name == "firmware");
    let has_firmware = has_region || fw_cfg.is_some();
    let fw_cfg = fw_cfg.map_or_else(FwCfg::default, |found| FwCfg {
        kernel: opened(found.kernel),
        initrd: opened(found.initrd),
        append: found.append,
    });
    Line { vmm: plan.vmm, has_firmware, fw_cfg }
}
