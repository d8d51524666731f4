//! The processor as the device tree shows it.

use super::cpu;
use super::machine::{Accel, Kind};
use super::options::Options;
use super::release::Release;
use super::words::{properties, required};
use crate::encoding::nearest::DidYouMean;
use crate::host::caps::Caps;
use crate::host::vm::Refusal;
use crate::host::vmm::{on_off, refused};

/// What of a processor shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CpuModel {
    /// `compatible` of its node.
    pub(super) compatible: String,
    /// Physical address bits.
    pub(super) pa_bits: u32,
    /// Whether it has the Virtualization Host Extensions.
    pub(super) vhe: bool,
    /// Whether it has memory tags that a guest can have.
    pub(super) mte: bool,
    pub(super) pmu: bool,
    /// Its caches of instructions and of data, as its registers tell; KVM's are not asked.
    pub(super) caches: Option<[Cache; 2]>,
}

/// A cache next to the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cache {
    pub(super) sets: u32,
    pub(super) size_bytes: u32,
    pub(super) line_bytes: u32,
}

/// A processor that TCG emulates: name, address bits, VHE, the release that has it first.
const MODELS: &[(&str, u32, bool, Release)] = &[
    ("cortex-a35", 40, false, Release(7, 2)),
    ("cortex-a53", 40, false, Release(2, 6)),
    ("cortex-a55", 40, true, Release(8, 0)),
    ("cortex-a57", 44, false, Release(2, 6)),
    ("cortex-a72", 44, false, Release(2, 6)),
    ("cortex-a76", 40, true, Release(7, 1)),
    ("cortex-a710", 40, true, Release(8, 2)),
    ("a64fx", 40, true, Release(6, 2)),
    ("neoverse-n1", 48, true, Release(7, 1)),
    ("neoverse-v1", 48, true, Release(8, 1)),
    ("neoverse-n2", 48, true, Release(9, 0)),
    ("max", 52, true, Release(2, 12)),
];

/// Models with memory tags; `max` has them too.
const WITH_MTE: &[&str] = &["cortex-a710", "neoverse-n2"];

/// The caches of instructions and of data.
fn caches(name: &str) -> [Cache; 2] {
    let cache = |sets, kib: u32| Cache { sets, size_bytes: kib << 10, line_bytes: 64 };
    match name {
        "cortex-a35" | "cortex-a55" => [cache(128, 32); 2],
        "cortex-a53" => [cache(512, 32), cache(128, 32)],
        "cortex-a57" | "cortex-a72" => [cache(256, 48), cache(128, 32)],
        "a64fx" => [Cache { line_bytes: 256, ..cache(64, 64) }; 2],
        _ => [cache(256, 64); 2],
    }
}

/// Properties that do not show, and those that begin so.
const IGNORED: &[&str] = &["sve", "sme", "pauth", "cfgend", "reset-", "rvbar", "start-powered-off"];

/// The processor of `-cpu`.
pub(super) fn cpu_model(options: &Options, kind: &Kind, caps: &Caps) -> Result<CpuModel, Refusal> {
    let Accel::Kvm = kind.accel else { return emulated(options, kind) };
    let limit = u32::from(caps.ipa_limit());
    Ok(CpuModel {
        compatible: "arm,arm-v8".into(),
        // The upper half of a Realm's IPAs is not its own.
        pa_bits: if kind.realm { limit - 1 } else { limit },
        vhe: false,
        mte: false,
        pmu: cpu::has_pmu(options, kind.model, caps)?,
        caches: None,
    })
}

fn emulated(options: &Options, kind: &Kind) -> Result<CpuModel, Refusal> {
    let text = options.cpu_text();
    let mut properties =
        properties(text.as_deref().unwrap_or("cortex-a15"), Some("model")).into_iter();
    let name = properties.next().and_then(|(_, model)| model).unwrap_or_default();
    let known = MODELS.iter().find(|model| model.0 == name && model.3 <= kind.release);
    let Some((name, pa_bits, vhe, _)) = known else {
        let why = match name.as_str() {
            "host" => "the 'host' CPU type can only be used with KVM".into(),
            "cortex-a7" | "cortex-a15" => format!("{name:?}; 32-bit processors are not modelled"),
            _ => {
                // One that other releases have was meant.
                let is_other = MODELS.iter().any(|model| model.0 == name);
                let there = MODELS.iter().filter(|model| model.3 <= kind.release && !is_other);
                let meant = DidYouMean::of(&name, there.map(|model| model.0));
                format!("{name:?}; this QEMU's virt has no such 64-bit processor{meant}")
            }
        };
        return Err(refused("-cpu", why));
    };
    let is_max = *name == "max";
    let compatible = if is_max { "arm,cortex-a57".into() } else { format!("arm,{name}") };
    let (pa_bits, vhe) = (*pa_bits, *vhe);
    let mte = is_max || WITH_MTE.contains(name);
    let caches = Some(caches(name));
    let mut model = CpuModel { compatible, pa_bits, vhe, mte, pmu: true, caches };
    // Machines up to 6.2 keep `max` from having LPA2.
    let mut lpa2 = kind.model > Release(6, 2);
    for (key, value) in properties {
        let option = format!("-cpu {name},{key}");
        let value = required(&option, value)?;
        match key.as_str() {
            "pmu" => model.pmu = on_off(&option, &value)?,
            "lpa2" if is_max => lpa2 = on_off(&option, &value)?,
            "aarch64" if on_off(&option, &value)? => {}
            "aarch64" => return Err(refused(option, "32-bit processors are not modelled")),
            _ if IGNORED.iter().any(|start| key.starts_with(start)) => {}
            _ => return Err(refused(option, "this processor has no such property")),
        }
    }
    if is_max && !lpa2 {
        model.pa_bits = 48;
    }
    model.pmu &= kind.model > Release(2, 6);
    Ok(model)
}
