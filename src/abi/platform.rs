//! What the simulated machine has: memory, features and limits.
//!
//! A platform is made by a named preset, from its fields, from a TOML text (with the feature
//! `toml`), or from the `platform` object of a vector; all pass the same check, so a [`Platform`]
//! that exists is one that can be simulated.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::addr::{Hex, PAGE_SIZE, is_aligned};
use super::granule_size::GranuleSize;
use super::params::MAX_REC_AUX;
use super::profile::{Edition, Profile};

use crate::encoding::nearest::DidYouMean;
use crate::encoding::text::from_hex;

/// Most bytes of delegable memory that one platform can have: 256 GiB.
///
/// A granule costs four bits of bookkeeping, and 24 bytes once something was written to it; this
/// bounds the two to 32 MiB and 1.5 GiB, whatever a script or a vector does.
pub const MAX_DRAM_BYTES: u64 = 256 << 30;
/// Stateful operations of RMM 2.0 that TF-RMM has room for on 16 processors.
pub const SRO_CONTEXTS: u32 = 160;
/// Auxiliary granules of an RD that are assumed: the fewest that TF-RMM's own tests can have, which
/// give one and are asked for more.
pub const RD_AUX_COUNT: u32 = 2;
/// Most DRAM ranges of one platform.
pub const MAX_DRAM_RANGES: usize = 64;

/// Memory and features of a machine. Counts are counts, not the "minus one" of the registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "PlatformFile", into = "PlatformFile")]
pub struct Platform {
    file: PlatformFile,
    granule_sizes: Vec<GranuleSize>,
    rak: [u8; 48],
}

/// RmiFeatureRegister1 of RMM 2.0: a protected physical address space of 48 bits.
const PPS_48_BITS: u32 = 5;
/// RmiFeatureRegister2: device assignment, and 2^10 devices of a Realm.
const DEVICE_REGISTER: u64 = 0xA1;
/// RmiFeatureRegister3: MAX_NUM_AUX_PLANES.
const MAX_AUX_PLANES: u64 = 3;
/// Bits of a MECID, where the platform does not say.
const MECID_BITS: u32 = 16;
/// MECIDs that are no Realm's own: the RMM's, and the one that Realms share.
const SHARED_MECIDS: u16 = 2;

/// The key that signs tokens if a platform names none. Everybody knows it: it proves nothing.
const TEST_RAK: [u8; 48] = *b"rimsim test realm attestation key, not a secret.";

/// The order of P-384 (SEC 2, 2.5.1), big-endian: secret scalars are below it, and not zero.
const P384_ORDER: [u8; 48] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF,
    0x58, 0x1A, 0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A, 0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
];

