//! From the console log of an RMM to a script.
//!
//! TF-RMM prints calls of the Host (`rmi_log_on_exit` in runtime/core/handler.c): name, arguments
//! in hexadecimal, `>`, status, index or outputs. [`read()`] finds these in a console's bytes,
//! among prefixes, colours and other software's lines; [`import()`] makes a script of the calls
//! that built one Realm. The log's results become expectations, so playing the script compares
//! them.
//!
//! What kvmtool says with `--loglevel debug` between those lines is read as well: which IPAs got
//! RIPAS RAM and contents, where the RMM prints neither.
//!
//! Trace events of a kernel are read where they show the registers of calls.
//!
//! A log has neither the contents of granules nor parameters. Images are attached at an IPA, and
//! parameters are `let`s of a script. Where they are missing the script has an image of `unknown`
//! bytes, or other parameters in their place and a statement `unknown`; [`Import::needs`] lists
//! them. Calls that the log does not show become statements `unknown` too; [`Import::gaps`] lists
//! them. What is unknown hides the RIM.
//!
//! As it is published, TF-RMM prints of the commands that succeed only REALM_CREATE, REC_CREATE and
//! their like; its table `smc_handlers` says for each command what is printed. A RIM needs a log
//! with DATA_CREATE, RTT_INIT_RIPAS and, to be exact about levels, RTT_CREATE.
//!
//! Of which edition a log is its commands say. In one of RMM 2.0 the calls of a stateful operation
//! are put together: the command that began it stands in the script where the operation ended, with
//! `all`. RIPAS is not measured there, so RTT_DATA_MAP_INIT (DATA_CREATE) is what a RIM needs.

mod build;
mod data;
mod ftrace;
mod gap;
mod islet;
mod line;
mod memory;
mod operation;
mod options;
mod stand_in;
mod vmm;

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use crate::abi::addr::Hex;
use crate::encoding::shown::Shown;
use crate::script::{Script, ScriptError};

pub use build::import;
pub use line::{Call, Log, Tally, Torn, is_log, read};
pub use options::{At, Options, params};
pub use vmm::{VmmLine, VmmStep};

/// Longest log that is read, in bytes.
pub const MAX_LOG_BYTES: u64 = 256 << 20;
/// Most images that are attached.
pub const MAX_IMAGES: usize = 1024;

/// A script made of a log, and what it still lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The script; its text is its `Display`.
    pub script: Script,
    /// What has to be given before the script makes the Realm's RIM.
    pub needs: Vec<Need>,
    /// What the script does otherwise than the log.
    pub remarks: Vec<String>,
    /// What the log does not show: each is an `unknown` of the script.
    pub gaps: Vec<LogGap>,
    /// The log's line of each of the script's statements, from 1; 0 where there is none.
    pub lines: Vec<u32>,
}

/// Something that the log does not show, and that can have changed the Realm's RIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGap {
    /// The log's line, from 1.
    pub line: u32,
    /// What is not known.
    pub what: String,
}

impl Import {
    /// Whether the script makes the Realm's RIM as it is.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.needs.is_empty() && self.gaps.is_empty()
    }
}

/// What a log does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Contents of measured granules.
    Contents {
        /// The IPAs, half-open, in whole granules.
        ipa: Range<u64>,
        /// The file that is looked for beside the log.
        file: String,
    },
    /// A page of parameters.
    Params {
        /// `RealmParams` or `RecParams`.
        structure: &'static str,
        /// The symbol that has to be defined.
        symbol: String,
        /// The log's line that uses it.
        line: u32,
    },
}

/// Why a log makes no script.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The log is longer than is read.
    #[error("the log is longer than {} MiB", MAX_LOG_BYTES >> 20)]
    TooLong,
    /// No line shows a call.
    #[error(
        "no line of {lines} shows a call of the RMM, such as `SMC_RMI_REALM_CREATE 88000000 \
         88001000 > RMI_SUCCESS`"
    )]
    NoCalls {
        /// Lines that were read.
        lines: u64,
    },
    /// The lines that look like calls have no registers.
    #[error(
        "{events} lines are trace events of a kernel that show no registers (kvm_…, \
         arm_smccc_smc_…): no RD, IPA or flags, so no call; KVM has no event for RMI calls. Take \
         the RMM's own lines, or arm_smccc_start and arm_smccc_end of a kernel that has them"
    )]
    NoRegisters {
        /// How many.
        events: u64,
    },
    /// No Realm was made.
    #[error("{calls} calls and no REALM_CREATE that succeeds")]
    NoRealm {
        /// Calls that were read.
        calls: usize,
    },
    /// The log has fewer Realms.
    #[error("the log makes {realms} Realms, and there is no number {asked}")]
    NoSuchRealm {
        /// How many there are.
        realms: usize,
        /// Which was asked for, from 1.
        asked: usize,
    },
    /// Commands that no edition of the specification has together.
    #[error(
        "line {line}: {name} is a command of RMM {edition}, and {other} of line {other_line} is \
         one of RMM {other_edition}: a log is of one RMM"
    )]
    Mixed {
        /// The log's line, from 1.
        line: u32,
        /// The command's name.
        name: &'static str,
        /// The edition that has it.
        edition: &'static str,
        /// The line of the command that came first.
        other_line: u32,
        /// Its name.
        other: &'static str,
        /// The edition that has it.
        other_edition: &'static str,
    },
    /// Arguments in the order of a draft.
    #[error(
        "line {line}: {name} names the Realm second, as drafts before RMM 1.0-eac did; logs of RMM \
         from 1.0 on are understood"
    )]
    Draft {
        /// The log's line, from 1.
        line: u32,
        /// The command's name.
        name: &'static str,
    },
    /// An image that can not stand where it is attached.
    #[error("{name} can not stand at {}: {why}", Hex(*ipa), name = Shown(name))]
    At {
        /// The image's name.
        name: String,
        /// Where it should stand.
        ipa: u64,
        /// Why not.
        why: &'static str,
    },
    /// The script would be too long.
    #[error("the script would be longer than {} MiB", crate::script::MAX_TEXT_BYTES >> 20)]
    LongScript,
    /// The parameters are no script.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The parameters are a script that does more.
    #[error("{file}:{line}: only `let NAME = RealmParams {{ … }}` and its like can stand here",
        file = Shown(file))]
    NoParams {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
    },
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contents { ipa, file } => {
                let (start, end) = (Hex(ipa.start), Hex(ipa.end));
                write!(f, "contents of IPA {start}..{end}: --at {start}=FILE, or a file {file}")
            }
            Self::Params { structure, symbol, line } => write!(
                f,
                "parameters of line {line}: `let {symbol} = {structure} {{ … }}` in --params FILE"
            ),
        }
    }
}
