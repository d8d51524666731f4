//! `rimsim run`

mod args;
mod export;
mod spool;
mod trace;

pub(crate) use args::RunArgs;

use export::Export;
use spool::{Spool, Spooled};
use trace::{Commands, Trace};

use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::console::{Console, Progress, hex};
use crate::cli::exit::Exit;
use crate::cli::input::{Ended, Input, Problem, Setup, machine, replayed, text_file};
use crate::cli::options::{Form, HashingProblem, ImageFiles, Purpose};
use crate::cli::reference::{Found, Writer};
use crate::cli::stepping;
use crate::cli::trails;
use crate::cli::trails::NoTrail;
use crate::encoding::text;
use crate::measure::event::MeasuredEvent;
use crate::measure::hasher::Hasher;
use crate::measure::rim::Measurement;
use crate::measure::rule::RimRule;
use crate::model::realm::RealmState;
use crate::outputs::OutputPath;
use crate::refvalue::RealmReference;
use crate::refvalue::json::{InputFile, Provenance, TOOL};
use crate::session::Observer;

/// How images are hashed, and where they come from.
fn hashing(args: &RunArgs) -> Result<(Hasher, ImageFiles), HashingProblem> {
    let purpose = args.format.0.map_or(Purpose::Figure, Form::purpose);
    let hasher = args.hashing.hasher()?;
    let files = args.cache.files(&args.hashing, &hasher, purpose)?;
    Ok((hasher, files))
}

pub(crate) fn run(args: &RunArgs, console: &mut Console) -> io::Result<Exit> {
    let mut setup = match setup(args) {
        Ok(setup) => setup,
        Err(text) => {
            console.error(&text);
            return Ok(Exit::Usage);
        }
    };
    if args.step {
        return step(args, &setup, console);
    }
    let files = match hashing(args) {
        Ok((hasher, files)) => {
            setup.hasher = hasher.working_ahead();
            files
        }
        Err(problem) => return Ok(problem.tell(console)),
    };
    let writer = match writer(args) {
        Ok(writer) => writer,
        Err((exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    if let Some(option) = of_one_file(args).filter(|_| args.files.len() != 1) {
        console.error(&format!("{option} takes one FILE to replay"));
        return Ok(Exit::Usage);
    }
    let mut exit = Exit::Good;
    let mut results = Vec::new();
    for path in &args.files {
        match file(args, &setup, &files, path, console) {
            Ok(result) => {
                exit = exit.and(result.ended.exit).and(result.export);
                results.push(result);
            }
            Err(problem) => {
                exit = exit.and(problem.tell(console));
            }
        }
    }
    if args.reference.output.is_some() && results.len() != args.files.len() {
        // What could not be read may be the very file that would be written.
        return Ok(exit);
    }
    if let Some(name) = &args.realm
        && let Err(text) = chosen(name, &results)
    {
        console.error(&text);
        return Ok(exit.and(Exit::Usage));
    }
    match writer {
        Some(writer) if writer.form().is_for_verifiers() => {
            print_references(args, &writer, &results, exit, console)
        }
        writer => {
            if let Some(exit) = args.reference.redirect(console) {
                return Ok(exit);
            }
            print_found(args, writer.as_ref(), &results, console)?;
            Ok(exit)
        }
    }
}

/// An option that is given and is about one file.
fn of_one_file(args: &RunArgs) -> Option<&'static str> {
    let options = [
        ("--export", args.export.is_some()),
        ("--events-out", args.events_out.is_some()),
        ("--token-out", args.token_out.is_some()),
    ];
    options.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
}

/// `run --step`
fn step(args: &RunArgs, setup: &Setup, console: &mut Console) -> io::Result<Exit> {
    let [path] = args.files.as_slice() else {
        console.error("--step takes one FILE");
        return Ok(Exit::Usage);
    };
    stepping::run(path, &args.outside.reach_of(path), setup, console)
}

/// Who writes the result, unless it is lines for people.
fn writer(args: &RunArgs) -> Result<Option<Writer<'_>>, (Exit, String)> {
    match args.format.0 {
        Some(form) => Writer::new(form, &args.reference).map(Some),
        None => args.reference.check(None).map(|()| None).map_err(|text| (Exit::Usage, text)),
    }
}

/// Whether a Realm of this name was left by any script.
fn chosen(name: &str, results: &[Replayed]) -> Result<(), String> {
    let others: Vec<&str> =
        results.iter().flat_map(|result| &result.others).map(String::as_str).collect();
    if results.is_empty() || results.iter().any(|result| !result.realms.is_empty()) {
        return Ok(());
    }
    let there = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
    Err(format!("--realm {name}: there is no Realm of this name at the end; there is {there}"))
}

fn print_found(
    args: &RunArgs,
    writer: Option<&Writer<'_>>,
    results: &[Replayed],
    console: &mut Console,
) -> io::Result<()> {
    match writer {
        None => text(args, results, console),
        Some(writer) if writer.form() == Form::Json => {
            let files = results.iter().map(|result| result.json(args)).collect();
            console.json(&Document { schema: "rimsim/1", command: "run", files })
        }
        Some(writer) => {
            for result in results {
                if !result.ended.is_complete() {
                    console.note(&result.unfinished());
                    continue;
                }
                for realm in result.realms.iter().filter(|realm| realm.unknown.is_none()) {
                    console.result(&writer.line(&realm.reference()))?;
                }
            }
            Ok(())
        }
    }
}

/// Values that a verifier relies on: of everything, or nothing is written.
fn print_references(
    args: &RunArgs,
    writer: &Writer<'_>,
    results: &[Replayed],
    exit: Exit,
    console: &mut Console,
) -> io::Result<Exit> {
    let form = writer.form();
    if exit != Exit::Good {
        console.note(&format!("{form}: nothing is written, for not everything went well"));
        return Ok(exit);
    }
    let realms: Vec<&RealmResult> = results.iter().flat_map(|result| &result.realms).collect();
    let refused = match realms.iter().find(|realm| realm.state == RealmState::New.name()) {
        _ if realms.is_empty() => Some("no Realm is left at the end".to_owned()),
        Some(new) => {
            Some(format!("Realm {} was not activated, so its RIM is nobody's yet", new.name))
        }
        None => None,
    };
    if let Some(why) = refused {
        console.error(&format!("{form}: {why}"));
        return Ok(Exit::Usage);
    }
    let found: Vec<Found> = realms.iter().map(|realm| realm.found()).collect();
    let rendered = match writer.render(&found, console) {
        Ok(rendered) => rendered,
        Err((exit, text)) => {
            console.error(&text);
            return Ok(exit);
        }
    };
    if let Some(exit) = args.reference.redirect(console) {
        return Ok(exit);
    }
    console.bytes(&rendered)?;
    Ok(exit)
}

fn setup(args: &RunArgs) -> Result<Setup, String> {
    let platform = args.platform.as_deref().map(machine).transpose()?;
    let token_profile = args.token_profile;
    Ok(Setup { platform, rmm: args.rmm, hasher: Hasher::default(), token_profile })
}

/// All of the result. Its parts are written one by one: the commands are not all in memory.
#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    command: &'static str,
    files: Vec<FileDocument<'r>>,
}