/// The fields of a platform, as they stand in a platform file; `Platform::try_from` checks them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformFile {
    /// Name shown to people.
    pub name: String,
    /// Physical address width in bits, 32 to 52.
    pub pa_bits: u32,
    /// Delegable memory, ascending and disjoint.
    pub dram: Vec<DramRange>,
    /// FEAT_LPA2 (RmiFeatureRegister0.LPA2).
    pub lpa2: bool,
    /// Largest IPA width in bits (S2SZ), 32 to 48, with LPA2 to 52.
    pub s2sz: u32,
    /// Largest SVE vector length as the VL field has it ((VL + 1) · 128 bits); absent without SVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sve_vl: Option<u32>,
    /// Breakpoints, 2 to 64.
    pub num_bps: u32,
    /// Watchpoints, 2 to 64.
    pub num_wps: u32,
    /// PMU counters, 0 to 31; absent without a PMU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pmu_num_ctrs: Option<u32>,
    /// FEAT_HPMN0: a Realm may have a PMU without counters.
    #[serde(default)]
    pub feat_hpmn0: bool,
    /// SHA-256 can be asked for.
    #[serde(default = "yes")]
    pub sha256: bool,
    /// SHA-512 can be asked for.
    #[serde(default = "yes")]
    pub sha512: bool,
    /// GICv3 list registers, 1 to 16.
    pub gicv3_num_lrs: u32,
    /// Priority bits of a GICv3 list register (ICH_VTR_EL2.PRIbits + 1), 5 to 8.
    #[serde(default = "five")]
    pub gicv3_pri_bits: u32,
    /// Largest virtual INTID that is neither extended nor an LPI (1019 by the architecture).
    #[serde(default = "max_vintid")]
    pub gicv3_max_vintid: u32,
    /// Extended INTIDs are implemented (GICv3.1).
    #[serde(default)]
    pub gicv3_ext_intid: bool,
    /// log2 of one more than the RECs of a Realm (MAX_RECS_ORDER), 0 to 15.
    pub max_recs_order: u32,
    /// Auxiliary granules of a REC, 0 to 16.
    pub rec_aux_count: u32,
    /// Auxiliary granules of an RD, 1 to 16, for an RMM that makes Realms in several calls; absent
    /// for [`RD_AUX_COUNT`], which is assumed: no public source has TF-RMM's number.
    #[serde(default = "rd_aux_count", skip_serializing_if = "is_default_rd_aux")]
    pub rd_aux_count: u32,
    /// VMID width in bits, 8 or 16.
    pub vmid_bits: u32,
    /// Stateful operations of RMM 2.0 that can be under way at one time, 1 to 4096; absent for the
    /// 160 of TF-RMM on 16 processors.
    #[serde(default = "sro_contexts", skip_serializing_if = "is_default_sro")]
    pub sro_contexts: u32,
    /// Bits of a MECID (FEAT_MEC, 2.0), 1 to 16, or 0 without FEAT_MEC; absent for 16.
    #[serde(default = "mecid_bits", skip_serializing_if = "is_default_mecid")]
    pub mecid_bits: u32,
    /// The sizes of granules that the RMM of the machine has: `4k`, and with it `16k`, `64k` or
    /// both; absent for 4k. Only an RMM by the text of 2.0 takes another than 4k.
    #[serde(default = "only_4k", skip_serializing_if = "is_only_4k")]
    pub granule_sizes: Vec<String>,
    /// Realm Attestation Key, which signs the tokens that simulated Realms get: the secret scalar
    /// of P-384 as 96 hex digits; absent for the fixed test key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rak: Option<String>,
}

/// One range of delegable memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DramRange {
    /// First byte; a multiple of the granule size.
    pub base: u64,
    /// Length in bytes; a multiple of the granule size.
    pub size: u64,
}

impl DramRange {
    /// The range as `base..top`.
    #[must_use]
    pub const fn range(self) -> Range<u64> {
        self.base..self.base + self.size
    }
}

const fn yes() -> bool {
    true
}

const fn five() -> u32 {
    5
}

const fn max_vintid() -> u32 {
    65535
}

const fn rd_aux_count() -> u32 {
    RD_AUX_COUNT
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
const fn is_default_rd_aux(count: &u32) -> bool {
    *count == rd_aux_count()
}

pub(super) const fn mecid_bits() -> u32 {
    MECID_BITS
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
const fn is_default_mecid(bits: &u32) -> bool {
    *bits == mecid_bits()
}

const fn sro_contexts() -> u32 {
    SRO_CONTEXTS
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
const fn is_default_sro(count: &u32) -> bool {
    *count == sro_contexts()
}

fn only_4k() -> Vec<String> {
    vec![GranuleSize::K4.name().into()]
}

fn is_only_4k(sizes: &[String]) -> bool {
    sizes == only_4k()
}

/// Why a platform can not be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// A number is outside what the architecture or the simulator allows.
    #[error("{field} is {found}; it has to be {expected}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The text that describes it is not of its form.
    #[error("{0}")]
    Text(String),
    /// No preset has this name.
    #[error(
        "no preset is called {name:?}; there are {known}{}",
        DidYouMean::of(name, known.split(", "))
    )]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
}

impl TryFrom<PlatformFile> for Platform {
    type Error = PlatformError;

