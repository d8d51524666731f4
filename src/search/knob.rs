//! What a search may vary, and the values that it may take.

use std::fmt;

use thiserror::Error;

use crate::abi::addr::{GRANULE_SIZE, align_down};
use crate::abi::granule_size::GranuleSize;
use crate::encoding::nearest::there_are;
use crate::host::{Call, Layer, OptionChange, Refusal};
use crate::measure::rule::RimRule;
use crate::predict::Plan;

/// A parameter. Those that the Realm is created with come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are the options of the command line")]
#[non_exhaustive]
pub enum Parameter {
    Host,
    IpaBits,
    Lpa2,
    NumBps,
    NumWps,
    PmuCounters,
    SveVl,
    Platform,
    VmmVersion,
    Cpus,
    Mem,
    AppendVariant,
    DtbCandidate,
    Log,
    Align,
    Order,
    StartLevel,
    Da,
    Mec,
    Lfa,
    RimRule,
    HostPageSize,
    PayloadWindow,
    OptionVariant,
    /// What the VMM's own options decide, by what it is about: `console`, `kernel`.
    Setting(&'static str),
}

/// One value of one parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Knob {
    /// The KVM, by name.
    Host(&'static str),
    /// What the host offers: presets or files, with `+` between those that it has together.
    Platform(String),
    /// IPA bits of the Realm.
    IpaBits(u8),
    /// Whether the host kernel runs with LPA2.
    Lpa2(bool),
    /// Breakpoints of the host, as a count.
    NumBps(u8),
    /// Watchpoints of the host, as a count.
    NumWps(u8),
    /// PMU counters of the host; `None` for no PMU.
    PmuCounters(Option<u8>),
    /// Longest SVE vector of the host in bits; 0 for none.
    SveVl(u16),
    /// The VMM's version, by name.
    VmmVersion(String),
    /// vCPUs.
    Cpus(u32),
    /// RAM.
    Mem(MemSize),
    /// Another text for the guest kernel's command line.
    Append(String),
    /// Another device tree, by the name of its file.
    Dtb(String),
    /// Whether there is a measurement log.
    Log(bool),
    /// What populated regions are rounded to, in bytes; 0 as the VMM has it.
    Align(u64),
    /// The order in which regions are populated.
    Order(Order),
    /// The level at which RTTs start; `None` for KVM's own choice.
    StartLevel(Option<u8>),
    /// Whether devices can be assigned to the Realm (2.0).
    Da(bool),
    /// RmiMecPolicy (2.0): 0 shared, 1 private.
    Mec(u8),
    /// RmiLfaPolicy (2.0): 0 does not permit it, 1 does.
    Lfa(u8),
    /// The rule by which the RMM measures; `None` for that of the host's RMM.
    RimRule(Option<RimRule>),
    /// The size of the host kernel's pages.
    HostPageSize(GranuleSize),
    /// How much of RAM kvmtool uses for images, in bytes.
    PayloadWindow(u64),
    /// Other options of the VMM.
    Options(OptionChange),
    /// Another value of what the VMM's options decide.
    Setting {
        /// What it is about.
        about: &'static str,
        /// The options that say it.
        change: OptionChange,
        /// How it is written.
        text: String,
    },
}

/// A size of RAM, in MiB or GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemSize {
    count: u32,
    gib: bool,
}

impl MemSize {
    /// A number of at most nine digits without a zero at the start, and M or G.
    pub(super) fn read(text: &str) -> Option<Self> {
        let gib = text.ends_with('G');
        let digits = text.strip_suffix(['M', 'G'])?;
        let some = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let count = Some(digits).filter(|digits| some && digits.len() <= 9)?.parse().ok()?;
        Some(Self { count, gib })
    }

    /// Two sizes as counts of the first one's unit, and that unit. The second is rounded down.
    pub(super) fn span(first: &str, last: &str) -> Option<(u64, u64, &'static str)> {
        let (first, last) = (Self::read(first)?, Self::read(last)?);
        let unit = Self { count: 1, ..first };
        let letter = if first.gib { "G" } else { "M" };
        Some((first.count.into(), last.bytes() / unit.bytes(), letter))
    }

    /// The size in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.count) << if self.gib { 30 } else { 20 }
    }
}

impl fmt::Display for MemSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, if self.gib { 'G' } else { 'M' })
    }
}

/// What scripts can say of a Realm of RMM 2.0 and no RIM shows, and what each is.
const NOT_MEASURED: [(&str, &str); 3] = [
    ("planes", "the number of auxiliary planes"),
    ("rtt_tree_pp", "whether each plane has tables of its own"),
    ("rtt-tree-pp", "whether each plane has tables of its own"),
];

