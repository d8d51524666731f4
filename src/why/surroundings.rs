//! What may be otherwise around a command line: KVM, the VMM's version, the RMM, the machine.

use super::change::Change;
use crate::abi::granule_size::GranuleSize;
use crate::host::caps::{CAPS_PRESETS, CapsLayer};
use crate::host::kvm::HOSTS;
use crate::host::{Caps, Vmm};
use crate::measure::rule::RimRule;
use crate::predict::{Request, Surroundings};
use crate::search::{Knob, Parameter};

/// Numbers that hosts are seen to have cost less than those that could be.
const SEEN: u32 = 14;
const POSSIBLE: u32 = 24;

/// A change of an option of rimsim's own.
struct Own<'a> {
    about: &'static str,
    said: &'a str,
    option: &'static str,
}

impl Own<'_> {
    fn change(&self, needs: String, knob: Knob, cost: u32) -> Change {
        let (about, said) = (self.about, self.said.to_owned());
        let value = knob.to_string();
        Change {
            about,
            said,
            needs,
            fix: format!("{} {value}", self.option),
            knobs: vec![knob],
            cost,
        }
    }
}

/// What may be otherwise around the command line. If what was said does not fit together, it is
/// among that.
pub(super) fn surroundings(request: &Request, around: &Surroundings, fits: bool) -> Vec<Change> {
    let mut list = Vec::new();
    programs(request, around, fits, &mut list);
    rules(request, around, &mut list);
    machines(request, &mut list);
    capabilities(request, &around.caps, &mut list);
    let page = around.caps.host_page_size;
    let said = said(layers_say(request, "host_page_size"), &pages(page));
    let own = Own { about: "the host's pages", said: &said, option: "--host-page-size" };
    for size in GranuleSize::ALL.into_iter().filter(|size| *size != page) {
        let needs = format!("a host kernel with pages of {}", pages(size));
        list.push(own.change(needs, Knob::HostPageSize(size), 15));
    }
    if request.vmm == Vmm::Kvmtool {
        let window = request.overrides.payload_window_bytes;
        let said =
            window.map_or("nothing of the window".into(), |window| format!("{}M", window >> 20));
        let own =
            Own { about: "kvmtool's window for images", said: &said, option: "--payload-window" };
        for bytes in [256 << 20, 512 << 20].into_iter().filter(|bytes| Some(*bytes) != window) {
            let needs = format!("images in the first {} MiB of RAM", bytes >> 20);
            list.push(own.change(needs, Knob::PayloadWindow(bytes), 16));
        }
    }
    list
}

/// What was said, or what was taken since nothing was.
fn said(somebody: bool, value: &str) -> String {
    if somebody { value.to_owned() } else { format!("nothing, and {value} was assumed") }
}

fn pages(size: GranuleSize) -> String {
    format!("{} KiB", size.bytes() >> 10)
}

/// KVM and the VMM's version.
fn programs(request: &Request, around: &Surroundings, fits: bool, list: &mut Vec<Change>) {
    let own_class = around.host.same_as.unwrap_or(around.host.name);
    let own_class = Some(own_class).filter(|_| fits);
    let own_version = Some(around.version.name).filter(|_| fits);
    let said_host = said(request.host.is_some(), around.host.name);
    let own = Own { about: "the host's KVM", said: &said_host, option: "--host" };
    let kernels = HOSTS.iter().filter(|host| host.is_kernel && host.same_as.is_none());
    for host in kernels.filter(|host| Some(host.name) != own_class) {
        let needs = format!("{} as the host's KVM", host.name);
        list.push(own.change(needs, Knob::Host(host.name), 12));
    }
    let said_version = request.version.as_deref().unwrap_or(around.version.name);
    let said_version = said(request.version.is_some(), said_version);
    let name = request.vmm.name();
    let own = Own { about: "the VMM's version", said: &said_version, option: "--vmm-version" };
    let versions = request.vmm.versions().iter().filter(|version| version.has_realms());
    for version in versions.filter(|version| Some(version.name) != own_version) {
        let needs = format!("{name} {}", version.name);
        list.push(own.change(needs, Knob::VmmVersion(version.name.to_owned()), 13));
    }
}

/// The RMM, by its rule.
fn rules(request: &Request, around: &Surroundings, list: &mut Vec<Change>) {
    let rule = around.profile.rim_rule();
    let said = said(request.rmm.is_some() || request.rim_rule.is_some(), rule.name());
    let own = Own { about: "the RMM", said: &said, option: "--rim-rule" };
    for other in RimRule::ALL.into_iter().filter(|other| *other != rule) {
        let needs = format!("an RMM that measures by {}", other.name());
        list.push(own.change(needs, Knob::RimRule(Some(other)), 15));
    }
}

