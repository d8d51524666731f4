//! `rimsim report`

mod boot;
mod inputs;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::cli::causes::{Line, causes};
use crate::cli::chains::is_chain;
use crate::cli::console::Console;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::explanation;
use crate::cli::input::rmm_logs::{self, Contents, Opened};
use crate::cli::input::{Input, Setup};
use crate::cli::options::{HashingArgs, OutsideArgs, RmmArg, RmmLogArgs};
use crate::cli::request::{RequestWords, is_request};
use crate::encoding::shown::ShowPath as _;
use crate::lint::Linter;
use crate::outputs::{self, OutputPath};
use crate::report::{self, Finding, InputFile, Otherwise, RealmReport, Report};
use crate::script;
use inputs::{images, whole};

/// Most command lines that are compared with the first.
const MOST_COMPARED: usize = 8;

/// Make a page about Realms: their memory, what was measured, findings
///
/// The page is one file without anything from elsewhere. It shows the map of each Realm's addresses
/// (contents, device tree, RIPAS, RTT levels), which can be zoomed, the RIM after each measured
/// event, what `rimsim lint` finds, platforms and parameters, and the digests of all inputs. Of
/// several command lines it says which options differ from those of the first.
///
/// Of a chain of measured boot it shows the measurements in time: which stage makes each, which
/// REM it extends, and the REM after it. Of several chains it says where each differs from the
/// first.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ReportArgs {
    /// Scripts (.rmi), vectors (.json), logs of an RMM's console (.log), arguments of `rimsim
    /// measure` (.args), or chains of measured boot (.toml)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the page is written
    #[arg(short, long, value_name = "FILE")]
    out: OutputPath,
    #[command(flatten)]
    log: RmmLogArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    rmm: RmmArg,
}

const EXAMPLES: &str = "\
Examples:
  Look at a Realm:
      rimsim report boot.rmi -o report.html
  Look at what a VMM's command line makes:
      echo 'kvmtool -- lkvm run --realm -m 512M -k Image' > boot.args
      rimsim report boot.args -o report.html
  Two boots on one page:
      rimsim report before.rmi after.rmi -o report.html
  A measured boot in time:
      rimsim report chain.toml -o report.html";

pub(crate) fn run(args: &ReportArgs, console: &mut Console) -> io::Result<Exit> {
    let setup = Setup { rmm: args.rmm, ..Setup::default() };
    let mut exit = Exit::Good;
    let mut page = Report::default();
    let mut titles = Vec::new();
    let (mut chains, mut lines) = (Vec::new(), Vec::new());
    for path in &args.files {
        let done = if is_chain(path) {
            boot::booted(path, args.outside, &mut page, console).map(|booted| {
                chains.push(booted);
                Exit::Good
            })
        } else if is_request(path) {
            measured(path, args, &mut page)
        } else {
            replayed(path, args, &setup, &mut page)
        };
        match done {
            Ok(ended) => {
                if is_request(path) {
                    lines.push((path.as_path(), ended == Exit::Refused));
                }
                exit = exit.and(ended);
            }
            Err((exit, text)) => {
                console.error(&text);
                return Ok(exit);
            }
        }
        titles.push(label(path, args));
    }
    boot::differences(&chains, &mut page);
    page.otherwise = otherwise(args, &lines);
    page.title = titles.join(", ");
    for message in &page.messages {
        console.error(message);
    }
    if let Err(error) = outputs::write(&args.out, report::write(&page).as_bytes()) {
        console.error(&format!("{}: {error}", args.out.shown()));
        return Ok(Exit::Io);
    }
    Ok(exit)
}

/// Adds a script, a vector or a log.
fn replayed(
    path: &Path,
    args: &ReportArgs,
    setup: &Setup,
    page: &mut Report,
) -> Result<Exit, (Exit, String)> {
    let file = path.display().to_string();
    let reach = args.outside.reach_of(path);
    let opened = rmm_logs::open(path, &args.log, Contents::Needed, &reach, &mut script::Files);
    let Opened { input, log } = opened.map_err(|problem| (problem.exit(), problem.to_string()))?;
    let mut linter = if log.is_some() { Linter::of_recording() } else { Linter::new() };
    let is_log = log.is_some();
    page.notes.extend(log.into_iter().flatten());
    let ended = input.replay(setup, [&mut linter as _]);
    let world = &ended.world;
    page.messages.extend(ended.messages.iter().cloned());
    page.add_platform(&file, world.profile().name(), world.platform().to_toml());
    let rds: Vec<u64> = world.realms().map(|(rd, _)| rd.0).collect();
    if rds.is_empty() {
        page.notes.push(format!("{file}: there is no Realm at its end"));
    }
    if !ended.is_complete() && !rds.is_empty() {
        page.notes.push(format!("{file}: not played to its end; RIMs are those until then"));
    }
    for rd in rds {
        // What stands in the page is taken for the Realm's; the message says why it is not there.
        if ended.gap(rd).is_some() {
            continue;
        }
        let name = format!("{}: {}", label(path, args), ended.name_of(rd));
        let realm = RealmReport::new(world, rd, &name);
        page.realms.extend(realm);
    }
    let label = label(path, args);
    let realm = |rd| format!("{label}: {}", ended.name_of(rd));
    page.findings.extend(findings(&file, &label, realm, &linter.finish()));
    match &input {
        Input::Vector(_) => page.add_input(whole(path, "vector")),
        Input::Script(script) => {
            if is_log {
                page.add_input(whole(path, "log"));
            }
            // The script that was made of a log is no input.
            for (name, text) in script.texts().filter(|(name, _)| !is_log || *name != file) {
                page.add_input(InputFile {
                    name: name.to_owned(),
                    kind: kind_of_text(name, &file),
                    len_bytes: Some(text.len_bytes),
                    sha256: Some(text.sha256.to_string()),
                });
            }
            images(script.opened().iter().map(|image| &**image), page);
        }
    }
    Ok(ended.exit)
}

