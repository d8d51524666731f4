//! What is varied, as the command line says it.

use super::settings::SettingLine;
use crate::cli::error::{CliError, usage};
use crate::cli::options::GuestArgs;
use crate::cli::reach::Reach;
use crate::cli::request::layer;
use crate::encoding::shell;
use crate::host::vmm::version_by_name;
use crate::host::{OptionChange, Vmm};
use crate::search::{Axis, Knob, KnobError, Parameter};

/// The axis that a `--vary` asks for.
pub(crate) fn add_axis(
    text: &str,
    line: &SettingLine<'_>,
    axes: &mut Vec<Axis>,
) -> Result<(), CliError> {
    let (name, values) = match text.split_once('=') {
        Some((name, values)) => (name, Some(values)),
        None => (text, None),
    };
    let wrong = |why: String| usage(format!("--vary {text}: {why}"));
    let (vmm, reach) = (line.vmm, &line.guest.reach);
    let axis = match Parameter::from_name(name) {
        Err(KnobError::Parameter(_)) => line.axis(name, values).map_err(wrong)?,
        Err(error) => return Err(wrong(error.to_string())),
        Ok(parameter) => {
            let values = match values {
                Some(values) => {
                    parameter.values(values).map_err(|error| wrong(error.to_string()))?
                }
                None => defaults(parameter, vmm),
            };
            Axis { parameter, values }
        }
    };
    if axes.iter().any(|known| known.parameter == axis.parameter) {
        return Err(wrong(format!("{name} is varied already; give all values at once")));
    }
    if axis.values.is_empty() {
        return Err(wrong(format!("its values are given with --{name}")));
    }
    check_values(&axis.values, vmm, reach).map_err(wrong)?;
    axes.push(axis);
    Ok(())
}

/// The values of a parameter of which only the name was given.
pub(crate) fn defaults(parameter: Parameter, vmm: Vmm) -> Vec<Knob> {
    match parameter {
        Parameter::VmmVersion => {
            let program = vmm.versions().iter().filter(|version| version.name != "realm-vm");
            program.map(|version| Knob::VmmVersion(version.name.to_owned())).collect()
        }
        other => other.default_values(),
    }
}

/// Names that only a VMM or a folder knows.
pub(crate) fn check_values(values: &[Knob], vmm: Vmm, reach: &Reach) -> Result<(), String> {
    for value in values {
        if let Knob::Platform(names) = value {
            let found = names.split('+').try_for_each(|name| layer(name, reach).map(|_| ()));
            found.map_err(|CliError(_, why)| why)?;
        }
        if let Knob::VmmVersion(name) = value {
            version_by_name(vmm.versions(), name).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    Ok(())
}

/// The arguments of a guest with the files that its axes name, which are the user's.
pub(crate) fn giving(mut guest: GuestArgs, axes: &[Axis], argv: &[String]) -> GuestArgs {
    for value in axes.iter().flat_map(|axis| &axis.values) {
        match value {
            Knob::Options(change) | Knob::Setting { change, .. } => {
                guest.give_words(&change.with, argv);
            }
            Knob::Dtb(name) => drop(guest.given.insert(name.clone())),
            _ => {}
        }
    }
    guest
}

/// Other options of the VMM, each as a shell reads it.
pub(crate) fn option_variants(texts: &[String]) -> Result<Vec<Knob>, CliError> {
    let knob = |text: &String| {
        let words = shell::split(text).ok_or_else(|| {
            usage(format!("--option-variant {text}: a quotation mark is not closed"))
        })?;
        Ok(Knob::Options(OptionChange { without: Vec::new(), with: words }))
    };
    texts.iter().map(knob).collect()
}
