//! `rimsim measure`

mod args;

pub(crate) use args::MeasureArgs;

use std::io::{self, Write as _};
use std::path::{Component, Path};

use serde_json::{Value, json};

use crate::abi::addr::Hex;
use crate::cli::console::{Console, hex, notes};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{image_file, text_file};
use crate::cli::options::Form;
use crate::cli::places::{folder, relative};
use crate::cli::reach::Reach;
use crate::cli::reference::{Found, Writer};
use crate::cli::request::Boot;
use crate::cli::trails;
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text;
use crate::host::Region;
use crate::host::caps::Decision;
use crate::host::kvm::{Stage, StageKind};
use crate::measure::event::MeasuredEvent;
use crate::measure::rim::Measurement;
use crate::outputs::{OutputPath, OutputSet};
use crate::predict::{Input, Measured, Plan, sha256, tree_bytes};
use crate::refvalue::RealmReference;
use crate::refvalue::json::{self, InputFile, Provenance, TOOL};
use crate::script::record::Recorder;
use crate::session::Observer;

/// A prediction, and what was asked for.
struct Told<'a> {
    args: &'a MeasureArgs,
    measured: Measured,
}

pub(crate) fn run(args: &MeasureArgs, console: &mut Console) -> io::Result<Exit> {
    let writer = Writer::new(args.format, &args.reference).map_err(CliError::from);
    let told = writer.and_then(|writer| {
        let mut recorder = Recorder::new();
        let mut observers: Vec<&mut dyn Observer> = Vec::new();
        if args.script_out.is_some() {
            observers.push(&mut recorder);
        }
        let told = Told { measured: boot(args).predicted(observers, console)?, args };
        notes::tell(&told.measured.plan.assumptions, args.guest.strict, console)?;
        told.write_files(&mut recorder, console)?;
        Ok((writer, told))
    });
    let (writer, told) = match told {
        Ok(told) => told,
        Err(CliError(exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    if args.guest.verbose {
        told.explain(console);
    }
    told.print(&writer, console)
}

fn boot(args: &MeasureArgs) -> Boot<'_> {
    let MeasureArgs { guest, responder, hashing, cache, vmm, .. } = args;
    Boot { guest, responder, hashing, cache, vmm, purpose: args.format.purpose() }
}

impl Told<'_> {
    /// Writes what was asked for beside the result.
    fn write_files(&self, recorder: &mut Recorder, console: &mut Console) -> Result<(), CliError> {
        let Self { args, measured } = self;
        if let Some(path) = &args.events_out {
            trails::save(path, measured.plan.vmm.name(), measured.log(), console.outputs())?;
        }
        if let Some(path) = &args.dtb_out {
            let tree = measured.plan.tree_region().and_then(tree_bytes);
            let none = || usage("this VM has no device tree".into());
            console.outputs().write(path, &tree.ok_or_else(none)?)?;
        }
        if let Some(path) = &args.script_out {
            let machine = measured.world.platform().to_toml();
            write_script(recorder, &machine, path, console.outputs())?;
            self.tell_outside(recorder, path, console);
        }
        Ok(())
    }

    /// Says which images `run` of a script that was written will not read on its own.
    fn tell_outside(&self, recorder: &Recorder, script: &Path, console: &mut Console) {
        let reach = Reach::below_folder_of(script);
        for image in recorder.files().filter(|image| !reach.has(Path::new(image))) {
            let (image, script) = (Path::new(image).shown(), script.shown());
            let why = "does not lie below its folder: `run` needs --allow-outside";
            console.note(&format!("{script} names {image}, which {why}"));
        }
    }

    fn print(&self, writer: &Writer<'_>, console: &mut Console) -> io::Result<Exit> {
        let Self { args, measured } = self;
        let rendered = match args.format {
            Form::Json => Vec::new(),
            _ => match writer.render(&[self.found()], console) {
                Ok(rendered) => rendered,
                Err((exit, text)) => {
                    console.error(&text);
                    return Ok(exit);
                }
            },
        };
        if let Some(exit) = args.reference.redirect(console) {
            return Ok(exit);
        }
        match args.format {
            Form::Json => console.json(&self.json())?,
            _ => console.bytes(&rendered)?,
        }
        if args.format == Form::Hex {
            if args.guest.verbose {
                for stage in &measured.stages {
                    console.result(&format!("{} {}", stage.rim, stage_text(stage)))?;
                }
            }
            if args.events {
                for (event, rim) in measured.events() {
                    console.result(&format!("{rim} {}", event.named(measured.rule())))?;
                }
            }
        }
        Ok(Exit::Good)
    }

    /// The Realm as verifiers know it. Nobody ran it, so nothing is said of its REMs.
    fn found(&self) -> Found {
        let realm = RealmReference::new(self.measured.rim);
        Found { name: "Realm".to_owned(), realm, rpv: *self.measured.rpv() }
    }
}

/// The script, its machine, and contents that are no file, side by side.
fn write_script(
    recorder: &mut Recorder,
    machine: &str,
    path: &OutputPath,
    outputs: &mut OutputSet,
) -> Result<(), CliError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let recorded = recorder.script_with(&name, |image| named_in(path, image));
    let beside = |suffix: &str| path.with_file_name(format!("{name}.{suffix}"));
    let mut script = outputs.begin(path)?;
    script.check_beside("what a script names")?;
    outputs.write_beside(&beside("toml"), machine.as_bytes())?;
    for (suffix, bytes) in &recorded.attachments {
        outputs.write_beside(&beside(suffix), bytes)?;
    }
    script.write_all(recorded.text.as_bytes()).map_err(|source| script.error(source))?;
    outputs.add(script);
    Ok(())
}