/// Adds what a VMM's command line makes.
fn measured(path: &Path, args: &ReportArgs, page: &mut Report) -> Result<Exit, (Exit, String)> {
    let file = path.display().to_string();
    let words = RequestWords::in_file(path, args.outside);
    let words = words.map_err(|CliError(exit, text)| (exit, text))?;
    let mut linter = Linter::new();
    let seen = words.boot().predicted(vec![&mut linter], &mut Console::new());
    page.add_input(whole(path, "arguments"));
    let label = label(path, args);
    page.findings.extend(findings(&file, &label, |_| label.clone(), &linter.finish()));
    let seen = match seen {
        Ok(seen) => seen,
        // A refusal is what the page shows.
        Err(trouble) if trouble.0 == Exit::Refused => {
            page.messages.push(format!("{file}: {}", trouble.1));
            return Ok(Exit::Refused);
        }
        Err(trouble) => return Err((trouble.0, format!("{file}: {}", trouble.1))),
    };
    let world = &seen.world;
    page.add_platform(&file, world.profile().name(), world.platform().to_toml());
    let realm = RealmReport::with_events(world, seen.rd, &label, &seen.events());
    let assumed = seen.plan.assumptions.iter().filter(|assumption| assumption.changes_rim);
    let assumed = assumed.map(ToString::to_string).collect();
    page.realms.extend(realm.map(|realm| realm.with_assumed(assumed)));
    let regions = seen.plan.vm.regions.iter();
    images(regions.filter_map(|region| region.image.as_deref()), page);
    Ok(Exit::Good)
}

/// What command lines say otherwise than the first one, and whether that one is refused. What can
/// not be told is left out: the page shows the events.
fn otherwise(args: &ReportArgs, lines: &[(&Path, bool)]) -> Vec<Otherwise> {
    let line = |path: &Path| Line::of(path, args.outside).ok().flatten();
    let Some(((first, is_refused), others)) = lines.split_first() else { return Vec::new() };
    let Some(one) = line(first) else { return Vec::new() };
    let files = HashingArgs::default().files();
    let told = |(path, refused): &(&Path, bool)| {
        let found = causes([&one, &line(path)?], &files, [*is_refused, *refused]).ok()?;
        let names = [label(first, args), label(path, args)];
        (!found.is_empty()).then(|| Otherwise { names, lines: explanation::causes(&found) })
    };
    others.iter().filter_map(told).take(MOST_COMPARED).collect()
}

/// What a reader calls a file: its name, if no other file of the page has it.
fn label(path: &Path, args: &ReportArgs) -> String {
    let same = args.files.iter().filter(|other| other.file_name() == path.file_name());
    match path.file_name().filter(|_| same.count() == 1) {
        Some(name) => Path::new(name).display().to_string(),
        None => path.display().to_string(),
    }
}

fn findings(
    file: &str,
    label: &str,
    realm: impl Fn(u64) -> String,
    found: &[crate::lint::Finding],
) -> impl Iterator<Item = Finding> {
    found.iter().map(move |finding| {
        let place = finding.place.plain();
        let place = place.strip_prefix(file).map(|rest| format!("{label}{rest}")).unwrap_or(place);
        Finding {
            severity: finding.rule.severity.name().to_owned(),
            id: finding.rule.id.to_owned(),
            place,
            realm: finding.rd.map(&realm),
            message: finding.message.clone(),
            count: finding.count,
        }
    })
}

fn kind_of_text(name: &str, script: &str) -> &'static str {
    match name {
        _ if name == script => "script",
        _ if name.ends_with(".toml") => "platform",
        _ => "included script",
    }
}
