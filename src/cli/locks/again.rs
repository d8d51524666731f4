//! Measures again what a lock file says.

use std::path::Path;

use super::boot::keep_resolved;
use super::chain::of_chain;
use super::file::{Input, LockFile, Sha256Hex};
use super::source::{CAPS, File, Hashing, Measured, arguments, of_command_line, of_script};
use crate::cli::chains::Pins;
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{read_settings, text_name};
use crate::cli::options::{GuestArgs, OutsideArgs};
use crate::cli::places::{folder, relative};
use crate::encoding::shown::ShowPath as _;
use crate::predict::DEVICE_TREE;

/// A lock file without what stands beside it.
pub(crate) fn lock_file(measured: &Measured, path: &Path) -> Result<LockFile, CliError> {
    let from = folder(path);
    let inputs = inputs_of(&measured.inputs, path)?;
    let mut file = LockFile::new(measured.rim.clone(), inputs);
    file.measure.clone_from(&measured.measure);
    if let Some(script) = &measured.script {
        let mut script = script.clone();
        script.path = relative(Path::new(&script.path), from).map_err(usage)?;
        file.script = Some(script);
    }
    if let Some(boot) = &measured.boot {
        file.chain = Some(boot.table(relative(&boot.path, from).map_err(usage)?));
    }
    Ok(file)
}

/// Files as a lock at `path` names them.
pub(super) fn inputs_of(files: &[File], path: &Path) -> Result<Vec<Input>, CliError> {
    let from = folder(path);
    let input = |file: &File| {
        let path = relative(&file.path, from).map_err(usage)?;
        let name = if file.name.is_empty() { path.clone() } else { file.name.clone() };
        let sha256 = Sha256Hex(file.sha256.clone());
        Ok(Input { name, path, size: file.size, sha256 })
    };
    files.iter().map(input).collect()
}

/// The text of a lock file.
pub(crate) fn lock_text(path: &Path) -> Result<String, CliError> {
    let shown = path.shown();
    read_settings(path).map_err(|error| CliError(Exit::Io, format!("{shown}: {error}")))
}

/// The lock that a file's text is.
pub(crate) fn lock_of(text: &str, path: &Path) -> Result<LockFile, CliError> {
    LockFile::read(text).map_err(|why| usage(format!("{}:{why}", path.shown())))
}

/// Measures what a lock file says.
pub(crate) fn measure_again(
    lock: &LockFile,
    path: &Path,
    hashing: &Hashing,
    outside: OutsideArgs,
    console: &mut Console,
) -> Result<Measured, CliError> {
    let (from, reach) = (folder(path), outside.reach_of(path));
    if let Some(script) = &lock.script {
        let (path, realm) = (from.join(&script.path), script.realm.as_deref());
        reach.check_named(&path)?;
        return of_script(&path, realm, hashing, &reach, false);
    }
    if let Some(table) = &lock.chain {
        let place = from.join(&table.path);
        reach.check_named(&place)?;
        let (host, vmm_version) = (table.host.clone(), table.vmm_version.clone());
        let pins = Pins { host, vmm_version };
        let mut measured = of_chain(&place, hashing, outside, Some(&pins), console)?;
        if let Some(boot) = &mut measured.boot {
            boot.keep_resolved(&table.assumed);
        }
        return Ok(measured);
    }
    let measure = lock.measure.as_ref().expect("a lock file has one of the three");
    let mut args = arguments(&measure.arguments, hashing)
        .map_err(|why| usage(format!("{}: the arguments: {why}", path.shown())))?;
    args.guest.reach = reach;
    let argv = measure.arguments.clone();
    put_inputs(&lock.input, from, &mut args.guest)?;
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
        keep_resolved(&measure.assumed, &mut table.assumed);
    }
    Ok(measured)
}

/// Says where the inputs of a lock are, which stands in `from`.
pub(super) fn put_inputs(
    inputs: &[Input],
    from: &Path,
    guest: &mut GuestArgs,
) -> Result<(), CliError> {
    for input in inputs {
        let place = from.join(&input.path);
        if input.name == DEVICE_TREE {
            guest.dtb = Some(place);
        } else if let Some(name) = input.name.strip_prefix(CAPS) {
            let place = text_name(&place)
                .map_err(|error| usage(format!("{}: {error}", place.shown())))?
                .to_owned();
            // Without a folder it would be read as the name of a preset.
            let place = if place.contains(['.', '/']) { place } else { format!("./{place}") };
            guest.caps.iter_mut().filter(|caps| *caps == name).for_each(|caps| {
                caps.clone_from(&place);
            });
        } else {
            guest.map.push((input.name.clone(), place));
        }
    }
    Ok(())
}
