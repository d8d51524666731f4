//! The words of the language: actions, their arguments, and names of values.

use crate::abi::command::{COMMANDS, CommandInfo};
use crate::abi::layout::Layout;
use crate::abi::params::realm_flags;
use crate::measure::rim::HashAlgo;

type Names = &'static [&'static str];
/// Words and what they stand for.
pub(super) type Values = &'static [(&'static str, i128)];

/// What can be written after a verb.
#[derive(Debug)]
pub(super) struct Signature {
    /// Arguments that have to be there.
    pub(super) required: Names,
    /// Arguments that may be there.
    pub(super) optional: Names,
    /// Words without a value.
    pub(super) words: Names,
    /// The command, if the verb is one.
    pub(super) command: Option<&'static CommandInfo>,
}

/// Words that begin a statement and are neither commands nor actions of the Host.
pub(super) const KEYWORDS: [&str; 14] = [
    "platform", "rmm", "spec", "include", "let", "image", "rtt", "expect", "print", "note", "call",
    "guest", "unknown", "memory",
];

/// Statements of two words, which somebody may write as one.
pub(super) const PAIRS: [&str; 6] =
    ["rtt auto", "rtt manual", "print rim", "expect rim", "expect rem", "expect granule"];

/// Names that no symbol can have, besides the words of [`VALUES`].
pub(super) const RESERVED: [&str; 3] = ["auto", "len", "align_up"];

/// What the Host does without the RMM: name, required and optional arguments, words.
const ACTIONS: [(&str, Names, Names, Names); 8] = [
    ("poke", &["pa", "bytes"], &[], &[]),
    ("zero", &["pa", "len"], &[], &[]),
    ("fill", &["pa", "len", "seed"], &[], &[]),
    ("load", &["pa", "image"], &[], &[]),
    ("peek", &["pa"], &["bytes", "len"], &["gpf"]),
    ("pas", &["pa"], &[], &["ns", "secure", "root", "aap"]),
    ("gic", &[], CPU_INTERFACE, &[]),
    ("serve", &["rec"], &["run_ptr"], SERVE_WORDS),
];

/// ICH_HCR_EL2, and list registers by their number.
pub(super) const CPU_INTERFACE: Names = &[
    "hcr", "lr0", "lr1", "lr2", "lr3", "lr4", "lr5", "lr6", "lr7", "lr8", "lr9", "lr10", "lr11",
    "lr12", "lr13", "lr14", "lr15",
];

/// What the Host refuses, and the exit that a script wants in the end.
const SERVE_WORDS: &[&str] =
    &["reject", "deny", "SYNC", "IRQ", "FIQ", "PSCI", "RIPAS_CHANGE", "HOST_CALL", "SERROR"];

const MEASURE: Values = &[("no_measure", 0), ("measure", 1)];

const ALGORITHMS: Values = &[
    (HashAlgo::Sha256.name(), HashAlgo::Sha256.code() as i128),
    (HashAlgo::Sha512.name(), HashAlgo::Sha512.code() as i128),
    (HashAlgo::Sha384.name(), HashAlgo::Sha384.code() as i128),
];

/// Those from `da` on are of 2.0.
const REALM_FLAGS: Values = &[
    ("lpa2", 1),
    ("sve", 2),
    ("pmu", 4),
    ("da", 8),
    ("lfa_1", 1 << 5),
    ("lfa_2", 2 << 5),
    ("lfa_3", 3 << 5),
    ("mec_shared", 0),
    ("mec_private", 1 << 7),
];

/// A part of a number field that can be written by itself.
#[derive(Debug)]
pub(super) struct Part {
    structure: &'static str,
    /// How it is written.
    pub(super) name: &'static str,
    /// The field that holds it.
    pub(super) field: &'static str,
    /// Its lowest bit in the field.
    pub(super) shift: u32,
    /// Its width in bits.
    pub(super) bits: u32,
    words: Values,
}

