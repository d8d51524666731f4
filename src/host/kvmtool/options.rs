//! The options of `lkvm run`.

use super::version::Version;

/// How an option takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// None; it can be negated.
    Flag,
    /// An `int`, any base.
    Int,
    /// An `unsigned int`, any base.
    Uint,
    /// 64 bits, any base.
    Wide,
    /// A string.
    Text,
    /// A string that the option's own parser reads. It can not be negated.
    Parsed,
    /// None; its negation is the same.
    Event,
    /// A string, or nothing if the option is the last word or the next one begins with `-`.
    ParsedOrNothing,
}

/// What an option is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Algo,
    Balloon,
    Console,
    Cpus,
    CounterFrequency,
    DisableSve,
    Disk,
    Dtb,
    Firmware,
    FirmwareAddress,
    Flash,
    ForcePci,
    Initrd,
    Irqchip,
    KaslrSeed,
    Kernel,
    Log,
    LogLevel,
    Memory,
    Network,
    NineP,
    NoDefaults,
    NoDhcp,
    Params,
    Pmu,
    PmuCounters,
    Realm,
    RestrictedMemory,
    Rng,
    Rpv,
    RpvHex,
    SveMaxVl,
    SveVl,
    VirtioLegacy,
    VirtioTransport,
    Vsock,
    /// It does not touch the RIM, for this reason.
    Nothing(&'static str),
    /// It can not be predicted, for this reason.
    Unknown(&'static str),
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(super) struct OptionRow {
    pub(super) short: Option<char>,
    pub(super) long: &'static str,
    pub(super) kind: Kind,
    pub(super) about: About,
}

const fn long(long: &'static str, kind: Kind, about: About) -> OptionRow {
    OptionRow { short: None, long, kind, about }
}

const fn short(short: char, long: &'static str, kind: Kind, about: About) -> OptionRow {
    OptionRow { short: Some(short), long, kind, about }
}

const HOST: About = About::Nothing("it is about the host's side");
const DEBUG: About = About::Nothing("it is for finding faults");
const VIDEO: About = About::Unknown("what it does depends on how kvmtool was built");

/// All options of all versions, in the order of kvmtool's tables, where abbreviations are looked
/// up.
const TABLE: &[OptionRow] = &[
    long("name", Kind::Text, About::Nothing("the name is the host's")),
    short('c', "cpus", Kind::Int, About::Cpus),
    short('m', "mem", Kind::Parsed, About::Memory),
    short('d', "disk", Kind::Parsed, About::Disk),
    long("balloon", Kind::Flag, About::Balloon),
    long("vnc", Kind::Flag, VIDEO),
    long("gtk", Kind::Flag, VIDEO),
    long("sdl", Kind::Flag, VIDEO),
    long("rng", Kind::Flag, About::Rng),
    long("nodefaults", Kind::Flag, About::NoDefaults),
    long("9p", Kind::Parsed, About::NineP),
    long("console", Kind::Text, About::Console),
    long("vsock", Kind::Wide, About::Vsock),
    long("dev", Kind::Text, HOST),
    long("tty", Kind::Parsed, HOST),
    long("sandbox", Kind::Text, HOST),
    long("hugetlbfs", Kind::Text, HOST),
    long("virtio-legacy", Kind::Event, About::VirtioLegacy),
    long("virtio-transport", Kind::Parsed, About::VirtioTransport),
    long("loglevel", Kind::Parsed, About::LogLevel),
    long("restricted_mem", Kind::Flag, About::RestrictedMemory),
    long("pkvm", Kind::Flag, About::Unknown("a pKVM guest is not a Realm")),
    short('k', "kernel", Kind::Text, About::Kernel),
    short('i', "initrd", Kind::Text, About::Initrd),
    short('p', "params", Kind::Text, About::Params),
    short('f', "firmware", Kind::Text, About::Firmware),
    short('F', "flash", Kind::Text, About::Flash),
    short('n', "network", Kind::ParsedOrNothing, About::Network),
    long("no-dhcp", Kind::Flag, About::NoDhcp),
    long(
        "vfio-pci",
        Kind::Parsed,
        About::Unknown("the device's interrupts are not known from the command line"),
    ),
    long("debug", Kind::Event, DEBUG),
    long("debug-single-step", Kind::Flag, DEBUG),
    long("debug-ioport", Kind::Flag, DEBUG),
    long("debug-mmio", Kind::Flag, DEBUG),
    long("debug-iodelay", Kind::Int, DEBUG),
    long("aarch32", Kind::Flag, About::Unknown("a Realm is a 64-bit guest")),
    long("pmu", Kind::Flag, About::Pmu),
    long("disable-mte", Kind::Flag, About::Nothing("a Realm has no memory tags")),
    long("vcpu-affinity", Kind::Parsed, HOST),
    long("kaslr-seed", Kind::Wide, About::KaslrSeed),
    long(
        "no-pvtime",
        Kind::Flag,
        About::Nothing("stolen time is neither measured nor in the tree"),
    ),
    long("disable-sve", Kind::Flag, About::DisableSve),
    long("sve-max-vl", Kind::Parsed, About::SveMaxVl),
    long("realm", Kind::Flag, About::Realm),
    long("measurement-algo", Kind::Text, About::Algo),
    long("measurement-log", Kind::Flag, About::Log),
    long("realm-pv", Kind::Text, About::Rpv),
    long("sve-vl", Kind::Wide, About::SveVl),
    long("pmu-counters", Kind::Int, About::PmuCounters),
    long("dump-dtb", Kind::Text, HOST),
    long("dtb", Kind::Text, About::Dtb),
    long("override-bad-firmware-cntfrq", Kind::Uint, About::CounterFrequency),
    long("force-pci", Kind::Event, About::ForcePci),
    long("irqchip", Kind::Parsed, About::Irqchip),
    long("firmware-address", Kind::Wide, About::FirmwareAddress),
    long("realm-pv-hex", Kind::Text, About::RpvHex),
    long("metadata", Kind::Text, About::Nothing("metadata is not measured")),
];

/// The options that a version knows, in table order.
pub(super) fn known(version: Version) -> impl Iterator<Item = &'static OptionRow> {
    use Version::{BssOnly, Eac5, Eac5Islet, Islet, Linaro, RamFirst64k, RealmVm, V10, V12};
    TABLE.iter().filter(move |row| match row.long {
        "restricted_mem" => !matches!(version, Eac5 | Eac5Islet | V12),
        "pkvm" => !matches!(version, Eac5 | Eac5Islet),
        "sve-max-vl" => !matches!(version, Eac5 | Eac5Islet | BssOnly | Linaro),
        "sve-vl" => matches!(version, Eac5 | Eac5Islet | BssOnly | Linaro),
        "pmu-counters" => !matches!(version, RamFirst64k | V10 | V12),
        "dtb" => matches!(version, Linaro | RealmVm),
        "measurement-log" => matches!(version, RealmVm | Islet),
        "realm-pv-hex" => matches!(version, Islet),
        "metadata" => matches!(version, Eac5Islet),
        _ => true,
    })
}
