//! `rimsim why`

mod args;
mod boot_log;
mod report;
mod seen;
mod sentence;
mod tries;

pub(crate) use args::WhyArgs;
pub(crate) use report::Told;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use boot_log::Beside;
use report::Finding;
use seen::{Led, Making, Seen};
use tries::Tries;

use crate::cli::candidates::{Budget, CommandLine, Others, option_variants, others};
use crate::cli::console::{Console, Progress};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{observed, observed_token, read_token, text_name};
use crate::cli::locks::{line_of, lock_text, locked_realms, words};
use crate::cli::options::{
    CacheArgs, GuestArgs, HashingArgs, OutsideArgs, Purpose, ResponderArgs, RmmLogArgs, VmmArgs,
};
use crate::encoding::shown::ShowPath as _;
use crate::evidence::{Accept, Expectation, Target, Token};
use crate::host::{OtherFiles, Vmm};
use crate::measure::image::Image;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::predict::Plan;
use crate::search::{Candidates as _, Guests as _, Knob, Parameter, Report, Shard};
use crate::why::{Change, Outward, changes, prefix};

/// What is asked: whose RIM, and of which VM.
pub(crate) struct Asked<'a> {
    pub(crate) target: Target,
    pub(crate) is_token: bool,
    /// The REMs of the token.
    pub(crate) rems: Option<[Measurement; 4]>,
    /// Files that may have been used.
    pub(crate) candidates: &'a [PathBuf],
    /// Other options that it may have.
    pub(crate) variants: &'a [String],
    /// Locks that may be of it.
    pub(crate) locks: &'a [PathBuf],
    /// What was seen of the VM, and how a log is read.
    pub(crate) seen: Option<(&'a Path, &'a RmmLogArgs, OutsideArgs)>,
    pub(crate) shard: Shard,
    pub(crate) budget: Budget,
    pub(crate) guest: &'a GuestArgs,
    pub(crate) responder: &'a ResponderArgs,
    pub(crate) hashing: &'a HashingArgs,
    pub(crate) cache: &'a CacheArgs,
    pub(crate) vmm: &'a VmmArgs,
}

/// The VM is that of the first lock, where nobody says its command line.
pub(crate) fn take_line_of_lock(args: &mut WhyArgs) -> Result<(), CliError> {
    let WhyArgs { lock, guest, responder, outside, vmm, .. } = args;
    let Some(path) = lock.first() else { return Ok(()) };
    let shown = path.shown().to_string();
    let map = (!guest.map.is_empty()).then(|| "--map".to_owned());
    if let Some(word) = words(guest, responder).into_iter().chain(map).next() {
        let why = "says what the VM runs on; say the VMM's command line as well, or neither";
        return Err(usage(format!("{word}: without a command line --lock {shown} {why}")));
    }
    let to_lock = |CliError(exit, text)| CliError(exit, format!("--lock {text}"));
    let line = line_of(&lock_text(path).map_err(to_lock)?, path, *outside).map_err(to_lock)?;
    let line = line.ok_or_else(|| {
        let why = "is not of a command line; say that of the VMM";
        usage(format!("--lock {shown}: {why}"))
    })?;
    *guest = GuestArgs { verbose: guest.verbose, ..line.guest };
    (*responder, *vmm) = (line.responder, line.vmm);
    Ok(())
}

