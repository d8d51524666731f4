//! SVE and PMU of the vCPUs, which become Realm parameters.

use super::config::{Asked, Config};
use super::version::{Counters, SveRule};
use super::{refuse, refuse_kvm};
use crate::host::{Caps, Refusal, Sve, VcpuFeatures};

/// The longest vectors that the eight bits of a Realm's parameter hold.
const MOST_SVE_BITS: u16 = 128 << 8;

pub(super) fn features(config: &mut Config, caps: &Caps) -> Result<VcpuFeatures, Refusal> {
    let counters = pmu_counters(config, caps)?;
    let sve = match config.version.sve() {
        SveRule::AsAsked | SveRule::AtMost => sve_on_request(config, caps)?,
        SveRule::OfHost => sve_of_host(config, caps)?,
    };
    let features = VcpuFeatures { sve, pmu_counters: counters, num_bps: None, num_wps: None };
    config.assumed.extend(features.assumed());
    Ok(features)
}

/// The number of PMU counters. Where `--pmu` alone means the host's number, kvmtool begins with -1,
/// otherwise with 0.
fn pmu_counters(config: &mut Config, caps: &Caps) -> Result<Option<u8>, Refusal> {
    let rule = config.version.counters();
    if config.pmu && !caps.pmu && rule != Counters::Assumed {
        return Err(refuse("--pmu", "the host has no PMU for guests"));
    }
    let have = caps.pmu_counters;
    match (rule, &config.pmu_counters) {
        (Counters::Configured, None) => Ok(None),
        (Counters::Configured, Some(Asked { place, value })) => match u8::try_from(*value) {
            Ok(0) => Ok(None),
            Ok(asked) => Ok(Some(asked)),
            // The program hands the number to KVM as it is.
            Err(_) => Err(refuse_kvm(place, &too_many_counters(*value, have))),
        },
        (Counters::WithPmu, Some(Asked { place, .. })) if !config.pmu => {
            config.remarks.push(format!("{place} means nothing without --pmu"));
            Ok(None)
        }
        (Counters::WithPmu, None) => Ok(config.pmu.then_some(have)),
        (Counters::WithPmu, Some(Asked { value: -1, .. })) => Ok(Some(have)),
        (Counters::WithPmu, Some(Asked { place, value })) => {
            let asked = u8::try_from(*value).ok().filter(|asked| *asked <= have);
            asked.map(Some).ok_or_else(|| refuse(place, &too_many_counters(*value, have)))
        }
        (Counters::OfHost, _) => Ok(config.pmu.then_some(have)),
        (Counters::Assumed, asked) => {
            let asked = asked.as_ref().and_then(|asked| u8::try_from(asked.value).ok());
            let asked = asked.filter(|asked| *asked > 0);
            Ok(caps.pmu.then_some(asked.map_or(have, |asked| asked.min(have))))
        }
    }
}

fn too_many_counters(asked: i32, have: u8) -> String {
    format!("{asked} is no number of PMU counters from 0 to the host's {have}")
}

fn sve_on_request(config: &mut Config, caps: &Caps) -> Result<Option<Sve>, Refusal> {
    let Asked { place, value } = &config.sve_vl;
    // kvmtool looks at the lower half.
    let bits = value & u64::from(u32::MAX);
    if bits == 0 {
        return Ok(None);
    }
    if config.disable_sve {
        return Err(refuse(place, "asks for a vector length, and --disable-sve for none"));
    }
    if bits % 128 != 0 {
        return Err(refuse(place, &format!("{bits} bits are no multiple of 128")));
    }
    if config.version.sve() == SveRule::AsAsked {
        return sve_as_asked(config, caps, bits);
    }
    let fits = |length: &&u16| u64::from(**length) <= bits;
    let longest = caps.sve_vls.iter().filter(fits).max().copied();
    if longest.map(u64::from) != Some(bits) {
        let gets = longest.map_or("no SVE".into(), |longest| format!("{longest} bits"));
        let text = format!("SVE: {place} is a maximum, and {bits} bits leave {gets} of the host's");
        config.assume("sve", format!("{gets} for {bits}"), "--sve-vl", text);
    }
    Ok(longest.map(|vl_bits| Sve { vl_bits }))
}

/// The eac5 branch of KVM hands the length to the RMM and does not compare it with the host's.
fn sve_as_asked(config: &mut Config, caps: &Caps, bits: u64) -> Result<Option<Sve>, Refusal> {
    let vl_bits = u16::try_from(bits).ok().filter(|bits| *bits <= MOST_SVE_BITS);
    let Some(vl_bits) = vl_bits else {
        let why = format!("{bits} bits are more than the {MOST_SVE_BITS} that a Realm's field has");
        return Err(refuse_kvm(&config.sve_vl.place, &why));
    };
    let longest = caps.sve_vls.iter().max().copied().unwrap_or(0);
    if vl_bits > longest {
        let text = format!(
            "SVE of {vl_bits} bits is handed to the RMM as it is: one that has no more than the \
             host's {longest} refuses it"
        );
        config.assume("sve", format!("{vl_bits} bits"), "--sve-vl", text);
    }
    Ok(Some(Sve { vl_bits }))
}

fn sve_of_host(config: &mut Config, caps: &Caps) -> Result<Option<Sve>, Refusal> {
    let Some(longest) = caps.sve_vls.iter().copied().max().filter(|_| !config.disable_sve) else {
        return Ok(None);
    };
    let Some(Asked { place, value }) = &config.sve_max_vl else {
        // Whoever said that the host has it has decided it.
        config.remarks.push(format!("SVE is on with the host's {longest} bits"));
        return Ok(Some(Sve { vl_bits: longest }));
    };
    let asked = u16::try_from(*value).ok();
    if !config.version.is_program() {
        return Ok(Some(Sve { vl_bits: asked.map_or(longest, |asked| asked.min(longest)) }));
    }
    match asked.filter(|asked| caps.sve_vls.contains(asked)) {
        Some(vl_bits) => Ok(Some(Sve { vl_bits })),
        None => {
            let have: Vec<_> = caps.sve_vls.iter().map(ToString::to_string).collect();
            let why =
                format!("the host has no vectors of {value} bits; it has {}", have.join(", "));
            Err(refuse(place, &why))
        }
    }
}
