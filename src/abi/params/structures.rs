//! RealmParams and RecParams, read from a granule of Host memory.

use crate::abi::addr::GranuleBytes;
use crate::abi::layout::{self, Layout, read_number};
use crate::abi::profile::Profile;

/// The 64 bytes of a Realm Personalization Value.
pub type Rpv = [u8; 64];

/// Most auxiliary granules that RmiRecParams can name.
pub const MAX_REC_AUX: usize = 16;
/// General-purpose registers that the Host sets at REC_CREATE.
pub const REC_CREATE_GPRS: usize = 8;

/// RmiRealmParams (DEN0137 1.0 B4.4): values as the RMM reads them, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmParams {
    /// RmiRealmFlags; all 64 bits are measured.
    pub flags: u64,
    /// Requested IPA width in bits.
    pub s2sz: u64,
    /// SVE vector length: (value + 1) · 128 bits.
    pub sve_vl: u64,
    /// Breakpoints minus one.
    pub num_bps: u64,
    /// Watchpoints minus one.
    pub num_wps: u64,
    /// PMU counters.
    pub pmu_num_ctrs: u64,
    /// RmiHashAlgorithm.
    pub hash_algo: u8,
    /// Realm Personalization Value; not measured.
    pub rpv: Rpv,
    /// Virtual Machine Identifier; not measured. Zero in 2.0, where the RMM chooses it.
    pub vmid: u16,
    /// Planes besides the first; not measured. Zero in 1.0.
    pub num_aux_planes: u64,
    /// The plane that translation requests of devices come from; not measured. Zero in 1.0.
    pub ats_plane: u64,
    /// RmiRealmFlags1; not measured. Zero in 1.0.
    pub flags1: u64,
    /// Address of the first starting-level RTT; not measured.
    pub rtt_base: u64,
    /// Starting level, signed; not measured.
    pub rtt_level_start: u64,
    /// Number of starting-level RTTs; not measured.
    pub rtt_num_start: u32,
    /// Addresses of the first starting-level RTTs of auxiliary trees; not measured. Zero in 1.0.
    pub aux_rtt_base: [u64; 3],
}

/// Bits of RmiRealmFlags (DEN0137 1.0 B4.4).
pub mod realm_flags {
    /// LPA2: 52-bit addresses.
    pub const LPA2: u64 = 1 << 0;
    /// SVE is offered to the Realm.
    pub const SVE: u64 = 1 << 1;
    /// A PMU is offered to the Realm.
    pub const PMU: u64 = 1 << 2;
    /// Devices can be assigned to the Realm (2.0).
    pub const DA: u64 = 1 << 3;
    /// The two bits of the policy for live firmware activation (2.0).
    pub const LFA_POLICY: u64 = 0b11 << 5;
    /// The two bits of the MEC policy (2.0): 0 shared, 1 private.
    pub const MEC_POLICY: u64 = 0b11 << 7;
    /// Bit of RmiRealmFlags1 (2.0): each plane has RTTs of its own.
    pub const RTT_TREE_PP: u64 = 1 << 0;
    /// Bit of RmiRealmFlags1 (2.0): permissions are indirect.
    pub const S2AP_INDIRECT: u64 = 1 << 1;
}

/// RmiRecCreateFlags.runnable (DEN0137 1.0 B4.4).
pub const REC_RUNNABLE: u64 = 1 << 0;
/// RmiDataFlags.measure (DEN0137 1.0 B4.4).
pub const DATA_MEASURE: u64 = 1 << 0;