#[derive(Serialize)]
struct FileDocument<'r> {
    #[serde(flatten)]
    result: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<&'r Spooled>,
}

/// A file that was replayed.
struct Replayed {
    file: String,
    ended: Ended,
    /// How writing the vector went.
    export: Exit,
    realms: Vec<RealmResult>,
    /// Names of Realms that were not asked for.
    others: Vec<String>,
    inputs: Vec<InputFile>,
    commands: Option<Spooled>,
}

/// What is known of a Realm at the end.
struct RealmResult {
    rd: u64,
    name: String,
    state: &'static str,
    rim: Measurement,
    /// Why the RIM can not be known: then it and the events are nowhere shown.
    unknown: Option<String>,
    rems: Vec<Measurement>,
    rpv: [u8; 64],
    events: Vec<(MeasuredEvent, Measurement)>,
    rule: RimRule,
}

fn file(
    args: &RunArgs,
    setup: &Setup,
    files: &ImageFiles,
    path: &Path,
    console: &mut Console,
) -> Result<Replayed, Problem> {
    let input = Input::open_with(path, &args.outside.reach_of(path), &mut files.clone())?;
    let progress = Progress::begin(input.image_bytes());
    let setup =
        &Setup { hasher: setup.hasher.clone().counting_in(progress.counter()), ..setup.clone() };
    // Before the work: no output is what was opened by now.
    console.outputs().check()?;
    let (mut export, mut exported) = begin_export(args, setup, path, &input, console)?;
    let mut commands = match args.verbose && args.format.0 == Some(Form::Json) {
        true => Some(Commands { list: Spool::new().map_err(spooling)? }),
        false => None,
    };
    let mut trace = Trace::new(console);
    let mut observers: Vec<&mut dyn Observer> = Vec::new();
    if args.verbose && args.format.0 != Some(Form::Json) {
        observers.push(&mut trace);
    }
    observers.extend(commands.as_mut().map(|commands| commands as &mut dyn Observer));
    observers.extend(export.as_mut().map(|export| export.observer() as &mut dyn Observer));
    let mut ended = input.replay(setup, observers);
    let (realms, others) = realms(&mut ended, args);
    let inputs = match args.format.0 {
        Some(Form::Json) => inputs(args, path, &input),
        _ => Vec::new(),
    };
    let events = args.events_out.as_ref().map(|target| save_events(&ended, target, console));
    let token = args.token_out.as_ref().map(|target| save_token(&ended, target, console));
    // Hashing is lazy: what was hashed just now has to be what was opened.
    let unchanged = input.check_unchanged();
    let speed = progress.end();
    unchanged?;
    for problem in [events, token].into_iter().flatten().filter_map(Result::err) {
        console.error(&problem.to_string());
        exported = exported.and(problem.exit());
    }
    if let Some(export) = export {
        // What was found is told all the same.
        match export.finish(console.outputs()) {
            Ok(note) => note.iter().for_each(|note| console.note(note)),
            Err(problem) => exported = problem.tell(console),
        }
    }
    files.remarks(args.verbose).iter().for_each(|remark| console.say(remark));
    if args.verbose {
        let profile = ended.world.profile();
        console.say(&format!("the RMM is {profile}; RIMs by {}", profile.rim_rule().name()));
        console.say(&speed);
    }
    for line in &ended.printed {
        console.say(line);
    }
    for message in &ended.messages {
        console.error(message);
    }
    let commands = commands.map(|commands| commands.list.finish().map_err(spooling)).transpose()?;
    let file = path.display().to_string();
    Ok(Replayed { file, ended, export: exported, realms, others, inputs, commands })
}

