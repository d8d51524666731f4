//! What a search may vary, and the values that it may take.

use std::fmt;

use thiserror::Error;

use crate::abi::addr::{GRANULE_SIZE, align_down};
use crate::abi::granule_size::GranuleSize;
use crate::encoding::nearest::{DidYouMean, there_are};
use crate::host::caps::CAPS_PRESETS;
use crate::host::kvm::{HOSTS, HostProfile};
use crate::host::{Call, Layer, OptionChange, Refusal};
use crate::measure::rule::RimRule;
use crate::predict::Plan;

/// Most values of one axis.
const MAX_VALUES: usize = 4096;

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
    RimRule,
    HostPageSize,
    PayloadWindow,
    OptionVariant,
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
    /// The rule by which the RMM measures; `None` for that of the host's RMM.
    RimRule(Option<RimRule>),
    /// The size of the host kernel's pages.
    HostPageSize(GranuleSize),
    /// How much of RAM kvmtool uses for images, in bytes.
    PayloadWindow(u64),
    /// Other options of the VMM.
    Options(OptionChange),
}

/// A size of RAM, in MiB or GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemSize {
    count: u32,
    gib: bool,
}

impl MemSize {
    /// A number of at most nine digits without a zero at the start, and M or G.
    fn read(text: &str) -> Option<Self> {
        let gib = text.ends_with('G');
        let digits = text.strip_suffix(['M', 'G'])?;
        let some = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let count = Some(digits).filter(|digits| some && digits.len() <= 9)?.parse().ok()?;
        Some(Self { count, gib })
    }

