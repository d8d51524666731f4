//! What a script is made of.
//!
//! Positions are not part of equality: two scripts are equal if they say the same.

use std::sync::Arc;

use crate::abi::status::Status;
use crate::measure::rim::Measurement;
use crate::session::Place;

/// One file of the script language. Equality does not look at the file's name.
#[derive(Clone, Debug)]
pub struct Script {
    /// The name under which the text was parsed.
    pub file: Arc<str>,
    /// The lines, in order.
    pub statements: Vec<Statement>,
}

impl PartialEq for Script {
    fn eq(&self, other: &Self) -> bool {
        self.statements == other.statements
    }
}

impl Eq for Script {}

/// Where something stands in its file: line and column (in characters), both from 1.
///
/// All spans are equal, so that what a script says can be compared without where it says it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

impl Span {
    /// The place in a file.
    #[must_use]
    pub fn in_file(self, file: &Arc<str>) -> Place {
        Place { file: Arc::clone(file), line: self.line, column: self.column }
    }
}

/// A name, or a text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The characters, without quotes.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// One line, or several if brackets are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it says.
    pub kind: Kind,
    /// The comment at the end of the line, without `#`.
    pub comment: Option<String>,
    /// Where it begins.
    pub span: Span,
}

/// The kinds of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A blank line, or one that holds only a comment.
    Empty,
    /// `platform "fvp"`: a preset, or a TOML file.
    Platform(Name),
    /// `memory base=0x8000_0000 top=0xc000_0000`: delegable memory in place of the platform's.
    Memory {
        /// Its first byte, a plain number.
        base: Expr,
        /// The byte behind its last, a plain number.
        top: Expr,
    },
    /// `rmm tf-rmm`: the profile.
    Rmm(Name),
    /// `spec "2.0"`: the edition of DEN0137.
    Spec(Name),
    /// `include "common.rmi"`.
    Include(Name),
    /// `let rd = auto`.
    Let {
        /// The symbol.
        name: Name,
        /// What it stands for.
        value: Value,
    },
    /// `image kernel = "Image"`.
    Image {
        /// The image's name in the script.
        name: Name,
        /// Where its bytes come from.
        source: ImageSource,
    },
    /// `rtt auto` (true) or `rtt manual`.
    RttAuto(bool),
    /// An RMI command, or an action of the Host with named arguments.
    Invoke(Box<Invocation>),
    /// `call 0xc4000150 1`: registers from X0 on.
    Call {
        /// X0, X1, …: one to seven.
        regs: Vec<Expr>,
        /// What should come of it.
        answer: Option<Box<Answer>>,
    },
    /// `expect rim rd=rd sha256:…`, or `none` for "there is no Realm".
    ExpectRim {
        /// The Realm; the only one if absent.
        rd: Option<Expr>,
        /// The measurement.
        want: Option<Box<Measurement>>,
    },
    /// `expect granule page UNDELEGATED ns`.
    ExpectGranule {
        /// The address.
        pa: Expr,
        /// The state's name, or `none` if there is no such granule.
        state: Name,
        /// The GPT entry's name.
        gpt: Option<Name>,
    },
    /// `expect rem 1 rd=rd sha256:…`.
    ExpectRem {
        /// Which of the four, from 1.
        index: Expr,
        /// The Realm; the only one if absent.
        rd: Option<Expr>,
        /// The measurement.
        want: Box<Measurement>,
    },
    /// `expect guest rec "load 3 0x7"`: a line of what the Realm saw in the last REC_ENTER.
    ExpectGuest {
        /// The REC.
        rec: Expr,
        /// The line.
        line: Name,
    },
    /// `guest rec { … }`, `guest rec plane=1 { … }`: what the Realm's software does.
    Guest {
        /// The REC.
        rec: Expr,
        /// The plane (2.0); 0 if absent.
        plane: Option<Expr>,
        /// Its actions, in order.
        actions: Vec<GuestLine>,
    },
    /// `print rim rd=rd`.
    PrintRim {
        /// The Realm; the only one if absent.
        rd: Option<Expr>,
    },
    /// `print rtt rd` and its like: a thing as the RMM sees it.
    Print(Shown),
    /// `note "…"`: a remark for those who read the trace.
    Note(Name),
    /// `unknown rd=rd "…"`: here the Host did something that nobody knows.
    Unknown {
        /// To this Realm; to all that are not activated if absent.
        rd: Option<Expr>,
        /// What is not known.
        what: Name,
    },
}

/// What `print` shows besides a RIM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shown {
    /// `print rtt rd`: the RTTs of a Realm.
    Rtt(Expr),
    /// `print granule page`.
    Granule(Expr),
    /// `print realm rd`.
    Realm(Expr),
    /// `print rec rec`.
    Rec(Expr),
    /// `print operations`: those of 2.0 that are under way.
    Operations,
}

impl Shown {
    /// The words behind `print`.
    pub(super) const WORDS: [&'static str; 5] = ["rtt", "granule", "realm", "rec", "operations"];

    /// The word behind `print`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Rtt(_) => "rtt",
            Self::Granule(_) => "granule",
            Self::Realm(_) => "realm",
            Self::Rec(_) => "rec",
            Self::Operations => "operations",
        }
    }

    /// Which one is shown.
    #[must_use]
    pub const fn which(&self) -> Option<&Expr> {
        match self {
            Self::Rtt(which) | Self::Granule(which) | Self::Realm(which) | Self::Rec(which) => {
                Some(which)
            }
            Self::Operations => None,
        }
    }
}

