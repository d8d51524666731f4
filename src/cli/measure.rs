//! `rimsim measure` and `rimsim dtb`

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::hashing::ImageFiles;
use super::host::{Guest, Trouble, device_tree_alone, guest};
use super::lock_source::Kept;
use super::measure_args::{DtbArgs, MeasureArgs};
use super::measure_files::sha256;
use super::progress::Progress;
use super::provenance;
use super::reference::{Form, Found, Writer};
use super::trace::hex;
use super::trails;
use super::{Console, Exit};
use crate::abi::addr::Hex;
use crate::abi::params::Rpv;
use crate::abi::profile::{Edition, Profile, Rmm};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text;
use crate::explain::Trail;
use crate::host::Region;
use crate::host::caps::Decision;
use crate::host::kvm::{self, Booted, Stage, StageKind};
use crate::measure::event::MeasuredEvent;
use crate::measure::image::Image;
use crate::measure::log::EventLog;
use crate::measure::rim::Measurement;
use crate::measure::rule::RimRule;
use crate::model::world::World;
use crate::refvalue::RealmReference;
use crate::refvalue::json::{InputFile, Provenance, TOOL, Vmm};
use crate::script::record::Recorder;
use crate::session::{Observer, Session};

/// A Realm that was built.
struct Measured<'a> {
    guest: Guest<'a>,
    rule: RimRule,
    stages: Vec<Stage>,
    rim: Measurement,
    world: World,
    booted: Booted,
}

pub(super) fn run(args: &MeasureArgs, console: &mut Console) -> io::Result<Exit> {
    let writer = Writer::new(args.format, &args.reference).map_err(Trouble::from);
    let measured = writer.and_then(|writer| {
        let measured = measure(args, None, console)?;
        measured.keep_apart(args.reference.output.as_deref())?;
        Ok((writer, measured))
    });
    let (writer, measured) = match measured {
        Ok(measured) => measured,
        Err(Trouble(exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    if args.guest.verbose {
        measured.explain(console);
    }
    measured.print(args, &writer, console)
}

impl Measured<'_> {
    fn print(
        &self,
        args: &MeasureArgs,
        writer: &Writer<'_>,
        console: &mut Console,
    ) -> io::Result<Exit> {
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
            Form::Json => console.json(&self.json(args))?,
            _ => console.bytes(&rendered)?,
        }
        if args.format == Form::Hex {
            if args.guest.verbose {
                for stage in &self.stages {
                    console.result(&format!("{} {}", stage.rim, stage_text(stage)))?;
                }
            }
            if args.events {
                for (event, rim) in self.events() {
                    console.result(&format!("{rim} {}", event.named(self.rule)))?;
                }
            }
        }
        Ok(Exit::Good)
    }

    /// The Realm as verifiers know it. Nobody ran it, so nothing is said of its REMs.
    fn found(&self) -> Found {
        let realm = self.world.realm(self.booted.rd).expect("it was built");
        let reference = RealmReference::new(self.rim);
        Found { name: "Realm".to_owned(), realm: reference, rpv: *realm.rpv() }
    }

    /// Refuses to write over what was read.
    fn keep_apart(&self, output: Option<&Path>) -> Result<(), Trouble> {
        let Some(output) = output else { return Ok(()) };
        match self.guest.files.inputs().find(|(_, image)| image.is_file(output)) {
            None => Ok(()),
            Some(_) => {
                let path = output.shown();
                let text =
                    format!("{path}: is measured here and would be overwritten by the result");
                Err(Trouble(Exit::Io, text))
            }
        }
    }
}

fn measure<'a>(
    args: &'a MeasureArgs,
    observer: Option<&mut dyn Observer>,
    console: &mut Console,
) -> Result<Measured<'a>, Trouble> {
    let hasher = args.hashing.hasher()?;
    let files = args.cache.files(&hasher)?;
    let guest = guest(&args.guest, files, &args.vmm)?;
    let profile = profile(args, &guest)?;
    let rule = profile.rim_rule();
    for name in guest.files.unused() {
        console.note(&format!("--map {name}: the command line does not open it"));
    }
    let machine = kvm::machine(guest.host.generation, &guest.caps, &guest.vm)?;
    let mut recorder = Recorder::new();
    let progress = Progress::begin(guest.files.len_bytes());
    let mut world = World::new(machine.clone(), profile);
    world.set_hasher(hasher.working_ahead().counting_in(progress.counter()));
    let mut session = Session::new(world);
    if args.script_out.is_some() {
        session.observe(&mut recorder);
    }
    if let Some(observer) = observer {
        session.observe(observer);
    }
    let mut stages = Vec::new();
    let mut on_stage = |stage: Stage| stages.push(stage);
    let booted = kvm::boot(&mut session, guest.host, &guest.caps, &guest.vm, &mut on_stage)?;
    let world = session.into_world();
    let speed = progress.end();
    if args.guest.verbose {
        guest.files.remarks().iter().chain([&speed]).for_each(|line| console.note(line));
    }
    let changed = guest.files.check_unchanged();
    changed.map_err(|error| Trouble(Exit::Io, error.to_string()))?;
    let rim = stages.last().expect("a Realm that was built has stages").rim;
    if !args.guest.verbose {
        tell_assumptions(&guest, console);
    }
    if let Some(path) = &args.events_out {
        let log = world.realm(booted.rd).expect("it was built").log();
        trails::save(path, guest.vmm.name(), log)
            .map_err(|error| Trouble(error.exit(), error.to_string()))?;
    }
    if let Some(path) = &args.dtb_out {
        write_device_tree(&guest, path)?;
    }
    if let Some(path) = &args.script_out {
        write_script(&mut recorder, &machine.to_toml(), path)?;
    }
    Ok(Measured { guest, rule, stages, rim, world, booted })
}

