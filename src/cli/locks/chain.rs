//! Chains of measured boot in locks.

use std::path::{Path, PathBuf};

use super::boot::Boot;
use super::file::Rim;
use super::source::{Hashing, Measured, file, table};
use crate::abi::profile::RemReading;
use crate::boot::Assumed;
use crate::cli::chains::{self, Pins};
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::options::OutsideArgs;
use crate::encoding::shown::ShowPath as _;
use crate::measure::image::Image;

/// Boots a chain, on the host and version of the VMM in `pins` where it names none.
pub(crate) fn of_chain(
    path: &Path,
    hashing: &Hashing,
    outside: OutsideArgs,
    pins: Option<&Pins>,
    console: &mut Console,
) -> Result<Measured, CliError> {
    let io = |error: crate::measure::image::ImageError| CliError(Exit::Io, error.to_string());
    let chain = Image::read(path).map_err(io)?;
    let mut inputs = vec![file("chain".to_owned(), path.to_owned(), &chain)];
    let reading = RemReading::Concatenated;
    let booted = chains::open_on(path, outside, &hashing.hashing, reading, pins, console)?;
    chain.check_unchanged().map_err(io)?;
    let none = || {
        let why = "a lock holds a RIM: say the VMM in [measure] vm";
        usage(format!("{}: {why}", path.shown()))
    };
    let measured = booted.measured.as_ref().ok_or_else(none)?;
    for (option, place) in &booted.named {
        let image = Image::open(place).map_err(io)?;
        inputs.push(file(format!("[measure] vm {option}"), place.clone(), &image));
    }
    for input in &measured.plan.inputs {
        inputs.push(file(input.name.clone(), PathBuf::from(input.path()), &input.image));
    }
    for input in &booted.predicted.inputs {
        let place = PathBuf::from(input.image.name());
        let is_known = inputs.iter().any(|known| known.path == place);
        if !is_known {
            inputs.push(file(input.needed_by.clone(), place, &input.image));
        }
    }
    let mut vm = table(&measured.plan, Vec::new());
    let said = |one: &Assumed| format!("{} = {}: {}", one.field, one.value, one.why);
    vm.assumed.extend(booted.predicted.assumed.iter().map(said));
    Ok(Measured {
        rim: Rim::new(&measured.rim, measured.rule()),
        rule: measured.rule(),
        inputs,
        measure: None,
        script: None,
        boot: Some(Boot {
            path: path.to_owned(),
            rems: booted.rems.values,
            events: booted.predicted.events.clone(),
            assumed: booted.predicted.assumed.clone(),
            vm,
        }),
        device_tree: measured.device_tree(),
        assumptions: measured.plan.assumptions.clone(),
        log: measured.log().clone(),
    })
}
