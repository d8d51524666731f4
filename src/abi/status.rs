//! What an RMI command answers in X0.

use std::fmt;

/// RmiStatusCode (DEN0137 B4.4 of 1.0; from [`Status::NotSupported`] on 2.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Status {
    /// The command succeeded.
    Success = 0,
    /// An input value, or a granule that it names, was not as the command needs it.
    Input = 1,
    /// The Realm's state does not allow the command.
    Realm = 2,
    /// The REC's state does not allow the command.
    Rec = 3,
    /// An RTT walk stopped early, or met an entry in the wrong state.
    Rtt = 4,
    /// A feature is missing.
    NotSupported = 5,
    /// A device refuses.
    Device = 6,
    /// An auxiliary RTT stands in the way.
    RttAux = 7,
    /// A stream table of an SMMU stands in the way.
    PsmmuSt = 8,
    /// The device permission table refuses.
    Dpt = 9,
    /// Something that is under way stands in the way; nothing has changed.
    Busy = 10,
    /// The state of the whole RMM does not allow it.
    Global = 11,
    /// The memory is not tracked so.
    Tracking = 12,
    /// A stateful operation waits for the Host.
    Incomplete = 13,
    /// No stateful operation can begin now.
    Blocked = 14,
    /// The granule protection tables refuse.
    Gpt = 15,
    /// A granule is not as it has to be.
    Granule = 16,
}

impl Status {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Success,
        Self::Input,
        Self::Realm,
        Self::Rec,
        Self::Rtt,
        Self::NotSupported,
        Self::Device,
        Self::RttAux,
        Self::PsmmuSt,
        Self::Dpt,
        Self::Busy,
        Self::Global,
        Self::Tracking,
        Self::Incomplete,
        Self::Blocked,
        Self::Gpt,
        Self::Granule,
    ];

    /// The specification's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "RMI_SUCCESS",
            Self::Input => "RMI_ERROR_INPUT",
            Self::Realm => "RMI_ERROR_REALM",
            Self::Rec => "RMI_ERROR_REC",
            Self::Rtt => "RMI_ERROR_RTT",
            Self::NotSupported => "RMI_ERROR_NOT_SUPPORTED",
            Self::Device => "RMI_ERROR_DEVICE",
            Self::RttAux => "RMI_ERROR_RTT_AUX",
            Self::PsmmuSt => "RMI_ERROR_PSMMU_ST",
            Self::Dpt => "RMI_ERROR_DPT",
            Self::Busy => "RMI_BUSY",
            Self::Global => "RMI_ERROR_GLOBAL",
            Self::Tracking => "RMI_ERROR_TRACKING",
            Self::Incomplete => "RMI_INCOMPLETE",
            Self::Blocked => "RMI_BLOCKED",
            Self::Gpt => "RMI_ERROR_GPT",
            Self::Granule => "RMI_ERROR_GRANULE",
        }
    }

    /// The status that has this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What a stateful operation waits for: RmiOpMemReq, bits 1:0 of the index of
/// [`Status::Incomplete`] (DEN0137 2.0 B4.6). No operation here can be cancelled (bit 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MemReq {
    /// RMI_OP_CONTINUE.
    None = 0,
    /// RMI_OP_MEM_DONATE.
    Donate = 1,
    /// RMI_OP_MEM_RECLAIM.
    Reclaim = 2,
}

/// RmiCommandReturnCode: a status in bits 7:0 and an index in bits 15:8 (DEN0137 1.0 B4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReturnCode {
    /// The status.
    pub status: Status,
    /// Meaning by status: for [`Status::Rtt`] the RTT level (0xFF is level −1), for
    /// [`Status::Incomplete`] a [`MemReq`].
    pub index: u8,
}

impl ReturnCode {
    /// Success.
    pub const SUCCESS: Self = Self { status: Status::Success, index: 0 };
    /// X0 of a call whose function identifier is unknown (SMCCC).
    pub const UNKNOWN_FID: u64 = u64::MAX;

    /// A stateful operation goes on.
    #[must_use]
    pub const fn incomplete(mem_req: MemReq) -> Self {
        Self { status: Status::Incomplete, index: mem_req as u8 }
    }

    /// The value of X0.
    #[must_use]
    pub const fn pack(self) -> u64 {
        self.status as u64 | (self.index as u64) << 8
    }

    /// Reads X0; `None` if it is not a return code.
    #[must_use]
    pub fn unpack(x0: u64) -> Option<Self> {
        let [status, index, rest @ ..] = x0.to_le_bytes();
        let status = Status::ALL.into_iter().find(|known| *known as u8 == status)?;
        rest.iter().all(|byte| *byte == 0).then_some(Self { status, index })
    }
}

impl fmt::Display for ReturnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.name())?;
        match (self.status, self.index) {
            (Status::Rtt, index) => write!(f, "({})", index.cast_signed()),
            (Status::Incomplete, 1) => f.write_str("(donate)"),
            (Status::Incomplete, 2) => f.write_str("(reclaim)"),
            (_, 0) => Ok(()),
            (_, index) => write!(f, "({index})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_codes_round_trip() {
        for status in Status::ALL {
            for index in [0, 1, 3, 0xFF] {
                let code = ReturnCode { status, index };
                assert_eq!(ReturnCode::unpack(code.pack()), Some(code));
            }
            assert_eq!(Status::from_name(status.name()), Some(status));
        }
        assert_eq!(
            ReturnCode::unpack(0x0102),
            Some(ReturnCode { status: Status::Realm, index: 1 })
        );
        assert_eq!(ReturnCode::unpack(17), None);
        assert_eq!(ReturnCode::unpack(1 << 16), None);
        assert_eq!(ReturnCode::unpack(ReturnCode::UNKNOWN_FID), None);
    }

    #[test]
    fn levels_print_signed() {
        let code = |index| ReturnCode { status: Status::Rtt, index }.to_string();
        assert_eq!(code(2), "RMI_ERROR_RTT(2)");
        assert_eq!(code(0xFF), "RMI_ERROR_RTT(-1)");
        assert_eq!(ReturnCode { status: Status::Input, index: 0 }.to_string(), "RMI_ERROR_INPUT");
    }
}