/// Says which numbers of the host are measured and were only assumed.
fn tell_assumptions(guest: &Guest<'_>, console: &mut Console) {
    let measured = ["num_bps", "num_wps", "pmu", "sve_vls"];
    let assumed: Vec<String> = guest
        .decisions
        .iter()
        .filter(|decision| measured.contains(&decision.key) && decision.by == "default")
        .map(|decision| format!("{} = {}", decision.key, decision.value))
        .collect();
    if !assumed.is_empty() {
        let list = assumed.join(", ");
        console.note(&format!("assumed of the host: {list}; say --caps, or --num-bps and others"));
    }
}

/// A Realm that would be built.
pub(super) struct Built {
    pub(super) rim: Measurement,
    pub(super) log: EventLog,
    pub(super) rpv: Rpv,
}

/// What would be built, to be compared.
pub(super) fn built(args: &MeasureArgs) -> Result<Built, Trouble> {
    let Measured { rim, world, booted, .. } = measure(args, None, &mut Console::new())?;
    let realm = world.realm(booted.rd).expect("it was built");
    Ok(Built { rim, log: realm.log().clone(), rpv: *realm.rpv() })
}

/// What would be measured, to be compared.
pub(super) fn trail(args: &MeasureArgs, name: &str) -> Result<Trail, Trouble> {
    let Built { log, .. } = built(args)?;
    Ok(Trail::of_log(name, log.algo(), log.rule(), log.events().clone()))
}

/// What would be measured, with everything that made it.
pub(super) fn kept(args: &MeasureArgs, console: &mut Console) -> Result<Kept, Trouble> {
    let Measured { guest, rule, rim, world, booted, .. } = measure(args, None, console)?;
    let tree = device_tree(&guest).filter(|region| region.measured);
    let tree = tree.and_then(|region| Some((region, region.image.as_ref()?)));
    let device_tree = tree.map(|(region, image)| {
        let bytes = image.bytes_from(0);
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        (region.ipa.start + region.fill_bytes, bytes[..end].to_vec())
    });
    let said = |decided: &Decision| format!("{} = {}", decided.key, decided.value);
    Ok(Kept {
        rim,
        rule,
        vmm: guest.vmm.name(),
        vmm_version: guest.version.name,
        host: guest.host.name,
        platform: guest.decisions.iter().map(said).collect(),
        inputs: guest
            .files
            .inputs()
            .map(|(name, image)| (name.to_owned(), image.clone()))
            .collect(),
        log: world.realm(booted.rd).expect("it was built").log().clone(),
        device_tree,
    })
}

/// Lets somebody look at what the host does.
pub(super) fn observed(args: &MeasureArgs, observer: &mut dyn Observer) -> Result<(), Trouble> {
    measure(args, Some(observer), &mut Console::new()).map(|_| ())
}

