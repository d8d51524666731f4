//! `rimsim log`

mod against;
mod args;
mod reading;

pub(crate) use args::LogArgs;

use reading::{algorithm, expected, read};

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::abi::profile::RemReading;
use crate::cli::console::Console;
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{observed, observed_rem};
use crate::cli::options::{Format, RmmLogArgs};
use crate::cli::{explanation, trails};
use crate::encoding::shown::ShowPath as _;
use crate::encoding::text::hex;
use crate::event_log::{
    self, At, Event, Evidence, Log, LogError, Rebuild, RebuildError, Registers, Rems, WrongDigest,
    algorithm_name, event_name,
};
use crate::explain::{Explanation, Trail, compare};
use crate::measure::hasher::Hasher;
use crate::measure::log::EventLog;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::model::world::World;
use crate::outputs::OutputSet;
use crate::script::{self, PlayError, Player};

use crate::session::Session;

/// What came of a log.
struct Told {
    log: Log,
    /// The first event that can not be read.
    broken: Option<LogError>,
    registers: Registers,
    evidence: Evidence,
    algo: HashAlgo,
    rems: Rems,
    /// The Realm that was built again.
    realm: Option<EventLog>,
    needs: Vec<String>,
    wrong: Vec<WrongDigest>,
    remarks: Vec<String>,
    /// Expectations that are not met.
    unmet: Vec<String>,
    parted: Option<(Trail, Trail, Explanation)>,
    /// Why there is no RIM though there should be one.
    failed: Option<CliError>,
}

