//! One thing that is done to the machine, or asked of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::abi::command::CallRegs;
use crate::abi::gic::CpuInterface;
use crate::abi::status::{ReturnCode, Status};
use crate::encoding::shown::Shown;
use crate::measure::image::Image;
use crate::measure::rim::Measurement;
use crate::model::granule::{Gpt, GranuleState};
use crate::model::program::GuestAction;
use crate::model::realm::RealmState;
use crate::rmi::Outcome;

/// A step: an action, what should come of it, and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// What the machine should answer; `None` if it was not said.
    pub expected: Option<Expected>,
    /// Where the step comes from.
    pub place: Place,
    /// What a vector says about the step.
    pub notes: Option<Box<Notes>>,
}

/// A place in a text: file, line and column, both from 1. Column 0 if only the line is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name as the user gave it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    /// For people: `boot.rmi:7:1`, with nothing in the name that acts on a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Shown(&self.file), self.numbers())
    }
}

/// What a vector says about a step besides what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// What is tested.
    pub label: Option<String>,
    /// The deviation of TF-RMM from the text that the step shows.
    pub dev: Option<String>,
    /// What the text asks.
    pub spec: Option<String>,
    /// How TF-RMM crashed here.
    pub abort: Option<String>,
    /// What the Realm's software should see in this REC_ENTER: a line of fields each.
    pub guest: Option<Vec<Vec<String>>>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The Host calls the RMM with these registers.
    Call(CallRegs),
    /// The Host zeroes the granule at `pa` and writes pieces at offsets into it.
    Page {
        /// Address of the granule.
        pa: u64,
        /// Offset in bytes and what to write there.
        data: Vec<(u16, Vec<u8>)>,
    },
    /// The Host writes bytes.
    Write {
        /// Address of the first byte.
        pa: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The Host writes zeros.
    Zero {
        /// Address of the first byte.
        pa: u64,
        /// Number of bytes.
        len_bytes: u64,
    },
    /// The Host writes a splitmix64 stream.
    Fill {
        /// Address of the first byte.
        pa: u64,
        /// Number of bytes.
        len_bytes: u64,
        /// Seed of the stream.
        seed: u64,
    },
    /// The Host's memory shows a part of an image.
    Image {
        /// Address of the first granule.
        pa: u64,
        /// The image.
        image: Arc<Image>,
        /// Offset of the first byte in the image.
        offset: u64,
        /// How many granules.
        count_granules: u64,
    },
    /// EL3 or the SPM changes the GPT entry of a granule that is not delegated.
    SetGpt {
        /// Address of the granule.
        pa: u64,
        /// The new entry.
        gpt: Gpt,
    },
    /// An action of a Realm's program is queued.
    Guest {
        /// The REC that will do it.
        rec: u64,
        /// Number by which the log names it.
        id: u64,
        /// What it will do.
        action: GuestAction,
    },
    /// An action of an auxiliary plane's program is queued (2.0).
    GuestOfPlane {
        /// The REC that will do it.
        rec: u64,
        /// The plane that will do it.
        plane: u64,
        /// Number by which the log names it.
        id: u64,
        /// What it will do.
        action: GuestAction,
    },
    /// The queues of a Realm's program are emptied.
    GuestClear {
        /// The REC.
        rec: u64,
    },
    /// Another PE begins to run a REC, or leaves it.
    Running {
        /// The REC.
        rec: u64,
        /// Whether it runs from now on.
        on: bool,
    },
    /// The Host programs the virtual CPU interface of the PE that calls (2.0). List registers that
    /// the machine does not have are left out.
    CpuInterface(Box<CpuInterface>),
    /// An interrupt comes when the RMM has looked for one so often; `None` is never.
    Interrupt {
        /// Looks that find none.
        polls: Option<u64>,
    },
    /// The state is compared; nothing is done.
    Check(Check),
    /// A remark.
    Note(String),
}

