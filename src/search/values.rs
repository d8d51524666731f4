//! Values of what a search varies, as the command line writes them.

use super::knob::{Knob, KnobError, LFA_POLICIES, MEC_POLICIES, MemSize, Order, Parameter};
use crate::abi::granule_size::GranuleSize;
use crate::encoding::nearest::DidYouMean;
use crate::host::OptionChange;
use crate::host::caps::CAPS_PRESETS;
use crate::host::kvm::{HOSTS, HostProfile};
use crate::measure::rule::RimRule;

/// Most values of one axis.
const MAX_VALUES: usize = 4096;

impl Parameter {
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
            Self::Da => "false,true",
            Self::Mec => "shared,private",
            Self::Lfa => "disallow,allow",
            // One of them is the host's own.
            Self::RimRule => {
                return RimRule::ALL.map(|rule| Knob::RimRule(Some(rule))).into();
            }
            Self::HostPageSize => "4K,16K,64K",
            Self::PayloadWindow => "256M,512M",
            Self::VmmVersion
            | Self::AppendVariant
            | Self::DtbCandidate
            | Self::OptionVariant
            | Self::Setting(_) => return Vec::new(),
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
        if let Self::Setting(about) = self {
            return Err(KnobError::OfVmm(about));
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
            Self::Da => Knob::Da(on()?),
            Self::Mec => Knob::Mec(self.policy(word, MEC_POLICIES)?),
            Self::Lfa => Knob::Lfa(self.policy(word, LFA_POLICIES)?),
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
            Self::Setting(about) => return Err(KnobError::OfVmm(about)),
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

    /// A policy of two bits, by name or number.
    fn policy(self, word: &str, names: [&str; 2]) -> Result<u8, KnobError> {
        let named = (0..).zip(names).find(|(_, name)| *name == word).map(|(policy, _)| policy);
        let found = named.or_else(|| word.parse().ok().filter(|policy| *policy <= 3));
        let [zero, one] = names;
        found.ok_or_else(|| self.wrong(word, format!("none of {zero}, {one}, 0 to 3")))
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
            ("mec", "own", "mec: `own` is none of shared, private, 0 to 3"),
            ("lfa", "4", "lfa: `4` is none of disallow, allow, 0 to 3"),
            ("da", "1", "da: `1` is neither true nor false"),
            ("rim-rule", "1.0", "`1.0` is none of host, rmm-1.0, tf-rmm-0.9, rmm-2.0"),
            ("log", "yes", "log: `yes` is neither true nor false"),
            ("append-variant", "a", "its values are given with --append-variant"),
        ] {
            let error = Parameter::from_name(name).unwrap().values(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let error = Parameter::from_name("planes").unwrap_err().to_string();
        assert_eq!(
            error,
            "planes: the number of auxiliary planes is in no RIM, so no RIM tells it; a token may"
        );
        let error = Parameter::from_name("bps").unwrap_err().to_string();
        assert!(error.starts_with("bps: there is no such parameter; there are host, ipa-bits"));
    }
}