pub(crate) fn run(args: &LogArgs, console: &mut Console) -> io::Result<Exit> {
    if args.against.is_some() || args.learn {
        return against::run(args, console);
    }
    match look(args, console.outputs()) {
        Ok(told) => told.tell(args, console),
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

fn look(args: &LogArgs, outputs: &mut OutputSet) -> Result<Told, CliError> {
    if args.output.is_some() {
        return Err(usage("--output goes with --learn".into()));
    }
    let hasher = args.hashing.hasher()?;
    let shown = args.file.shown();
    let (log, broken) = read(args)?;
    let (own, evidence) = event_log::numbering(&log);
    let registers = args.registers.unwrap_or(own);
    let files = files(args)?;
    let made = event_log::rebuild(&log, &files);
    let algo = algorithm(args, &log, made.as_ref().ok())?;
    let reading = args.rem.unwrap_or(RemReading::Concatenated);
    let mut rems = event_log::rems(&log, algo, registers, reading);
    if let Some(broken) = &broken {
        rems.hide_all(&broken.to_string());
    }
    let mut told = Told {
        wrong: event_log::wrong_digests(&log),
        remarks: rems.remarks.clone(),
        log,
        broken,
        registers,
        evidence,
        algo,
        rems,
        realm: None,
        needs: Vec::new(),
        unmet: Vec::new(),
        parted: None,
        failed: None,
    };
    if registers != own {
        told.remarks
            .push("--registers pcr: logs of Realms count measurement registers (mr)".into());
    }
    match made {
        Ok(_) if told.broken.is_some() => {}
        Ok(made) => told.rebuilt(args, made, &hasher, outputs)?,
        Err(RebuildError::NoRealm) => told.remarks.push(RebuildError::NoRealm.to_string()),
        Err(error) => told.failed = Some(usage(format!("{shown}: {error}"))),
    }
    for at in &files {
        let changed = at.image.check_unchanged();
        changed.map_err(|error| CliError(Exit::Io, error.to_string()))?;
    }
    told.compare(args, &hasher, outputs)?;
    Ok(told)
}

fn files(args: &LogArgs) -> Result<Vec<At>, CliError> {
    let placed = args.at.iter().map(|(ipa, path)| (Some(*ipa), path));
    let anywhere = args.image.iter().map(|path| (None, path));
    let images = args.hashing.files();
    let open = |(ipa, path): (_, &PathBuf)| match images.open(path) {
        Ok(image) => Ok(At { ipa, image: Arc::new(image) }),
        Err(error) => Err(CliError(Exit::Io, error.to_string())),
    };
    placed.chain(anywhere).map(open).collect()
}

impl Told {
    fn rebuilt(
        &mut self,
        args: &LogArgs,
        made: Rebuild,
        hasher: &Hasher,
        outputs: &mut OutputSet,
    ) -> Result<(), CliError> {
        self.needs = made.needs.iter().map(ToString::to_string).collect();
        self.wrong.extend(made.wrong.iter().cloned());
        self.wrong.sort_by_key(|wrong| wrong.event);
        self.remarks.extend(made.remarks.iter().cloned());
        if let Some(path) = &args.script_out {
            let mut script = outputs.begin(path)?;
            for (name, bytes) in &made.attachments {
                script.check_beside("what a script names")?;
                outputs.write_beside(&path.with_file_name(name), bytes)?;
            }
            script.write_all(made.text.as_bytes()).map_err(|source| script.error(source))?;
            outputs.add(script);
        }
        if !self.needs.is_empty() {
            return Ok(());
        }
        match play(made, hasher) {
            Ok(realm) => self.realm = Some(realm),
            Err(trouble) => self.failed = Some(trouble),
        }
        Ok(())
    }

    fn rim(&self) -> Option<Measurement> {
        self.realm.as_ref().map(EventLog::rim_now)
    }

    fn compare(
        &mut self,
        args: &LogArgs,
        hasher: &Hasher,
        outputs: &mut OutputSet,
    ) -> Result<(), CliError> {
        for (number, text) in &args.expect_rem {
            let option = format!("--expect-rem {number}");
            let wanted = expected(&option, observed_rem(&option, text)?.rim, self.algo)?;
            match &self.rems.values[number - 1].value {
                Ok(found) if *found == wanted => {}
                Ok(found) => {
                    self.unmet.push(format!("REM {number} is {found}, and expected is {wanted}"));
                }
                Err(_) => self.unmet.push(format!("REM {number} is unknown, expected is {wanted}")),
            }
        }
        let asks = args.expect_rim.is_some() || args.expect.is_some() || args.events_out.is_some();
        let (Some(rim), Some(realm)) = (self.rim(), &self.realm) else {
            if asks && self.failed.is_none() && self.broken.is_none() {
                let why = "there is no RIM to compare: the log or the contents are not complete";
                self.failed = Some(usage(why.into()));
            }
            return Ok(());
        };
        if let Some(path) = &args.events_out {
            trails::save(path, "log", realm, outputs)?;
        }
        if let Some(text) = &args.expect_rim {
            let wanted = expected("--expect-rim", observed("--expect-rim", text)?.rim, self.algo)?;
            if rim != wanted {
                self.unmet.push(format!("the RIM is {rim}, and expected is {wanted}"));
                self.unmet.extend(reached(realm, &wanted));
            }
        }
        if let Some(path) = &args.expect {
            let (log, images) = (RmmLogArgs::default(), args.hashing.files());
            let other = trails::open(path, None, &log, args.outside, hasher, &images)
                .map_err(|error| CliError(error.exit(), error.to_string()))?;
            let name = args.file.display().to_string();
            let own = Trail::of_log(name, self.algo, realm.rule(), realm.events().clone());
            if other.rule != own.rule {
                let rule = other.rule.name();
                return Err(usage(format!("--expect {}: measured by {rule}", path.shown())));
            }
            let explanation = compare(&own, &other);
            if explanation.first.is_some() {
                self.parted = Some((own, other, explanation));
            }
        }
        Ok(())
    }

    fn tell(&self, args: &LogArgs, console: &mut Console) -> io::Result<Exit> {
        match args.format {
            Format::Text => self.text(console)?,
            Format::Json => console.json(&self.document())?,
        }
        if args.verbose {
            let registers = name(self.registers).unwrap_or_default();
            console.note(&format!("register numbers are read as {registers}; {}", self.evidence));
        }
        for remark in &self.remarks {
            console.note(remark);
        }
        if !self.needs.is_empty() {
            console.say("The RIM needs what the log does not have:");
            self.needs.iter().for_each(|need| console.say(&format!("  {need}")));
        }
        for WrongDigest { event, why } in &self.wrong {
            console.error(&format!("event {event}: {why}"));
        }
        if let Some(broken) = &self.broken {
            console.error(&format!("{broken}; the REMs and the RIM can not be known"));
        } else if let Some(why) = self.rems.values.iter().find_map(|rem| rem.value.as_ref().err()) {
            console.error(&format!("a REM can not be known: {why}"));
            let strange = matches!(self.evidence, Evidence::NoSuchRegister { .. });
            if strange && self.registers == Registers::Mr {
                console.note(&format!("register numbers are read as mr: {}", self.evidence));
            }
        }
        self.unmet.iter().for_each(|why| console.error(why));
        if let Some(CliError(exit, text)) = &self.failed {
            console.error(text);
            return Ok(*exit);
        }
        let known = self.broken.is_none() && self.rems.values.iter().all(|rem| rem.value.is_ok());
        let met = self.unmet.is_empty() && self.parted.is_none();
        let good = known && met && self.wrong.is_empty();
        Ok(if good { Exit::Good } else { Exit::Mismatch })
    }

    fn text(&self, console: &mut Console) -> io::Result<()> {
        for event in &self.log.events {
            console.result(&line(event, self.registers))?;
        }
        if let Some(rim) = self.rim() {
            console.result(&format!("rim {rim}"))?;
        }
        for (i, rem) in self.rems.values.iter().enumerate() {
            match &rem.value {
                Ok(value) if rem.count > 0 => console.result(&format!("rem{} {value}", i + 1))?,
                Ok(_) => {}
                Err(why) => console.result(&format!("rem{} unknown ({why})", i + 1))?,
            }
        }
        if let Some((a, b, explanation)) = &self.parted {
            console.result("")?;
            explanation::text(a, b, explanation, console)?;
        }
        Ok(())
    }

    fn document(&self) -> Value {
        let bank = |bank: &event_log::Bank| algorithm_name(bank.algorithm);
        let rem = |i: usize| {
            let rem = &self.rems.values[i];
            let (value, why) = (rem.value.as_ref().ok(), rem.value.as_ref().err());
            let value = value.map(ToString::to_string);
            json!({ "rem": i + 1, "value": value, "unknown": why, "events": rem.count })
        };
        let wrong = |wrong: &WrongDigest| json!({ "event": wrong.event, "why": wrong.why });
        let head = &self.log.head;
        let events = self.log.events.iter().map(|one| event(one, self.registers));
        json!({
            "schema": "rimsim/1",
            "command": "log",
            "algorithms": head.banks.iter().map(bank).collect::<Vec<_>>(),
            "version": format!("{}.{}.{}", head.major, head.minor, head.errata),
            "bytes": self.log.used_bytes,
            "padding": self.log.padding_bytes,
            "events": events.collect::<Vec<_>>(),
            "registers": name(self.registers),
            "registers_evidence": self.evidence.to_string(),
            "broken": self.broken.as_ref().map(LogError::to_string),
            "algorithm": self.algo.name(),
            "rim": self.rim().map(|rim| rim.to_string()),
            "rems": (0..4).map(rem).collect::<Vec<_>>(),
            "needs": self.needs,
            "wrong": self.wrong.iter().map(wrong).collect::<Vec<_>>(),
            "unmet": self.unmet,
            "explanation": self.parted.as_ref().map(|(a, b, why)| explanation::document(a, b, why)),
            "remarks": self.remarks,
        })
    }
}

/// Carries the operations out. The RMM may refuse them.
fn play(mut made: Rebuild, hasher: &Hasher) -> Result<EventLog, CliError> {
    let refused = |text: String| CliError(Exit::Refused, format!("the log's operations: {text}"));
    let loaded = script::load_from("log.rmi", &mut made).map_err(|e| refused(e.to_string()))?;
    let mut player = Player::new(loaded);
    let (platform, profile) = player.setup();
    let mut world = World::new(platform, profile);
    world.set_hasher(hasher.clone());
    let mut session = Session::new(world);
    player.play(&mut session).map_err(|error| match &error {
        PlayError::Image(_) | PlayError::Stopped => CliError(Exit::Io, error.to_string()),
        _ => refused(error.messages().join("\n")),
    })?;
    let world = session.into_world();
    let realm = world.realms().next().map(|(_, realm)| realm.log().clone());
    realm.ok_or_else(|| refused("no Realm came of them".into()))
}

/// Whether a RIM is one of those on the way: then the log has events that the Realm has not.
fn reached(realm: &EventLog, wanted: &Measurement) -> Option<String> {
    let mut at = None;
    let mut number = 0_u64;
    realm.each_rim(|event, rim| {
        number += 1;
        if rim == wanted {
            at = Some(format!("{} {event}", event.command_name()));
        }
    });
    at.map(|event| {
        format!("the expected RIM is that after {event}: it does not have what the log has later")
    })
}

fn name(registers: Registers) -> Option<&'static str> {
    Registers::ALL.into_iter().find(|(_, one)| *one == registers).map(|(name, _)| name)
}

fn line(event: &Event, registers: Registers) -> String {
    let register = registers.register(event.index);
    let register = register.map_or_else(|| "-".to_owned(), |register| register.to_string());
    let mut line = format!("{} {register} {}", event.number, event_name(event.kind));
    let payload = event.payload.to_string();
    if !payload.is_empty() {
        line.push(' ');
        line.push_str(&payload);
    }
    for digest in &event.digests {
        if digest.bytes.iter().any(|byte| *byte != 0) {
            let algorithm = algorithm_name(digest.algorithm);
            line.push_str(&format!(" {algorithm}:{}", hex(&digest.bytes)));
        }
    }
    line
}

fn event(event: &Event, registers: Registers) -> Value {
    let digests = event.digests.iter();
    let digests = digests.map(
        |one| json!({ "algorithm": algorithm_name(one.algorithm), "digest": hex(&one.bytes) }),
    );
    json!({
        "number": event.number,
        "offset": event.offset,
        "index": event.index,
        "register": registers.register(event.index).map(|register| register.to_string()),
        "type": event.kind,
        "name": event_name(event.kind),
        "digests": digests.collect::<Vec<_>>(),
        "text": event.payload.to_string(),
        "data": hex(&event.data),
    })
}