    fn try_from(file: PlatformFile) -> Result<Self, PlatformError> {
        let check = |field, found: u32, allowed: Range<u32>, expected| {
            if allowed.contains(&found) {
                return Ok(());
            }
            Err(PlatformError::Value { field, found: found.to_string(), expected })
        };
        let widest = if file.lpa2 { 53 } else { 49 };
        check("pa_bits", file.pa_bits, 32..53, "32 to 52")?;
        check("s2sz", file.s2sz, 32..widest, "32 to 48, or to 52 with lpa2")?;
        check("sve_vl", file.sve_vl.unwrap_or(0), 0..16, "0 to 15")?;
        check("num_bps", file.num_bps, 2..65, "2 to 64")?;
        check("num_wps", file.num_wps, 2..65, "2 to 64")?;
        check("pmu_num_ctrs", file.pmu_num_ctrs.unwrap_or(0), 0..32, "0 to 31")?;
        check("gicv3_num_lrs", file.gicv3_num_lrs, 1..17, "1 to 16")?;
        check("gicv3_pri_bits", file.gicv3_pri_bits, 1..9, "1 to 8")?;
        check("max_recs_order", file.max_recs_order, 0..16, "0 to 15")?;
        let aux = u32::try_from(MAX_REC_AUX).expect("sixteen");
        check("sro_contexts", file.sro_contexts, 1..4097, "1 to 4096")?;
        check("mecid_bits", file.mecid_bits, 0..17, "0 to 16")?;
        check("rec_aux_count", file.rec_aux_count, 0..aux + 1, "0 to 16")?;
        check("rd_aux_count", file.rd_aux_count, 1..aux + 1, "1 to 16")?;
        if ![8, 16].contains(&file.vmid_bits) {
            check("vmid_bits", file.vmid_bits, 0..0, "8 or 16")?;
        }
        if !file.sha256 && !file.sha512 {
            let found = "false with sha512 false".to_owned();
            let expected = "true, or sha512 has to be";
            return Err(PlatformError::Value { field: "sha256", found, expected });
        }
        let granule_sizes = granule_sizes(&file)?;
        check_dram(&file, &granule_sizes)?;
        let rak = file.rak.as_deref().map_or(Some(TEST_RAK), secret_key);
        let rak = rak.ok_or_else(|| PlatformError::Value {
            field: "rak",
            found: "something else".into(),
            expected: "96 hex digits of a secret scalar of P-384",
        })?;
        Ok(Self { file, granule_sizes, rak })
    }
}

/// A secret scalar of P-384 from its hex digits.
fn secret_key(text: &str) -> Option<[u8; 48]> {
    let key: [u8; 48] = from_hex(text).ok()?.try_into().ok()?;
    (key != [0; 48] && key < P384_ORDER).then_some(key)
}

/// The sizes that the file names, from the smallest on.
fn granule_sizes(file: &PlatformFile) -> Result<Vec<GranuleSize>, PlatformError> {
    let named = |size: &GranuleSize| file.granule_sizes.iter().any(|name| name == size.name());
    let sizes: Vec<_> = GranuleSize::ALL.into_iter().filter(named).collect();
    if sizes.first() == Some(&GranuleSize::K4) && sizes.len() == file.granule_sizes.len() {
        return Ok(sizes);
    }
    Err(PlatformError::Value {
        field: "granule_sizes",
        found: format!("{:?}", file.granule_sizes),
        expected: "\"4k\", and beside it \"16k\", \"64k\" or both",
    })
}

