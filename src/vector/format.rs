//! The fields of the format, as serde sees them. Numbers that can be large are hex strings.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::abi::edition::Edition;
use crate::abi::platform::{DramRange, Platform, PlatformError, PlatformFile, RD_AUX_COUNT};
use crate::encoding::text;

/// A whole document. The steps stay raw, so that an error can point at one.
#[derive(serde::Deserialize)]
pub(super) struct Document<'t> {
    pub(super) name: String,
    #[serde(default)]
    pub(super) spec: Option<String>,
    /// A profile by name; that of the recorded TF-RMM of the edition if it is not there.
    #[serde(default)]
    pub(super) rmm: Option<String>,
    pub(super) platform: PlatformObject,
    #[serde(borrow)]
    pub(super) steps: Vec<&'t RawValue>,
}

/// The `platform` object. Counts that the feature register has "minus one" are so here.
#[derive(Clone, Debug, serde::Deserialize, Serialize)]
pub(super) struct PlatformObject {
    #[serde(default)]
    config: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feature_register_0: Option<Number>,
    s2sz: u32,
    lpa2: u32,
    sve: u32,
    sve_vl: u32,
    num_bps: u32,
    num_wps: u32,
    pmu: u32,
    pmu_num_ctrs: u32,
    sha256: u32,
    sha512: u32,
    gicv3_num_lrs: u32,
    max_recs_order: u32,
    rec_aux_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rd_aux_count: Option<u32>,
    vmid_bits: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mecid_bits: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sro_contexts: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granule_sizes: Option<Vec<String>>,
    feat_hpmn0: u32,
    pa_bits: u32,
    #[serde(default = "four")]
    ich_vtr_pribits: u32,
    #[serde(default = "max_vintid")]
    max_vintid: u32,
    #[serde(default)]
    ext_intid: u32,
    /// Base and size of each range, one after the other.
    dram: Vec<Number>,
}

const fn four() -> u32 {
    4
}

const fn max_vintid() -> u32 {
    65535
}

/// The platform of a `platform` object's JSON text.
///
/// # Errors
/// If the text is not such an object, or describes a machine that can not be.
pub fn platform_of(json: &str) -> Result<Platform, PlatformError> {
    let object: PlatformObject =
        serde_json::from_str(json).map_err(|error| PlatformError::Text(error.to_string()))?;
    object.platform(Edition::default())
}

impl PlatformObject {
    pub(super) fn platform(&self, edition: Edition) -> Result<Platform, PlatformError> {
        let refused =
            |found: String, expected| PlatformError::Value { field: "dram", found, expected };
        let range = |pair: &[Number]| match pair {
            [base, size] if base.0.checked_add(size.0).is_some() => {
                Ok(DramRange { base: base.0, size: size.0 })
            }
            [base, size] => {
                let found = format!("base {:#x}, size {:#x}", base.0, size.0);
                Err(refused(found, "inside the physical address space of pa_bits"))
            }
            _ => Err(refused(format!("{} numbers", self.dram.len()), "a base and a size each")),
        };
        let dram = self.dram.chunks(2).map(range).collect::<Result<_, _>>()?;
        Platform::try_from(PlatformFile {
            name: self.config.clone(),
            pa_bits: self.pa_bits,
            dram,
            lpa2: self.lpa2 != 0,
            s2sz: self.s2sz,
            sve_vl: (self.sve != 0).then_some(self.sve_vl),
            num_bps: self.num_bps.saturating_add(1),
            num_wps: self.num_wps.saturating_add(1),
            pmu_num_ctrs: (self.pmu != 0).then_some(self.pmu_num_ctrs),
            feat_hpmn0: self.feat_hpmn0 != 0,
            sha256: self.sha256 != 0,
            sha512: self.sha512 != 0,
            gicv3_num_lrs: self.gicv3_num_lrs.saturating_add(1),
            gicv3_pri_bits: self.ich_vtr_pribits.saturating_add(edition.vector_pri_bits_offset()),
            gicv3_max_vintid: self.max_vintid,
            gicv3_ext_intid: self.ext_intid != 0,
            max_recs_order: self.max_recs_order,
            rec_aux_count: self.rec_aux_count,
            rd_aux_count: self.rd_aux_count.unwrap_or(RD_AUX_COUNT),
            vmid_bits: self.vmid_bits,
            mecid_bits: self.mecid_bits.unwrap_or_else(|| Platform::default().mecid_bits),
            sro_contexts: self.sro_contexts.unwrap_or_else(|| Platform::default().sro_contexts),
            granule_sizes: self.granule_sizes.clone().unwrap_or_else(|| vec!["4k".into()]),
            rak: None,
        })
    }

