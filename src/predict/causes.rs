//! What two VMs have different in what was said of them, and whether a RIM shows it.

use std::fmt;

use super::error::Error;
use super::input::Opened;
use super::plan::Plan;
use super::request::{Request, Setting};
use super::trial;
use crate::host::{Caps, Files, Vmm};
use crate::measure::hasher::Hasher;

/// One thing that was said, or assumed, otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What it is about: RAM, the host's breakpoints.
    pub about: String,
    /// What is said on one side, in the words of who says it; empty if nothing is.
    pub a: String,
    /// What is said on the other.
    pub b: String,
    /// Whether the first VM with this of the second is measured otherwise, or is not refused where
    /// it was; `None` if that can not be told, since it is refused with this alone.
    pub decides: Option<bool>,
}

/// "RAM: `-m 1G` against `-m 512M`".
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &str| match text {
            "" => "nothing".to_owned(),
            text => format!("`{text}`"),
        };
        write!(f, "{}: {} against {}", self.about, text(&self.a), text(&self.b))
    }
}

/// A capability: what it is, its option, its value in words, and how one host gets another's.
type Capability = (&'static str, &'static str, fn(&Caps) -> String, fn(&mut Caps, &Caps));

/// A capability that is one field.
macro_rules! capability {
    ($about:literal, $option:literal, $field:ident) => {
        ($about, $option, |caps| caps.$field.to_string(), |to, from| to.$field = from.$field)
    };
}

const CAPABILITIES: &[Capability] = &[
    capability!("the host's IPA bits", "--ipa-bits", ipa_bits),
    capability!("the host's LPA2", "--lpa2", lpa2),
    capability!("the host's breakpoints", "--num-bps", num_bps),
    capability!("the host's watchpoints", "--num-wps", num_wps),
    capability!("whether the host has a PMU", "--pmu", pmu),
    capability!("the host's PMU counters", "--pmu-counters", pmu_counters),
    (
        "the host's longest SVE vector",
        "--sve-vl",
        |caps| caps.sve_vls.iter().max().copied().unwrap_or(0).to_string(),
        |to, from| to.sve_vls.clone_from(&from.sve_vls),
    ),
    capability!("the host's GICv3", "--gicv3", gicv3),
    capability!("the host's ITS", "--its", its),
    capability!("the host's GICv2", "--gicv2", gicv2),
    capability!("the host's most vCPUs", "--max-vcpus", max_vcpus),
    capability!("the host's pages", "--host-page-size", host_page_size),
];

/// What two requests say otherwise; what decides first. `files` opens the files of both.
/// `is_refused` says that the first VM does not boot: then what is said otherwise is tried in full.
///
/// # Errors
/// If version, host or RMM of one of them do not go together, or a VMM does not take its options.
pub fn causes(
    a: &Request,
    b: &Request,
    files: &mut dyn Files,
    is_refused: bool,
) -> Result<Vec<Cause>, Error> {
    let plan = a.candidate(files).ok().filter(|_| !is_refused);
    let mut trial = Trial { plan, is_refused, files };
    let mut causes = Vec::new();
    let (x, y) = (a.setting()?, b.setting()?);
    if a.vmm == b.vmm {
        options(a, b, [x.version.name, y.version.name], &mut trial, &mut causes)?;
    } else {
        let name = |vmm: Vmm| vmm.name().to_owned();
        let (a, b) = (name(a.vmm), name(b.vmm));
        causes.push(Cause { about: "the VMM".into(), a, b, decides: None });
    }
    around(a, b, [&x, &y], &mut trial, &mut causes);
    causes.sort_by_key(|cause| cause.decides == Some(false));
    Ok(causes)
}

/// Plans the first VM again, otherwise.
struct Trial<'f> {
    plan: Option<Plan>,
    is_refused: bool,
    files: &'f mut dyn Files,
}

impl Trial<'_> {
    fn decides(&mut self, other: Result<Plan, Error>) -> Option<bool> {
        if self.is_refused {
            let boots = |plan: Plan| plan.boot(Hasher::default(), Vec::new(), &mut |_| {}).is_ok();
            return Some(other.is_ok_and(boots));
        }
        Some(!is_measured_alike(self.plan.as_ref()?, &other.ok()?))
    }
}

/// Whether two plans give one RIM, as far as can be told before they are booted.
fn is_measured_alike(a: &Plan, b: &Plan) -> bool {
    let of_host = |plan: &Plan| (plan.host.generation, plan.rule(), plan.asked_hash_algo());
    let start = |plan: &Plan| plan.start(Hasher::default()).ok();
    // Where memory comes from is not measured.
    let vm = |plan: &Plan| {
        let mut vm = plan.vm.clone();
        vm.slots.iter_mut().for_each(|slot| slot.guest_memfd = true);
        vm
    };
    of_host(a) == of_host(b) && start(a) == start(b) && trial::is_same(&vm(a), &vm(b))
}