/// How a script names a file: relative if it lies below the script's folder, so that both can move
/// together, and else from the root.
fn named_in(script: &Path, image: &str) -> String {
    let below = relative(Path::new(image), folder(script));
    let below = below.ok().filter(|below| {
        let steps = [below.as_str(), image].map(|path| Path::new(path).components());
        !steps.into_iter().flatten().any(|step| step == Component::ParentDir)
    });
    below.unwrap_or_else(|| {
        let path = std::path::absolute(image);
        path.map_or_else(|_| image.to_owned(), |path| path.display().to_string())
    })
}

fn stage_text(stage: &Stage) -> String {
    let name = stage.command_name;
    let range = |base: u64, top: u64| format!("{}..{}", Hex(base), Hex(top));
    let entries = match stage.extensions {
        1 => "1 extension".to_owned(),
        count => format!("{count} extensions"),
    };
    match stage.kind {
        StageKind::RealmCreate(params) => format!(
            "{name} s2sz={} flags={} sve_vl={} num_bps={} num_wps={} pmu_num_ctrs={} hash_algo={}",
            params.s2sz,
            Hex(params.flags),
            params.sve_vl,
            params.num_bps,
            params.num_wps,
            params.pmu_num_ctrs,
            params.hash_algo
        ),
        StageKind::Ripas { base, top } => format!("{name} {} ({entries})", range(base, top)),
        StageKind::Data { base, top, source, measured } => {
            let how = if measured { "" } else { ", contents unmeasured" };
            format!("{name} {} {source} ({entries}{how})", range(base, top))
        }
        StageKind::Rec { index, flags, pc, gprs } => {
            let how = if flags == 0 { " (not runnable, unmeasured)" } else { "" };
            format!("{name} vcpu={index} pc={} x0={}{how}", Hex(pc), Hex(gprs[0]))
        }
        StageKind::Activate => name.to_owned(),
    }
}

