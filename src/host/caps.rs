//! What a host can offer to a Realm.

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
}
