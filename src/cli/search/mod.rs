//! `rimsim search`

mod args;
mod boot;
mod report;

pub(crate) use args::SearchArgs;
pub(crate) use report::Told;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crate::cli::candidates::{
    Budget, CommandLine, MAX_VARIANTS, Pace, SettingLine, add_axis, defaults, giving,
    option_variants, setting_names,
};
use crate::cli::console::{Console, Progress, notes};
use crate::cli::error::{CliError, usage};
use crate::cli::exit::Exit;
use crate::cli::input::{observed, observed_token, text_name};
use crate::cli::options::Purpose;
use crate::encoding::shown::ShowPath as _;
use crate::evidence::Target;
use crate::host::Vmm;
use crate::measure::rim::HashAlgo;
use crate::predict::Assumption;
use crate::search::{self, Axis, Candidates as _, Guests as _, Knob, Parameter, Report, Space};

pub(crate) fn run(args: &SearchArgs, console: &mut Console) -> io::Result<Exit> {
    if let Some(chain) = &args.chain {
        return boot::run(args, chain, console);
    }
    let told = search(args).and_then(|told| {
        notes::tell(&told.assumptions, false, console)?;
        Ok(told)
    });
    match told {
        Ok(told) => told.tell(args, console),
        Err(CliError(exit, text)) => {
            console.error(&text);
            Ok(exit)
        }
    }
}

pub(crate) fn search(args: &SearchArgs) -> Result<Told, CliError> {
    if !args.expect_rem.is_empty() {
        let why = "--expect-rem: REMs are made by what boots: say it with --chain";
        return Err(usage(why.into()));
    }
    let target = target(args)?;
    let hasher = args.hashing.hasher()?;
    let files = args.cache.files(&args.hashing, &hasher, Purpose::Figure)?;
    let vmm = Vmm::from_name(&args.vmm.vmm).map_err(usage)?;
    let space = Space::new(axes(args, vmm)?);
    if space.len().is_none() {
        return Err(usage("--vary: the space has more than 2^64 candidates".into()));
    }
    let algo = target.rim.algo();
    let guest = giving(args.guest.clone(), space.axes(), &args.vmm.argv);
    let guests = CommandLine::new(&guest, &args.vmm, files, algo, hasher.clone())?;
    args.space.dtb_candidate.iter().try_for_each(|path| guests.check_device_tree(path))?;
    let mut assumptions = guests.assumptions(&space);
    // What is searched says by which algorithm.
    assumptions.retain(|one| one.key != "hash");
    if args.guest.strict {
        Assumption::deny(&assumptions)?;
    }
    let budget = args.space.budget.unwrap_or(Budget::Candidates(u64::MAX));
    let most = budget.candidates();
    let part = args.space.shard.run_of(&space);
    let mut progress = Progress::of_candidates(part.count().min(most));
    let counter = progress.counter();
    let mut pace = Pace::default();
    let mut go_on = |report: &Report| {
        counter.store(report.tried, Ordering::Relaxed);
        let step = pace.step(progress.elapsed());
        let is_over = budget.is_over(progress.elapsed());
        (!is_over).then(|| step.min(most.saturating_sub(report.tried)))
    };
    let report = search::run(&part, &guests, &target.rim, &hasher, &mut go_on);
    let (report, in_part) = (part.of_all(report), part.count());
    let elapsed = progress.elapsed();
    progress.clear();
    guests.check_unchanged()?;
    // If nothing was left, what the VMM says of the command line itself is the answer.
    if report.refused == report.tried && space.len() == Some(1) && report.tried == 1 {
        let reasons: Vec<_> = report.reasons.keys().cloned().collect();
        return Err(CliError(Exit::Refused, reasons.join("; ")));
    }
    let other_algo = guests.plan(&[]).ok().and_then(|plan| {
        let own = plan.asked_hash_algo().unwrap_or(HashAlgo::Sha256);
        (own != target.rim.algo()).then_some(own)
    });
    let shard = args.space.shard;
    let settings = setting_names(&setting_line(args, vmm));
    Ok(Told { target, space, settings, shard, in_part, report, assumptions, elapsed, other_algo })
}

fn target(args: &SearchArgs) -> Result<Target, CliError> {
    if let Some(path) = &args.token {
        return observed_token(path);
    }
    let text = args.rim.as_deref().unwrap_or_default();
    observed("--rim", text)
}

/// The command line, of which options can be varied.
const fn setting_line(args: &SearchArgs, vmm: Vmm) -> SettingLine<'_> {
    SettingLine { vmm, argv: args.vmm.argv.as_slice(), guest: &args.guest }
}

/// What is varied: what was asked for, or what nobody said.
fn axes(args: &SearchArgs, vmm: Vmm) -> Result<Vec<Axis>, CliError> {
    let mut axes: Vec<Axis> = Vec::new();
    let line = setting_line(args, vmm);
    for text in &args.space.vary {
        add_axis(text, &line, &mut axes)?;
    }
    if args.space.vary.is_empty() {
        let open = Parameter::ALL.into_iter().filter(|parameter| is_open(args, *parameter));
        axes.extend(open.map(|parameter| Axis { parameter, values: defaults(parameter, vmm) }));
    }
    let variants = &args.space.append_variant;
    if !variants.is_empty() && vmm == Vmm::CloudHypervisor {
        let why = "stands in the device tree: give trees with --dtb-candidate";
        return Err(usage(format!("--append-variant: of {} it {why}", vmm.name())));
    }
    if [variants.len(), args.space.dtb_candidate.len(), args.space.option_variant.len()]
        .iter()
        .any(|count| *count > MAX_VARIANTS)
    {
        return Err(usage(format!("at most {MAX_VARIANTS} variants can be given")));
    }
    let values = option_variants(&args.space.option_variant)?;
    axes.push(Axis { parameter: Parameter::OptionVariant, values });
    let values = variants.iter().cloned().map(Knob::Append).collect();
    axes.push(Axis { parameter: Parameter::AppendVariant, values });
    let tree = |path: &PathBuf| match text_name(path) {
        Ok(name) => Ok(Knob::Dtb(name.to_owned())),
        Err(error) => Err(usage(format!("--dtb-candidate {}: {error}", path.shown()))),
    };
    let values = args.space.dtb_candidate.iter().map(tree).collect::<Result<_, _>>()?;
    axes.push(Axis { parameter: Parameter::DtbCandidate, values });
    Ok(axes)
}

/// Whether a parameter is varied if nobody asks for it. Presets of capabilities say what the host
/// has; orders and alignments that no VMM is known to have are tried only if they are asked for.
fn is_open(args: &SearchArgs, parameter: Parameter) -> bool {
    let guest = &args.guest;
    let caps = guest.caps.is_empty();
    match parameter {
        Parameter::Host => guest.host.is_none(),
        Parameter::VmmVersion => guest.vmm_version.is_none(),
        Parameter::NumBps => caps && guest.num_bps.is_none(),
        Parameter::NumWps => caps && guest.num_wps.is_none(),
        Parameter::PmuCounters => caps && guest.pmu_counters.is_none() && guest.pmu.is_none(),
        Parameter::SveVl => caps && guest.sve_vl.is_empty(),
        _ => false,
    }
}