impl Told<'_> {
    /// What was decided, for people.
    fn explain(&self, console: &mut Console) {
        let Plan { vmm, version, host, profile, .. } = &self.measured.plan;
        let name = vmm.name();
        console.note(&format!("{name} {} on {}: {}", version.name, host.name, host.about));
        let rule = self.measured.rule();
        console.note(&format!("the RMM is {profile}; RIMs by {}", rule.name()));
        if let Some(other) = host.same_as {
            console.note(&format!("{} gives the RIMs of {other}", host.name));
        }
        for (name, date, certainty, source) in [
            (host.name, host.date, host.certainty, host.source),
            (version.name, version.date, version.certainty, version.source),
        ] {
            let date = if date.is_empty() { String::new() } else { format!(" ({date})") };
            let known = certainty.name();
            console.note(&format!("how {name}{date} is known: {known}, from {source}"));
        }
        for decision in &self.measured.plan.decisions {
            let text = format!("{} = {}, by {}", decision.key, decision.value, decision.by);
            console.note(&text);
        }
        for remark in &self.measured.plan.vm.remarks {
            console.note(remark);
        }
        for about in self.measured.plan.assumptions.iter().filter_map(|one| one.about.as_ref()) {
            console.note(about);
        }
    }

    /// How well host and VMM are known, and where from.
    fn known_from(&self) -> Value {
        let Plan { version, host, .. } = &self.measured.plan;
        json!({
            "host": {
                "date": host.date,
                "series": host.series,
                "capability": host.capability,
                "rmm": host.rmm,
                "certainty": host.certainty.name(),
                "source": host.source,
            },
            "vmm": {
                "date": version.date,
                "certainty": version.certainty.name(),
                "source": version.source,
            },
        })
    }

    fn json(&self) -> Value {
        let Self { args, measured } = self;
        let Plan { vmm, version, host, profile, vm, .. } = &measured.plan;
        let (rim, rule, params) = (measured.rim, measured.rule(), measured.params());
        let stages: Vec<Value> =
            measured.stages.iter().map(|stage| self.stage_json(stage)).collect();
        let mut document = json!({
            "schema": "rimsim/1",
            "command": "measure",
            "rim": rim.to_string(),
            "algorithm": rim.algo().name(),
            "rim_rule": rule.name(),
            "rmm": profile.name(),
            "spec": host.edition().name(),
            "preliminary": false,
            "host": host.name,
            "vmm": vmm.name(),
            "vmm_version": version.name,
            "known_from": self.known_from(),
            "realm_params": {
                "flags": params.flags,
                "s2sz": params.s2sz,
                "sve_vl": params.sve_vl,
                "num_bps": params.num_bps,
                "num_wps": params.num_wps,
                "pmu_num_ctrs": params.pmu_num_ctrs,
                "hash_algo": params.hash_algo,
            },
            "stages": stages,
            "inputs": self.inputs_json(),
            "device_tree": measured.plan.tree_region().map(region_json),
            "caps": self.caps_json(),
            "remarks": vm.remarks,
            "assumptions": measured.plan.assumptions,
            "rpv": text::hex(self.found().rpv.as_slice()),
            "provenance": self.provenance(),
        });
        if args.events {
            let event = |(event, rim): (MeasuredEvent, Measurement)| {
                json!({
                    "command": format!("RMI_{}", event.command_of(rule)),
                    "event": event.named(rule).to_string(),
                    "extensions": event.extensions(),
                    "rim": rim.to_string(),
                })
            };
            document["events"] = measured.events().into_iter().map(event).collect();
        }
        document
    }

    fn provenance(&self) -> Provenance {
        let Self { args, measured } = self;
        let Plan { vmm, version, host, profile, inputs, .. } = &measured.plan;
        let caps = args.guest.caps.iter().filter(|caps| caps.contains(['.', '/']));
        let caps = caps.filter_map(|path| text_file("caps", Path::new(path)));
        let image = |input: &Input| {
            let path = (input.path() != input.name).then(|| input.path().to_owned());
            InputFile { path, ..image_file(&input.name, &input.image) }
        };
        Provenance {
            tool: TOOL,
            profile: profile.name().to_owned(),
            rim_rule: measured.rule().name(),
            platform: measured.world.platform().name.clone(),
            vmm: Some(json::Vmm {
                name: vmm.name().to_owned(),
                version: version.name.to_owned(),
                host: host.name.to_owned(),
                args: args.vmm.argv.clone(),
            }),
            assumed: measured.plan.assumptions.iter().map(ToString::to_string).collect(),
            inputs: inputs.iter().map(image).chain(caps).collect(),
        }
    }

    fn caps_json(&self) -> Value {
        let decision = |decided: &Decision| {
            json!({
                "key": decided.key,
                "value": decided.value,
                "by": decided.by,
            })
        };
        self.measured.plan.decisions.iter().map(decision).collect()
    }

    fn inputs_json(&self) -> Value {
        let input = |input: &Input| {
            json!({
                "name": input.name,
                "path": input.path(),
                "size": input.len_bytes(),
                "sha256": sha256(&input.image, 0),
            })
        };
        self.measured.plan.inputs.iter().map(input).collect()
    }

    fn stage_json(&self, stage: &Stage) -> Value {
        let mut document = json!({
            "command": format!("RMI_{}", stage.command_name),
            "extensions": stage.extensions,
            "rim": stage.rim.to_string(),
        });
        let mut put = |key: &str, value: Value| document[key] = value;
        match stage.kind {
            StageKind::Ripas { base, top } => {
                put("base", json!(hex(base)));
                put("top", json!(hex(top)));
            }
            StageKind::Data { base, top, source, measured } => {
                let regions = &self.measured.plan.vm.regions;
                let region = regions.iter().find(|region| region.ipa.start == base);
                put("base", json!(hex(base)));
                put("top", json!(hex(top)));
                put("source", json!(source));
                put("fill", json!(region.map_or(0, |region| region.fill_bytes)));
                put("measured", json!(measured));
            }
            StageKind::Rec { index, flags, pc, gprs } => {
                put("vcpu", json!(index));
                put("flags", json!(flags));
                put("pc", json!(hex(pc)));
                put("gprs", json!(gprs.map(hex)));
            }
            StageKind::RealmCreate(_) | StageKind::Activate => {}
        }
        document
    }
}

fn region_json(region: &Region) -> Value {
    let len_bytes = region.ipa.end - region.ipa.start;
    json!({
        "base": hex(region.ipa.start),
        "size": len_bytes,
        "sha256": region.image.as_ref().map(|image| sha256(image, len_bytes)),
    })
}