fn spooling(source: io::Error) -> Problem {
    Problem::Io { path: std::env::temp_dir(), source }
}

/// The export, if one is asked for and can be begun, and how that went.
fn begin_export(
    args: &RunArgs,
    setup: &Setup,
    path: &Path,
    input: &Input,
    console: &mut Console,
) -> Result<(Option<Export>, Exit), Problem> {
    let Some(target) = &args.export else { return Ok((None, Exit::Good)) };
    if !input.is_known() {
        return Err(Problem::Unknown { path: path.to_owned() });
    }
    if input.has_gaps() {
        return Err(Problem::Gaps { path: path.to_owned() });
    }
    let stem =
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Ok(match Export::begin(target, input, &stem, setup, console.outputs()) {
        Ok(export) => (Some(export), Exit::Good),
        Err(problem) => (None, problem.tell(console)),
    })
}

fn save_events(ended: &Ended, target: &OutputPath, console: &mut Console) -> Result<(), NoTrail> {
    let name_of = |rd: u64| ended.name_of(rd);
    let (rd, name) = trails::choose(&ended.world, None, name_of)
        .map_err(|why| NoTrail::Usage(format!("--events-out: {why}")))?;
    if let Some(why) = ended.gap(rd) {
        let path = "--events-out".into();
        return Err(NoTrail::Refused { path, exit: Exit::Mismatch, why });
    }
    let log = ended.world.realm(rd).expect("it was just chosen").log();
    Ok(trails::save(target, &name, log, console.outputs())?)
}

fn save_token(ended: &Ended, target: &OutputPath, console: &mut Console) -> Result<(), NoTrail> {
    let usage = |why: String| NoTrail::Usage(format!("--token-out: {why}"));
    let (rd, name) =
        trails::choose(&ended.world, None, |rd: u64| ended.name_of(rd)).map_err(usage)?;
    if let Some(why) = ended.gap(rd) {
        let path = "--token-out".into();
        return Err(NoTrail::Refused { path, exit: Exit::Mismatch, why });
    }
    let token = ended.world.realm(rd).and_then(|realm| realm.token());
    let token = token.ok_or_else(|| usage(format!("the Realm {name} fetched no token")))?;
    Ok(console.outputs().write(target, token)?)
}

/// Every file of a replay, with the machine that the command line names.
fn inputs(args: &RunArgs, path: &Path, input: &Input) -> Vec<InputFile> {
    let mut files = replayed(path, input);
    let platform = args.platform.iter().filter(|name| name.contains(['.', '/']));
    files.extend(platform.filter_map(|name| text_file("platform", Path::new(name))));
    files
}

