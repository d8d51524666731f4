//! RmiRecRun: what the Host hands in at REC_ENTER and what it gets back (DEN0137 1.0 B4.4).

use super::addr::{GranuleBytes, Level};
use super::esr::{self, fsc};
use super::layout::read_number;
use super::profile::Profile;

/// Offset of RmiRecExit in RmiRecRun, in bytes.
pub const EXIT_OFFSET: usize = 0x800;
/// Length of RmiRecExit in bytes.
pub const EXIT_LEN_BYTES: usize = 0x800;
pub use super::layout::NUM_LRS;

/// Bits of RmiRecEnterFlags.
pub mod enter_flags {
    /// The Host has emulated the access that caused the last exit.
    pub const EMUL_MMIO: u64 = 1 << 0;
    /// The Host wants the Realm to take a Synchronous External Abort.
    pub const INJECT_SEA: u64 = 1 << 1;
    /// WFI exits to the Host.
    pub const TRAP_WFI: u64 = 1 << 2;
    /// WFE exits to the Host.
    pub const TRAP_WFE: u64 = 1 << 3;
    /// RmiResponse to a RIPAS change: 1 is REJECT.
    pub const RIPAS_RESPONSE: u64 = 1 << 4;
    /// The Host refuses a change of permissions (2.0).
    pub const S2AP_RESPONSE: u64 = 1 << 5;
    /// The Host wants plane 0 to run (2.0).
    pub const FORCE_P0: u64 = 1 << 7;
}

/// RmiRecEnter: what the Host hands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecEnter {
    /// [`enter_flags`].
    pub flags: u64,
    /// X0 to X30 for the Realm.
    pub gprs: [u64; 31],
    /// ICH_HCR_EL2 bits.
    pub gicv3_hcr: u64,
    /// `ICH_LR<n>_EL2`.
    pub gicv3_lrs: [u64; NUM_LRS],
}

impl RecEnter {
    /// Reads the first half of RmiRecRun. Fields that the profile's edition does not have are
    /// zero.
    #[must_use]
    pub fn read(page: &GranuleBytes, profile: Profile) -> Self {
        let at = |name, i: usize| {
            let field = profile.rec_enter().field(name);
            field.map_or(0, |field| read_number(page, field.offset + 8 * i, 8))
        };
        Self {
            flags: at("flags", 0),
            gprs: std::array::from_fn(|i| at("gprs", i)),
            gicv3_hcr: at("gicv3_hcr", 0),
            gicv3_lrs: std::array::from_fn(|i| at("gicv3_lrs", i)),
        }
    }

    /// Whether a flag of [`enter_flags`] is set.
    #[must_use]
    pub fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

/// RmiRecExitReason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum ExitReason {
    /// A synchronous exception.
    #[default]
    Sync = 0,
    /// An interrupt.
    Irq = 1,
    /// A fast interrupt.
    Fiq = 2,
    /// A PSCI call.
    Psci = 3,
    /// RSI_IPA_STATE_SET.
    RipasChange = 4,
    /// RSI_HOST_CALL.
    HostCall = 5,
    /// An SError.
    Serror = 6,
    /// RSI_MEM_SET_PERM_INDEX (2.0).
    S2apChange = 7,
    /// The Realm asks which device an identifier means (2.0).
    VdevRequest = 8,
}

impl ExitReason {
    /// The specification's names, by number, without their prefix.
    pub const NAMES: [&str; 9] = [
        "SYNC",
        "IRQ",
        "FIQ",
        "PSCI",
        "RIPAS_CHANGE",
        "HOST_CALL",
        "SERROR",
        "S2AP_CHANGE",
        "VDEV_REQUEST",
    ];

    /// The name of a number that the Host reads.
    #[must_use]
    pub fn name_of(number: u8) -> &'static str {
        Self::NAMES.get(usize::from(number)).copied().unwrap_or("unknown")
    }
}

/// RmiRecExit: what the Host gets back. Timers never fire and the PMU never overflows here, so
/// their fields stay zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecExit {
    /// Why the REC left.
    pub exit_reason: ExitReason,
    /// ESR_EL2, as far as the Host may see it.
    pub esr: u64,
    /// FAR_EL2, as far as the Host may see it.
    pub far: u64,
    /// HPFAR_EL2.
    pub hpfar: u64,
    /// The tree of RTTs in which an abort was (2.0).
    pub rtt_tree: u64,
    /// X0 to X30, where the exit hands them out.
    pub gprs: [u64; 31],
    /// ICH_HCR_EL2 bits.
    pub gicv3_hcr: u64,
    /// `ICH_LR<n>_EL2`.
    pub gicv3_lrs: [u64; NUM_LRS],
    /// First IPA of a RIPAS change.
    pub ripas_base: u64,
    /// First IPA after a RIPAS change.
    pub ripas_top: u64,
    /// RIPAS asked for.
    pub ripas_value: u8,
    /// First IPA of a change of permissions (2.0).
    pub s2ap_base: u64,
    /// First IPA after a change of permissions (2.0).
    pub s2ap_top: u64,
    /// The identifier of a device (2.0).
    pub vdev_id: u64,
    /// Immediate of a host call. The text has 16 bits; TF-RMM hands out 32, and so does every
    /// profile, since recorded vectors do not call it a deviation.
    pub imm: u32,
    /// The plane that made a host call (2.0).
    pub plane: u64,
}

impl RecExit {
    /// The exit of an RSI call whose operand's memory is missing: a data abort at an IPA in bytes,
    /// translated down to `level`, that never happened.
    pub(crate) fn stage2_data_abort(ipa: u64, level: Level) -> Self {
        Self {
            exit_reason: ExitReason::Sync,
            esr: esr::ec::DATA_ABORT | fsc::translation(level),
            hpfar: ipa >> 8,
            ..Self::default()
        }
    }

    /// The structure's bytes; what is not specified is zero.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; EXIT_LEN_BYTES] {
        let mut bytes = [0; EXIT_LEN_BYTES];
        let mut put = |offset: usize, value: u64| {
            bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        };
        put(0x000, u64::from(self.exit_reason as u8));
        put(0x100, self.esr);
        put(0x108, self.far);
        put(0x110, self.hpfar);
        put(0x118, self.rtt_tree);
        for (i, gpr) in self.gprs.into_iter().enumerate() {
            put(0x200 + 8 * i, gpr);
        }
        put(0x300, self.gicv3_hcr);
        for (i, lr) in self.gicv3_lrs.into_iter().enumerate() {
            put(0x308 + 8 * i, lr);
        }
        put(0x500, self.ripas_base);
        put(0x508, self.ripas_top);
        put(0x510, self.ripas_value.into());
        put(0x520, self.s2ap_base);
        put(0x528, self.s2ap_top);
        put(0x530, self.vdev_id);
        put(0x600, self.imm.into());
        put(0x608, self.plane);
        bytes
    }
}
