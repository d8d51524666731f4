//! What was seen of the VM that runs: its device tree, or what was measured into it. It leads to
//! the options without trying all that could be: that change is kept which leaves least different.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::boot_log::BootLog;
use crate::cli::boots::is_log;
use crate::cli::candidates::{Budget, CommandLine};
use crate::cli::console::Progress;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::input::read_limited_start;
use crate::cli::options::{ImageFiles, OutsideArgs, RmmLogArgs};
use crate::cli::trails;
use crate::encoding::fdt;
use crate::encoding::shown::ShowPath as _;
use crate::explain::{Field, Group, Trail, compare, tree_differences};
use crate::host::Call;
use crate::measure::hasher::Hasher;
use crate::measure::image::Image;
use crate::measure::rim::{HashAlgo, Measurement};
use crate::predict::Plan;
use crate::search::{Guests as _, Knob};
use crate::why::{Change, Outward, knobs};

/// How a device tree begins.
const MAGIC: [u8; 4] = [0xD0, 0x0D, 0xFE, 0xED];
/// Most changes that are made one after the other.
const MAX_CHANGES: usize = 8;
/// Changes that are tried before the time is looked at.
const AT_ONCE: usize = 32;

/// What a file shows of a VM.
pub(super) struct Seen {
    path: PathBuf,
    form: Form,
}

enum Form {
    Tree(Arc<Image>),
    Trail(Box<Trail>),
    Log(Box<BootLog>),
}

/// What led from the VM that was said to the one that was seen.
pub(super) struct Led {
    pub(super) path: PathBuf,
    pub(super) changes: Vec<Change>,
    /// What is different still.
    pub(super) left: Vec<String>,
    /// The RIM of the VM with these changes.
    pub(super) rim: Option<Measurement>,
}

/// With what VMs are made.
pub(super) struct Making<'t, 'g> {
    pub(super) guests: &'t CommandLine<'g>,
    pub(super) hasher: &'t Hasher,
    pub(super) algo: HashAlgo,
    pub(super) progress: &'t Progress,
    pub(super) budget: Budget,
}

impl Seen {
    /// Opens a device tree, or whatever `rimsim explain` reads.
    pub(super) fn open(
        path: &Path,
        log: &RmmLogArgs,
        outside: OutsideArgs,
        hasher: &Hasher,
        files: &ImageFiles,
    ) -> Result<Self, CliError> {
        let io = |error: &dyn std::fmt::Display| {
            CliError(Exit::Io, format!("--seen {}: {error}", path.shown()))
        };
        let head = if path.is_dir() {
            Vec::new()
        } else {
            read_limited_start(path, MAGIC.len()).map_err(|error| io(&error))?
        };
        let form = if head == MAGIC {
            let tree = Image::read_within(path, fdt::MAX_BYTES.into(), "a device tree");
            Form::Tree(Arc::new(tree.map_err(|error| io(&error))?))
        } else if head == *b"CCEL" || is_log(path) {
            // The ACPI table is no log, which reading it says.
            Form::Log(Box::new(BootLog::open(path)?))
        } else {
            let trail = trails::open(path, None, log, outside, hasher, files);
            let told = |error: trails::NoTrail| {
                CliError(error.exit(), format!("--seen {}: {error}", path.shown()))
            };
            Form::Trail(Box::new(trail.map_err(told)?))
        };
        Ok(Self { path: path.to_owned(), form })
    }

    /// The log of a boot, and where it is.
    pub(super) fn log(&self) -> Option<(&Path, &BootLog)> {
        match &self.form {
            Form::Log(log) => Some((&self.path, log)),
            Form::Tree(_) | Form::Trail(_) => None,
        }
    }

    /// What is otherwise in a VM; `None` if it can not be, or has no device tree to compare.
    fn differences(&self, making: &Making<'_, '_>, knobs: &[Knob]) -> Option<Vec<String>> {
        let plan = making.plan(knobs)?;
        match &self.form {
            Form::Tree(tree) => {
                let own = plan.tree_region()?.image.as_ref()?;
                let fields = tree_differences(own.bytes_from(0), tree.bytes_from(0))?;
                Some(fields.iter().map(of_field).collect())
            }
            Form::Trail(seen) => {
                let own = plan.measure(making.hasher.clone(), Vec::new()).ok()?.trail("");
                let found = compare(&own, seen);
                let groups = found.by_rule.iter().chain(&found.groups);
                Some(groups.flat_map(of_group).collect())
            }
            Form::Log(log) => log.differences(&plan, making.hasher),
        }
    }

    /// Makes those changes one after the other that leave the fewest differences.
    pub(super) fn lead(&self, making: &Making<'_, '_>, outward: &Outward) -> Led {
        let mut made: Vec<Change> = Vec::new();
        let mut left = self.differences(making, &[]);
        while made.len() < MAX_CHANGES && left.as_ref().is_none_or(|left| !left.is_empty()) {
            let others: Vec<&Change> = outward.beside_made(&made).collect();
            let Some((change, fewer)) = self.best(making, &made, &others) else { break };
            if left.as_ref().is_some_and(|left| left.len() <= fewer.len()) {
                break;
            }
            (left, made) = (Some(fewer), [made, vec![change.clone()]].concat());
        }
        let rim = making.rim(&knobs(&made));
        Led { path: self.path.clone(), changes: made, left: left.unwrap_or_default(), rim }
    }

    /// The change that leaves the fewest differences, the likeliest of several.
    fn best<'c>(
        &self,
        making: &Making<'_, '_>,
        made: &[Change],
        others: &[&'c Change],
    ) -> Option<(&'c Change, Vec<String>)> {
        let mut best: Option<(&Change, Vec<String>)> = None;
        for some in others.chunks(AT_ONCE) {
            if making.budget.is_over(making.progress.elapsed()) {
                break;
            }
            let left = |change: &&'c Change| {
                Some((*change, self.differences(making, &knobs(made.iter().chain([*change])))?))
            };
            for (change, left) in making.hasher.map(some, left).into_iter().flatten() {
                if best.as_ref().is_none_or(|(_, fewest)| left.len() < fewest.len()) {
                    best = Some((change, left));
                }
            }
            if best.as_ref().is_some_and(|(_, left)| left.is_empty()) {
                break;
            }
        }
        best
    }
}

impl Making<'_, '_> {
    fn plan(&self, knobs: &[Knob]) -> Option<Plan> {
        let mut plan = self.guests.plan(knobs).ok()?;
        knobs.iter().try_for_each(|knob| knob.edit(&mut plan)).ok()?;
        for call in &mut plan.vm.calls {
            if let Call::HashAlgo(algo) = call {
                *algo = self.algo;
            }
        }
        Some(plan)
    }

    fn rim(&self, knobs: &[Knob]) -> Option<Measurement> {
        Some(self.plan(knobs)?.measure(self.hasher.clone(), Vec::new()).ok()?.rim)
    }
}

fn of_field(field: &Field) -> String {
    format!("{}: {} as said, {} as seen", field.name, field.a, field.b)
}

fn of_group(group: &Group) -> Vec<String> {
    if group.fields.is_empty() {
        return vec![group.what.clone()];
    }
    group.fields.iter().map(|field| format!("{}: {}", group.what, of_field(field))).collect()
}
