//! The scripted software of a Realm: what a REC will do when it runs, and what it saw.
//!
//! This is the machine's state, not the RMM's: a program belongs to an address, whether or not
//! there is a REC at it.

use std::collections::VecDeque;
use std::fmt;

use super::planes::MAX_AUX_PLANES;
use crate::abi::addr::Hex;
use crate::abi::esr;
use crate::encoding::text;

/// An action of a Realm's software.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestAction {
    /// Sets X0 to Xn and executes SMC.
    Smc(Vec<u64>),
    /// Loads 1, 2, 4 or 8 bytes into a register, zero extended; a syndrome is valid (ISV).
    Load {
        /// Address.
        ipa: u64,
        /// Width of the access.
        size_bytes: u8,
        /// Register; 31 is XZR.
        rt: u8,
    },
    /// Stores 1, 2, 4 or 8 bytes of a register; a syndrome is valid (ISV).
    Store {
        /// Address.
        ipa: u64,
        /// Width of the access.
        size_bytes: u8,
        /// Register; 31 is XZR.
        rt: u8,
    },
    /// Loads bytes by an instruction without a valid syndrome.
    LoadBytes {
        /// Address.
        ipa: u64,
        /// Number of bytes.
        len_bytes: u64,
    },
    /// Stores bytes by an instruction without a valid syndrome.
    StoreBytes {
        /// Address.
        ipa: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Fetches an instruction.
    Exec {
        /// Address.
        ipa: u64,
    },
    /// Executes WFI (`false`) or WFE (`true`).
    Wfx {
        /// ISS.TI: the instruction is WFE.
        wfe: bool,
    },
    /// Executes HVC.
    Hvc,
    /// A physical interrupt arrives.
    Irq,
    /// A physical fast interrupt arrives.
    Fiq,
    /// A physical SError arrives.
    Serror {
        /// ESR_EL2.
        esr: u64,
    },
    /// An exception with this syndrome is taken to the RMM.
    Sync {
        /// ESR_EL2.
        esr: u64,
        /// FAR_EL2.
        far: u64,
        /// HPFAR_EL2.
        hpfar: u64,
    },
    /// A register gets a value, without an instruction.
    SetReg {
        /// Register, 0 to 30.
        n: u8,
        /// The value.
        value: u64,
    },
    /// A trapped access to a system register.
    SysReg {
        /// ESR_EL2.
        esr: u64,
    },
    /// The Host calls the RMM on another PE while this REC runs.
    HostSmc(Vec<u64>),
}

impl GuestAction {
    /// Whether it executes SMC: a call, or the exception of one.
    #[must_use]
    pub const fn is_smc(&self) -> bool {
        match self {
            Self::Smc(_) => true,
            Self::Sync { esr, .. } => *esr & esr::ec::MASK == esr::ec::SMC,
            _ => false,
        }
    }
}

/// An entry of the log of a REC_ENTER.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GuestEvent {
    /// The Realm runs: PC and X0 to X7.
    In {
        /// Program counter.
        pc: u64,
        /// X0 to X7.
        gprs: [u64; 8],
    },
    /// An auxiliary plane runs: its number, PC and X0 to X7.
    Plane {
        /// The plane.
        plane: usize,
        /// Program counter.
        pc: u64,
        /// X0 to X7.
        gprs: [u64; 8],
    },
    /// The Realm sees the results of an SMC: X0 to X10.
    Smc {
        /// The action's number.
        id: u64,
        /// X0 to X10.
        gprs: [u64; 11],
    },
    /// A load ended.
    Load {
        /// The action's number.
        id: u64,
        /// What was loaded.
        value: u64,
    },
    /// A store ended.
    Store {
        /// The action's number.
        id: u64,
    },
    /// A load of bytes ended.
    LoadBytes {
        /// The action's number.
        id: u64,
        /// What was loaded.
        bytes: Vec<u8>,
    },
    /// A store of bytes ended.
    StoreBytes {
        /// The action's number.
        id: u64,
    },
    /// The Host emulated an access; the register's value after it.
    Emulated {
        /// The action's number.
        id: u64,
        /// The register named by the access.
        value: u64,
    },
    /// An instruction fetch ended.
    Exec {
        /// The action's number.
        id: u64,
    },
    /// The Realm took an exception.
    Exception {
        /// The action's number.
        id: u64,
        /// Where the Realm goes on.
        pc: u64,
        /// ESR_EL1.
        esr: u64,
        /// FAR_EL1.
        far: u64,
    },
    /// What the RMM answered to a call on another PE: X0 to X4.
    Host {
        /// The action's number.
        id: u64,
        /// X0 to X4.
        regs: [u64; 5],
    },
}