    /// Two sizes as counts of the first one's unit, and that unit. The second is rounded down.
    fn span(first: &str, last: &str) -> Option<(u64, u64, &'static str)> {
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
    /// No list of its own: another option gives it.
    #[error("{0}: its values are given with --{0}")]
    OwnOption(&'static str),
}

impl Parameter {
    /// All of them.
    pub const ALL: [Self; 21] = [
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
            Self::RimRule => "rim-rule",
            Self::HostPageSize => "host-page-size",
            Self::PayloadWindow => "payload-window",
            Self::OptionVariant => "option-variant",
        }
    }

    /// The parameter with this name.
    ///
    /// # Errors
    /// If there is none; the error names those that exist.
    pub fn from_name(name: &str) -> Result<Self, KnobError> {
        let found = Self::ALL.into_iter().find(|parameter| parameter.name() == name);
        found.ok_or_else(|| KnobError::Parameter(name.to_owned()))
    }

    fn names_beside(name: &str) -> String {
        there_are(name, &Self::ALL.map(Self::name))
    }

    /// Values that hosts are known to have, the likeliest first; none where somebody has to say.
    #[must_use]
    pub fn default_values(self) -> Vec<Knob> {
        let text = match self {
            // Those that are the same as another are left out.
            Self::Host => {
                let own = HOSTS.iter().filter(|host| host.same_as.is_none());
                return own.map(|host| Knob::Host(host.name)).collect();
            }
            Self::IpaBits => "40,48,33-39,41-47",
            Self::Platform => {
                let presets = CAPS_PRESETS.iter();
                return presets.map(|preset| Knob::Platform(preset.name.to_owned())).collect();
            }
            Self::Cpus => "1,2,4,8",
            Self::Mem => "256M,512M,1G,2G,4G",
            Self::Lpa2 => "false,true",
            Self::NumBps => "6,16,2,4,8",
            Self::NumWps => "4,16,2,8",
            Self::PmuCounters => "none,6,8,4,31,0",
            Self::SveVl => "0,128,256,512,1024,2048",
            Self::Log => "false,true",
            Self::Align => "vmm,64K",
            Self::Order => "vmm,ascending,descending",
            Self::StartLevel => "kvm,0,1,2,3",
            // One of them is the host's own.
            Self::RimRule => {
                return RimRule::ALL.map(|rule| Knob::RimRule(Some(rule))).into();
            }
            Self::HostPageSize => "4K,16K,64K",
            Self::PayloadWindow => "256M,512M",
            Self::VmmVersion | Self::AppendVariant | Self::DtbCandidate | Self::OptionVariant => {
                return Vec::new();
            }
        };
        self.values(text).expect("values of our own")
    }

    /// Reads values with commas between them. `A-B`, or `A..B`, are all numbers from A to B, both
    /// included; of sizes, all from A to B in whole units of A: `1G..4G` is 1G, 2G, 3G and 4G.
    ///
    /// # Errors
    /// If one is none that the parameter can have.
    pub fn values(self, text: &str) -> Result<Vec<Knob>, KnobError> {
        if matches!(self, Self::AppendVariant | Self::DtbCandidate | Self::OptionVariant) {
            return Err(KnobError::OwnOption(self.name()));
        }
        let mut values = Vec::new();
        for word in text.split(',').map(str::trim) {
            match self.range(word)? {
                Some(range) => values.extend(range),
                None => values.push(self.value(word)?),
            }
        }
        let mut seen = Vec::new();
        values.retain(|value| {
            !seen.contains(value) && {
                seen.push(value.clone());
                true
            }
        });
        Ok(values)
    }

    fn range(self, word: &str) -> Result<Option<Vec<Knob>>, KnobError> {
        let ends = word.split_once("..").or_else(|| word.split_once('-'));
        let numbers = ends.and_then(|(first, last)| {
            if self == Self::Mem {
                return MemSize::span(first, last);
            }
            Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?, ""))
        });
        let Some((first, last, unit)) = numbers else { return Ok(None) };
        if first > last || last - first >= MAX_VALUES as u64 {
            let expected = format!("no range: at most {MAX_VALUES} values, the least first");
            return Err(self.wrong(word, expected));
        }
        // Vector lengths come in steps.
        let step = if self == Self::SveVl { 128 } else { 1 };
        (first..=last)
            .step_by(step)
            .map(|n| self.value(&format!("{n}{unit}")))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn value(self, word: &str) -> Result<Knob, KnobError> {
        let wrong = |expected: &str| self.wrong(word, expected.to_owned());
        let number = |least: u64, most: u64| {
            let found = word.parse::<u64>().ok().filter(|n| (least..=most).contains(n));
            found.ok_or_else(|| wrong(&format!("no number from {least} to {most}")))
        };
        let byte = |least: u8, most: u8| {
            let found = number(least.into(), most.into())?;
            Ok(u8::try_from(found).expect("at most a byte"))
        };
        let on = || word.parse::<bool>().map_err(|_| wrong("neither true nor false"));
        Ok(match self {
            Self::Host => {
                let host =
                    HostProfile::from_name(word).map_err(|why| wrong(&format!("no KVM: {why}")))?;
                Knob::Host(host.name)
            }
            Self::Platform if word.split('+').any(str::is_empty) => {
                return Err(wrong("no name, nor several with + between them"));
            }
            Self::Platform => Knob::Platform(word.to_owned()),
            Self::Cpus => {
                let count = number(1, MAX_VALUES as u64)?;
                Knob::Cpus(u32::try_from(count).expect("it is small"))
            }
            Self::Mem => {
                let size = MemSize::read(word);
                Knob::Mem(size.ok_or_else(|| wrong("no size such as 512M or 2G"))?)
            }
            Self::IpaBits => Knob::IpaBits(byte(32, 52)?),
            Self::Lpa2 => Knob::Lpa2(on()?),
            Self::NumBps => Knob::NumBps(byte(2, 64)?),
            Self::NumWps => Knob::NumWps(byte(2, 64)?),
            Self::PmuCounters if word == "none" => Knob::PmuCounters(None),
            Self::PmuCounters => Knob::PmuCounters(Some(byte(0, 31)?)),
            Self::SveVl => {
                let bits = number(0, 2048)?;
                if bits % 128 != 0 {
                    return Err(wrong("no multiple of 128 bits"));
                }
                Knob::SveVl(u16::try_from(bits).expect("at most 2048"))
            }
            Self::VmmVersion => Knob::VmmVersion(word.to_owned()),
            Self::Log => Knob::Log(on()?),
            Self::Align | Self::Order => self.shape(word)?,
            Self::StartLevel if word == "kvm" => Knob::StartLevel(None),
            Self::StartLevel => Knob::StartLevel(Some(byte(0, 3)?)),
            Self::RimRule => Knob::RimRule(self.rule(word)?),
            Self::HostPageSize => {
                let size = GranuleSize::from_name(&word.to_ascii_lowercase());
                Knob::HostPageSize(size.ok_or_else(|| wrong("none of 4K, 16K, 64K"))?)
            }
            Self::PayloadWindow => {
                let size = MemSize::read(word).map(MemSize::bytes);
                let sizes = [256 << 20, 512 << 20];
                let size = size.filter(|size| sizes.contains(size));
                Knob::PayloadWindow(size.ok_or_else(|| wrong("neither 256M nor 512M"))?)
            }
            Self::OptionVariant => Knob::Options(OptionChange::with(&[word])),
            Self::AppendVariant => Knob::Append(word.to_owned()),
            Self::DtbCandidate => Knob::Dtb(word.to_owned()),
        })
    }

    /// How regions are laid out.
    fn shape(self, word: &str) -> Result<Knob, KnobError> {
        let wrong = |expected: &str| self.wrong(word, expected.to_owned());
        Ok(match (self, word) {
            (Self::Align, "vmm") => Knob::Align(0),
            (Self::Align, "4K") => Knob::Align(4 << 10),
            (Self::Align, "64K") => Knob::Align(64 << 10),
            (Self::Align, "2M") => Knob::Align(2 << 20),
            (Self::Align, _) => return Err(wrong("none of vmm, 4K, 64K, 2M")),
            (_, "vmm") => Knob::Order(Order::Vmm),
            (_, "ascending") => Knob::Order(Order::Ascending),
            (_, "descending") => Knob::Order(Order::Descending),
            _ => return Err(wrong("none of vmm, ascending, descending")),
        })
    }