    /// The object of a platform.
    pub(super) fn of(platform: &Platform, edition: Edition) -> Self {
        let dram = platform.dram.iter().flat_map(|range| [Number(range.base), Number(range.size)]);
        Self {
            config: platform.name.clone(),
            feature_register_0: Some(Number(platform.feature_register_0())),
            s2sz: platform.s2sz,
            lpa2: platform.lpa2.into(),
            sve: platform.sve_vl.is_some().into(),
            sve_vl: platform.sve_vl.unwrap_or(0),
            num_bps: platform.num_bps - 1,
            num_wps: platform.num_wps - 1,
            pmu: platform.pmu_num_ctrs.is_some().into(),
            pmu_num_ctrs: platform.pmu_num_ctrs.unwrap_or(0),
            sha256: platform.sha256.into(),
            sha512: platform.sha512.into(),
            gicv3_num_lrs: platform.gicv3_num_lrs - 1,
            max_recs_order: platform.max_recs_order,
            rec_aux_count: platform.rec_aux_count,
            rd_aux_count: (platform.rd_aux_count != RD_AUX_COUNT).then_some(platform.rd_aux_count),
            vmid_bits: platform.vmid_bits,
            mecid_bits: (platform.mecid_bits != Platform::default().mecid_bits)
                .then_some(platform.mecid_bits),
            sro_contexts: (platform.sro_contexts != Platform::default().sro_contexts)
                .then_some(platform.sro_contexts),
            granule_sizes: (platform.granule_sizes.len() > 1)
                .then(|| platform.granule_sizes.clone()),
            feat_hpmn0: platform.feat_hpmn0.into(),
            pa_bits: platform.pa_bits,
            ich_vtr_pribits: platform.gicv3_pri_bits - edition.vector_pri_bits_offset(),
            max_vintid: platform.gicv3_max_vintid,
            ext_intid: platform.gicv3_ext_intid.into(),
            dram: dram.collect(),
        }
    }
}

/// One step, tagged by `op`.
#[derive(serde::Deserialize, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum StepObject {
    /// A call.
    Smc(Box<Smc>),
    /// A page that is zeroed and written.
    Page {
        pa: Number,
        data: BTreeMap<Number, HexBytes>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
    },
    Poke {
        pa: Number,
        hex: HexBytes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
    },
    Zero {
        pa: Number,
        len: Number,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
    },
    Fill {
        pa: Number,
        len: Number,
        seed: Number,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
    },
    Peek {
        pa: Number,
        len: Number,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<BTreeMap<Number, HexBytes>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
    },
    Rim {
        rd: Number,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        algo: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slots: Option<Vec<HexBytes>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<String>,
    },
    Rd {
        rd: Number,
        state: String,
        rec_count: Number,
        recs: Number,
        ipa_bits: Number,
        sl: i64,
        nroot: Number,
        vmid: Number,
        lpa2: u64,
    },
    Rec {
        rec: Number,
        idx: Number,
        runnable: Number,
        pc: Number,
        psci_pending: Number,
        host_call: Number,
        ripas_base: Number,
        ripas_top: Number,
        ripas_addr: Number,
        ripas_val: Number,
        change_destroyed: Number,
    },
    Gstate {
        pa: Number,
        state: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pas: Option<String>,
    },
    Pas {
        pa: Number,
        pas: String,
    },
    DelegateRange {
        pa: Number,
        count: Number,
    },
    Guest {
        rec: Number,
        #[serde(default, skip_serializing_if = "is_zero")]
        plane: u64,
        id: u64,
        kind: String,
        args: Vec<String>,
    },
    #[serde(rename = "guestclear")]
    GuestClear {
        rec: Number,
    },
    Running {
        rec: Number,
        on: bool,
    },
    Gic {
        hcr: Number,
        lrs: Vec<Number>,
    },
    #[serde(rename = "irqafter")]
    IrqAfter {
        polls: i64,
    },
    Note {
        text: String,
    },
}

/// A call and what it answered.
#[derive(Default, serde::Deserialize, Serialize)]
pub(super) struct Smc {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) fid: Number,
    pub(super) args: Vec<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ret: Option<Vec<Number>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cmp: Option<Vec<usize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) guest: Option<Vec<Vec<String>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) abort: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dev: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spec: Option<String>,
    /// Which of `ret` is the handle of an operation; it is not in `cmp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) handle_ret: Option<usize>,
    /// Which of `args` is the handle of an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) handle_arg: Option<usize>,
}

/// A number: a hex string (`"0x80"`) or a JSON number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number below 2^64, as such or as a string like \"0x80\" or \"7\"")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                let (digits, radix) = match text.strip_prefix("0x") {
                    Some(digits) => (digits, 16),
                    None => (text, 10),
                };
                // `from_str_radix` would take a sign.
                let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let value = u64::from_str_radix(digits, radix).ok().filter(|_| plain);
                value.map(Number).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Whether a field is left out: plane 0 is what a Realm has without planes.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(plane: &u64) -> bool {
    *plane == 0
}

/// Bytes as hex digits, two a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HexBytes(pub(super) Vec<u8>);

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&text::Digits(&self.0))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        // A measurement slot that is all zero is written "0".
        if text == "0" {
            return Ok(Self::default());
        }
        let expected = "an even number of hex digits";
        let error = || de::Error::invalid_value(de::Unexpected::Str(&text), &expected);
        text::from_hex(&text).map(Self).map_err(|_| error())
    }
}