/// An action that waits, with its number and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) id: u64,
    pub(crate) action: GuestAction,
    pub(crate) progress: Progress,
}

/// How far an action has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not begun.
    #[default]
    Fresh,
    /// Tried, and to be tried again.
    Aborted,
    /// An SMC was executed and left the Realm; its result is not seen yet.
    AwaitsResult,
    /// An auxiliary plane's instruction at this PC went to plane 0, which decides whether it is
    /// tried again: by where it enters the plane.
    Trapped(u64),
}

/// What a REC will do, in order, plane by plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    queues: [VecDeque<Queued>; MAX_AUX_PLANES + 1],
    pub(crate) log: Vec<GuestEvent>,
}

impl Program {
    /// Actions that wait.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    pub(crate) fn queue(&self, plane: usize) -> &VecDeque<Queued> {
        &self.queues[plane]
    }

    pub(crate) fn queue_mut(&mut self, plane: usize) -> &mut VecDeque<Queued> {
        &mut self.queues[plane]
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        self.queues.iter_mut().for_each(VecDeque::clear);
    }

    /// What the Realm saw in the last REC_ENTER.
    #[must_use]
    pub fn log(&self) -> &[GuestEvent] {
        &self.log
    }
}

impl GuestEvent {
    /// The number of the action that it comes of; none of the registers at the entry.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        match self {
            Self::In { .. } | Self::Plane { .. } => None,
            Self::Smc { id, .. }
            | Self::Load { id, .. }
            | Self::Store { id }
            | Self::LoadBytes { id, .. }
            | Self::StoreBytes { id }
            | Self::Emulated { id, .. }
            | Self::Exec { id }
            | Self::Exception { id, .. }
            | Self::Host { id, .. } => Some(*id),
        }
    }

    /// The fields as the vector format writes them: a name, the action's number in decimal, values
    /// in hexadecimal.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let name = |name: &str| vec![name.to_owned()];
        let with = |word: &str, id: &u64, values: &[u64]| {
            let values = values.iter().map(|value| format!("{value:#x}"));
            [word.to_owned(), id.to_string()].into_iter().chain(values).collect()
        };
        match self {
            Self::In { pc, gprs } => {
                let values = std::iter::once(pc).chain(gprs).map(|value| format!("{value:#x}"));
                name("in").into_iter().chain(values).collect()
            }
            Self::Plane { plane, pc, gprs } => {
                let values = [&[*pc][..], gprs].concat();
                with("plane", &(*plane as u64), &values)
            }
            Self::Smc { id, gprs } => with("smc", id, gprs),
            Self::Load { id, value } => with("load", id, &[*value]),
            Self::Store { id } => with("store", id, &[]),
            Self::LoadBytes { id, bytes } => {
                vec!["mload".into(), id.to_string(), text::hex(bytes)]
            }
            Self::StoreBytes { id } => with("mstore", id, &[]),
            Self::Emulated { id, value } => with("emul", id, &[*value]),
            Self::Exec { id } => with("exec", id, &[]),
            Self::Exception { id, pc, esr, far } => with("exc", id, &[*pc, *esr, *far]),
            Self::Host { id, regs } => with("host", id, regs),
        }
    }
}

impl fmt::Display for GuestEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fields().join(" "))
    }
}

/// Why a guest action can not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuestActionError {
    /// No action has this name.
    #[error("no guest action is called {0:?}")]
    Unknown(String),
    /// The operands are not those of the action.
    #[error("{kind} {wanted}")]
    Operands {
        /// The action.
        kind: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// No Realm has so many planes.
    #[error("there is no plane {0}; the last is {MAX_AUX_PLANES}")]
    Plane(u64),
    /// Too many actions wait already.
    #[error("{MAX_QUEUED} guest actions wait for one REC; there is no room for another")]
    QueueFull,
}