/// An action of the Realm's software.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestLine {
    /// The action's name, as vectors have it.
    pub kind: Name,
    /// Its operands: numbers, or bytes.
    pub args: Vec<Value>,
}

/// A command, or an action of the Host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The command's name without `RMI_`, or the action's.
    pub verb: Name,
    /// Arguments as written.
    pub args: Vec<Arg>,
    /// Words without a value: `all`, `gpf`, `secure`.
    pub words: Vec<Name>,
    /// What should come of it.
    pub answer: Option<Answer>,
}

/// `name=value`; of a structure's flag, the name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The specification's name of the argument or field.
    pub name: Name,
    /// Its value.
    pub value: Value,
}

/// The right side of a `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// A number.
    Number(Expr),
    /// `auto`, `auto 2`, `auto ns`: granules that the player chooses.
    Auto {
        /// How many; one if absent.
        count: Option<Expr>,
        /// Non-secure: not delegated.
        ns: bool,
        /// Where.
        span: Span,
    },
    /// `RealmParams { … }`: a granule with this structure.
    Struct {
        /// The structure.
        name: Name,
        /// Its fields; the others are zero.
        fields: Vec<Arg>,
    },
    /// `[a, b]`: elements of a field, from the first.
    Array(Vec<Expr>, Span),
    /// `hex:"00ff"` or `text:"abc"`.
    Bytes(Bytes, Span),
    /// Nothing: in a structure the name alone sets a flag, `rtt_tree_pp`.
    Set(Span),
}

/// A literal of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bytes {
    /// Written in hexadecimal.
    Hex(Vec<u8>),
    /// Written as text, in UTF-8.
    Text(String),
}

/// A number to be calculated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// How.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExprKind {
    /// A literal.
    Number(u64, Form),
    /// A symbol, or a word that the argument knows.
    Symbol(String),
    /// `len(image)`: length in bytes.
    Len(String),
    /// `align_up(value, align)`.
    AlignUp(Box<[Expr; 2]>),
    /// `-a`.
    Negative(Box<Expr>),
    /// `a + b` and its like.
    Binary(Op, Box<[Expr; 2]>),
}

/// How a literal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// `64`.
    Decimal,
    /// `0x40`.
    Hex,
    /// `64KiB`: a multiple of the unit.
    Size(Unit),
}

/// Units of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 1024 bytes.
    KiB,
    /// 1024 KiB.
    MiB,
    /// 1024 MiB.
    GiB,
    /// 1024 GiB.
    TiB,
}

/// Operators, by binding strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `|`.
    Or,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `*`.
    Times,
}

/// Where an image's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// A file, relative to the script.
    File(Name),
    /// `unknown 4KiB`: bytes that nobody knows, as many as the number says.
    Unknown(Expr),
    /// `digests "Image.rimd"`: a file of which only granules' digests are known.
    Digests(Name),
    /// `kernel[0..64KiB]`: a part of another image, half-open.
    Slice {
        /// The other image.
        image: Name,
        /// First byte.
        from: Expr,
        /// The byte after the last.
        to: Expr,
    },
    /// `zeros 8KiB`.
    Zeros(Expr),
    /// `fill 8KiB seed=7`: a splitmix64 stream.
    Fill {
        /// Length in bytes.
        len: Expr,
        /// Seed.
        seed: Expr,
    },
    /// `hex:"…"` or `text:"…"`.
    Bytes(Bytes, Span),
}

/// What follows `=>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status; `None` is `SMC_NOT_SUPPORTED`.
    pub status: Option<Status>,
    /// The index in parentheses, if it was written (0xFF is level −1).
    pub index: Option<u8>,
    /// The failure condition, if it was written.
    pub condition: Option<Name>,
    /// The outputs that were written.
    pub outputs: Vec<(Name, Expr)>,
    /// Where.
    pub span: Span,
}

impl Unit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::KiB, Self::MiB, Self::GiB, Self::TiB];

    /// Bytes of one.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::KiB => 1 << 10,
            Self::MiB => 1 << 20,
            Self::GiB => 1 << 30,
            Self::TiB => 1 << 40,
        }
    }

    /// The suffix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KiB => "KiB",
            Self::MiB => "MiB",
            Self::GiB => "GiB",
            Self::TiB => "TiB",
        }
    }
}

impl Op {
    /// The sign.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Or => "|",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
        }
    }

    /// Binding strength: 1 to 3.
    pub(super) const fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::Plus | Self::Minus => 2,
            Self::Times => 3,
        }
    }
}

impl Value {
    /// Where the value begins.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Number(expr) => expr.span,
            Self::Struct { name, .. } => name.span,
            Self::Auto { span, .. }
            | Self::Array(_, span)
            | Self::Bytes(_, span)
            | Self::Set(span) => *span,
        }
    }
}

impl From<Expr> for Value {
    fn from(expr: Expr) -> Self {
        Self::Number(expr)
    }
}

impl Bytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Hex(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }
}

impl Invocation {
    /// The argument with this name.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<&Arg> {
        self.args.iter().find(|arg| arg.name.text == name)
    }

    /// Whether a word without a value was written.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|written| written.text == word)
    }
}
