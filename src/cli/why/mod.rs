//! `rimsim why`

mod args;
mod files;
mod report;
mod sentence;

pub(crate) use args::WhyArgs;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use files::{Others, others};
use report::{Finding, Told};

use crate::cli::candidates::{CommandLine, Pace};
use crate::cli::console::{Console, Progress};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input::{observed, observed_token, text_name};
use crate::cli::options::{GuestArgs, Purpose};
use crate::evidence::Target;
use crate::host::{Region, Vm, Vmm};
use crate::measure::hasher::Hasher;
use crate::measure::rim::HashAlgo;
use crate::predict::Plan;
use crate::search::{self, Candidates as _, Guests as _, Knob, Match, Parameter, Report};
use crate::why::{Change, Outward, changes, prefix};

pub(crate) fn run(args: &WhyArgs, console: &mut Console) -> io::Result<Exit> {
    match why(args) {
        Ok(told) => told.tell(args, console),
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

fn why(args: &WhyArgs) -> Result<Told, CliError> {
    let (target, is_token) = target(&args.target)?;
    let hasher = args.hashing.hasher()?;
    let images = args.cache.files(&args.hashing, &hasher, Purpose::Figure)?;
    let algo = target.rim.algo();
    let common = (images, algo, hasher.clone());
    let others = others(&args.candidate, &args.vmm.argv, &args.guest)?;
    let guest = GuestArgs { given: others.given.clone(), ..args.guest.clone() };
    let guests = CommandLine::with_responder(&guest, &args.responder, &args.vmm, common)?;
    let guests = guests.replacing();
    let request = guests.request();
    let mut list = changes(request, &others.files)?;
    list.extend(trees(args, request.vmm, &others)?);
    let outward = Outward::new(list);
    let base = guests.plan(&[]);
    let mut told = Told {
        target,
        is_token,
        vmm: request.vmm,
        base_refused: base.as_ref().err().map(ToString::to_string),
        other_algo: base.as_ref().ok().and_then(|plan| other_algo(plan, algo)),
        algo_of_kvm: base
            .as_ref()
            .ok()
            .filter(|plan| plan.asked_hash_algo().is_none())
            .map(|p| p.host.name),
        finding: Finding::Nothing,
        outward,
        shard: args.shard,
        report: Report::default(),
        open: Vec::new(),
        along: BTreeMap::new(),
        passed_over: others.passed_over,
        elapsed: Duration::ZERO,
    };
    let part = args.shard.each_of(&told.outward).count();
    let mut progress = Progress::of_candidates(part);
    if let Ok(plan) = &base {
        match prefix(plan, &told.target.rim, hasher.clone()) {
            Ok(None) => {}
            Ok(Some(found)) if found.left_out.is_empty() => told.finding = Finding::AsSaid,
            Ok(Some(found)) => told.finding = Finding::Stage(found),
            Err(error) => told.base_refused = Some(error.to_string()),
        }
    }
    if matches!(told.finding, Finding::Nothing) {
        told.report = outwards(&told, &guests, &hasher, &progress, args.budget);
        told.take_matches();
        let others = beside(&told, &guests, &hasher);
        told.report.matches.extend(others);
        told.take_matches();
        if let (Err(_), Finding::Found(numbers)) = (&base, &told.finding) {
            let plan = guests.plan(&told.outward.candidate(numbers[0]));
            told.other_algo = plan.ok().and_then(|plan| other_algo(&plan, algo));
        }
    }
    told.open = still_open(&told, &guests, &hasher);
    told.along = along(&told, &guests, base.as_ref().ok());
    told.elapsed = progress.elapsed();
    progress.clear();
    guests.check_unchanged()?;
    Ok(told)
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

/// The device trees that may have been measured. One that was given is tried before all else: it is
/// what the VM shows, or what was said of a VMM that makes none.
fn trees(args: &WhyArgs, vmm: Vmm, others: &Others) -> Result<Vec<Change>, CliError> {
    let name = |path: &Path| args.guest.name_of_users(text_name(path)?);
    let given = args.guest.dtb.as_deref().map(name).transpose();
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

/// Tries one change, then two, until something is found or the time is over.
fn outwards(
    told: &Told,
    guests: &CommandLine<'_>,
    hasher: &Hasher,
    progress: &Progress,
    budget: Duration,
) -> Report {
    let counter = progress.counter();
    let mut pace = Pace::default();
    let part = told.shard.each_of(&told.outward);
    let first_pair = part.before(told.outward.first_pair());
    let mut go_on = |report: &Report| {
        counter.store(report.tried, Ordering::Relaxed);
        let step = pace.step(progress.elapsed());
        // All that is one change is tried: what else makes the same RIM belongs to the answer.
        if report.tried < first_pair {
            return Some(step.min(first_pair - report.tried));
        }
        if progress.elapsed() >= budget {
            return None;
        }
        let found = report.matches.iter().flat_map(|found| found.candidates.first()).min();
        let Some(found) = found else { return Some(step) };
        let end = told.outward.end_of_equals(part.number(*found));
        let left = part.before(end).saturating_sub(report.tried);
        (left > 0).then_some(step.min(left))
    };
    part.of_all(search::run(&part, guests, &told.target.rim, hasher, &mut go_on))
}

/// What else makes the RIM with one of the two changes that were found: an answer that is less
/// likely, and no less true.
fn beside(told: &Told, guests: &CommandLine<'_>, hasher: &Hasher) -> Vec<Match> {
    let Finding::Found(found) = &told.finding else { return Vec::new() };
    let numbers = told.outward.beside(found[0]);
    let others: Vec<Vec<Knob>> =
        numbers.iter().map(|number| told.outward.candidate(*number)).collect();
    let report = search::run(&others, guests, &told.target.rim, hasher, &mut |_| Some(u64::MAX));
    let at = |own: u64| numbers[usize::try_from(own).expect("an index")];
    let of_all = |mut one: Match| {
        one.candidates.iter_mut().for_each(|own| *own = at(*own));
        one
    };
    report.matches.into_iter().map(of_all).collect()
}

/// Changes that leave the RIM what it is beside what was found: what it does not tell.
fn still_open(told: &Told, guests: &CommandLine<'_>, hasher: &Hasher) -> Vec<Change> {
    let found: Vec<&Change> = match &told.finding {
        Finding::AsSaid => Vec::new(),
        Finding::Found(explanations) => told.outward.changes_of(explanations[0]),
        Finding::Stage(_) | Finding::Nothing => return Vec::new(),
    };
    let others: Vec<&Change> = (told.outward.changes().iter())
        .filter(|change| found.iter().all(|known| known.about != change.about))
        .collect();
    let with = |change: &&Change| -> Vec<Knob> {
        found.iter().chain([change]).flat_map(|one| one.knobs.clone()).collect()
    };
    let candidates: Vec<Vec<Knob>> = others.iter().map(with).collect();
    let report =
        search::run(&candidates, guests, &told.target.rim, hasher, &mut |_| Some(u64::MAX));
    let mut numbers: Vec<u64> =
        report.matches.iter().flat_map(|found| found.candidates.clone()).collect();
    numbers.sort_unstable();
    let of_found: Vec<Knob> = found.iter().flat_map(|one| one.knobs.clone()).collect();
    let same = guests.plan(&of_found).ok();
    let at = |number: u64| usize::try_from(number).expect("an index");
    // What says the same in other words is no other VM.
    numbers.retain(|number| {
        let other = guests.plan(&candidates[at(*number)]).ok();
        !same.as_ref().zip(other.as_ref()).is_some_and(|(a, b)| is_same(a, b))
    });
    numbers.into_iter().map(|number| others[at(number)].clone()).collect()
}

/// Whether two plans are one in everything that was decided.
fn is_same(a: &Plan, b: &Plan) -> bool {
    let around = |plan: &Plan| (plan.host.name, plan.version.name, plan.profile.name());
    let regions = a.vm.regions.len() == b.vm.regions.len()
        && a.vm.regions.iter().zip(&b.vm.regions).all(|(a, b)| {
            let bytes = |region: &Region| region.image.clone();
            let contents = match (bytes(a), bytes(b)) {
                (Some(a), Some(b)) => Arc::ptr_eq(&a, &b) || a.bytes_from(0) == b.bytes_from(0),
                (a, b) => a.is_none() && b.is_none(),
            };
            contents && a.ipa == b.ipa
        });
    let vm = |plan: &Plan| {
        let Vm { ipa_bits, features, slots, vcpus, calls, .. } = plan.vm.clone();
        (ipa_bits, features, slots, vcpus, calls)
    };
    around(a) == around(b) && a.caps == b.caps && regions && vm(a) == vm(b)
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
