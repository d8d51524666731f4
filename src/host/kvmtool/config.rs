//! What a command line asks for.

use super::devices::{Network, Transport};
use super::number::Number;
use super::options::{About, OptionRow};
use super::parse::{Given, Value};
use super::refuse;
use super::version::Version;
use crate::host::{Assumed, Refusal};

/// Where RAM begins unless the command line says otherwise; it can not begin lower.
pub(super) const RAM_BASE: u64 = 0x8000_0000;

/// An interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Irqchip {
    Gicv2,
    Gicv2m,
    Gicv3,
    Gicv3Its,
}

/// A value and the option that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked<T> {
    pub(super) place: String,
    pub(super) value: T,
}

/// A file's name and the option that it came from.
pub(super) type Name = Asked<String>;

/// The command line's decisions.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) version: Version,
    pub(super) cpus: Asked<i32>,
    pub(super) ram_bytes: Asked<u64>,
    /// Whether that was written as a number alone, which is one of MiB.
    pub(super) ram_in_mib: bool,
    pub(super) ram_base: u64,
    pub(super) kernel: Option<Name>,
    pub(super) initrd: Option<Name>,
    pub(super) firmware: Option<Name>,
    pub(super) flash: Option<Name>,
    pub(super) dtb: Option<Name>,
    pub(super) params: Option<String>,
    /// 0: at the beginning of RAM.
    pub(super) firmware_base: u64,
    pub(super) disks: Vec<Name>,
    pub(super) shares: u32,
    pub(super) networks: Vec<Network>,
    pub(super) no_network: bool,
    pub(super) balloon: bool,
    pub(super) rng: bool,
    pub(super) vsock: bool,
    pub(super) console: Option<String>,
    pub(super) transport: Transport,
    pub(super) nodefaults: bool,
    pub(super) no_dhcp: bool,
    pub(super) irqchip: Option<Asked<Irqchip>>,
    pub(super) kaslr_seed: u64,
    pub(super) counter_frequency: u32,
    pub(super) realm: bool,
    pub(super) restricted_memory: bool,
    pub(super) log: bool,
    pub(super) algo: Option<Asked<String>>,
    pub(super) rpv: Option<Asked<String>>,
    /// Whether it is written in hexadecimal.
    pub(super) rpv_is_hex: bool,
    /// How much of RAM, from its base on, is for images.
    pub(super) payload_window_bytes: u64,
    pub(super) pmu: bool,
    /// An `int`; `None` if nothing is said.
    pub(super) pmu_counters: Option<Asked<i32>>,
    pub(super) disable_sve: bool,
    /// Bits; 0 for none.
    pub(super) sve_vl: Asked<u64>,
    /// Bits.
    pub(super) sve_max_vl: Option<Asked<u64>>,
    pub(super) remarks: Vec<String>,
    pub(super) assumed: Vec<Assumed>,
    /// Options that can not be predicted: their name, how it was written, and why.
    unpredictable: Vec<(&'static str, String, &'static str)>,
}