impl Part {
    /// The bits of the field that the part takes.
    pub(super) const fn mask(&self) -> u64 {
        (u64::MAX >> (64 - self.bits)) << self.shift
    }
}

/// What RealmParams of 2.0 packs into its flags, and the short name of a long field. Their words
/// are no reserved names: they mean something here alone.
const PARTS: &[Part] = &[
    Part {
        structure: "RealmParams",
        name: "mec",
        field: "flags",
        shift: realm_flags::MEC_POLICY.trailing_zeros(),
        bits: 2,
        words: &[("shared", 0), ("private", 1)],
    },
    Part {
        structure: "RealmParams",
        name: "lfa",
        field: "flags",
        shift: realm_flags::LFA_POLICY.trailing_zeros(),
        bits: 2,
        words: &[("disallow", 0), ("allow", 1)],
    },
    Part {
        structure: "RealmParams",
        name: "planes",
        field: "num_aux_planes",
        shift: 0,
        bits: 32,
        words: &[],
    },
];

/// The part of a structure with this name.
pub(super) fn part(structure: &str, name: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.structure == structure && part.name == name)
}

/// A structure's parts.
pub(super) fn parts(structure: &str) -> impl Iterator<Item = &'static Part> {
    PARTS.iter().filter(move |part| part.structure == structure)
}

/// Whether a structure of an edition has parts: they are of 2.0, and so is the field that tells the
/// editions apart.
pub(super) fn has_parts(layout: &Layout) -> bool {
    layout.field("num_aux_planes").is_some()
}

/// The part of a field that bits of a flag belong to.
pub(super) fn part_of_bits(structure: &str, field: &str, bits: u64) -> Option<&'static Part> {
    parts(structure).find(|part| part.field == field && part.mask() & bits != 0)
}

/// The field that a flag of this name belongs to, and its bits. What stands for zero is no flag.
pub(super) fn flag(structure: &str, name: &str) -> Option<(&'static str, u64)> {
    let fields =
        VALUES.iter().filter(|(owner, field, _)| *owner == structure && field.starts_with("flags"));
    let mut words =
        fields.flat_map(|(_, field, words)| words.iter().map(move |word| (*field, word)));
    let (field, (_, bits)) = words.find(|(_, (word, bits))| *word == name && *bits != 0)?;
    Some((field, u64::try_from(*bits).expect("flags are bits")))
}

/// Names of values: where they are known (command or structure, argument or field), and the names.
const VALUES: &[(&str, &str, Values)] = &[
    ("RealmParams", "hash_algo", ALGORITHMS),
    ("RealmParams", "flags", REALM_FLAGS),
    ("RealmParams", "flags1", &[("rtt_tree_pp", 1), ("s2ap_indirect", 2)]),
    ("RecParams", "flags", &[("not_runnable", 0), ("runnable", 1)]),
    (
        "RecEnter",
        "flags",
        &[
            ("emul_mmio", 1),
            ("inject_sea", 2),
            ("trap_wfi", 4),
            ("trap_wfe", 8),
            ("ripas_response", 16),
            ("s2ap_response", 32),
            ("force_p0", 128),
        ],
    ),
    (
        "PlaneEnter",
        "flags",
        &[("trap_wfi", 1), ("trap_wfe", 2), ("trap_hc", 4), ("own_gic", 8), ("trap_simd", 16)],
    ),
    ("PlaneEnter", "pstate", &[("el0t", 0), ("el1t", 0x3C4), ("el1h", 0x3C5)]),
    ("DATA_CREATE", "flags", MEASURE),
    ("RTT_DATA_MAP_INIT", "flags", MEASURE),
    ("PSCI_COMPLETE", "status", &[("PSCI_SUCCESS", 0), ("PSCI_DENIED", -3)]),
    ("RTT_READ_ENTRY", "state", &[("UNASSIGNED", 0), ("ASSIGNED", 1), ("TABLE", 2)]),
    ("RTT_READ_ENTRY", "ripas", &[("EMPTY", 0), ("RAM", 1), ("DESTROYED", 2)]),
];