fn check_dram(file: &PlatformFile, sizes: &[GranuleSize]) -> Result<(), PlatformError> {
    let fail =
        |found: String, expected| Err(PlatformError::Value { field: "dram", found, expected });
    if file.dram.is_empty() || file.dram.len() > MAX_DRAM_RANGES {
        return fail(format!("{} ranges", file.dram.len()), "1 to 64 ranges");
    }
    let mut above = 0;
    let mut total = 0_u64;
    for range in &file.dram {
        let DramRange { base, size } = *range;
        let shown = format!("base {}, size {}", Hex(base), Hex(size));
        for granule in sizes {
            if size == 0 || !is_aligned(base | size, granule.bytes()) {
                return fail(
                    shown,
                    match granule {
                        GranuleSize::K4 => "whole granules of 4 KiB",
                        GranuleSize::K16 => "whole granules of 16 KiB",
                        GranuleSize::K64 => "whole granules of 64 KiB",
                    },
                );
            }
        }
        match base.checked_add(size) {
            Some(top) if top <= 1 << file.pa_bits => {
                if base < above {
                    return fail(shown, "ascending and disjoint ranges");
                }
                above = top;
            }
            _ => return fail(shown, "inside the physical address space of pa_bits"),
        }
        total = total.saturating_add(size);
    }
    if total > MAX_DRAM_BYTES {
        return fail(format!("{} bytes in all", Hex(total)), "at most 256 GiB in all");
    }
    Ok(())
}

impl From<Platform> for PlatformFile {
    fn from(platform: Platform) -> Self {
        platform.file
    }
}

impl std::ops::Deref for Platform {
    type Target = PlatformFile;

    fn deref(&self) -> &PlatformFile {
        &self.file
    }
}

impl Platform {
    /// How many Realms can have a memory encryption context of their own (RmiFeatureRegister4,
    /// 2.0): one of the MECIDs is the RMM's, and one is shared.
    #[must_use]
    pub fn private_mecs(&self) -> u16 {
        let largest = u16::try_from((1_u32 << self.mecid_bits) - 1).expect("at most 16 bits");
        largest.saturating_sub(SHARED_MECIDS - 1)
    }

    /// Whether memory is encrypted by contexts (FEAT_MEC).
    #[must_use]
    pub fn has_mec(&self) -> bool {
        self.mecid_bits > 0
    }

    /// The machine with other delegable memory.
    ///
    /// # Errors
    /// If the ranges are not ascending, disjoint and in whole granules, or are more than there can
    /// be.
    pub fn with_dram(self, dram: Vec<DramRange>) -> Result<Self, PlatformError> {
        Self::try_from(PlatformFile { dram, ..self.file })
    }

    /// The machine with an RMM that takes an SVE length without comparing it, even one that feature
    /// register 0 has no room for (15 is the most that it shows).
    #[cfg(feature = "hosts")]
    pub(crate) fn with_any_sve_vl(mut self, sve_vl: u32) -> Self {
        self.file.sve_vl = Some(sve_vl);
        self
    }

    /// RmiFeatureRegister0 (DEN0137 1.0 B4.4): what RMI_FEATURES answers for index 0.
    #[must_use]
    pub fn feature_register_0(&self) -> u64 {
        let field = |value: u32, low_bit: u32| u64::from(value) << low_bit;
        field(self.s2sz, 0)
            | field(self.lpa2.into(), 8)
            | field(self.sve_vl.is_some().into(), 9)
            | field(self.sve_vl.unwrap_or(0).min(15), 10)
            | field(self.num_bps - 1, 14)
            | field(self.num_wps - 1, 20)
            | field(self.pmu_num_ctrs.is_some().into(), 26)
            | field(self.pmu_num_ctrs.unwrap_or(0), 27)
            | field(self.sha256.into(), 32)
            | field(self.sha512.into(), 33)
            | field(self.gicv3_num_lrs - 1, 34)
            | field(self.max_recs_order, 38)
    }

