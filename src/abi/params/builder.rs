//! RealmParams and RecParams, written into a granule of Host memory.

use super::structures::{
    MAX_REC_AUX, REC_CREATE_GPRS, REC_RUNNABLE, RealmParams, RecParams, realm_flags,
};
use crate::abi::addr::{GranuleBytes, Level, Pa};
use crate::abi::granule_size::GranuleSize;
use crate::abi::hash_algo::HashAlgo;
use crate::abi::profile::{Edition, Profile, Rmm};
use crate::abi::structure::{FieldError, Structure};

/// IPA width in bits of a Realm for which nobody said another: what KVM gives a VM by default.
pub const DEFAULT_S2SZ: u64 = 40;
/// Breakpoints, and watchpoints, minus one: two of each, which every machine has.
pub const DEFAULT_DEBUG: u64 = 1;
/// The VMID of a Realm for which nobody said another, where the Host chooses it.
pub const DEFAULT_VMID: u16 = 1;

/// Declares the setters of fields that hold one number.
macro_rules! setters {
    ($( $(#[$doc:meta])* $name:ident; )+) => { $(
        $(#[$doc])*
        pub fn $name(self, value: u64) -> Self {
            self.field(stringify!($name), value)
        }
    )+ };
}

/// Writes RmiRealmParams (DEN0137 1.0 B4.4) of one edition.
///
/// | Field | If it is not set |
/// |---|---|
/// | `s2sz` | [`DEFAULT_S2SZ`] |
/// | `num_bps`, `num_wps` | [`DEFAULT_DEBUG`] |
/// | `rtt_level_start`, `rtt_num_start` | as few levels as `s2sz` allows, as KVM has it |
/// | `vmid` (1.0) | [`DEFAULT_VMID`]; a [`Host`](crate::Host) takes the next that is free |
/// | `rtt_base` | an error; a [`Host`](crate::Host) takes granules of its own |
/// | all others | zero: no feature, SHA-256, an RPV of zeros |
///
/// Any value that fits into its field is taken, also one that every RMM refuses.
///
/// ```
/// use rimsim::{Edition, HashAlgo, Pa, RealmParams};
///
/// let params = RealmParams::builder(Edition::V1).hash_algo(HashAlgo::Sha512).sve(3);
/// let page = params.clone().rtt_base(Pa(0x8000_0000)).page()?;
/// assert_eq!((page[0x00], page[0x08], page[0x10], page[0x30]), (0b10, 40, 3, 1));
///
/// assert_eq!(params.page().unwrap_err().to_string(), "rtt_base has no default, and was not set");
/// # Ok::<(), rimsim::FieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RealmParamsBuilder(Structure);

impl RealmParams {
    /// Begins to write the structure of an edition.
    pub fn builder(edition: Edition) -> RealmParamsBuilder {
        let layout = Profile::of(edition, Rmm::TfRmm).realm_params();
        RealmParamsBuilder(Structure::new(layout, edition))
    }

    /// Writes these values, all that the edition has a field for.
    pub fn to_builder(&self, edition: Edition) -> RealmParamsBuilder {
        let mut structure = Self::builder(edition).0;
        let Self { flags, s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo, .. } = *self;
        let Self { vmid, num_aux_planes, ats_plane, flags1, rtt_base, .. } = *self;
        for (name, value) in [
            ("flags", flags),
            ("s2sz", s2sz),
            ("sve_vl", sve_vl),
            ("num_bps", num_bps),
            ("num_wps", num_wps),
            ("pmu_num_ctrs", pmu_num_ctrs),
            ("hash_algo", hash_algo.into()),
            ("vmid", vmid.into()),
            ("num_aux_planes", num_aux_planes),
            ("ats_plane", ats_plane),
            ("flags1", flags1),
            ("rtt_base", rtt_base),
            ("rtt_level_start", self.rtt_level_start),
            ("rtt_num_start", self.rtt_num_start.into()),
        ] {
            // A field that the edition does not have is zero; other values are errors.
            if structure.has(name) || value != 0 {
                structure.set_number(name, 0, value);
            }
        }
        for (index, base) in self.aux_rtt_base.into_iter().enumerate() {
            if structure.has("aux_rtt_base") || base != 0 {
                structure.set_number("aux_rtt_base", index, base);
            }
        }
        structure.set_bytes("rpv", &self.rpv);
        RealmParamsBuilder(structure)
    }
}

impl RealmParamsBuilder {
    setters! {
        /// RmiRealmFlags: bits of [`realm_flags`].
        flags;
        /// IPA width in bits.
        s2sz;
        /// SVE vector length: (value + 1) · 128 bits. The flag is another field: see
        /// [`RealmParamsBuilder::sve`].
        sve_vl;
        /// Breakpoints minus one.
        num_bps;
        /// Watchpoints minus one.
        num_wps;
        /// PMU counters. The flag is another field: see [`RealmParamsBuilder::pmu`].
        pmu_num_ctrs;
        /// Planes besides the first (2.0).
        num_aux_planes;
        /// The plane that translation requests of devices come from (2.0).
        ats_plane;
        /// RmiRealmFlags1 (2.0).
        flags1;
        /// How many starting-level RTTs lie at `rtt_base`.
        rtt_num_start;
    }

    /// RmiHashAlgorithm.
    pub fn hash_algo(self, algo: HashAlgo) -> Self {
        self.field("hash_algo", algo.code().into())
    }

    /// Realm Personalization Value: at most 64 bytes, filled with zeros at the end.
    pub fn rpv(mut self, bytes: &[u8]) -> Self {
        self.0.set_bytes("rpv", bytes);
        self
    }

    /// Virtual Machine Identifier (1.0; in 2.0 the RMM chooses it).
    pub fn vmid(self, vmid: u16) -> Self {
        self.field("vmid", vmid.into())
    }

    /// Address of the first starting-level RTT.
    pub fn rtt_base(self, base: Pa) -> Self {
        self.field("rtt_base", base.0)
    }

    /// Starting level of the RTTs.
    pub fn rtt_level_start(self, level: Level) -> Self {
        self.field("rtt_level_start", level.to_register())
    }

    /// Addresses of the first starting-level RTT of each further plane, at most three (2.0).
    pub fn aux_rtt_base(mut self, bases: &[Pa]) -> Self {
        for (index, base) in bases.iter().enumerate() {
            self.0.set_number("aux_rtt_base", index, base.0);
        }
        self
    }

    /// LPA2: the flag.
    pub fn lpa2(self) -> Self {
        self.flag(realm_flags::LPA2)
    }

    /// SVE with vectors of (`vl` + 1) · 128 bits: the flag and the length.
    pub fn sve(self, vl: u64) -> Self {
        self.flag(realm_flags::SVE).sve_vl(vl)
    }

    /// A PMU with so many counters: the flag and the number.
    pub fn pmu(self, counters: u64) -> Self {
        self.flag(realm_flags::PMU).pmu_num_ctrs(counters)
    }

    /// A field of one number by its name, with any value that fits.
    pub fn field(mut self, name: &str, value: u64) -> Self {
        self.0.set_number(name, 0, value);
        self
    }

    /// The structure's granule.
    ///
    /// # Errors
    /// If a value does not fit into its field, the edition does not have a field, or `rtt_base` was
    /// not set.
    pub fn page(&self) -> Result<GranuleBytes, FieldError> {
        self.filled().page()
    }

    /// What is not zero in it, with offsets in bytes.
    ///
    /// # Errors
    /// As [`RealmParamsBuilder::page`].
    pub(crate) fn pieces(&self) -> Result<Vec<(u16, Vec<u8>)>, FieldError> {
        self.filled().pieces()
    }

    /// Whether a field was set.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.0.is_set(name)
    }

    /// Whether the edition has a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    /// Starting level, as a register has it, and number of starting-level RTTs.
    pub(crate) fn start(&self) -> (u64, u64) {
        let filled = self.filled();
        (filled.number("rtt_level_start", 0), filled.number("rtt_num_start", 0))
    }

    fn flag(mut self, flag: u64) -> Self {
        let flags = self.0.number("flags", 0) | flag;
        self.0.set_number("flags", 0, flags);
        self
    }

    /// With the defaults of what was not set.
    fn filled(&self) -> Structure {
        let mut structure = self.0.clone();
        let mut default = |name, value| {
            if structure.has(name) && !structure.is_set(name) {
                structure.set_number(name, 0, value);
            }
            structure.number(name, 0)
        };
        let s2sz = default("s2sz", DEFAULT_S2SZ);
        default("num_bps", DEFAULT_DEBUG);
        default("num_wps", DEFAULT_DEBUG);
        default("vmid", DEFAULT_VMID.into());
        let (level, tables) = GranuleSize::K4.fewest_levels(s2sz);
        default("rtt_level_start", level.to_register());
        default("rtt_num_start", tables);
        if !structure.is_set("rtt_base") {
            structure.miss("rtt_base");
        }
        structure
    }
}

/// Writes RmiRecParams (DEN0137 1.0 B4.4) of one edition.
///
/// What is not set is zero: a REC that is not runnable, and so not measured, with MPIDR 0 and no
/// auxiliary granules. A [`Host`](crate::Host) takes the next MPIDR and as many auxiliary granules
/// as the RMM asks for.
///
/// ```
/// use rimsim::{Edition, Pa, RecParams};
///
/// let params = RecParams::builder(Edition::V1).runnable().pc(0x8000_0000).gpr(0, 0x8fe0_0000);
/// let page = params.aux(&[Pa(0x9000_0000)]).page()?;
/// assert_eq!((page[0x000], page[0x800], page[0x80B]), (1, 1, 0x90));
/// # Ok::<(), rimsim::FieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RecParamsBuilder(Structure);

impl RecParams {
    /// Begins to write the structure of an edition.
    pub fn builder(edition: Edition) -> RecParamsBuilder {
        let layout = Profile::of(edition, Rmm::TfRmm).rec_params();
        RecParamsBuilder(Structure::new(layout, edition))
    }

    /// Writes these values, all that the edition has a field for.
    pub fn to_builder(&self, edition: Edition) -> RecParamsBuilder {
        let Self { flags, mpidr, pc, gprs, num_aux, aux } = self;
        let mut builder = Self::builder(edition).flags(*flags).mpidr(*mpidr).pc(*pc).gprs(*gprs);
        let structure = &mut builder.0;
        let aux = aux.iter().enumerate().map(|(index, addr)| ("aux", index, *addr));
        for (name, index, value) in std::iter::once(("num_aux", 0, *num_aux)).chain(aux) {
            // A field that the edition does not have is zero; other values are errors.
            if structure.has(name) || value != 0 {
                structure.set_number(name, index, value);
            }
        }
        builder
    }
}

impl RecParamsBuilder {
    setters! {
        /// RmiRecCreateFlags.
        flags;
        /// RmiRecMpidr: aff0 in bits 3:0, aff1 to aff3 in bits 31:8.
        mpidr;
        /// Program counter.
        pc;
        /// How many auxiliary granules are named (1.0), where it is not as many as
        /// [`RecParamsBuilder::aux`] was given.
        num_aux;
    }

    /// The REC can be entered once the Realm is active, and is measured.
    pub fn runnable(self) -> Self {
        let flags = self.0.number("flags", 0) | REC_RUNNABLE;
        self.flags(flags)
    }

    /// One of X0 to X7.
    pub fn gpr(mut self, index: usize, value: u64) -> Self {
        self.0.set_number("gprs", index, value);
        self
    }

    /// X0 to X7.
    pub fn gprs(self, values: [u64; REC_CREATE_GPRS]) -> Self {
        values.into_iter().enumerate().fold(self, |params, (i, value)| params.gpr(i, value))
    }

    /// Addresses of auxiliary granules, at most [`MAX_REC_AUX`], and their number (1.0; in 2.0 the
    /// RMM asks for them, and only none can be named).
    pub fn aux(mut self, granules: &[Pa]) -> Self {
        if granules.is_empty() && !self.0.has("aux") {
            return self;
        }
        for (index, granule) in granules.iter().enumerate() {
            self.0.set_number("aux", index, granule.0);
        }
        self.0.set_number("num_aux", 0, granules.len() as u64);
        self
    }

    /// A field of one number by its name, with any value that fits.
    pub fn field(mut self, name: &str, value: u64) -> Self {
        self.0.set_number(name, 0, value);
        self
    }

    /// The structure's granule.
    ///
    /// # Errors
    /// If a value does not fit into its field, or the edition does not have a field.
    pub fn page(&self) -> Result<GranuleBytes, FieldError> {
        self.0.page()
    }

    /// What is not zero in it, with offsets in bytes.
    ///
    /// # Errors
    /// As [`RecParamsBuilder::page`].
    pub(crate) fn pieces(&self) -> Result<Vec<(u16, Vec<u8>)>, FieldError> {
        self.0.pieces()
    }

    /// Whether a field was set.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.0.is_set(name)
    }
}

const _: () = assert!(MAX_REC_AUX == 16, "as the layout has it");