/// Most actions that can wait for one REC. A REC_ENTER ends when they are used up, so this is also
/// what bounds it.
pub const MAX_QUEUED: usize = 1 << 16;

/// Most bytes of one access without a syndrome: two granules, so that it can cross a border.
const MAX_ACCESS_BYTES: u64 = 8192;

const CALL: &str = "takes a function identifier and values of X1 and up, 31 in all";
const ACCESS: &str = "takes an IPA, a size of 1, 2, 4 or 8 bytes, and a register 0 to 31";
const LOAD_BYTES: &str = "takes an IPA and a length of 1 to 8192 bytes";
const STORE_BYTES: &str = "takes an IPA and 1 to 8192 bytes as hex digits";
const SET_REG: &str = "takes a register 0 to 30 and a value";

impl GuestAction {
    /// The action with this name and these operands, as vectors write them: numbers in hexadecimal
    /// with `0x` or in decimal, the bytes of `mstore` as hex digits.
    ///
    /// # Errors
    /// If there is no such action, or the operands are not its own.
    pub fn parse(kind: &str, args: &[String]) -> Result<Self, GuestActionError> {
        let wrong = |wanted| GuestActionError::Operands { kind: kind.to_owned(), wanted };
        let numbers: Option<Vec<u64>> = args.iter().map(|arg| number(arg)).collect();
        let get = |i: usize, wanted| {
            numbers.as_ref().and_then(|all| all.get(i)).copied().ok_or(wrong(wanted))
        };
        let byte = |i, wanted| u8::try_from(get(i, wanted)?).map_err(|_| wrong(wanted));
        let exactly = |count: usize, wanted| {
            if args.len() == count { Ok(()) } else { Err(wrong(wanted)) }
        };
        let access = || {
            exactly(3, ACCESS)?;
            Ok((get(0, ACCESS)?, byte(1, ACCESS)?, byte(2, ACCESS)?))
        };
        let action = match kind {
            "smc" => Self::Smc(numbers.clone().ok_or(wrong(CALL))?),
            "hostsmc" => Self::HostSmc(numbers.clone().ok_or(wrong(CALL))?),
            "load" => {
                let (ipa, size_bytes, rt) = access()?;
                Self::Load { ipa, size_bytes, rt }
            }
            "store" => {
                let (ipa, size_bytes, rt) = access()?;
                Self::Store { ipa, size_bytes, rt }
            }
            "mload" => {
                exactly(2, LOAD_BYTES)?;
                Self::LoadBytes { ipa: get(0, LOAD_BYTES)?, len_bytes: get(1, LOAD_BYTES)? }
            }
            "mstore" => {
                exactly(2, STORE_BYTES)?;
                let bytes = text::from_hex(&args[1]).map_err(|_| wrong(STORE_BYTES))?;
                Self::StoreBytes { ipa: number(&args[0]).ok_or(wrong(STORE_BYTES))?, bytes }
            }
            "exec" => Self::Exec { ipa: get(0, "takes an IPA")? },
            "wfx" => Self::Wfx { wfe: get(0, "takes 0 (WFI) or 1 (WFE)")? & 1 != 0 },
            "hvc" => Self::Hvc,
            "irq" => Self::Irq,
            "fiq" => Self::Fiq,
            "serror" => Self::Serror { esr: get(0, "takes an ESR")? },
            "sync" => {
                const WANTED: &str = "takes ESR, FAR and HPFAR";
                Self::Sync { esr: get(0, WANTED)?, far: get(1, WANTED)?, hpfar: get(2, WANTED)? }
            }
            "setreg" => Self::SetReg { n: byte(0, SET_REG)?, value: get(1, SET_REG)? },
            "sysreg" => Self::SysReg { esr: get(0, "takes an ESR")? },
            other => return Err(GuestActionError::Unknown(other.to_owned())),
        };
        action.check().map(|()| action)
    }

