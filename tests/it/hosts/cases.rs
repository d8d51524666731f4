//! The recorded command lines.

use std::fs;
use std::path::{Path, PathBuf};

use rimsim::abi::granule_size::GranuleSize;
use rimsim::host::Caps;
use serde_json::Value;

/// A folder of recorded cases.
pub(crate) fn folder(vmm: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-vectors/hosts").join(vmm)
}

/// The lines of a file, parsed.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON document a line")).collect()
}

/// The command line of a case.
pub(crate) fn argv(case: &Value) -> Vec<String> {
    let words = case["argv"].as_array().expect("a command line");
    words.iter().map(|word| word.as_str().expect("a word").into()).collect()
}

/// A number of a case.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub(crate) use rimsim_support::bodies::host_caps as host;

/// What the host of a kvmtool case offered.
pub(crate) fn caps(case: &Value) -> Caps {
    let answers = &case["answers"];
    let byte = |name: &str| u8::try_from(number(&answers[name])).expect("a byte");
    let flag = |name: &str| byte(name) != 0;
    let lengths = number(&answers["sve_vqs"]);
    let has = |bit: &u16| flag("sve") && lengths >> bit & 1 == 1;
    Caps {
        ipa_bits: byte("ipa"),
        lpa2: false,
        num_bps: byte("bps"),
        num_wps: byte("wps"),
        pmu: flag("pmu"),
        pmu_counters: byte("pmcr_n"),
        sve_vls: (0..16).filter(has).map(|bit| (bit + 1) * 128).collect(),
        gicv3: flag("gicv3"),
        its: flag("its"),
        gicv2: flag("gicv2"),
        max_vcpus: u32::try_from(number(&answers["max_vcpus"])).expect("32 bits"),
        host_page_size: GranuleSize::K4,
    }
}
