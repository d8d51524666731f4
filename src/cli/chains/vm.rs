//! The VM in a chain's `[measure]`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::boot::{FwCfg, Line};
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::input::command_line;
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, LineArgs, OutsideArgs, Purpose, VmmArgs,
};
use crate::cli::places::folder;
use crate::cli::reach::Reach;
use crate::cli::request::{Boot, FileWords, NoRequest, words_of};
use crate::encoding::shown::ShowPath as _;
use crate::host::{Vmm, qemu};
use crate::measure::image::Image;
use crate::predict::{Measured, Plan};

/// What is resolved already: where the line names none, host and version of the VMM.
pub(crate) struct Pins {
    pub(crate) host: String,
    pub(crate) vmm_version: String,
}

/// What the VM of a chain is.
pub(super) struct OfVm {
    pub(super) measured: Measured,
    pub(super) line: Line,
    /// Files besides images that were read: the option, and where it is.
    pub(super) named: Vec<(&'static str, PathBuf)>,
}

/// What the VMM's command line of a chain builds, and what it says of the boot.
pub(super) fn measured(
    path: &Path,
    vm: &str,
    outside: OutsideArgs,
    hashing: &HashingArgs,
    pins: Option<&Pins>,
    console: &mut Console,
) -> Result<OfVm, CliError> {
    let place =
        |CliError(exit, text)| CliError(exit, format!("{}: [measure] vm: {text}", path.shown()));
    let wrong = |why: String| place(usage(why));
    let words = words_of(vm, "measure");
    let (words, _) = words.map_err(|_| wrong("a quotation mark is not closed".into()))?;
    let mut args = FileWords::of("vm", &words).map_err(|NoRequest { text, .. }| wrong(text))?;
    let (from, reach) = (folder(path), outside.reach_of(path));
    let mut named = found_beside(&mut args.line, from, &reach).map_err(place)?;
    let vmm = command_line(&args.line, &mut args.guest, outside).map_err(place)?;
    guest_beside(&mut args.guest, from, &reach);
    let caps = args.guest.caps.iter().filter(|name| name.contains(['.', '/']));
    named.extend(caps.map(|name| ("--caps", PathBuf::from(name))));
    if let Some(Pins { host, vmm_version }) = pins {
        args.guest.host.get_or_insert_with(|| host.clone());
        args.guest.vmm_version.get_or_insert_with(|| vmm_version.clone());
    }
    let FileWords { guest, responder, .. } = &args;
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
    Ok(OfVm { measured, line, named })
}

/// The files in which a line is found are relative to the chain.
fn found_beside(
    line: &mut LineArgs,
    from: &Path,
    reach: &Reach,
) -> Result<Vec<(&'static str, PathBuf)>, CliError> {
    let mut named = Vec::new();
    for (option, name) in line.found_in() {
        *name = from.join(&*name);
        reach.check_named(name)?;
        named.push((option, name.clone()));
    }
    Ok(named)
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
