//! Platforms by name.

use super::platform::{
    DramRange, Platform, PlatformError, PlatformFile, RD_AUX_COUNT, SRO_CONTEXTS, mecid_bits,
};

/// A named platform.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The name on the command line and in scripts.
    pub name: &'static str,
    /// What it stands for, in one line.
    pub about: &'static str,
    make: fn() -> PlatformFile,
}

/// Every preset; the first is the default.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "tf-rmm-host",
        about: "TF-RMM's host build as it comes: 48-bit PAs, LPA2, no SVE, two breakpoints",
        make: tf_rmm_host,
    },
    Preset {
        name: "fvp",
        about: "Arm's Base RevC FVP with the options of the CCA reference stack: 48-bit PAs, SVE",
        make: fvp,
    },
    Preset {
        name: "fvp-lpa2",
        about: "an FVP with 52-bit PAs and LPA2, everything at its architectural maximum",
        make: fvp_lpa2,
    },
    Preset {
        name: "qemu-max",
        about: "QEMU's virt machine with -cpu max and RME: 52-bit PAs, LPA2, SVE, six breakpoints",
        make: qemu_max,
    },
    Preset {
        name: "small",
        about: "40-bit PAs, no LPA2, a PMU without counters: a machine that refuses much",
        make: small,
    },
];

impl Platform {
    /// The platform of a preset's name.
    ///
    /// # Errors
    /// If there is no such preset; the error names those that exist.
    pub fn preset(name: &str) -> Result<Self, PlatformError> {
        let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
            let known = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
            return Err(PlatformError::UnknownPreset { name: name.into(), known });
        };
        Self::try_from((preset.make)())
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self::preset(PRESETS[0].name).expect("presets pass their own check")
    }
}

fn tf_rmm_host() -> PlatformFile {
    PlatformFile {
        name: "tf-rmm-host".into(),
        pa_bits: 48,
        dram: vec![DramRange { base: 0x8000_0000, size: 64 << 30 }],
        lpa2: true,
        s2sz: 48,
        sve_vl: None,
        num_bps: 2,
        num_wps: 2,
        pmu_num_ctrs: Some(31),
        feat_hpmn0: false,
        sha256: true,
        sha512: true,
        gicv3_num_lrs: 1,
        gicv3_pri_bits: 2,
        gicv3_max_vintid: 65535,
        gicv3_ext_intid: false,
        max_recs_order: 10,
        rec_aux_count: 16,
        rd_aux_count: RD_AUX_COUNT,
        mecid_bits: mecid_bits(),
        vmid_bits: 8,
        sro_contexts: SRO_CONTEXTS,
        granule_sizes: vec!["4k".into()],
        rak: None,
    }
}

fn fvp() -> PlatformFile {
    PlatformFile {
        name: "fvp".into(),
        dram: vec![
            DramRange { base: 0x8000_0000, size: 0x7C00_0000 },
            DramRange { base: 0x8_8000_0000, size: 62 << 30 },
        ],
        lpa2: false,
        sve_vl: Some(3),
        num_bps: 6,
        num_wps: 4,
        pmu_num_ctrs: Some(6),
        gicv3_num_lrs: 4,
        gicv3_pri_bits: 5,
        vmid_bits: 16,
        sro_contexts: SRO_CONTEXTS,
        ..tf_rmm_host()
    }
}

fn fvp_lpa2() -> PlatformFile {
    PlatformFile {
        name: "fvp-lpa2".into(),
        pa_bits: 52,
        lpa2: true,
        s2sz: 52,
        sve_vl: Some(15),
        num_bps: 16,
        num_wps: 16,
        pmu_num_ctrs: Some(31),
        feat_hpmn0: true,
        gicv3_num_lrs: 16,
        ..fvp()
    }
}

fn qemu_max() -> PlatformFile {
    PlatformFile {
        name: "qemu-max".into(),
        pa_bits: 52,
        dram: vec![DramRange { base: 0x4000_0000, size: 64 << 30 }],
        lpa2: true,
        s2sz: 52,
        sve_vl: Some(15),
        num_bps: 6,
        num_wps: 4,
        pmu_num_ctrs: Some(6),
        feat_hpmn0: true,
        gicv3_num_lrs: 4,
        gicv3_pri_bits: 5,
        vmid_bits: 16,
        sro_contexts: SRO_CONTEXTS,
        ..tf_rmm_host()
    }
}

fn small() -> PlatformFile {
    PlatformFile {
        name: "small".into(),
        pa_bits: 40,
        dram: vec![DramRange { base: 0x8000_0000, size: 1 << 30 }],
        lpa2: false,
        s2sz: 40,
        sve_vl: Some(0),
        pmu_num_ctrs: Some(0),
        gicv3_num_lrs: 2,
        gicv3_pri_bits: 6,
        ..tf_rmm_host()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound() {
        for preset in PRESETS {
            let platform = Platform::preset(preset.name).unwrap();
            assert_eq!(platform.name, preset.name);
        }
        let error = Platform::preset("nothing").unwrap_err().to_string();
        assert!(error.contains("tf-rmm-host, fvp"), "{error}");
    }

    /// Feature registers recorded from TF-RMM on four configurations.
    #[test]
    fn feature_registers_as_recorded() {
        let register = |name| Platform::preset(name).unwrap().feature_register_0();
        assert_eq!(register("tf-rmm-host"), 0x283_fc10_4130);
        assert_eq!(register("fvp"), 0x28f_3431_4e30);
        assert_eq!(register("fvp-lpa2"), 0x2bf_fcf3_ff34);
        assert_eq!(register("small"), 0x287_0410_4228);
    }
}