pub(crate) fn run(args: &WhyArgs, console: &mut Console) -> io::Result<Exit> {
    let answer = target(&args.target).and_then(|(target, is_token)| {
        let rems = is_token.then(|| token_rems(&args.target)).flatten();
        let WhyArgs { candidate, shard, budget, guest, responder, hashing, cache, vmm, .. } = args;
        let (candidates, shard, budget) = (candidate, *shard, *budget);
        let seen = args.seen.as_deref().map(|path| (path, &args.rmm_log, args.outside));
        why(Asked {
            target,
            is_token,
            rems,
            candidates,
            variants: &args.option_variant,
            locks: &args.lock,
            seen,
            shard,
            budget,
            guest,
            responder,
            hashing,
            cache,
            vmm,
        })
    });
    match answer {
        Ok(told) => told.tell(args.format, args.guest.verbose, console),
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

/// The answer.
pub(crate) fn why(args: Asked<'_>) -> Result<Told, CliError> {
    let hasher = args.hashing.hasher()?;
    let images = args.cache.files(args.hashing, &hasher, Purpose::Figure)?;
    let algo = args.target.rim.algo();
    let open = |(path, log, outside): (&Path, &RmmLogArgs, OutsideArgs)| {
        Seen::open(path, log, outside, &hasher, &images)
    };
    let seen = args.seen.map(open).transpose()?;
    let common = (images, algo, hasher.clone());
    let others = others(args.candidates, &args.vmm.argv, args.guest)?;
    let mut guest = GuestArgs { given: others.given.clone(), ..args.guest.clone() };
    let variants = option_variants(args.variants)?;
    for knob in &variants {
        if let Knob::Options(change) = knob {
            guest.give_words(&change.with, &args.vmm.argv);
        }
    }
    let locked = locked(args.locks, &args.target.rim)?;
    let guests = CommandLine::with_responder(&guest, args.responder, args.vmm, common)?;
    let guests = guests.replacing();
    let request = guests.request();
    let mut list = changes(request, &others.files)?;
    list.extend(variants.into_iter().map(variant));
    list.extend(trees(args.guest, request.vmm, &others)?);
    let outward = Outward::new(list);
    let base = guests.plan(&[]);
    let plan = base.as_ref().ok();
    let mut told = Told {
        target: args.target,
        is_token: args.is_token,
        vmm: request.vmm,
        base_refused: base.as_ref().err().map(ToString::to_string),
        other_algo: plan.and_then(|plan| other_algo(plan, algo)),
        algo_of_kvm: plan.filter(|plan| plan.asked_hash_algo().is_none()).map(|p| p.host.name),
        finding: Finding::Nothing,
        outward,
        shard: args.shard,
        report: Report::default(),
        open: Vec::new(),
        along: BTreeMap::new(),
        open_is_whole: true,
        led: None,
        instead: Vec::new(),
        log: None,
        is_whole: args.shard.is_whole(),
        passed_over: others.passed_over,
        elapsed: Duration::ZERO,
    };
    let part = args.shard.each_of(&told.outward).count();
    let mut progress = Progress::of_candidates(part);
    let (target, budget, shard) = (told.target.rim, args.budget, args.shard);
    let tries =
        Tries { guests: &guests, hasher: &hasher, progress: &progress, target, budget, shard };
    find(&mut told, base.as_ref().ok(), &tries, (locked, seen.as_ref()));
    (told.open, told.open_is_whole) = tries.still_open(&told);
    told.along = along(&told, &guests, base.as_ref().ok());
    if let Some((path, log)) = seen.as_ref().and_then(Seen::log) {
        let plan = guests.plan(&told.knobs()).ok();
        let files = log.asks_for_files().then(|| known_files(&others, plan.as_ref(), &guests));
        let (files, argv) = (files.unwrap_or_default(), &args.vmm.argv[..]);
        let beside = Beside { plan: plan.as_ref(), argv, files, algo, rems: args.rems };
        told.log = Some(log.told(path, &hasher, &beside));
    }
    told.elapsed = progress.elapsed();
    progress.clear();
    guests.check_unchanged()?;
    Ok(told)
}

/// Looks for the RIM: among earlier stages, by what was seen, and outwards.
fn find(
    told: &mut Told,
    base: Option<&Plan>,
    tries: &Tries<'_, '_>,
    (locked, seen): (Option<String>, Option<&Seen>),
) {
    let Tries { guests, hasher, progress, target, budget, .. } = *tries;
    let algo = target.algo();
    match base.map(|plan| prefix(plan, &target, hasher.clone())) {
        None | Some(Ok(None)) => {}
        Some(Ok(Some(found))) if found.left_out.is_empty() => told.finding = Finding::AsSaid,
        Some(Ok(Some(found))) => told.finding = Finding::Stage(found),
        Some(Err(error)) => told.base_refused = Some(error.to_string()),
    }
    if let Some(name) = locked.filter(|_| !matches!(told.finding, Finding::AsSaid)) {
        told.finding = Finding::Locked(name);
        return;
    }
    if let Some(seen) = seen.filter(|_| !matches!(told.finding, Finding::AsSaid)) {
        let making = Making { guests, hasher, algo, progress, budget };
        let mut led = seen.lead(&making, &told.outward);
        // Of granules of which digests alone were seen several changes may be left.
        if led.rim != Some(target)
            && !led.changes.is_empty()
            && let Some(changes) = tries.beyond(&led.changes, &told.outward)
        {
            led = Led { changes, left: Vec::new(), rim: Some(target), ..led };
        }
        if led.rim == Some(target) && !led.changes.is_empty() {
            told.finding = Finding::Seen;
            let (instead, are_all) = tries.instead(&led.changes, &told.outward);
            (told.instead, told.is_whole) = (instead, told.is_whole && are_all);
        }
        told.led = Some(led);
    }
    if !matches!(told.finding, Finding::Nothing) {
        return;
    }
    told.report = tries.outwards(&told.outward);
    told.take_matches();
    let Some(found) = told.likeliest() else { return };
    let (others, are_all) = tries.beside(&told.outward, found, told.report.tried);
    told.report.matches.extend(others);
    told.is_whole &= are_all && tries.has_equals(&told.outward, found, told.report.tried);
    told.take_matches();
    if base.is_none() {
        let found = told.likeliest().unwrap_or(found);
        let plan = guests.plan(&told.outward.candidate(found));
        told.other_algo = plan.ok().and_then(|plan| other_algo(&plan, algo));
    }
}

/// Options that somebody thinks of.
fn variant(knob: Knob) -> Change {
    let fix = knob.to_string();
    Change {
        about: "the options of --option-variant",
        said: "nothing of these options".to_owned(),
        needs: "other options".to_owned(),
        fix: if fix.is_empty() { "none".to_owned() } else { fix },
        knobs: vec![knob],
        cost: 5,
    }
}

/// The lock, or the row of one, that has a RIM.
fn locked(paths: &[PathBuf], rim: &Measurement) -> Result<Option<String>, CliError> {
    for path in paths {
        let shown = path.shown().to_string();
        let text = lock_text(path)
            .map_err(|CliError(exit, text)| CliError(exit, format!("--lock {text}")))?;
        let found = locked_realms(&shown, &text)
            .map_err(|why| usage(format!("--lock {shown}:{why}")))?
            .realms;
        let is_it = |realm: &&Expectation| realm.rim == rim.as_bytes();
        if let Some(realm) = found.iter().find(is_it) {
            return Ok(Some(realm.name.clone()));
        }
    }
    Ok(None)
}

/// A token's file, or a RIM.
fn target(text: &str) -> Result<(Target, bool), CliError> {
    let path = Path::new(text);
    let token = path.is_file().then(|| observed_token(path));
    match token {
        Some(Ok(target)) => Ok((target, true)),
        _ => observed("TOKEN|RIM", text).map(|target| (target, false)),
    }
}

/// The REMs of a token that was read already.
fn token_rems(name: &str) -> Option<[Measurement; 4]> {
    let bytes = read_token(Path::new(name)).ok()?;
    let token = Token::read(&bytes, Accept { unknown_claims: true, padded: true }).ok()?;
    Some(token.realm_claims.rems)
}

/// The files that a log's digests may be of: those of the VM, and the others that were found.
fn known_files(
    others: &Others,
    plan: Option<&Plan>,
    guests: &CommandLine<'_>,
) -> Vec<(String, Arc<Image>)> {
    let of_plan = plan.into_iter().flat_map(|plan| &plan.inputs);
    let mut files: Vec<(String, Arc<Image>)> =
        of_plan.map(|input| (input.name.clone(), Arc::clone(&input.image))).collect();
    let OtherFiles { kernels, initrds, firmwares } = &others.files;
    for name in kernels.iter().chain(initrds).chain(firmwares) {
        if files.iter().all(|(known, _)| known != name)
            && let Some(image) = guests.open(name)
        {
            files.push((name.clone(), image));
        }
    }
    files
}

/// The device trees that may have been measured. One that was given is tried before all else: it is
/// what the VM shows, or what was said of a VMM that makes none.
fn trees(guest: &GuestArgs, vmm: Vmm, others: &Others) -> Result<Vec<Change>, CliError> {
    let name = |path: &Path| guest.name_of_users(text_name(path)?);
    let given = guest.dtb.as_deref().map(name).transpose();
    let given = given.map_err(|error| CliError(Exit::Usage, error.to_string()))?;
    let given = given.as_deref();
    let is_said = vmm == Vmm::CloudHypervisor;
    let said = match given.filter(|_| is_said) {
        Some(name) => format!("`--dtb {name}`"),
        None => "nothing of one".to_owned(),
    };
    let seen = given.filter(|_| !is_said).map(|name| (name, 0));
    let beside = others.trees.iter().map(|name| (name.as_str(), if is_said { 11 } else { 16 }));
    let beside = beside.filter(|(name, _)| Some(*name) != given);
    let change = |(name, cost): (&str, u32)| Change {
        about: "the device tree",
        said: said.clone(),
        needs: format!("the device tree `{name}`"),
        fix: format!("--dtb {name}"),
        knobs: vec![Knob::Dtb(name.to_owned())],
        cost,
    };
    Ok(seen.into_iter().chain(beside).map(change).collect())
}

/// The algorithm that a VM would be measured by, if it is not that of the RIM.
fn other_algo(plan: &Plan, algo: HashAlgo) -> Option<HashAlgo> {
    let said = plan.asked_hash_algo();
    Some(said.unwrap_or(HashAlgo::Sha256)).filter(|said| *said != algo)
}

/// What an explanation brings with it that nobody asked for: a version of the VMM, or a KVM.
fn along(told: &Told, guests: &CommandLine<'_>, base: Option<&Plan>) -> BTreeMap<u64, Vec<String>> {
    let Finding::Found(explanations) = &told.finding else { return BTreeMap::new() };
    let request = guests.request();
    let is_other = |name: &str, of_base: Option<&str>, said: Option<&str>| {
        of_base.or(said).is_some_and(|other| other != name)
    };
    let mut along = BTreeMap::new();
    for number in explanations {
        let knobs = told.outward.candidate(*number);
        let Ok(plan) = guests.plan(&knobs) else { continue };
        let varies = |parameter| knobs.iter().any(|knob| knob.parameter() == parameter);
        let mut options = Vec::new();
        let of_base = base.map(|base| base.version.name);
        if is_other(plan.version.name, of_base, request.version.as_deref())
            && !varies(Parameter::VmmVersion)
        {
            options.push(format!("--vmm-version {}", plan.version.name));
        }
        let of_base = base.map(|base| base.host.name);
        if is_other(plan.host.name, of_base, request.host.as_deref()) && !varies(Parameter::Host) {
            options.push(format!("--host {}", plan.host.name));
        }
        let rule = base.map_or(request.rim_rule, |base| Some(base.rule()));
        if rule.is_some_and(|rule| rule != plan.rule()) && !varies(Parameter::RimRule) {
            options.push(format!("--rim-rule {}", plan.rule().name()));
        }
        if !options.is_empty() {
            along.insert(*number, options);
        }
    }
    along
}
