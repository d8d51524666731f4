//! `-cpu host` and its properties.

use super::options::Options;
use super::release::Release;
use super::words::{properties, required};
use crate::host::caps::Caps;
use crate::host::vm::{Refusal, Sve, VcpuFeatures};
use crate::host::vmm::{no_such, number, on_off, refused};

/// Properties of `-cpu host` that are read, without the lengths of vectors.
const PROPERTIES: [&str; 5] =
    ["num-breakpoints", "num-pmu-counters", "num-watchpoints", "pmu", "sve"];
/// Properties that do not reach the Realm's parameters.
const IGNORED: &[&str] =
    &["aarch64", "kvm-no-adjvtime", "kvm-steal-time", "pauth", "pauth-impdef", "pauth-qarma3"];

/// What the properties of `-cpu` make of the host's capabilities.
pub(super) fn features(
    options: &Options,
    model: Release,
    caps: &Caps,
) -> Result<VcpuFeatures, Refusal> {
    let cpu = options.cpu_text();
    let mut properties =
        properties(cpu.as_deref().unwrap_or("cortex-a15"), Some("model")).into_iter();
    let name = properties.next().and_then(|(_, model)| model).unwrap_or_default();
    if name != "host" && name != "max" {
        return Err(refused("-cpu", format!("{name:?}; a Realm needs -cpu host")));
    }
    let mut wanted = Wanted { pmu: None, sve: None, lengths: Vec::new() };
    let mut features = VcpuFeatures::default();
    let mut counters = None;
    for (key, value) in properties {
        let option = format!("-cpu {name},{key}");
        let value = required(&option, value)?;
        let count = |least: u64, most: u64| {
            let found = number(&value).filter(|count| (least..=most).contains(count));
            let why = format!("{value:?} is not a number from {least} to {most}");
            found
                .and_then(|count| u8::try_from(count).ok())
                .ok_or_else(|| refused(option.as_str(), why))
        };
        match key.as_str() {
            "pmu" => wanted.pmu = Some(on_off(&option, &value)?),
            "sve" => wanted.sve = Some(on_off(&option, &value)?),
            "num-breakpoints" => features.num_bps = Some(count(2, 16)?),
            "num-watchpoints" => features.num_wps = Some(count(2, 16)?),
            "num-pmu-counters" => counters = Some(count(0, 31)?),
            known if IGNORED.contains(&known) => {}
            _ => match key.strip_prefix("sve").and_then(length) {
                Some(bits) if (128..=2048).contains(&bits) && bits % 128 == 0 => {
                    let bits = u16::try_from(bits).expect("at most 2048");
                    wanted.lengths.push((bits, on_off(&option, &value)?));
                }
                _ => {
                    let why = "-cpu host has no such property";
                    if key.starts_with("sve") {
                        return Err(refused(option, why));
                    }
                    let known = PROPERTIES.iter().chain(IGNORED).copied();
                    return Err(no_such(option, why, &key, known));
                }
            },
        }
    }
    // The machine of 2.6 has no PMU, whatever the processor has.
    if wanted.pmu(caps)? && model != Release(2, 6) {
        features.pmu_counters = Some(counters.unwrap_or(caps.pmu_counters));
    }
    features.sve = wanted.sve(caps)?.map(|vl_bits| Sve { vl_bits });
    Ok(features)
}

/// A vector length in bits as the property's name has it.
fn length(digits: &str) -> Option<u64> {
    digits.parse::<u64>().ok().filter(|bits| bits.to_string() == digits)
}

/// Whether the guest sees a PMU.
pub(super) fn has_pmu(options: &Options, model: Release, caps: &Caps) -> Result<bool, Refusal> {
    features(options, model, caps).map(|features| features.pmu_counters.is_some())
}

/// Features that were named.
struct Wanted {
    pmu: Option<bool>,
    sve: Option<bool>,
    /// Vector lengths in bits, in the order in which they were named.
    lengths: Vec<(u16, bool)>,
}

impl Wanted {
    fn pmu(&self, caps: &Caps) -> Result<bool, Refusal> {
        if self.pmu == Some(true) && !caps.pmu {
            return Err(refused(
                "-cpu host,pmu",
                "'pmu' feature not supported by KVM on this host",
            ));
        }
        Ok(self.pmu.unwrap_or(caps.pmu))
    }

    /// The longest vector that is left, in bits.
    fn sve(&self, caps: &Caps) -> Result<Option<u16>, Refusal> {
        let place = |bits: u16| format!("-cpu host,sve{bits}");
        let supported = &caps.sve_vls;
        let state = |bits: u16| {
            self.lengths.iter().rev().find(|(length, _)| *length == bits).map(|(_, on)| *on)
        };
        let enabled = self.lengths.iter().filter(|(bits, _)| state(*bits) == Some(true));
        let longest_enabled = enabled.map(|(bits, _)| *bits).max();
        if self.sve == Some(false) {
            return match longest_enabled {
                Some(bits) => Err(refused(place(bits), "SVE is disabled by sve=off")),
                None => Ok(None),
            };
        }
        if self.sve == Some(true) && supported.is_empty() {
            return Err(refused(
                "-cpu host,sve",
                "'sve' feature not supported by KVM on this host",
            ));
        }
        for (bits, _) in self.lengths.iter().filter(|(bits, _)| state(*bits) == Some(true)) {
            if !supported.contains(bits) {
                return Err(refused(place(*bits), "the host has no vectors of this length"));
            }
        }
        if let Some(longest) = longest_enabled {
            // KVM wants all that are shorter.
            let off = |bits: &&u16| **bits < longest && state(**bits) == Some(false);
            return match supported.iter().filter(off).max() {
                Some(bits) => {
                    let why = format!(
                        "cannot disable sve{bits}: the KVM host requires all supported vector \
                         lengths smaller than {longest} bits to also be enabled"
                    );
                    Err(refused(place(*bits), why))
                }
                None => Ok(Some(longest)),
            };
        }
        // Turning a length off turns off all that are longer.
        let disabled = supported.iter().filter(|bits| state(**bits) == Some(false)).min();
        let left = supported.iter().filter(|bits| disabled.is_none_or(|off| *bits < off)).max();
        match (left, disabled) {
            (None, Some(bits)) => Err(refused(place(*bits), "no vector length would be left")),
            (left, _) => Ok(left.copied()),
        }
    }
}
