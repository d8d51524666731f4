//! What an RMI command answers in X0.

use std::fmt;

/// RmiStatusCode of RMM 1.0 (DEN0137 1.0 B4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
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
}

impl Status {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Success, Self::Input, Self::Realm, Self::Rec, Self::Rtt];

    /// The specification's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "RMI_SUCCESS",
            Self::Input => "RMI_ERROR_INPUT",
            Self::Realm => "RMI_ERROR_REALM",
            Self::Rec => "RMI_ERROR_REC",
            Self::Rtt => "RMI_ERROR_RTT",
        }
    }

    /// The status that has this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// RmiCommandReturnCode: a status in bits 7:0 and an index in bits 15:8 (DEN0137 1.0 B4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReturnCode {
    /// The status.
    pub status: Status,
    /// Meaning by status: for [`Status::Rtt`] the RTT level (0xFF is level −1).
    pub index: u8,
}

impl ReturnCode {
    /// Success.
    pub const SUCCESS: Self = Self { status: Status::Success, index: 0 };
    /// X0 of a call whose function identifier is unknown (SMCCC).
    pub const UNKNOWN_FID: u64 = u64::MAX;

    /// The value of X0.
    #[must_use]
    pub const fn pack(self) -> u64 {
        self.status as u64 | (self.index as u64) << 8
    }

    /// Reads X0; `None` if it is not a return code of RMM 1.0.
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
        assert_eq!(ReturnCode::unpack(5), None);
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