/// The policies of RMM 2.0 by name, for each value.
pub(super) const MEC_POLICIES: [&str; 2] = ["shared", "private"];
pub(super) const LFA_POLICIES: [&str; 2] = ["disallow", "allow"];

/// An order of regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// The VMM's own.
    Vmm,
    /// By address.
    Ascending,
    /// By address, from above.
    Descending,
}

/// Why a text names no values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KnobError {
    /// No such parameter.
    #[error("{0}: there is no such parameter; {known}", known = Parameter::names_beside(.0))]
    Parameter(String),
    /// A value that the parameter can not have.
    #[error("{parameter}: `{value}` is {expected}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// The value.
        value: String,
        /// What it would have to be.
        expected: String,
    },
    /// A parameter of Realms that no RMM measures.
    #[error("{0}: {1} is in no RIM, so no RIM tells it; a token may")]
    NotMeasured(&'static str, &'static str),
    /// Values that only a VMM's command line tells.
    #[error("{0}: its values are options of a VMM, which only its command line tells")]
    OfVmm(&'static str),
    /// No list of its own: another option gives it.
    #[error("{0}: its values are given with --{0}")]
    OwnOption(&'static str),
}

impl Parameter {
    /// All that every VMM has.
    pub const ALL: [Self; 24] = [
        Self::Host,
        Self::IpaBits,
        Self::Lpa2,
        Self::NumBps,
        Self::NumWps,
        Self::PmuCounters,
        Self::SveVl,
        Self::Platform,
        Self::VmmVersion,
        Self::Cpus,
        Self::Mem,
        Self::AppendVariant,
        Self::DtbCandidate,
        Self::Log,
        Self::Align,
        Self::Order,
        Self::StartLevel,
        Self::Da,
        Self::Mec,
        Self::Lfa,
        Self::RimRule,
        Self::HostPageSize,
        Self::PayloadWindow,
        Self::OptionVariant,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Platform => "platform",
            Self::IpaBits => "ipa-bits",
            Self::Lpa2 => "lpa2",
            Self::NumBps => "num-bps",
            Self::NumWps => "num-wps",
            Self::PmuCounters => "pmu-counters",
            Self::SveVl => "sve-vl",
            Self::VmmVersion => "vmm-version",
            Self::Cpus => "cpus",
            Self::Mem => "mem",
            Self::AppendVariant => "append-variant",
            Self::DtbCandidate => "dtb-candidate",
            Self::Log => "log",
            Self::Align => "align",
            Self::Order => "order",
            Self::StartLevel => "start-level",
            Self::Da => "da",
            Self::Mec => "mec",
            Self::Lfa => "lfa",
            Self::RimRule => "rim-rule",
            Self::HostPageSize => "host-page-size",
            Self::PayloadWindow => "payload-window",
            Self::OptionVariant => "option-variant",
            Self::Setting(about) => about,
        }
    }

    /// The parameter with this name.
    ///
    /// # Errors
    /// If there is none; the error names those that exist.
    pub fn from_name(name: &str) -> Result<Self, KnobError> {
        let found = Self::ALL.into_iter().find(|parameter| parameter.name() == name);
        found.ok_or_else(|| match NOT_MEASURED.into_iter().find(|(known, _)| *known == name) {
            Some((known, what)) => KnobError::NotMeasured(known, what),
            None => KnobError::Parameter(name.to_owned()),
        })
    }

    fn names_beside(name: &str) -> String {
        there_are(name, &Self::ALL.map(Self::name))
    }
}

impl Knob {
    /// The parameter that it is a value of.
    #[must_use]
    pub const fn parameter(&self) -> Parameter {
        match self {
            Self::Host(_) => Parameter::Host,
            Self::IpaBits(_) => Parameter::IpaBits,
            Self::Lpa2(_) => Parameter::Lpa2,
            Self::NumBps(_) => Parameter::NumBps,
            Self::NumWps(_) => Parameter::NumWps,
            Self::PmuCounters(_) => Parameter::PmuCounters,
            Self::SveVl(_) => Parameter::SveVl,
            Self::VmmVersion(_) => Parameter::VmmVersion,
            Self::Platform(_) => Parameter::Platform,
            Self::Cpus(_) => Parameter::Cpus,
            Self::Mem(_) => Parameter::Mem,
            Self::Append(_) => Parameter::AppendVariant,
            Self::Dtb(_) => Parameter::DtbCandidate,
            Self::Log(_) => Parameter::Log,
            Self::Align(_) => Parameter::Align,
            Self::Order(_) => Parameter::Order,
            Self::StartLevel(_) => Parameter::StartLevel,
            Self::Da(_) => Parameter::Da,
            Self::Mec(_) => Parameter::Mec,
            Self::Lfa(_) => Parameter::Lfa,
            Self::RimRule(_) => Parameter::RimRule,
            Self::HostPageSize(_) => Parameter::HostPageSize,
            Self::PayloadWindow(_) => Parameter::PayloadWindow,
            Self::Options(_) => Parameter::OptionVariant,
            Self::Setting { about, .. } => Parameter::Setting(about),
        }
    }

