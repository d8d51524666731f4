//! What a host can offer to a Realm: presets, files and options, one upon the other.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::profile::{Generation, HostProfile};
use crate::abi::granule_size::GranuleSize;
use crate::encoding::toml_text;

/// Capabilities of processor, KVM and RMM as the VMM sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Largest IPA size, in bits.
    pub ipa_bits: u8,
    /// Whether the host kernel runs with LPA2.
    pub lpa2: bool,
    /// Number of breakpoints; the ABI's fields hold one less.
    pub num_bps: u8,
    /// Number of watchpoints; the ABI's fields hold one less.
    pub num_wps: u8,
    /// Whether there is a PMU for guests.
    pub pmu: bool,
    /// Number of PMU counters (PMCR_EL0.N).
    pub pmu_counters: u8,
    /// Vector lengths of SVE in bits, ascending; empty if there is no SVE.
    pub sve_vls: Vec<u16>,
    /// Whether KVM emulates a GICv3.
    pub gicv3: bool,
    /// Whether KVM emulates the ITS of a GICv3.
    pub its: bool,
    /// Whether KVM emulates a GICv2.
    pub gicv2: bool,
    /// Most vCPUs of a VM.
    pub max_vcpus: u32,
    /// The size of the host kernel's pages.
    pub host_page_size: GranuleSize,
}

impl Caps {
    /// Largest IPA size that a VM can have, in bits: without LPA2 no more than 48.
    #[must_use]
    pub fn ipa_limit(&self) -> u8 {
        if self.lpa2 { self.ipa_bits } else { self.ipa_bits.min(48) }
    }
}

/// One source of capabilities: what it does not name it does not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields are those of Caps")]
pub struct CapsLayer {
    pub ipa_bits: Option<u8>,
    pub lpa2: Option<bool>,
    pub num_bps: Option<u8>,
    pub num_wps: Option<u8>,
    pub pmu: Option<bool>,
    pub pmu_counters: Option<u8>,
    pub sve_vls: Option<Vec<u16>>,
    pub gicv3: Option<bool>,
    pub its: Option<bool>,
    pub gicv2: Option<bool>,
    pub max_vcpus: Option<u32>,
    #[serde(default, deserialize_with = "page_size")]
    pub host_page_size: Option<GranuleSize>,
}

fn page_size<'de, D: Deserializer<'de>>(text: D) -> Result<Option<GranuleSize>, D::Error> {
    let name = String::deserialize(text)?;
    let unknown = || D::Error::custom(format!("{name:?} is none of 4k, 16k, 64k"));
    GranuleSize::from_name(&name.to_ascii_lowercase()).map(Some).ok_or_else(unknown)
}

/// Why capabilities can not be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CapsError {
    /// The text is not TOML, or has a key that means nothing.
    #[error("{0}")]
    Toml(String),
    /// A number that no host has.
    #[error("{key} is {found}; it has to be {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
}

/// Capabilities by name.
#[derive(Clone, Copy, Debug)]
pub struct CapsPreset {
    /// The name on the command line.
    pub name: &'static str,
    /// What it stands for, in one line.
    pub about: &'static str,
    make: fn() -> CapsLayer,
}

/// Every preset.
pub const CAPS_PRESETS: &[CapsPreset] = &[
    CapsPreset {
        name: "fvp",
        about: "Arm's FVP as the CCA reference stack starts it: IPA 52, 16/16, 8 counters, SVE 512",
        make: || machine(16, 16, 8, 512),
    },
    CapsPreset {
        name: "qemu-max",
        about: "QEMU's TCG with -cpu max as host: IPA 52, 6/4, 6 counters, SVE 2048",
        make: || machine(6, 4, 6, 2048),
    },
    CapsPreset {
        name: "kvm",
        about: "limit of KVM up to the series v12: no LPA2 for guests",
        make: || CapsLayer { lpa2: Some(false), ..CapsLayer::default() },
    },
    CapsPreset {
        name: "rmm-eac5",
        about: "limit of TF-RMM at its tag for RMM 1.0-eac5: 2/2",
        make: || CapsLayer { num_bps: Some(2), num_wps: Some(2), ..CapsLayer::default() },
    },
    CapsPreset {
        name: "tf-rmm-host",
        about: "TF-RMM's host build: IPA 48, LPA2, 2/2, 31 counters, no SVE",
        make: || CapsLayer {
            ipa_bits: Some(48),
            sve_vls: Some(Vec::new()),
            ..machine(2, 2, 31, 128)
        },
    },
];