/// What a call or a write of the Host should give.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// Values of registers, by index (0 is X0).
    Regs(Vec<(usize, u64)>),
    /// A return code, perhaps the condition that fails, and outputs by name.
    Result {
        /// X0.
        code: ReturnCode,
        /// The specification's name of the failure condition.
        condition: Option<String>,
        /// Outputs: name and value.
        outputs: Vec<(String, u64)>,
    },
    /// That the RMM refuses the call. A script's player says so before and compares the rest.
    Refusal {
        /// The status; `None` is `SMC_NOT_SUPPORTED`.
        status: Option<Status>,
    },
    /// Whether the granule protection check refuses a write of the Host.
    Write {
        /// It does.
        refused: bool,
    },
}

/// A question about the state, with the answer that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Bytes of Host memory.
    Peek {
        /// Address of the first byte.
        pa: u64,
        /// Number of bytes.
        len_bytes: u64,
        /// What is there.
        want: PeekWant,
    },
    /// A Realm's measurements.
    Rim {
        /// Address of the RD.
        rd: u64,
        /// What they are.
        want: RimWant,
    },
    /// A granule's state and GPT entry.
    Granule {
        /// Address of the granule.
        pa: u64,
        /// State; `None` if there should be no such granule.
        state: Option<GranuleState>,
        /// GPT entry, if it counts.
        gpt: Option<Gpt>,
    },
    /// A Realm's attributes.
    Realm {
        /// Address of the RD.
        rd: u64,
        /// What they are.
        want: RealmWant,
    },
    /// A REC's attributes.
    Rec {
        /// Address of the REC.
        rec: u64,
        /// What they are.
        want: RecWant,
    },
}

/// What a read of Host memory should give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeekWant {
    /// Eight-byte words by offset; all others are zero.
    Words(BTreeMap<u64, [u8; 8]>),
    /// The GPT refuses.
    Gpf,
}

/// What a Realm's measurements should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RimWant {
    /// RIM and REMs; those that are missing are zero.
    Slots(Vec<Measurement>),
    /// There is no Realm.
    NotRd,
}

/// What a Realm's attributes should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the vector format")]
pub struct RealmWant {
    pub state: RealmState,
    pub next_rec_index: u64,
    pub num_recs: u64,
    pub ipa_width: u64,
    pub start_level: i64,
    pub rtt_num_start: u64,
    pub vmid: u64,
    pub lpa2: bool,
}

/// What a REC's attributes should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the vector format")]
pub struct RecWant {
    pub index: u64,
    pub runnable: bool,
    pub pc: u64,
    pub psci_pending: bool,
    pub host_call_pending: bool,
    pub ripas_base: u64,
    pub ripas_top: u64,
    pub ripas_addr: u64,
    pub ripas_value: u64,
    pub change_destroyed: u64,
}

impl Step {
    /// A step that expects nothing.
    #[must_use]
    pub fn new(action: Action, place: Place) -> Self {
        Self { action, expected: None, place, notes: None }
    }

    /// Whether a script's author wrote down that the call is refused, and it was, as he says. A
    /// recording knows what happened and not what was meant: its steps are never this.
    #[must_use]
    pub fn is_refused_as_meant(&self, outcome: &Outcome) -> bool {
        let Some(Expected::Refusal { status }) = &self.expected else { return false };
        !outcome.is_success() && outcome.status() == *status
    }

    /// The deviation that the step shows, if a vector says so.
    #[must_use]
    pub fn dev(&self) -> Option<&str> {
        self.notes.as_ref()?.dev.as_deref()
    }

    /// What a vector says is tested.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.notes.as_ref()?.label.as_deref()
    }
}

impl Place {
    /// A place of which only the file is known.
    #[must_use]
    pub fn file(file: &str) -> Self {
        Self { file: file.into(), line: 1, column: 0 }
    }

    /// For machines: as for people, with the file's name as it is.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{}{}", self.file, self.numbers())
    }

    fn numbers(&self) -> String {
        let Self { line, column, .. } = self;
        if *column == 0 { format!(":{line}") } else { format!(":{line}:{column}") }
    }
}