    /// Changes what the VMM made of its command line; capabilities and arguments are changed before
    /// the VMM reads them.
    ///
    /// # Errors
    /// If there is no such VM.
    pub fn edit(&self, planned: &mut Plan) -> Result<(), Refusal> {
        match self {
            Self::IpaBits(bits) => planned.vm.ipa_bits = *bits,
            Self::Align(bytes) if *bytes > GRANULE_SIZE => align(planned, *bytes)?,
            Self::Order(order) if *order != Order::Vmm => reorder(planned, *order),
            Self::StartLevel(level) => planned.unseen.start_level = *level,
            Self::Da(on) => planned.unseen.assigns_devices = Some(*on),
            Self::Mec(policy) => planned.unseen.mec_policy = Some(*policy),
            Self::Lfa(policy) => planned.unseen.lfa_policy = Some(*policy),
            Self::RimRule(Some(rule)) => planned.set_rule(*rule)?,
            _ => {}
        }
        Ok(())
    }
}

/// A policy as it is written.
fn policy_name(policy: u8, names: [&str; 2]) -> String {
    names.get(usize::from(policy)).map_or_else(|| policy.to_string(), |name| (*name).to_owned())
}

/// Moves both ends of each region outwards; what is new reads as zero.
fn align(planned: &mut Plan, bytes: u64) -> Result<(), Refusal> {
    for region in &mut planned.vm.regions {
        let base = align_down(region.ipa.start, bytes);
        let top = region.ipa.end.checked_next_multiple_of(bytes);
        let Some(top) = top else {
            let why = "passes the end of the address space when it is aligned";
            let place = region.name.to_owned();
            return Err(Refusal::Refused { by: Layer::Vmm, place, why: why.into() });
        };
        region.fill_bytes += region.ipa.start - base;
        region.ipa = base..top;
    }
    Ok(())
}

fn reorder(planned: &mut Plan, order: Order) {
    let regions = &planned.vm.regions;
    let populated = |call: &Call| match call {
        Call::Populate(index) => Some(*index),
        _ => None,
    };
    let mut indices: Vec<usize> = planned.vm.calls.iter().filter_map(populated).collect();
    indices.sort_by_key(|index| regions[*index].ipa.start);
    if order == Order::Descending {
        indices.reverse();
    }
    let places = planned.vm.calls.iter_mut().filter(|call| populated(call).is_some());
    for (place, index) in places.zip(indices) {
        *place = Call::Populate(index);
    }
}

impl fmt::Display for Knob {
    /// The value as it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::VmmVersion(text) | Self::Append(text) | Self::Dtb(text) => f.write_str(text),
            Self::Platform(text) => f.write_str(text),
            Self::Mem(size) => write!(f, "{size}"),
            Self::Cpus(count) => write!(f, "{count}"),
            Self::IpaBits(n) | Self::NumBps(n) | Self::NumWps(n) => write!(f, "{n}"),
            Self::PmuCounters(Some(n)) => write!(f, "{n}"),
            Self::PmuCounters(None) => f.write_str("none"),
            Self::SveVl(bits) => write!(f, "{bits}"),
            Self::Lpa2(on) | Self::Log(on) | Self::Da(on) => write!(f, "{on}"),
            Self::Mec(policy) => f.write_str(&policy_name(*policy, MEC_POLICIES)),
            Self::Lfa(policy) => f.write_str(&policy_name(*policy, LFA_POLICIES)),
            Self::Align(0) => f.write_str("vmm"),
            Self::Align(bytes) if *bytes >= 1 << 20 => write!(f, "{}M", bytes >> 20),
            Self::Align(bytes) => write!(f, "{}K", bytes >> 10),
            Self::StartLevel(Some(n)) => write!(f, "{n}"),
            Self::StartLevel(None) => f.write_str("kvm"),
            Self::RimRule(rule) => f.write_str(rule.map_or("host", RimRule::name)),
            Self::HostPageSize(size) => f.write_str(&size.name().to_ascii_uppercase()),
            Self::PayloadWindow(bytes) => write!(f, "{}M", bytes >> 20),
            Self::Options(change) => write!(f, "{change}"),
            Self::Setting { text, .. } => f.write_str(text),
            Self::Order(Order::Vmm) => f.write_str("vmm"),
            Self::Order(Order::Ascending) => f.write_str("ascending"),
            Self::Order(Order::Descending) => f.write_str("descending"),
        }
    }
}