/// The options of the VMM.
fn options(
    a: &Request,
    b: &Request,
    versions: [&str; 2],
    trial: &mut Trial<'_>,
    causes: &mut Vec<Cause>,
) -> Result<(), Error> {
    let x = a.vmm.settings(versions[0], &a.argv)?;
    let y = b.vmm.settings(versions[1], &b.argv)?;
    let find = |list: &[crate::host::Setting], about: &str| {
        list.iter().find(|setting| setting.about == about).cloned()
    };
    let only_b = y.iter().filter(|setting| find(&x, &setting.about).is_none());
    for setting in x.iter().chain(only_b) {
        let about = &setting.about;
        let (own, other) = (find(&x, about), find(&y, about));
        if own == other {
            continue;
        }
        let rest = x.iter().filter(|setting| setting.about != *about);
        let words = rest.chain(&other).flat_map(|setting| setting.words.clone()).collect();
        let changed = Request { argv: words, ..a.clone() };
        let decides = trial_of(trial, &changed);
        let text = |setting: Option<crate::host::Setting>| {
            setting.map_or_else(String::new, |setting| setting.to_string())
        };
        causes.push(Cause { about: about.clone(), a: text(own), b: text(other), decides });
    }
    Ok(())
}

fn trial_of(trial: &mut Trial<'_>, changed: &Request) -> Option<bool> {
    let plan = changed.candidate(trial.files);
    trial.decides(plan)
}

/// KVM, the VMM's version, the RMM, what the host offers, and the device tree beside it.
fn around(
    a: &Request,
    b: &Request,
    [x, y]: [&Setting; 2],
    trial: &mut Trial<'_>,
    causes: &mut Vec<Cause>,
) {
    let mut add = |about: &str, said: [String; 2], decides| {
        let [a, b] = said;
        causes.push(Cause { about: about.to_owned(), a, b, decides });
    };
    let option = |option: &str, values: [&str; 2]| values.map(|value| format!("{option} {value}"));
    if x.host.name != y.host.name {
        let changed = Request { host: Some(y.host.name.into()), edition: None, ..a.clone() };
        let both = Request { version: Some(y.version.name.into()), ..changed.clone() };
        let decides = trial_of(trial, &changed).or_else(|| trial_of(trial, &both));
        add("the host's KVM", option("--host", [x.host.name, y.host.name]), decides);
    }
    if x.version.name != y.version.name && a.vmm == b.vmm {
        let changed = Request { version: Some(y.version.name.into()), ..a.clone() };
        let both = Request { host: Some(y.host.name.into()), edition: None, ..changed.clone() };
        let decides = trial_of(trial, &changed).or_else(|| trial_of(trial, &both));
        let names = [x.version.name, y.version.name];
        add("the VMM's version", option("--vmm-version", names), decides);
    }
    if x.profile != y.profile {
        let rules = [x, y].map(|side| side.profile.rim_rule());
        let names = rules.map(|rule| rule.name());
        add("the RMM's rule", option("--rim-rule", names), Some(rules[0] != rules[1]));
    }
    for (about, name, text, set) in CAPABILITIES {
        let values = [text(&x.caps), text(&y.caps)];
        if values[0] == values[1] {
            continue;
        }
        let mut caps = x.caps.clone();
        set(&mut caps, &y.caps);
        let Setting { version, host, profile, .. } = *x;
        let setting = Setting { version, host, profile, caps, decisions: Vec::new() };
        let plan = a.plan_on(setting, &mut Opened::new(trial.files));
        let decides = trial.decides(plan);
        let values = values.each_ref().map(String::as_str);
        add(&of_numbers(about, values), option(name, values), decides);
    }
    if a.device_tree != b.device_tree {
        let changed = Request { device_tree: b.device_tree.clone(), ..a.clone() };
        let decides = trial_of(trial, &changed);
        let said = [a, b].map(|side| match &side.device_tree {
            Some(tree) => format!("--dtb {}", tree.name()),
            None => String::new(),
        });
        add("the device tree", said, decides);
    }
}

/// What is counted, with how many more one side has.
fn of_numbers(about: &str, [a, b]: [&str; 2]) -> String {
    match (a.parse::<u16>(), b.parse::<u16>()) {
        (Ok(a), Ok(b)) if a > b => format!("{about} ({} more)", a - b),
        (Ok(a), Ok(b)) => format!("{about} ({} fewer)", b - a),
        _ => about.to_owned(),
    }
}