fn machine(num_bps: u8, num_wps: u8, pmu_counters: u8, sve_vl: u16) -> CapsLayer {
    CapsLayer {
        ipa_bits: Some(52),
        lpa2: Some(true),
        num_bps: Some(num_bps),
        num_wps: Some(num_wps),
        pmu: Some(true),
        pmu_counters: Some(pmu_counters),
        sve_vls: Some(sve_lengths_up_to(sve_vl)),
        ..CapsLayer::default()
    }
}

/// The vector lengths of a processor whose longest is `bits`: the powers of two below, and itself.
#[must_use]
pub fn sve_lengths_up_to(bits: u16) -> Vec<u16> {
    let mut lengths: Vec<u16> =
        [128, 256, 512, 1024, 2048].into_iter().filter(|length| *length < bits).collect();
    lengths.extend(Some(bits).filter(|bits| *bits > 0));
    lengths
}

impl CapsLayer {
    /// The preset with this name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        CAPS_PRESETS.iter().find(|preset| preset.name == name).map(|preset| (preset.make)())
    }

    /// Reads a TOML text.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 300 bytes for each byte.
    ///
    /// # Errors
    /// If the text is not TOML, has an unknown key, or a number that no host has.
    pub fn from_toml(text: &str) -> Result<Self, CapsError> {
        let layer: Self = toml_text::read(text).map_err(CapsError::Toml)?;
        layer.check()?;
        Ok(layer)
    }

    /// Says whether a host can be like this.
    ///
    /// # Errors
    /// If a number is one that no host has.
    pub fn check(&self) -> Result<(), CapsError> {
        let check = |key, found: Option<u64>, least: u64, most: u64, expected| match found {
            Some(found) if !(least..=most).contains(&found) => {
                Err(CapsError::Value { key, found: found.to_string(), expected })
            }
            _ => Ok(()),
        };
        check("ipa_bits", self.ipa_bits.map(u64::from), 32, 52, "32 to 52")?;
        check("num_bps", self.num_bps.map(u64::from), 2, 64, "2 to 64, a count")?;
        check("num_wps", self.num_wps.map(u64::from), 2, 64, "2 to 64, a count")?;
        check("pmu_counters", self.pmu_counters.map(u64::from), 0, 31, "0 to 31")?;
        check("max_vcpus", self.max_vcpus.map(u64::from), 1, 4096, "1 to 4096")?;
        for bits in self.sve_vls.iter().flatten() {
            let fits = bits % 128 == 0;
            let found = if fits { u64::from(*bits) } else { 0 };
            let expected = "multiples of 128 from 128 to 2048";
            check("sve_vls", Some(found), 128, 2048, expected).map_err(|_| CapsError::Value {
                key: "sve_vls",
                found: bits.to_string(),
                expected,
            })?;
        }
        Ok(())
    }

    /// What a KVM and the RMM that it was written for do not pass on, whatever the machine has.
    ///
    /// TF-RMM of its tag for RMM 1.0-eac5 has two breakpoints and two watchpoints. Of `layers`,
    /// those before it, presets are limited, which say what a machine has; a number in a file or an
    /// option stands, since it is what that host answers.
    #[must_use]
    pub fn of_host(host: &HostProfile, layers: &[(String, Self)]) -> Self {
        let lpa2 = (!host.lpa2).then_some(false);
        let pmu = (!host.pmu).then_some(false);
        let is_preset = |name: &str| CAPS_PRESETS.iter().any(|preset| preset.name == name);
        let debug = |get: fn(&Self) -> Option<u8>| {
            let said = layers.iter().any(|(name, layer)| get(layer).is_some() && !is_preset(name));
            (host.generation == Generation::Eac5 && !said).then_some(2)
        };
        let (num_bps, num_wps) = (debug(|layer| layer.num_bps), debug(|layer| layer.num_wps));
        Self { lpa2, pmu, num_bps, num_wps, ..Self::default() }
    }
}