impl RealmParams {
    /// Reads the structure.
    ///
    /// TF-RMM reads s2sz, sve_vl, num_bps, num_wps and pmu_num_ctrs as 32-bit numbers where the
    /// text has 8 bits (deviation D-REALM-PARAM-WIDTH), so the profile decides.
    #[must_use]
    pub fn read(page: &GranuleBytes, profile: Profile) -> Self {
        let layout = profile.realm_params();
        let width_bytes = profile.realm_param_width_bytes();
        let small = |name| read_number(page, offset(layout, name), width_bytes);
        // A field that the edition does not have is zero.
        let number = |name| {
            let field = layout.field(name);
            field.map_or(0, |field| read_number(page, field.offset, field.width_bytes))
        };
        let rpv = offset(layout, "rpv");
        Self {
            flags: number("flags"),
            s2sz: small("s2sz"),
            sve_vl: small("sve_vl"),
            num_bps: small("num_bps"),
            num_wps: small("num_wps"),
            pmu_num_ctrs: small("pmu_num_ctrs"),
            hash_algo: page[offset(layout, "hash_algo")],
            rpv: page[rpv..rpv + 64].try_into().expect("64 bytes"),
            vmid: u16::try_from(number("vmid")).expect("two bytes"),
            num_aux_planes: number("num_aux_planes"),
            ats_plane: number("ats_plane"),
            flags1: number("flags1"),
            rtt_base: number("rtt_base"),
            rtt_level_start: number("rtt_level_start"),
            rtt_num_start: u32::try_from(number("rtt_num_start")).expect("four bytes"),
            aux_rtt_base: std::array::from_fn(|i| {
                let field = layout.field("aux_rtt_base");
                field.map_or(0, |field| read_number(page, field.offset + 8 * i, 8))
            }),
        }
    }

    /// Whether a flag of [`realm_flags`] is set.
    #[must_use]
    pub fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// The bits of RmiRealmFlags that a profile gives a meaning.
    #[must_use]
    pub const fn defined_flags(profile: Profile) -> u64 {
        use realm_flags::{DA, LFA_POLICY, LPA2, MEC_POLICY, PMU, SVE};
        let common = LPA2 | SVE | PMU;
        let more = DA | LFA_POLICY | MEC_POLICY;
        if profile.realm_params_have_planes() { common | more } else { common }
    }

    /// The MEC policy: 0 shared, 1 private, 2 and 3 reserved (2.0).
    #[must_use]
    pub const fn mec_policy(&self) -> u64 {
        (self.flags & realm_flags::MEC_POLICY) >> realm_flags::MEC_POLICY.trailing_zeros()
    }
}

/// RmiRecParams (DEN0137 1.0 B4.4): values as the RMM reads them, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecParams {
    /// RmiRecCreateFlags; all 64 bits are measured if the REC is runnable.
    pub flags: u64,
    /// RmiRecMpidr; not measured.
    pub mpidr: u64,
    /// Program counter.
    pub pc: u64,
    /// X0 to X7.
    pub gprs: [u64; REC_CREATE_GPRS],
    /// Number of auxiliary granules; not measured.
    pub num_aux: u64,
    /// Addresses of auxiliary granules; not measured.
    pub aux: [u64; MAX_REC_AUX],
}

impl RecParams {
    /// Reads the structure.
    #[must_use]
    pub fn read(page: &GranuleBytes) -> Self {
        // What 2.0 has of the structure lies where 1.0 has it.
        let at = |name, i: usize| read_number(page, offset(&layout::REC_PARAMS, name) + 8 * i, 8);
        Self {
            flags: at("flags", 0),
            mpidr: at("mpidr", 0),
            pc: at("pc", 0),
            gprs: std::array::from_fn(|i| at("gprs", i)),
            num_aux: at("num_aux", 0),
            aux: std::array::from_fn(|i| at("aux", i)),
        }
    }

    /// Whether the REC can be entered once the Realm is active.
    #[must_use]
    pub fn runnable(&self) -> bool {
        self.flags & REC_RUNNABLE != 0
    }
}

fn offset(layout: &'static Layout, name: &str) -> usize {
    layout.field(name).expect("the name stands in the layout").offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_decides_how_wide_small_fields_are() {
        let mut page = [0; 4096];
        page[0x08..0x0C].copy_from_slice(&[40, 1, 0, 0]);
        assert_eq!(RealmParams::read(&page, Profile::TF_RMM).s2sz, 0x128);
        assert_eq!(RealmParams::read(&page, Profile::SPEC).s2sz, 40);
    }
}