/// A Realm that was built, for whoever shows it.
pub(super) struct Seen {
    pub(super) world: World,
    pub(super) rd: u64,
    /// What was measured, with the RIM after each.
    pub(super) events: Vec<(MeasuredEvent, Measurement)>,
    /// Images that the VMM shows to the Realm.
    pub(super) images: Vec<Arc<Image>>,
}

/// Builds the Realm and lets somebody look at how the host does it.
pub(super) fn seen(args: &MeasureArgs, observer: &mut dyn Observer) -> Result<Seen, Trouble> {
    let measured = measure(args, Some(observer), &mut Console::new())?;
    let events = measured.events();
    let images = measured.guest.vm.regions.iter().filter_map(|region| region.image.clone());
    let images = images.collect();
    Ok(Seen { rd: measured.booted.rd, world: measured.world, events, images })
}

/// The RMM that the host talks to: TF-RMM unless something else is asked for.
fn profile(args: &MeasureArgs, guest: &Guest<'_>) -> Result<Profile, Trouble> {
    let host = guest.host;
    let asked = args.responder.rmm;
    // A name without an edition goes with every host.
    let elsewhere = |asked: &Profile| {
        asked.edition() != Edition::default() && asked.edition() != host.edition()
    };
    if let Some(asked) = asked.filter(elsewhere) {
        let why = format!("--rmm {asked}: {} is written for RMM {}", host.name, host.rmm);
        return Err(Trouble(Exit::Usage, why));
    }
    let own = host.profile(asked.map_or(Rmm::TfRmm, Profile::rmm));
    let Some(name) = &args.responder.rim_rule else { return Ok(own) };
    let known = RimRule::ALL.map(RimRule::name).join(", ");
    let usage = |why: String| Trouble(Exit::Usage, format!("--rim-rule {name}: {why}"));
    let rule = RimRule::from_name(name)
        .ok_or_else(|| usage(format!("there is no such rule; there are {known}")))?;
    let ruled = match asked {
        Some(_) => Some(own).filter(|own| own.rim_rule() == rule),
        None => Profile::by_rim_rule(own.edition(), rule),
    };
    ruled.ok_or_else(|| {
        let with = asked.map_or(String::new(), |_| format!(" with {}", own.name()));
        usage(format!("{}{with} measures by {}", host.name, own.rim_rule().name()))
    })
}