/// Machines that are known: they take the place of all capabilities that were said.
fn machines(request: &Request, list: &mut Vec<Change>) {
    let names: Vec<&str> = request.caps.iter().map(|(name, _)| name.as_str()).collect();
    let presets: Vec<_> = names.into_iter().filter(|name| *name != "the command line").collect();
    let said = match presets.as_slice() {
        [] => "nothing of the machine".to_owned(),
        names => names.join(" and "),
    };
    let own = Own { about: "the machine", said: &said, option: "--caps" };
    let known = CAPS_PRESETS.iter().map(|preset| preset.name);
    for name in known.filter(|name| presets.as_slice() != [*name]) {
        let needs = format!("the machine {name}{}", of_preset(request, name));
        list.push(own.change(needs, Knob::Platform(name.to_owned()), SEEN));
    }
}

/// What is taken of a machine that its name does not say.
fn of_preset(request: &Request, name: &str) -> String {
    let layer = CapsLayer::preset(name).map(|layer| (name.to_owned(), layer));
    let alone = Request { caps: layer.into_iter().collect(), ..request.clone() };
    let Ok(around) = alone.surroundings() else { return String::new() };
    let is_default = |key: &str| {
        around.decisions.iter().any(|decision| decision.key == key && decision.by == "default")
    };
    let knobs = knobs(&around.caps).into_iter().filter(|(key, _)| is_default(key));
    let taken: Vec<String> = knobs.map(|(_, knob)| described(&knob)).collect();
    match taken.is_empty() {
        true => String::new(),
        false => format!(" and nothing else said of it: {}", taken.join(", ")),
    }
}

/// The capabilities that people get wrong one by one, by their keys.
fn knobs(caps: &Caps) -> [(&'static str, Knob); 6] {
    let counters = caps.pmu.then_some(caps.pmu_counters);
    let longest = caps.sve_vls.iter().max().copied().unwrap_or(0);
    [
        ("num_bps", Knob::NumBps(caps.num_bps)),
        ("num_wps", Knob::NumWps(caps.num_wps)),
        ("pmu_counters", Knob::PmuCounters(counters)),
        ("sve_vls", Knob::SveVl(longest)),
        ("ipa_bits", Knob::IpaBits(caps.ipa_bits)),
        ("lpa2", Knob::Lpa2(caps.lpa2)),
    ]
}

/// Whether somebody says something of a capability.
fn layers_say(request: &Request, key: &str) -> bool {
    request.caps.iter().any(|(_, layer)| match key {
        "ipa_bits" => layer.ipa_bits.is_some(),
        "lpa2" => layer.lpa2.is_some(),
        "num_bps" => layer.num_bps.is_some(),
        "num_wps" => layer.num_wps.is_some(),
        "pmu_counters" => layer.pmu.is_some() || layer.pmu_counters.is_some(),
        "sve_vls" => layer.sve_vls.is_some(),
        _ => layer.host_page_size.is_some(),
    })
}

/// Capabilities one by one.
fn capabilities(request: &Request, caps: &Caps, list: &mut Vec<Change>) {
    let rows = [
        ("breakpoints", "--num-bps", "2-16,24,32,64"),
        ("watchpoints", "--num-wps", "2-16,24,32,64"),
        ("the PMU's counters", "--pmu-counters", "0-31"),
        ("the host's SVE", "--sve-vl", "128-2048"),
        ("IPA bits", "--ipa-bits", "32-52"),
        ("LPA2", "--lpa2", "false,true"),
    ];
    for ((key, now), (about, option, possible)) in knobs(caps).into_iter().zip(rows) {
        let parameter = now.parameter();
        let words = said(layers_say(request, key), &described(&now));
        let own = Own { about, said: &words, option };
        let seen = parameter.default_values();
        let possible = parameter.values(possible).expect("values of our own");
        let others = seen.iter().map(|knob| (knob, SEEN)).chain(
            possible.iter().filter(|knob| !seen.contains(knob)).map(|knob| (knob, POSSIBLE)),
        );
        for (knob, cost) in others.filter(|(knob, _)| **knob != now) {
            let mut change = own.change(described(knob), knob.clone(), cost);
            if *knob == Knob::PmuCounters(None) {
                change.fix = "--pmu false".to_owned();
            }
            list.push(change);
        }
    }
}

/// A capability in words.
fn described(knob: &Knob) -> String {
    match knob {
        Knob::NumBps(count) => format!("{count} breakpoints"),
        Knob::NumWps(count) => format!("{count} watchpoints"),
        Knob::PmuCounters(None) => "no PMU of the host".to_owned(),
        Knob::PmuCounters(Some(count)) => format!("a PMU of {count} counters"),
        Knob::SveVl(0) => "no SVE of the host".to_owned(),
        Knob::SveVl(bits) => format!("SVE of {bits} bits of the host"),
        Knob::IpaBits(bits) => format!("{bits} IPA bits"),
        Knob::Lpa2(true) => "LPA2".to_owned(),
        Knob::Lpa2(false) => "no LPA2".to_owned(),
        other => format!("{}={other}", Parameter::name(other.parameter())),
    }
}