/// Who decided a capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The key.
    pub key: &'static str,
    /// Its value, as TOML.
    pub value: String,
    /// The preset, file or option; `default` if nobody named it.
    pub by: String,
}

/// What is assumed of a capability that nobody names.
fn defaults() -> CapsLayer {
    CapsLayer {
        ipa_bits: Some(48),
        lpa2: Some(false),
        num_bps: Some(6),
        num_wps: Some(4),
        pmu: Some(false),
        pmu_counters: Some(0),
        sve_vls: Some(Vec::new()),
        gicv3: Some(true),
        its: Some(true),
        gicv2: Some(false),
        max_vcpus: Some(512),
        host_page_size: Some(GranuleSize::K4),
    }
}

/// Puts layers upon each other: each can only lower what those before it allow. What no layer names
/// is a plain host's: IPA 48, six breakpoints, four watchpoints, neither PMU nor SVE, GICv3 with
/// ITS, 512 vCPUs, pages of 4 KiB. The size of pages is the last that is named.
///
/// A layer that names PMU counters and not `pmu` says that there is a PMU.
#[must_use]
pub fn stack(layers: &[(String, CapsLayer)]) -> (Caps, Vec<Decision>) {
    let mut top = Top { layers, decisions: Vec::new() };
    let base = defaults();
    let lower = |old: &u8, new: &u8| *new < *old;
    let and = |old: &bool, new: &bool| *old && !*new;
    let caps = Caps {
        ipa_bits: top.decide("ipa_bits", &base, |l| l.ipa_bits, lower),
        lpa2: top.decide("lpa2", &base, |l| l.lpa2, and),
        num_bps: top.decide("num_bps", &base, |l| l.num_bps, lower),
        num_wps: top.decide("num_wps", &base, |l| l.num_wps, lower),
        pmu: top.decide("pmu", &base, |l| l.pmu.or(l.pmu_counters.map(|n| n > 0)), and),
        pmu_counters: top.decide("pmu_counters", &base, |l| l.pmu_counters, lower),
        sve_vls: top.vector_lengths(),
        gicv3: top.decide("gicv3", &base, |l| l.gicv3, and),
        its: top.decide("its", &base, |l| l.its, and),
        gicv2: top.decide("gicv2", &base, |l| l.gicv2, and),
        max_vcpus: top.decide("max_vcpus", &base, |l| l.max_vcpus, |old, new| *new < *old),
        host_page_size: top.decide("host_page_size", &base, |l| l.host_page_size, |_, _| true),
    };
    (caps, top.decisions)
}

struct Top<'l> {
    layers: &'l [(String, CapsLayer)],
    decisions: Vec<Decision>,
}