    fn rule(self, word: &str) -> Result<Option<RimRule>, KnobError> {
        let rule = RimRule::from_name(word);
        if word == "host" || rule.is_some() {
            return Ok(rule);
        }
        let known = RimRule::ALL.map(RimRule::name);
        let meant = DidYouMean::of(word, known);
        Err(self.wrong(word, format!("none of host, {}{meant}", known.join(", "))))
    }

    fn wrong(self, value: &str, expected: String) -> KnobError {
        KnobError::Value { parameter: self.name(), value: value.to_owned(), expected }
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
            Self::RimRule(_) => Parameter::RimRule,
            Self::HostPageSize(_) => Parameter::HostPageSize,
            Self::PayloadWindow(_) => Parameter::PayloadWindow,
            Self::Options(_) => Parameter::OptionVariant,
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
            Self::StartLevel(level) => planned.start_level = *level,
            Self::RimRule(Some(rule)) => planned.set_rule(*rule)?,
            _ => {}
        }
        Ok(())
    }
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
            Self::Lpa2(on) | Self::Log(on) => write!(f, "{on}"),
            Self::Align(0) => f.write_str("vmm"),
            Self::Align(bytes) if *bytes >= 1 << 20 => write!(f, "{}M", bytes >> 20),
            Self::Align(bytes) => write!(f, "{}K", bytes >> 10),
            Self::StartLevel(Some(n)) => write!(f, "{n}"),
            Self::StartLevel(None) => f.write_str("kvm"),
            Self::RimRule(rule) => f.write_str(rule.map_or("host", RimRule::name)),
            Self::HostPageSize(size) => f.write_str(&size.name().to_ascii_uppercase()),
            Self::PayloadWindow(bytes) => write!(f, "{}M", bytes >> 20),
            Self::Options(change) => write!(f, "{change}"),
            Self::Order(Order::Vmm) => f.write_str("vmm"),
            Self::Order(Order::Ascending) => f.write_str("ascending"),
            Self::Order(Order::Descending) => f.write_str("descending"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_ends() {
        let texts = |parameter: Parameter, text: &str| -> Vec<String> {
            let values = parameter.values(text).expect(text);
            values.iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts(Parameter::Mem, "1G..4G"), ["1G", "2G", "3G", "4G"]);
        assert_eq!(texts(Parameter::Mem, "1G-2G,512M"), ["1G", "2G", "512M"]);
        let small = texts(Parameter::Mem, "1023M..1G");
        assert_eq!(small, ["1023M", "1024M"]);
        assert_eq!(texts(Parameter::Mem, "1G..2047M"), ["1G"]);
        assert_eq!(texts(Parameter::NumBps, "2..4"), texts(Parameter::NumBps, "2-4"));
        assert_eq!(texts(Parameter::SveVl, "128..512"), ["128", "256", "384", "512"]);
        for (text, why) in [
            ("4G..1G", "no range: at most 4096 values, the least first"),
            ("1M..8G", "no range: at most 4096 values, the least first"),
            ("1G..", "no size such as 512M or 2G"),
            ("1..8", "no size such as 512M or 2G"),
            ("0G..1G", "no size such as 512M or 2G"),
        ] {
            let error = Parameter::Mem.values(text).expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn values_print_as_they_are_read() {
        for parameter in Parameter::ALL {
            for value in parameter.default_values() {
                let read = parameter.values(&value.to_string());
                assert_eq!(read, Ok(vec![value.clone()]));
                assert_eq!(value.parameter(), parameter);
            }
        }
        let lengths = Parameter::SveVl.values("0,128-512,256").unwrap();
        assert_eq!(lengths.len(), 5);
    }

    #[test]
    fn mistakes() {
        for (name, text, message) in [
            ("ipa-bits", "20", "ipa-bits: `20` is no number from 32 to 52"),
            ("ipa-bits", "", "ipa-bits: `` is no number"),
            ("ipa-bits", "48-33", "`48-33` is no range: at most 4096 values"),
            ("num-bps", "x", "num-bps: `x` is no number from 2 to 64"),
            ("sve-vl", "100", "sve-vl: `100` is no multiple of 128 bits"),
            ("host", "kvm-v1", "host: `kvm-v1` is no KVM: the first series"),
            ("order", "up", "order: `up` is none of vmm, ascending, descending"),
            ("align", "1", "align: `1` is none of vmm, 4K, 64K, 2M"),
            ("cpus", "0", "cpus: `0` is no number from 1 to 4096"),
            ("mem", "1024", "mem: `1024` is no size such as 512M or 2G"),
            ("platform", "fvp+", "platform: `fvp+` is no name, nor several with +"),
            ("start-level", "4", "start-level: `4` is no number from 0 to 3"),
            ("rim-rule", "1.0", "`1.0` is none of host, rmm-1.0, tf-rmm-0.9, rmm-2.0"),
            ("log", "yes", "log: `yes` is neither true nor false"),
            ("append-variant", "a", "its values are given with --append-variant"),
        ] {
            let error = Parameter::from_name(name).unwrap().values(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let error = Parameter::from_name("bps").unwrap_err().to_string();
        assert!(error.starts_with("bps: there is no such parameter; there are host, ipa-bits"));
    }
}