/// The Realms that were asked for, and the names of the others.
fn realms(ended: &mut Ended, args: &RunArgs) -> (Vec<RealmResult>, Vec<String>) {
    let rds: Vec<u64> = ended.world.realms().map(|(rd, _)| rd.0).collect();
    let (mut results, mut others) = (Vec::new(), Vec::new());
    for rd in rds {
        let name = ended.name_of(rd);
        if args.realm.as_ref().is_some_and(|wanted| *wanted != name) {
            others.push(name);
            continue;
        }
        let Some(rim) = ended.world.rim(rd) else { continue };
        let Some(realm) = ended.world.realm(rd) else { continue };
        let log = realm.log();
        let events = if args.events && !ended.gaps.contains_key(&rd) {
            log.events().iter().zip(log.rims()).collect()
        } else {
            Vec::new()
        };
        let rems = realm.rems().to_vec();
        let (state, rpv) = (realm.state().name(), *realm.rpv());
        let rule = log.rule();
        let unknown = ended.gaps.get(&rd).cloned();
        results.push(RealmResult { rd, name, state, rim, unknown, rems, rpv, events, rule });
    }
    (results, others)
}

fn text(args: &RunArgs, results: &[Replayed], console: &mut Console) -> io::Result<()> {
    let count: usize = results.iter().map(|result| result.realms.len()).sum();
    let name = |result: &Replayed, realm: &RealmResult| match (count, results.len()) {
        (1, _) => String::new(),
        (_, 1) => format!("  {}", realm.name),
        _ => format!("  {}:{}", result.file, realm.name),
    };
    for result in results {
        if !result.ended.is_complete() {
            // The RIM of a Realm that is not finished is nobody's reference value.
            console.note(&result.unfinished());
            continue;
        }
        if result.realms.is_empty() {
            console.note(&format!("{}: no Realm is left at the end", result.file));
        }
        for realm in &result.realms {
            let name = name(result, realm);
            if realm.unknown.is_none() {
                console.result(&format!("{}{name}", realm.rim))?;
            }
            for (i, rem) in (1..).zip(&realm.rems).filter(|(_, rem)| !rem.is_zero()) {
                console.result(&format!("rem{i} {rem}{name}"))?;
            }
        }
    }
    if args.events {
        for result in results.iter().filter(|result| result.ended.is_complete()) {
            for realm in &result.realms {
                let name = name(result, realm);
                for (event, rim) in &realm.events {
                    let event = event.named(realm.rule);
                    console.result(&format!("{rim} {event}{name}"))?;
                }
            }
        }
    }
    Ok(())
}

impl Replayed {
    fn unfinished(&self) -> String {
        format!("{}: not played to its end, so no RIM is printed", self.file)
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            tool: TOOL,
            profile: self.ended.world.profile().name().to_owned(),
            rim_rule: self.ended.world.profile().rim_rule().name(),
            platform: self.ended.world.platform().name.clone(),
            vmm: None,
            assumed: Vec::new(),
            inputs: self.inputs.clone(),
        }
    }

    fn json(&self, args: &RunArgs) -> FileDocument<'_> {
        let realms: Vec<_> = self.realms.iter().map(|realm| realm.json(args.events)).collect();
        let result = json!({
            "file": self.file,
            "platform": self.ended.world.platform().name,
            "rmm": self.ended.world.profile().name(),
            "spec": self.ended.world.profile().edition().name(),
            "rim_rule": self.ended.world.profile().rim_rule().name(),
            "steps": self.ended.steps,
            "exit": self.ended.exit as u8,
            "complete": self.ended.is_complete(),
            "messages": self.ended.messages,
            "realms": realms,
            "provenance": self.provenance(),
        });
        FileDocument { result, commands: self.commands.as_ref() }
    }
}

impl RealmResult {
    /// With the REMs, if any was extended: then all of them are what the Realm's program made them.
    fn reference(&self) -> RealmReference {
        let mut reference = RealmReference::new(self.rim);
        if self.rems.iter().any(|rem| !rem.is_zero()) {
            for (i, rem) in self.rems.iter().enumerate() {
                reference = reference.with_rem(i, *rem).expect("four, of the Realm's algorithm");
            }
        }
        reference
    }

    fn found(&self) -> Found {
        Found { name: self.name.clone(), realm: self.reference(), rpv: self.rpv }
    }

    fn json(&self, events: bool) -> Value {
        let mut document = json!({
            "rd": hex(self.rd),
            "name": self.name,
            "state": self.state,
            "hash_algo": self.rim.algo().name(),
            "rim": self.unknown.is_none().then(|| self.rim.to_string()),
            "unknown": self.unknown,
            "rems": self.rems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "rpv": text::hex(&self.rpv),
        });
        if events {
            let event = |(event, rim): &(MeasuredEvent, Measurement)| {
                json!({
                    "command": format!("RMI_{}", event.command_of(self.rule)),
                    "event": event.named(self.rule).to_string(),
                    "extensions": event.extensions(),
                    "rim": rim.to_string(),
                })
            };
            document["events"] = self.events.iter().map(event).collect();
        }
        document
    }
}
