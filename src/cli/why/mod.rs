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
use crate::cli::options::Purpose;
use crate::evidence::Target;
use crate::host::{Region, Vm};
use crate::measure::hasher::Hasher;
use crate::measure::rim::HashAlgo;
use crate::predict::Plan;
use crate::search::{self, Candidates as _, Guests as _, Knob, Report};
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
    let guests = CommandLine::with_responder(&args.guest, &args.responder, &args.vmm, common)?;
    let guests = guests.replacing();
    let request = guests.request();
    let others = others(&args.candidate, &request.argv, &args.guest.map)?;
    let mut list = changes(request, &others.files)?;
    list.extend(trees(args, &others)?);
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
        report: Report::default(),
        open: Vec::new(),
        along: BTreeMap::new(),
        passed_over: others.passed_over,
        elapsed: Duration::ZERO,
    };
    let mut progress = Progress::of_candidates(told.outward.count());
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

/// The device trees that may have been measured; one that was given is tried before all else.
fn trees(args: &WhyArgs, others: &Others) -> Result<Vec<Change>, CliError> {
    let mut trees = Vec::new();
    let mut add = |name: &str, cost| {
        trees.push(Change {
            about: "the device tree",
            said: "nothing of one".to_owned(),
            needs: format!("the device tree `{name}`"),
            fix: format!("--dtb {name}"),
            knobs: vec![Knob::Dtb(name.to_owned())],
            cost,
        });
    };
    if let Some(path) = &args.guest.dtb {
        let name = text_name(path).map_err(|error| CliError(Exit::Usage, error.to_string()))?;
        add(name, 0);
    }
    let given = args.guest.dtb.as_deref().and_then(Path::to_str);
    for name in others.trees.iter().filter(|name| Some(name.as_str()) != given) {
        add(name, 16);
    }
    Ok(trees)
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
    let first_pair = told.outward.first_pair();
    let mut go_on = |report: &Report| {
        counter.store(report.tried, Ordering::Relaxed);
        let step = pace.step(progress.elapsed());
        // All that is one change is tried: what else makes the same RIM belongs to the answer.
        if report.tried < first_pair {
            return Some(step.min(first_pair - report.tried));
        }
        let ended = !report.matches.is_empty() || progress.elapsed() >= budget;
        (!ended).then_some(step)
    };
    search::run(&told.outward, guests, &told.target.rim, hasher, &mut go_on)
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
    let (Some(base), Finding::Found(explanations)) = (base, &told.finding) else {
        return BTreeMap::new();
    };
    let mut along = BTreeMap::new();
    for number in explanations {
        let knobs = told.outward.candidate(*number);
        let Ok(plan) = guests.plan(&knobs) else { continue };
        let version = knobs.iter().any(|knob| matches!(knob, Knob::VmmVersion(_)));
        let host = knobs.iter().any(|knob| matches!(knob, Knob::Host(_)));
        let mut options = Vec::new();
        if plan.version.name != base.version.name && !version {
            options.push(format!("--vmm-version {}", plan.version.name));
        }
        if plan.host.name != base.host.name && !host {
            options.push(format!("--host {}", plan.host.name));
        }
        if !options.is_empty() {
            along.insert(*number, options);
        }
    }
    along
}
