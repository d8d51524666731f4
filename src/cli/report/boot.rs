//! Chains of measured boot on the page.

use std::path::Path;

use super::inputs::{images, whole};
use crate::abi::profile::RemReading;
use crate::boot::{BootEvent, compare, seen_of};
use crate::cli::chains::{self, Booted};
use crate::cli::console::Console;
use crate::cli::differences::told;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::options::{HashingArgs, OutsideArgs};
use crate::encoding::text::hex;
use crate::measure::rim::Measurement;
use crate::report::{BootDifference, BootReport, BootStep, RealmReport, Report};

/// Adds a chain: its boot, and the Realm of its VM.
pub(super) fn booted(
    path: &Path,
    outside: OutsideArgs,
    page: &mut Report,
    console: &mut Console,
) -> Result<Booted, (Exit, String)> {
    let hashing = HashingArgs::default();
    let booted = chains::open(path, outside, &hashing, RemReading::Concatenated, console);
    let booted = booted.map_err(|CliError(exit, text)| (exit, text))?;
    let name = path.display().to_string();
    let Booted { predicted, rems, .. } = &booted;
    let remarks = predicted.remarks.iter().cloned();
    page.boots.push(BootReport {
        name: name.clone(),
        rim: booted.rim,
        rems: rems.values,
        remarks: remarks.chain(predicted.assumed.iter().map(ToString::to_string)).collect(),
        steps: predicted.events.iter().zip(&rems.after).map(step).collect(),
    });
    page.add_input(whole(path, "chain"));
    if let Some(measured) = &booted.measured {
        let world = &measured.world;
        page.add_platform(&name, world.profile().name(), world.platform().to_toml());
        let events = measured.events();
        page.realms.extend(RealmReport::with_events(world, measured.rd, &name, &events));
        images(measured.plan.inputs.iter().map(|input| &*input.image), page);
    }
    for (option, place) in &booted.named {
        page.add_input(whole(place, option));
    }
    images(predicted.inputs.iter().map(|input| &*input.image), page);
    Ok(booted)
}

fn step((event, after): (&BootEvent, &Measurement)) -> BootStep {
    BootStep {
        rem: event.rem.index(),
        kind: event.kind_name(),
        stage: event.stage.clone(),
        what: event.what.clone(),
        varies: event.varies.text().to_owned(),
        digest: hex(&event.digest),
        after: *after,
    }
}

/// Where each chain differs from the first.
pub(super) fn differences(chains: &[Booted], page: &mut Report) {
    let Some((first, others)) = chains.split_first() else { return };
    for other in others.iter().filter(|other| other.predicted.algo == first.predicted.algo) {
        let found = compare(&first.predicted.events, &seen_of(&other.predicted.events));
        page.differences.push(BootDifference {
            expected: first.name.clone(),
            found: other.name.clone(),
            lines: told(&found),
        });
    }
}