    /// Whether the operands are those of an instruction that can be.
    ///
    /// # Errors
    /// If they are not.
    pub fn check(&self) -> Result<(), GuestActionError> {
        let bytes_fit = |len_bytes| (1..=MAX_ACCESS_BYTES).contains(&len_bytes);
        let (good, wanted) = match self {
            Self::Smc(regs) | Self::HostSmc(regs) => ((1..=31).contains(&regs.len()), CALL),
            Self::Load { size_bytes, rt, .. } | Self::Store { size_bytes, rt, .. } => {
                ([1, 2, 4, 8].contains(size_bytes) && *rt < 32, ACCESS)
            }
            Self::LoadBytes { len_bytes, .. } => (bytes_fit(*len_bytes), LOAD_BYTES),
            Self::StoreBytes { bytes, .. } => (bytes_fit(bytes.len() as u64), STORE_BYTES),
            Self::SetReg { n, .. } => (*n < 31, SET_REG),
            _ => return Ok(()),
        };
        let kind = self.words().0.to_owned();
        if good { Ok(()) } else { Err(GuestActionError::Operands { kind, wanted }) }
    }

    /// The action's name and operands, as [`GuestAction::parse`] reads them.
    #[must_use]
    pub fn words(&self) -> (&'static str, Vec<String>) {
        let hex = |values: &[u64]| values.iter().map(|value| format!("{value:#x}")).collect();
        let access = |ipa: u64, size: u8, rt: u8| hex(&[ipa, size.into(), rt.into()]);
        match self {
            Self::Smc(regs) => ("smc", hex(regs)),
            Self::Load { ipa, size_bytes, rt } => ("load", access(*ipa, *size_bytes, *rt)),
            Self::Store { ipa, size_bytes, rt } => ("store", access(*ipa, *size_bytes, *rt)),
            Self::LoadBytes { ipa, len_bytes } => ("mload", hex(&[*ipa, *len_bytes])),
            Self::StoreBytes { ipa, bytes } => {
                ("mstore", vec![format!("{ipa:#x}"), text::hex(bytes)])
            }
            Self::Exec { ipa } => ("exec", hex(&[*ipa])),
            Self::Wfx { wfe } => ("wfx", hex(&[(*wfe).into()])),
            Self::Hvc => ("hvc", vec![]),
            Self::Irq => ("irq", vec![]),
            Self::Fiq => ("fiq", vec![]),
            Self::Serror { esr } => ("serror", hex(&[*esr])),
            Self::Sync { esr, far, hpfar } => ("sync", hex(&[*esr, *far, *hpfar])),
            Self::SetReg { n, value } => ("setreg", hex(&[(*n).into(), *value])),
            Self::SysReg { esr } => ("sysreg", hex(&[*esr])),
            Self::HostSmc(regs) => ("hostsmc", hex(regs)),
        }
    }
}

impl fmt::Display for GuestAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load { ipa, size_bytes, rt } => {
                write!(f, "load {} {size_bytes} x{rt}", Hex(*ipa))
            }
            other => {
                let (kind, args) = other.words();
                write!(f, "{kind} {}", args.join(" "))
            }
        }
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_actions_are_one_to_one() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (kind, text) in [
            ("smc", "0xc4000199 0x1000"),
            ("load", "0x10 0x8 0x1f"),
            ("store", "0x10 0x1 0x0"),
            ("mload", "0xfff 0x10"),
            ("mstore", "0xfff 00ff"),
            ("exec", "0x1000"),
            ("wfx", "0x1"),
            ("serror", "0xbe000000"),
            ("sync", "0x1 0x2 0x3"),
            ("setreg", "0x1e 0x5"),
            ("sysreg", "0x62300000"),
            ("hostsmc", "0xc4000150 0x10000"),
        ] {
            let action = GuestAction::parse(kind, &args(text)).unwrap();
            assert_eq!(action.words(), (kind, args(text)));
        }
    }

    #[test]
    fn operands_are_checked() {
        let error = |kind: &str, args: &[&str]| {
            let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
            GuestAction::parse(kind, &args).unwrap_err().to_string()
        };
        assert!(error("load", &["0x0", "3", "0"]).contains("1, 2, 4 or 8"));
        assert!(error("load", &["0x0", "8", "32"]).contains("register 0 to 31"));
        assert!(error("mload", &["0x0", "0xffffffffffffffff"]).contains("8192"));
        assert!(error("mstore", &["0x0", "0"]).contains("hex digits"));
        assert!(error("smc", &[]).contains("function identifier"));
        assert!(error("jump", &[]).contains("jump"));
        assert!(error("setreg", &["31", "0"]).contains("register 0 to 30"));
        assert!(error("store", &["0", "0x101", "0"]).contains("1, 2, 4 or 8"));
    }
}
