//! RSI and PSCI: function identifiers and results, as a Realm sees them (DEN0137 1.0 B5, B6).

/// Function identifiers of RSI.
pub mod fid {
    /// RSI_VERSION.
    pub const VERSION: u64 = 0xC400_0190;
    /// RSI_FEATURES.
    pub const FEATURES: u64 = 0xC400_0191;
    /// RSI_MEASUREMENT_READ.
    pub const MEASUREMENT_READ: u64 = 0xC400_0192;
    /// RSI_MEASUREMENT_EXTEND.
    pub const MEASUREMENT_EXTEND: u64 = 0xC400_0193;
    /// RSI_ATTESTATION_TOKEN_INIT.
    pub const ATTESTATION_TOKEN_INIT: u64 = 0xC400_0194;
    /// RSI_ATTESTATION_TOKEN_CONTINUE.
    pub const ATTESTATION_TOKEN_CONTINUE: u64 = 0xC400_0195;
    /// RSI_REALM_CONFIG.
    pub const REALM_CONFIG: u64 = 0xC400_0196;
    /// RSI_IPA_STATE_SET.
    pub const IPA_STATE_SET: u64 = 0xC400_0197;
    /// RSI_IPA_STATE_GET.
    pub const IPA_STATE_GET: u64 = 0xC400_0198;
    /// RSI_HOST_CALL.
    pub const HOST_CALL: u64 = 0xC400_0199;
    /// RSI_VDEV_DMA_ENABLE (2.0).
    pub const VDEV_DMA_ENABLE: u64 = 0xC400_019C;
    /// RSI_VDEV_GET_INFO (2.0).
    pub const VDEV_GET_INFO: u64 = 0xC400_019D;
    /// RSI_VDEV_VALIDATE_MAPPING (2.0).
    pub const VDEV_VALIDATE_MAPPING: u64 = 0xC400_019F;
    /// RSI_MEM_GET_PERM_VALUE (2.0).
    pub const MEM_GET_PERM_VALUE: u64 = 0xC400_01A0;
    /// RSI_MEM_SET_PERM_INDEX (2.0).
    pub const MEM_SET_PERM_INDEX: u64 = 0xC400_01A1;
    /// RSI_MEM_SET_PERM_VALUE (2.0).
    pub const MEM_SET_PERM_VALUE: u64 = 0xC400_01A2;
    /// RSI_PLANE_ENTER (2.0).
    pub const PLANE_ENTER: u64 = 0xC400_01A3;
    /// RSI_VDEV_DMA_DISABLE (2.0).
    pub const VDEV_DMA_DISABLE: u64 = 0xC400_01A4;
    /// RSI_PLANE_SYSREG_READ (2.0).
    pub const PLANE_SYSREG_READ: u64 = 0xC400_01AE;
    /// RSI_PLANE_SYSREG_WRITE (2.0).
    pub const PLANE_SYSREG_WRITE: u64 = 0xC400_01AF;
    /// SMCCC_VERSION.
    pub const SMCCC_VERSION: u64 = 0x8000_0000;
}

/// SMCCC's hint in a function identifier that the caller has no live SVE state.
pub const SVE_HINT: u64 = 1 << 16;

/// RsiCommandReturnCode.
pub mod result {
    /// Success.
    pub const SUCCESS: u64 = 0;
    /// A value is wrong.
    pub const ERROR_INPUT: u64 = 1;
    /// The state does not allow it.
    pub const ERROR_STATE: u64 = 2;
    /// More remains.
    pub const INCOMPLETE: u64 = 3;
    /// It failed for a reason that is none of the others.
    pub const ERROR_UNKNOWN: u64 = 4;
    /// SMCCC: no such function.
    pub const NOT_SUPPORTED: u64 = u64::MAX;
}

/// RsiFeatureRegister0 (2.0): devices can be assigned to the Realm.
pub const FEATURE_0_DA: u64 = 1;

/// RsiResponse.
pub mod response {
    /// The Host did it.
    pub const ACCEPT: u64 = 0;
    /// The Host refused.
    pub const REJECT: u64 = 1;
}

/// PSCI.
pub mod psci {
    /// VERSION.
    pub const VERSION: u64 = 0x8400_0000;
    /// CPU_SUSPEND, 32 bits and 64 bits.
    pub const CPU_SUSPEND: [u64; 2] = [0x8400_0001, 0xC400_0001];
    /// CPU_OFF.
    pub const CPU_OFF: u64 = 0x8400_0002;
    /// CPU_ON, 32 bits and 64 bits.
    pub const CPU_ON: [u64; 2] = [0x8400_0003, 0xC400_0003];
    /// AFFINITY_INFO, 32 bits and 64 bits.
    pub const AFFINITY_INFO: [u64; 2] = [0x8400_0004, 0xC400_0004];
    /// SYSTEM_OFF.
    pub const SYSTEM_OFF: u64 = 0x8400_0008;
    /// SYSTEM_RESET.
    pub const SYSTEM_RESET: u64 = 0x8400_0009;
    /// FEATURES.
    pub const FEATURES: u64 = 0x8400_000A;
    /// Numbers of PSCI functions that TF-RMM takes for PSCI's.
    pub const NUMBERS: std::ops::RangeInclusive<u64> = 0..=0x14;

    /// Success; for AFFINITY_INFO: on.
    pub const SUCCESS: u64 = 0;
    /// AFFINITY_INFO: off.
    pub const OFF: u64 = 1;
    /// No such function.
    pub const NOT_SUPPORTED: u64 = (-1_i64).cast_unsigned();
    /// A parameter is wrong.
    pub const INVALID_PARAMETERS: u64 = (-2_i64).cast_unsigned();
    /// Denied.
    pub const DENIED: u64 = (-3_i64).cast_unsigned();
    /// The target is on.
    pub const ALREADY_ON: u64 = (-4_i64).cast_unsigned();
    /// The entry point is wrong.
    pub const INVALID_ADDRESS: u64 = (-9_i64).cast_unsigned();

    /// The REC index of an MPIDR_EL1 value, as PSCI calls name their target: Aff0 in bits 3:0, Aff1
    /// in 15:8, Aff2 in 23:16, Aff3 in 39:32. TF-RMM ignores the other bits.
    #[must_use]
    pub const fn rec_index(mpidr: u64) -> u64 {
        mpidr & 0xF
            | (mpidr >> 8 & 0xFF) << 4
            | (mpidr >> 16 & 0xFF) << 12
            | (mpidr >> 32 & 0xFF) << 20
    }
}
