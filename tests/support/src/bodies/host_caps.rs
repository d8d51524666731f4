//! What the hosts of bodies and of most recordings offer.

use rimsim::abi::granule_size::GranuleSize;
use rimsim::host::Caps;

/// What most recorded hosts offered.
pub fn host_caps() -> Caps {
    Caps {
        ipa_bits: 48,
        lpa2: false,
        num_bps: 6,
        num_wps: 4,
        pmu: true,
        pmu_counters: 6,
        sve_vls: vec![128, 256, 512],
        gicv3: true,
        its: true,
        gicv2: false,
        max_vcpus: 512,
        host_page_size: GranuleSize::K4,
    }
}