/// What can be written after `verb`; `None` if it is neither a command nor an action.
pub(super) fn signature(verb: &str) -> Option<Signature> {
    if let Some(command) = CommandInfo::by_name(verb) {
        let (required, optional, words) = command_extras(command);
        return Some(Signature { required, optional, words, command: Some(command) });
    }
    let (_, required, optional, words) = ACTIONS.iter().find(|(name, ..)| *name == verb)?;
    Some(Signature { required, optional, words, command: None })
}

type Extras = (Names, Names, Names);

/// What the language adds to a command's own arguments.
fn command_extras(command: &'static CommandInfo) -> Extras {
    match command.name {
        // One of `addr` and `base` has to be there; the parser says so.
        "GRANULE_DELEGATE" | "GRANULE_UNDELEGATE" => (&[], &["addr", "base", "count"], &[]),
        // `data` and `src` have to be there unless `image` is.
        "DATA_CREATE" | "RTT_DATA_MAP_INIT" => {
            (&["rd", "ipa", "flags"], &["data", "src", "image", "count"], &[])
        }
        "DATA_CREATE_UNKNOWN"
        | "DATA_DESTROY"
        | "RTT_MAP_UNPROTECTED"
        | "RTT_UNMAP_UNPROTECTED" => (command.inputs, &["count"], &[]),
        "RTT_INIT_RIPAS"
        | "RTT_SET_RIPAS"
        | "GRANULE_RANGE_DELEGATE"
        | "GRANULE_RANGE_UNDELEGATE"
        | "REALM_CREATE"
        | "REALM_DESTROY"
        | "REC_CREATE"
        | "REC_DESTROY" => (command.inputs, &[], &["all"]),
        _ => (command.inputs, &[], &[]),
    }
}

/// Everything that can begin a statement, for suggestions.
pub(super) fn verbs() -> impl Iterator<Item = &'static str> {
    let commands = COMMANDS.iter().map(|command| command.name);
    commands.chain(KEYWORDS).chain(ACTIONS.iter().map(|(name, ..)| *name))
}

/// What the Host does without the RMM.
#[cfg(feature = "cli")]
pub(super) fn action_names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, ..)| *name)
}

/// All names of values.
#[cfg(feature = "cli")]
pub(super) fn value_names() -> impl Iterator<Item = &'static str> {
    let of_values = VALUES.iter().map(|(.., values)| *values);
    let lists = of_values.chain(PARTS.iter().map(|part| part.words));
    lists.flat_map(|values| values.iter().map(|(word, _)| *word))
}

/// The names that an argument or a field knows.
pub(super) fn values(owner: &str, name: &str) -> Values {
    let row = VALUES.iter().find(|(row_owner, field, _)| *row_owner == owner && *field == name);
    row.map(|(.., values)| *values).or(part(owner, name).map(|part| part.words)).unwrap_or(&[])
}

/// Whether a symbol can not have this name.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
        || super::guest::is_word(name)
        || VALUES.iter().any(|(.., values)| values.iter().any(|(word, _)| *word == name))
}

/// What an argument's `auto` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AutoKind {
    /// A granule that the player delegates.
    Delegated,
    /// A granule that stays the Host's.
    Ns,
    /// The argument names no granule.
    Nothing,
}

/// What `auto` gives for an argument of this name.
pub(super) fn auto_kind(verb: &str, arg: &str) -> AutoKind {
    match (verb, arg) {
        (_, "rd" | "rec" | "rtt" | "data") => AutoKind::Delegated,
        (_, "src" | "params_ptr" | "run_ptr" | "addr" | "pa") => AutoKind::Ns,
        ("GRANULE_DELEGATE" | "GRANULE_UNDELEGATE", "base") => AutoKind::Ns,
        (_, "list_ptr" | "config_ptr") => AutoKind::Ns,
        _ => AutoKind::Nothing,
    }
}