impl Config {
    /// Reads what the options say, in order: of options that say the same, the last one counts.
    ///
    /// # Errors
    /// For values that kvmtool's own parsers refuse.
    pub(super) fn read(given: &[Given<'_>], version: Version) -> Result<Self, Refusal> {
        let mut config = Self::new(version);
        for given in given {
            match given.row {
                Some(row) => config.apply(row, &given.place, given.value)?,
                None => config.word(&given.place)?,
            }
        }
        match config.unpredictable.first() {
            Some((_, place, why)) => Err(refuse(place, why)),
            None => Ok(config),
        }
    }

    fn new(version: Version) -> Self {
        fn unset<T>(place: &str, value: T) -> Asked<T> {
            Asked { place: place.into(), value }
        }
        Self {
            version,
            cpus: unset("-c", 0),
            ram_bytes: unset("-m", 0),
            ram_in_mib: false,
            ram_base: RAM_BASE,
            kernel: None,
            initrd: None,
            firmware: None,
            flash: None,
            dtb: None,
            params: None,
            firmware_base: 0,
            disks: Vec::new(),
            shares: 0,
            networks: Vec::new(),
            no_network: false,
            balloon: false,
            rng: false,
            vsock: false,
            console: None,
            transport: Transport::Pci,
            nodefaults: false,
            no_dhcp: false,
            irqchip: None,
            kaslr_seed: 0,
            counter_frequency: 0,
            realm: false,
            restricted_memory: version.always_restricts_memory(),
            log: false,
            algo: None,
            rpv: None,
            rpv_is_hex: false,
            payload_window_bytes: version.payload_window_bytes(),
            pmu: false,
            pmu_counters: None,
            disable_sve: false,
            sve_vl: unset("--sve-vl", 0),
            sve_max_vl: None,
            remarks: Vec::new(),
            assumed: Vec::new(),
            unpredictable: Vec::new(),
        }
    }

    /// Remembers what is assumed, and the option that would decide it.
    pub(super) fn assume(
        &mut self,
        key: &'static str,
        value: impl Into<String>,
        option: &'static str,
        text: String,
    ) {
        self.assumed.push(Assumed { key, value: value.into(), text, option });
    }

    /// A word that is no option is the kernel, unless there is one.
    fn word(&mut self, word: &str) -> Result<(), Refusal> {
        if let Some(kernel) = &self.kernel {
            let why = format!("is no option, and the kernel is {} already", kernel.value);
            return Err(refuse(word, &why));
        }
        self.kernel = Some(Asked { place: word.into(), value: word.into() });
        Ok(())
    }

    fn apply(
        &mut self,
        row: &'static OptionRow,
        place: &str,
        value: Value<'_>,
    ) -> Result<(), Refusal> {
        match value {
            Value::Flag(on) => self.flag(row, place, on),
            Value::Nothing => self.event(row.about, place),
            Value::Number(signed, unsigned, rest) => {
                if !rest.is_empty() {
                    self.remarks.push(format!("{place}: kvmtool ignores `{rest}`"));
                }
                self.number(row.about, place, signed, unsigned);
            }
            Value::Unset => self.text(row.about, place, None),
            Value::Text(text) => self.parsed(row.about, place, text)?,
        }
        Ok(())
    }

    fn flag(&mut self, row: &'static OptionRow, place: &str, on: bool) {
        match row.about {
            About::Balloon => self.balloon = on,
            About::Rng => self.rng = on,
            About::NoDefaults => self.nodefaults = on,
            About::RestrictedMemory => self.restricted_memory = on,
            About::NoDhcp => self.no_dhcp = on,
            About::Pmu => self.pmu = on,
            About::DisableSve => self.disable_sve = on,
            About::Realm => self.realm = on,
            About::Log => self.log = on,
            About::Unknown(why) => {
                self.unpredictable.retain(|(name, ..)| *name != row.long);
                if on {
                    self.unpredictable.push((row.long, place.into(), why));
                }
            }
            other => self.nothing(other, place),
        }
    }

    fn event(&mut self, about: About, place: &str) {
        match about {
            About::ForcePci | About::VirtioLegacy => self.transport = Transport::Pci,
            About::Network => self.networks.push(Network::tap()),
            other => self.nothing(other, place),
        }
    }

    fn nothing(&mut self, about: About, place: &str) {
        if let About::Nothing(why) = about {
            self.remarks.push(format!("{place} does not touch the RIM: {why}"));
        }
    }

    fn number(&mut self, about: About, place: &str, signed: i64, unsigned: u64) {
        // kvmtool stores a `long` in an `int`: the upper half is lost.
        let [.., a, b, c, d] = signed.to_be_bytes();
        let low = u32::from_be_bytes([a, b, c, d]);
        match about {
            About::Cpus => {
                self.cpus = Asked { place: place.into(), value: low.cast_signed() };
            }
            About::CounterFrequency => self.counter_frequency = low,
            About::PmuCounters => {
                let value = low.cast_signed();
                self.pmu_counters = Some(Asked { place: place.into(), value });
            }
            About::FirmwareAddress => self.firmware_base = unsigned,
            About::KaslrSeed => self.kaslr_seed = unsigned,
            About::Vsock => self.vsock = unsigned != 0,
            About::SveVl => self.sve_vl = Asked { place: place.into(), value: unsigned },
            other => self.nothing(other, place),
        }
    }

    /// Options whose value is a string and nothing else.
    fn text(&mut self, about: About, place: &str, value: Option<&str>) {
        let owned = value.map(str::to_owned);
        let named = owned.clone().map(|value| Asked { place: place.into(), value });
        match about {
            About::Algo => self.algo = named,
            About::Rpv => (self.rpv, self.rpv_is_hex) = (named, false),
            About::RpvHex => (self.rpv, self.rpv_is_hex) = (named, true),
            About::Kernel => self.kernel = named,
            About::Initrd => self.initrd = named,
            About::Firmware => self.firmware = named,
            About::Flash => self.flash = named,
            About::Dtb => self.dtb = named,
            About::Console => self.console = owned,
            About::Params => self.params = owned,
            other => self.nothing(other, place),
        }
    }

    fn parsed(&mut self, about: About, place: &str, text: &str) -> Result<(), Refusal> {
        match about {
            About::Memory => self.memory(place, text)?,
            About::Disk => self.disks.push(Asked { place: place.into(), value: text.into() }),
            About::NineP => {
                let tag = text.split_once(',').map_or("", |(_, tag)| tag);
                if tag.len() > 32 {
                    let why = format!("the tag has {} bytes, more than 32", tag.len());
                    return Err(refuse(place, &why));
                }
                self.shares += 1;
            }
            About::Network => self.network(place, text)?,
            About::VirtioTransport => self.transport = Transport::named(place, text)?,
            About::Irqchip => {
                self.irqchip = Some(Asked { place: place.into(), value: irqchip(place, text)? });
            }
            About::LogLevel if !["debug", "info", "warning", "error"].contains(&text) => {
                return Err(refuse(place, &format!("`{text}` is no log level")));
            }
            About::LogLevel => self.nothing(DEBUG, place),
            About::SveMaxVl => self.sve_max_vl = Some(sve_max_vl(place, text)?),
            About::Unknown(why) => self.unpredictable.push(("", place.into(), why)),
            other => self.text(other, place, Some(text)),
        }
        Ok(())
    }

    fn memory(&mut self, place: &str, text: &str) -> Result<(), Refusal> {
        let (bytes, rest) = size(place, text)?;
        if bytes == 0 {
            return Err(refuse(place, &format!("`{text}`, read in decimal, is no RAM size")));
        }
        self.ram_bytes = Asked { place: place.into(), value: bytes };
        let written = text.strip_suffix(rest).unwrap_or(text);
        self.ram_in_mib = written.bytes().all(|byte| byte.is_ascii_digit());
        let rest = match rest.strip_prefix('@') {
            Some("") => {
                return Err(refuse(place, &format!("`{text}` has no address after the @")));
            }
            Some(address) => {
                let (base, rest) = size(place, address)?;
                self.ram_base = base;
                rest
            }
            None => rest,
        };
        if rest.is_empty() {
            return Ok(());
        }
        Err(refuse(place, &format!("`{text}` is no size: `{rest}` follows it")))
    }

    fn network(&mut self, place: &str, text: &str) -> Result<(), Refusal> {
        let mut network = Network::tap();
        let words: Vec<&str> = text.split([',', '=']).filter(|word| !word.is_empty()).collect();
        for pair in words.chunks_exact(2) {
            let (name, value) = (pair[0], pair[1]);
            match name {
                "mode" if value.starts_with("none") => {
                    self.no_network = true;
                    return Ok(());
                }
                "mode" if value.starts_with("user") => {
                    if self.networks.iter().any(|other| other.user) {
                        return Err(refuse(place, "a second network device has mode=user"));
                    }
                    network.user = true;
                }
                "mode" if value.starts_with("tap") => network.user = false,
                "mode" => {
                    let why = format!("`{value}` is no mode; it is user, tap or none");
                    return Err(refuse(place, &why));
                }
                "trans" => network.transport = Transport::of_network(value),
                "guest_mac" | "script" | "downscript" | "guest_ip" | "host_ip" | "tapif"
                | "vhost" | "fd" | "mq" => (),
                _ => return Err(refuse(place, &format!("`{name}` is no network parameter"))),
            }
        }
        self.networks.push(network);
        Ok(())
    }
}

const DEBUG: About = About::Nothing("it is for finding faults");

/// A size in bytes with its unit, MiB if there is none, and what follows it.
fn size<'a>(place: &str, text: &'a str) -> Result<(u64, &'a str), Refusal> {
    let number = Number::read(text, 10);
    if !number.found {
        return Err(refuse(place, &format!("`{text}` is no size")));
    }
    let large =
        || refuse(place, &format!("`{text}`, as C reads it, is more than 64 bits of bytes"));
    let value = number.unsigned().ok_or_else(large)?;
    let unit = number.rest.chars().next();
    let shift = match unit.map(|unit| unit.to_ascii_uppercase()) {
        Some('B') => Some(0),
        Some('K') => Some(10),
        Some('M') => Some(20),
        Some('G') => Some(30),
        Some('T') => Some(40),
        Some('P') => Some(50),
        _ => None,
    };
    let rest = if shift.is_some() { &number.rest[1..] } else { number.rest };
    let bytes = value.checked_mul(1 << shift.unwrap_or(20)).ok_or_else(large)?;
    Ok((bytes, rest))
}

fn irqchip(place: &str, text: &str) -> Result<Irqchip, Refusal> {
    match text {
        "gicv2" => Ok(Irqchip::Gicv2),
        "gicv2m" => Ok(Irqchip::Gicv2m),
        "gicv3" => Ok(Irqchip::Gicv3),
        "gicv3-its" => Ok(Irqchip::Gicv3Its),
        _ => {
            let known = "gicv2, gicv2m, gicv3 or gicv3-its";
            Err(refuse(place, &format!("`{text}` is no interrupt controller; it is {known}")))
        }
    }
}

fn sve_max_vl(place: &str, text: &str) -> Result<Asked<u64>, Refusal> {
    let bits = Number::read(text, 10).unsigned();
    let Some(value) = bits.filter(|bits| bits.is_power_of_two()) else {
        return Err(refuse(place, &format!("`{text}` is no power of two")));
    };
    if !(128..=65536).contains(&value) {
        let why = format!("{value} bits are no vector length; it is 128 to 65536");
        return Err(refuse(place, &why));
    }
    Ok(Asked { place: place.into(), value })
}