impl Top<'_> {
    fn decide<T: ToString>(
        &mut self,
        key: &'static str,
        base: &CapsLayer,
        get: impl Fn(&CapsLayer) -> Option<T>,
        lowers: impl Fn(&T, &T) -> bool,
    ) -> T {
        let mut decided: Option<(T, &str)> = None;
        for (name, layer) in self.layers {
            let Some(new) = get(layer) else { continue };
            if decided.as_ref().is_none_or(|(old, _)| lowers(old, &new)) {
                decided = Some((new, name));
            }
        }
        // The defaults name every key; a PMU's counters say whether there is one.
        let (value, by) =
            decided.unwrap_or_else(|| (get(base).expect("the defaults name every key"), "default"));
        self.decisions.push(Decision { key, value: value.to_string(), by: by.to_owned() });
        value
    }

    fn vector_lengths(&mut self) -> Vec<u16> {
        let mut lengths: Option<Vec<u16>> = None;
        let mut by = "default";
        for (name, layer) in self.layers {
            let Some(new) = &layer.sve_vls else { continue };
            let mut kept = new.clone();
            kept.sort_unstable();
            kept.dedup();
            if let Some(old) = &lengths {
                kept.retain(|length| old.contains(length));
            }
            if lengths.as_ref() != Some(&kept) {
                (lengths, by) = (Some(kept), name);
            }
        }
        let lengths = lengths.unwrap_or_default();
        let value = format!("{lengths:?}");
        self.decisions.push(Decision { key: "sve_vls", value, by: by.to_owned() });
        lengths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<(String, CapsLayer)> {
        let layer = |name: &&str| ((*name).to_owned(), CapsLayer::preset(name).unwrap());
        names.iter().map(layer).collect()
    }

    #[test]
    fn layers_only_lower() {
        for names in [["fvp", "rmm-eac5"], ["rmm-eac5", "fvp"]] {
            let (caps, decisions) = stack(&named(&names));
            assert_eq!((caps.num_bps, caps.ipa_bits, caps.pmu_counters), (2, 52, 8));
            let bps = decisions.iter().find(|decision| decision.key == "num_bps").unwrap();
            assert_eq!(bps.by, "rmm-eac5");
        }
        let (caps, decisions) = stack(&named(&["fvp", "qemu-max", "kvm"]));
        assert_eq!((caps.num_wps, caps.lpa2, caps.ipa_limit()), (4, false, 48));
        assert_eq!(caps.sve_vls, [128, 256, 512]);
        let max = decisions.iter().find(|decision| decision.key == "max_vcpus").unwrap();
        assert_eq!((max.value.as_str(), max.by.as_str()), ("512", "default"));
    }

    #[test]
    fn the_rmm_of_an_eac5_kernel_limits_what_nobody_said() {
        let host = HostProfile::from_name("kvm-eac5").unwrap();
        let said = |options: CapsLayer| {
            let mut layers = named(&["fvp"]);
            layers.push(("the command line".into(), options));
            layers.push((host.name.into(), CapsLayer::of_host(host, &layers)));
            stack(&layers)
        };
        let (caps, decisions) = said(CapsLayer::default());
        assert_eq!((caps.num_bps, caps.num_wps, caps.pmu_counters), (2, 2, 8));
        let by = |key: &str| {
            let decision = decisions.iter().find(|decision| decision.key == key).unwrap();
            decision.by.clone()
        };
        assert_eq!((by("num_bps"), by("num_wps")), ("kvm-eac5".into(), "kvm-eac5".into()));
        assert_eq!(by("pmu_counters"), "fvp");
        let (caps, _) = said(CapsLayer { num_bps: Some(15), ..CapsLayer::default() });
        assert_eq!((caps.num_bps, caps.num_wps), (15, 2));
        let newer = HostProfile::from_name("kvm-v10").unwrap();
        assert_eq!(CapsLayer::of_host(newer, &[]).num_bps, None);
    }

    #[test]
    fn counters_say_that_there_is_a_pmu() {
        let layer = |text: &str| ("x".to_owned(), CapsLayer::from_toml(text).unwrap());
        assert!(stack(&[layer("pmu_counters = 6")]).0.pmu);
        assert!(!stack(&[layer("pmu_counters = 6\npmu = false")]).0.pmu);
        assert!(!stack(&[]).0.pmu);
    }

    #[test]
    fn mistakes_are_shown_with_their_line() {
        for (text, message) in [
            ("ipa_bits = 48\nipa_bitz = 48\n", "2 | ipa_bitz = 48"),
            ("ipa_bits = \"48\"\n", "invalid type: string \"48\", expected u8"),
            ("ipa_bits = = 48\n", "1 | ipa_bits = = 48"),
            ("ipa_bits = 53", "ipa_bits is 53; it has to be 32 to 52"),
            ("num_bps = 1", "num_bps is 1; it has to be 2 to 64, a count"),
            ("num_wps = 300", "invalid value: integer `300`, expected u8"),
            ("sve_vls = [128, 200]", "sve_vls is 200; it has to be multiples of 128"),
            ("sve_vls = [0]", "sve_vls is 0; it has to be multiples of 128"),
            ("pmu_counters = 32", "pmu_counters is 32; it has to be 0 to 31"),
            ("max_vcpus = 0", "max_vcpus is 0; it has to be 1 to 4096"),
        ] {
            let error = CapsLayer::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
