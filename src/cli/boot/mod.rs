//! `rimsim boot`

mod args;

pub(crate) use args::BootArgs;

use std::io;

use serde_json::{Value, json};

use crate::abi::profile::RemReading;
use crate::boot::{BootEvent, Input, Predicted};
use crate::cli::chains::{self, Booted};
use crate::cli::console::{Console, notes, results_are_looked_at};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::reference::{Found, Writer};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::hex;
use crate::measure::rim::Measurement;
use crate::predict::sha256;
use args::BootForm;

pub(crate) fn run(args: &BootArgs, console: &mut Console) -> io::Result<Exit> {
    let (booted, bytes) = match made(args, console) {
        Ok(made) => made,
        Err(CliError(exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    if let Some(exit) = args.reference.redirect(console) {
        return Ok(exit);
    }
    match args.format {
        BootForm::Text => text(&booted, args.verbose, console)?,
        BootForm::Extends => {
            booted.predicted.events.iter().try_for_each(|event| console.result(&extend(event)))?;
        }
        BootForm::Json => console.json(&document(&booted))?,
        _ => console.bytes(&bytes)?,
    }
    Ok(Exit::Good)
}

/// The boot, and the result where that is bytes.
fn made(args: &BootArgs, console: &mut Console) -> Result<(Booted, Vec<u8>), CliError> {
    args.reference.check(args.format.reference()).map_err(usage)?;
    if args.format == BootForm::Ccel && args.reference.output.is_none() && results_are_looked_at() {
        return Err(usage("a log is binary and no text for a terminal; give -o FILE".into()));
    }
    let writer = args.format.reference().map(|form| Writer::new(form, &args.reference));
    let writer = writer.transpose().map_err(CliError::from)?;
    let reading = args.rem.unwrap_or(RemReading::Concatenated);
    let booted = chains::open(&args.chain, args.outside, &args.hashing, reading, console)?;
    if let Some(measured) = &booted.measured {
        notes::tell(&measured.plan.assumptions, args.strict, console)?;
    }
    booted.tell(args.verbose, args.strict, console)?;
    let shown = args.chain.shown();
    let bytes = match (args.format, writer) {
        (BootForm::Ccel, _) => {
            let none = || usage(format!("{shown}: this firmware has no log"));
            let log = booted.predicted.ccel().ok_or_else(none)?;
            if log.left_out > 0 {
                let count = log.left_out;
                console
                    .note(&format!("{count} events have no place in the log; they are measured"));
            }
            log.bytes
        }
        (_, Some(writer)) => {
            let none = || usage(format!("{shown}: there is no RIM: say the VMM in [measure]"));
            let realm = booted.reference().ok_or_else(none)?;
            let rpv = booted.measured.as_ref().map_or([0; 64], |measured| *measured.rpv());
            if args.format == BootForm::Trustee {
                console.note("Trustee's message has the RIM alone: REMs have no name in it");
            }
            let found = Found { name: "Realm".to_owned(), realm, rpv };
            writer.render(&[found], console).map_err(CliError::from)?
        }
        _ => {
            if booted.rim.is_none() {
                console.note("the chain has no [measure]: there is no RIM");
            }
            Vec::new()
        }
    };
    Ok((booted, bytes))
}

fn text(booted: &Booted, verbose: bool, console: &mut Console) -> io::Result<()> {
    if let Some(rim) = &booted.rim {
        console.result(&format!("rim {rim}"))?;
    }
    for (i, rem) in booted.rems.values.iter().enumerate() {
        console.result(&format!("rem{} {rem}", i + 1))?;
    }
    if verbose {
        let Booted { predicted, rems, .. } = booted;
        for (i, (event, after)) in predicted.events.iter().zip(&rems.after).enumerate() {
            console.result(&line(i + 1, event, after))?;
        }
    }
    Ok(())
}

/// A call of a script's Realm: the digest in words, the first byte lowest.
fn extend(event: &BootEvent) -> String {
    let (index, len) = (event.rem.index(), event.digest.len());
    let words = event.digest.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        format!(" {:#x}", u64::from_le_bytes(word))
    });
    format!("    smc RSI_MEASUREMENT_EXTEND {index} {len}{}", words.collect::<String>())
}

fn line(number: usize, event: &BootEvent, after: &Measurement) -> String {
    let BootEvent { rem, what, digest, .. } = event;
    let (kind, digest) = (event.kind_name(), hex(digest));
    format!("{number} {rem} {kind} {what}, digest {digest}, {rem} is {after}")
}

fn document(booted: &Booted) -> Value {
    let Booted { predicted, rems, rim, measured, .. } = booted;
    let Predicted { algo, has_log, events, assumed, remarks, inputs } = predicted;
    let event = |(i, (event, after)): (usize, (&BootEvent, &Measurement))| {
        json!({
            "number": i + 1,
            "stage": event.stage,
            "rem": event.rem.index(),
            "type": event.kind,
            "name": event.kind_name(),
            "text": event.what,
            "digest": hex(&event.digest),
            "data": hex(&event.data),
            "data_is_known": event.data_is_known,
            "varies": event.varies.text(),
            "after": after.to_string(),
        })
    };
    let input = |input: &Input| {
        json!({
            "needed_by": input.needed_by,
            "path": input.image.name(),
            "size": input.image.len_bytes(),
            "sha256": sha256(&input.image, 0),
        })
    };
    let of_vm = measured.as_ref().map(|measured| &measured.plan.assumptions);
    json!({
        "schema": "rimsim/1",
        "command": "boot",
        "chain": booted.name,
        "rim": rim.map(|rim| rim.to_string()),
        "algorithm": algo.name(),
        "hash_algo": algo.name(),
        "rems": rems.values.map(|rem| rem.to_string()),
        "has_log": has_log,
        "events": events.iter().zip(&rems.after).enumerate().map(event).collect::<Vec<_>>(),
        "assumed": assumed,
        "assumptions": of_vm,
        "remarks": remarks,
        "inputs": inputs.iter().map(input).collect::<Vec<_>>(),
    })
}
