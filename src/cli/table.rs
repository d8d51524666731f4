//! Tables of RIMs: every combination of what a host, a VM and a VMM can be.

use std::path::PathBuf;
use std::sync::Arc;

use crate::boot::HashedImages;
use crate::cli::candidates::{CommandLine, giving};
use crate::cli::error::{CliError, usage};
use crate::cli::options::{GuestArgs, ImageFiles, VmmArgs};
use crate::cli::parts::parts;
use crate::encoding::nearest::DidYouMean;
use crate::measure::event::RealmEvent;
use crate::measure::hasher::Hasher;
use crate::measure::image::Image;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::measure::rule::RimRule;
use crate::predict::{Assumption, Plan};
use crate::search::{self, Axis, Candidates as _, Knob, Parameter, Shard, Space};

/// Most combinations of one table.
const MAX_ROWS: u64 = 1 << 16;

/// What is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) axes: Vec<Axis>,
    pub(crate) algos: Option<Vec<HashAlgo>>,
    pub(crate) guest: &'a GuestArgs,
    pub(crate) vmm: &'a VmmArgs,
    pub(crate) files: ImageFiles,
    pub(crate) hasher: &'a Hasher,
    /// Whether host and version are columns, said or not.
    pub(crate) names_all: bool,
    /// Which part of the combinations.
    pub(crate) shard: Shard,
    /// Whether it is kept what each row is made of.
    pub(crate) keeps_parts: bool,
}

/// One combination.
pub(crate) struct Combination {
    /// Values in the order of the columns.
    pub(crate) values: Vec<String>,
    /// The RIM, or who refuses and why.
    pub(crate) rim: Result<(Measurement, RimRule), String>,
    /// What it is made of, if that is kept.
    pub(crate) parts: Vec<String>,
}

/// All combinations.
pub(crate) struct Table {
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) axes: Vec<Axis>,
    pub(crate) algos: Option<Vec<HashAlgo>>,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Combination>,
    /// Files that were read: what the VMM calls them, where they are, and what is in them.
    pub(crate) read: Vec<(String, PathBuf, Arc<Image>)>,
}

/// Predicts every combination.
pub(crate) fn table(asked: Asked<'_>) -> Result<Table, CliError> {
    let Asked { axes, algos, vmm, files, hasher, names_all, shard, keeps_parts, .. } = asked;
    // The axes say which hosts and versions.
    let guest = GuestArgs { host: None, vmm_version: None, ..asked.guest.clone() };
    let guest = giving(guest, &axes, &vmm.argv);
    let guests = |algo| CommandLine::new(&guest, vmm, files.clone(), algo, hasher.clone());
    let mut space = Space::new(axes);
    if names_all {
        let assumed = guests(HashAlgo::Sha256)?.assumptions(&space);
        space = Space::new(with_resolved(space.axes(), &assumed)?);
    }
    let passes = algos.as_ref().map_or(1, Vec::len) as u64;
    let count = space.len().and_then(|count| count.checked_mul(passes));
    match count {
        Some(count) if shard.run_of(&space).count().saturating_mul(passes) > MAX_ROWS => {
            let why = "say fewer values, or --shard I/N";
            return Err(usage(format!("{count} combinations; there can be {MAX_ROWS}: {why}")));
        }
        Some(_) => {}
        None => return Err(usage(format!("more than 2^64 combinations; {MAX_ROWS} can be"))),
    }
    let mut columns: Vec<_> = space.axes().iter().map(|axis| axis.parameter.name()).collect();
    let passes = match &algos {
        None => vec![None],
        Some(algos) => algos.iter().copied().map(Some).collect(),
    };
    let (mut rows, mut assumptions, mut read) = (Vec::new(), Vec::new(), Vec::new());
    let hashed = HashedImages::default();
    let keep = |plan: &Plan, params: &RealmEvent| {
        if keeps_parts { parts(plan, params, &hashed) } else { Vec::new() }
    };
    for algo in passes {
        let guests = guests(algo.unwrap_or(HashAlgo::Sha256))?;
        if rows.is_empty() {
            assumptions = guests.assumptions(&space);
            assumptions.retain(|one| algo.is_none() || one.key != "hash");
            if guest.strict {
                Assumption::deny(&assumptions)?;
            }
        }
        let part = shard.run_of(&space);
        let rims = search::table(&part, &guests, algo, hasher, &keep)?;
        guests.check_unchanged()?;
        for (number, rim) in rims.into_iter().enumerate() {
            let knobs = space.candidate(part.number(number as u64));
            let values = knobs.iter().map(Knob::to_string);
            let values = values.chain(algo.map(|algo| algo.name().to_owned())).collect();
            let (rim, parts) = match rim {
                Ok((rim, rule, parts)) => (Ok((rim, rule)), parts),
                Err(why) => (Err(why), Vec::new()),
            };
            rows.push(Combination { values, rim, parts });
        }
        read = guests.read();
    }
    columns.extend(algos.as_ref().map(|_| "hash-algo"));
    Ok(Table { assumptions, axes: space.axes().to_vec(), algos, columns, rows, read })
}

/// The axes with one for host and version each, of what is assumed.
fn with_resolved(axes: &[Axis], assumed: &[Assumption]) -> Result<Vec<Axis>, CliError> {
    let mut axes = axes.to_vec();
    for (key, parameter) in [("host", Parameter::Host), ("vmm_version", Parameter::VmmVersion)] {
        if axes.iter().any(|axis| axis.parameter == parameter) {
            continue;
        }
        let values: Vec<&str> =
            assumed.iter().filter(|one| one.key == key).map(|one| one.value.as_str()).collect();
        match values.as_slice() {
            [] => {}
            [value] => {
                let values = parameter.values(value).map_err(|error| usage(error.to_string()))?;
                axes.push(Axis { parameter, values });
            }
            several => {
                let (name, several) = (parameter.name(), several.join(" and "));
                let why = format!("the rows take {several}: say which with --{name}");
                return Err(usage(format!("--lock-out: {why}")));
            }
        }
    }
    Ok(axes)
}

/// The hash algorithms of a list.
pub(crate) fn algos(list: Option<&str>) -> Result<Option<Vec<HashAlgo>>, CliError> {
    let Some(list) = list else { return Ok(None) };
    let mut algos = Vec::new();
    for name in list.split(',').map(str::trim) {
        let algo = HashAlgo::from_name(name).ok_or_else(|| {
            let meant = DidYouMean::of(name, HashAlgo::ALL.map(HashAlgo::name));
            usage(format!("--hash-algo {list}: `{name}` is none of {}{meant}", HashAlgo::names()))
        })?;
        if !algos.contains(&algo) {
            algos.push(algo);
        }
    }
    Ok(Some(algos))
}