pub(super) fn dtb(args: &DtbArgs, console: &mut Console) -> io::Result<Exit> {
    let done = write_dtb(args);
    match done {
        Ok(text) => {
            if args.guest.verbose {
                console.note(&text);
            }
            Ok(Exit::Good)
        }
        Err(Trouble(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

fn write_dtb(args: &DtbArgs) -> Result<String, Trouble> {
    let path = args.output.shown();
    let text = |len_bytes: u64, base: u64| format!("{path}: {len_bytes} bytes from {}", Hex(base));
    if let Some(tree) = device_tree_alone(&args.guest, ImageFiles::default(), &args.vmm)? {
        write(&args.output, &tree.bytes)?;
        return Ok(text(tree.bytes.len() as u64, tree.base));
    }
    let guest = guest(&args.guest, ImageFiles::default(), &args.vmm)?;
    write_device_tree(&guest, &args.output)?;
    let dtb = device_tree(&guest).expect("it was written");
    Ok(text(dtb.ipa.end - dtb.ipa.start, dtb.ipa.start))
}

fn device_tree<'g>(guest: &'g Guest<'_>) -> Option<&'g Region> {
    guest.vm.regions.iter().find(|region| region.name == "dtb")
}

/// Writes the device tree as it is measured: the zeros after it, too.
fn write_device_tree(guest: &Guest<'_>, path: &Path) -> Result<(), Trouble> {
    let none = || Trouble(Exit::Usage, "this VM has no device tree".into());
    let region = device_tree(guest).ok_or_else(none)?;
    let image = region.image.as_ref().ok_or_else(none)?;
    let mut bytes = image.bytes_from(0).to_vec();
    let len_bytes = region.ipa.end - region.ipa.start - region.fill_bytes;
    bytes.resize(usize::try_from(len_bytes).expect("a few MiB at most"), 0);
    write(path, &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    std::fs::write(path, bytes)
        .map_err(|error| Trouble(Exit::Io, format!("{}: {error}", path.shown())))
}

/// The script, its machine, and contents that are no file, side by side.
fn write_script(recorder: &mut Recorder, machine: &str, path: &Path) -> Result<(), Trouble> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let recorded = recorder.script(&name);
    let beside = |suffix: &str| path.with_file_name(format!("{name}.{suffix}"));
    write(&beside("toml"), machine.as_bytes())?;
    for (suffix, bytes) in &recorded.attachments {
        write(&beside(suffix), bytes)?;
    }
    write(path, recorded.text.as_bytes())
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

impl Measured<'_> {
    fn events(&self) -> Vec<(MeasuredEvent, Measurement)> {
        let realm = self.world.realm(self.booted.rd).expect("it was built");
        let mut events = Vec::new();
        realm.log().each_rim(|event, rim| events.push((event.clone(), *rim)));
        events
    }

    /// What was decided, for people.
    fn explain(&self, console: &mut Console) {
        let Guest { vmm, version, host, .. } = &self.guest;
        let name = vmm.name();
        console.note(&format!("{name} {} on {}: {}", version.name, host.name, host.about));
        let profile = self.world.profile();
        console.note(&format!("the RMM is {profile}; RIMs by {}", self.rule.name()));
        if let Some(other) = host.same_as {
            console.note(&format!("{} gives the RIMs of {other}", host.name));
        }
        for decision in &self.guest.decisions {
            let text = format!("{} = {}, by {}", decision.key, decision.value, decision.by);
            console.note(&text);
        }
        for remark in &self.guest.vm.remarks {
            console.note(remark);
        }
    }

    fn json(&self, args: &MeasureArgs) -> Value {
        let Guest { vmm, version, host, vm, .. } = &self.guest;
        let stages: Vec<Value> = self.stages.iter().map(|stage| self.stage_json(stage)).collect();
        let params = self.stages.iter().find_map(|stage| match stage.kind {
            StageKind::RealmCreate(params) => Some(params),
            _ => None,
        });
        let params = params.expect("a Realm was created");
        let mut document = json!({
            "schema": "rimsim/1",
            "command": "measure",
            "rim": self.rim.to_string(),
            "algorithm": self.rim.algo().name(),
            "rim_rule": self.rule.name(),
            "rmm": self.world.profile().name(),
            "spec": host.edition().name(),
            "preliminary": false,
            "host": host.name,
            "vmm": vmm.name(),
            "vmm_version": version.name,
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
            "device_tree": device_tree(&self.guest).map(region_json),
            "caps": self.caps_json(),
            "remarks": vm.remarks,
            "rpv": text::hex(self.found().rpv.as_slice()),
            "provenance": self.provenance(args),
        });
        if args.events {
            let event = |(event, rim): (MeasuredEvent, Measurement)| {
                json!({
                    "command": format!("RMI_{}", event.command_of(self.rule)),
                    "event": event.named(self.rule).to_string(),
                    "extensions": event.extensions(),
                    "rim": rim.to_string(),
                })
            };
            document["events"] = self.events().into_iter().map(event).collect();
        }
        document
    }

    fn provenance(&self, args: &MeasureArgs) -> Provenance {
        let Guest { vmm, version, host, .. } = &self.guest;
        let caps = args.guest.caps.iter().filter(|caps| caps.contains(['.', '/']));
        let caps = caps.filter_map(|path| provenance::text_file("caps", Path::new(path)));
        let image = |(name, image): (&str, &Arc<Image>)| {
            let path = (image.name() != name).then(|| image.name().to_owned());
            InputFile { path, ..provenance::image_file(name, image) }
        };
        Provenance {
            tool: TOOL,
            profile: self.world.profile().name().to_owned(),
            rim_rule: self.rule.name(),
            platform: self.world.platform().name.clone(),
            vmm: Some(Vmm {
                name: vmm.name().to_owned(),
                version: version.name.to_owned(),
                host: host.name.to_owned(),
                args: args.vmm.argv.clone(),
            }),
            inputs: self.guest.files.inputs().map(image).chain(caps).collect(),
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
        self.guest.decisions.iter().map(decision).collect()
    }

    fn inputs_json(&self) -> Value {
        let input = |(name, image): (&str, &Arc<Image>)| {
            json!({
                "name": name,
                "path": image.name(),
                "size": image.len_bytes(),
                "sha256": sha256(image, 0),
            })
        };
        self.guest.files.inputs().map(input).collect()
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
                let region = self.guest.vm.regions.iter().find(|region| region.ipa.start == base);
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