    /// What RMI_FEATURES answers for an index.
    ///
    /// Registers 2 to 4 of 2.0 (devices, planes, memory encryption contexts) are those of TF-RMM on
    /// its host platform; that TF-RMM names no PMU whatever the machine has is its own, too.
    #[must_use]
    pub fn feature_register(&self, profile: Profile, index: u64) -> u64 {
        let field = |value: u32, low_bit: u32| u64::from(value) << low_bit;
        match (profile.edition(), index) {
            (Edition::V1, 0) => self.feature_register_0(),
            (Edition::V2, 0) => self.feature_register_0() & ((1 << 26) - 1),
            (Edition::V2, 1) => {
                let sizes = self.granule_sizes(profile).iter();
                sizes.map(|size| 1 << size.code()).sum::<u64>()
                    | field(self.sha256.into(), 3)
                    | field(profile.tells_sha384().into(), 4)
                    | field(self.sha512.into(), 5)
                    | field(self.max_recs_order, 6)
                    | field(PPS_48_BITS, 14)
            }
            (Edition::V2, 2) => DEVICE_REGISTER,
            (Edition::V2, 3) => MAX_AUX_PLANES,
            (Edition::V2, 4) => self.private_mecs().into(),
            _ => 0,
        }
    }

    /// The sizes of granules that an RMM has here, from the smallest on; the first is 4 KiB.
    #[must_use]
    pub fn granule_sizes(&self, profile: Profile) -> &[GranuleSize] {
        if profile.has_larger_granules() { &self.granule_sizes } else { &self.granule_sizes[..1] }
    }

    /// The secret scalar of the Realm Attestation Key, big-endian.
    pub(crate) fn rak(&self) -> &[u8; 48] {
        &self.rak
    }

    /// ICH_VTR_EL2, as far as it is known: list registers, priority bits, and the six preemption
    /// bits that every machine had of which it was recorded.
    #[must_use]
    pub fn ich_vtr(&self) -> u32 {
        const PREEMPTION_BITS: u32 = 5 << 26;
        (self.gicv3_num_lrs - 1) | PREEMPTION_BITS | (self.gicv3_pri_bits - 1) << 29
    }

    /// Most RECs that a Realm can have at one time.
    #[must_use]
    pub fn max_recs(&self) -> u64 {
        (1 << self.max_recs_order) - 1
    }

    /// Pages of delegable memory: as many granules of 4 KiB.
    #[must_use]
    pub fn page_count(&self) -> u64 {
        self.dram.iter().map(|range| range.size / PAGE_SIZE).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> PlatformFile {
        Platform::preset("tf-rmm-host").unwrap().into()
    }

    #[test]
    fn limits_are_refused_with_their_name() {
        let refused = |change: fn(&mut PlatformFile)| {
            let mut file = file();
            change(&mut file);
            Platform::try_from(file).unwrap_err().to_string()
        };
        assert!(refused(|f| f.pa_bits = 53).starts_with("pa_bits is 53"));
        assert!(refused(|f| f.num_bps = 1).starts_with("num_bps"));
        assert!(refused(|f| f.vmid_bits = 9).contains("8 or 16"));
        assert!(refused(|f| f.dram.clear()).contains("0 ranges"));
        assert!(refused(|f| f.dram[0].size += 1).contains("whole granules"));
        let sizes = |f: &mut PlatformFile, names: &[&str]| {
            f.granule_sizes = names.iter().map(|name| (*name).to_owned()).collect();
        };
        for names in [&["16k"][..], &[], &["4k", "4k"], &["4k", "8k"]] {
            let mut file = file();
            sizes(&mut file, names);
            let error = Platform::try_from(file).unwrap_err().to_string();
            assert!(error.starts_with("granule_sizes is"), "{error}");
        }
        let mut odd = file();
        sizes(&mut odd, &["64k", "4k"]);
        odd.dram[0].size -= 0x4000;
        assert!(Platform::try_from(odd).unwrap_err().to_string().contains("whole granules of 64"));
        assert!(refused(|f| f.dram[0].base = u64::MAX - 0xFFF).contains("address space"));
        assert!(refused(|f| f.dram.push(f.dram[0])).contains("disjoint"));
        assert!(refused(|f| (f.sha256, f.sha512) = (false, false)).starts_with("sha256"));
        assert!(
            refused(|f| (f.pa_bits, f.dram[0].size) = (52, 1 << 41)).contains("at most 256 GiB")
        );
    }
}
