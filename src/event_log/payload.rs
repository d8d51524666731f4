//! What the data of an event mean.

use std::fmt;
use std::fmt::Write as _;

use crate::abi::addr::Hex;
use crate::abi::params::REC_CREATE_GPRS;
use crate::measure::event::{RealmEvent, RecEvent};

/// The data of an event, as far as they are understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// The VMM: `VM VERSION`.
    Vmm {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// RAM of the VM in bytes, and its vCPUs; `None` in a form that is not known.
        machine: Option<(u64, u32)>,
        /// Where the log lies: address and bytes.
        log: Option<(u64, u64)>,
    },
    /// The device tree itself: the data from byte 16 on.
    DeviceTree,
    /// RMI_REALM_CREATE: what is measured of its parameters.
    Realm(Box<RealmEvent>),
    /// RMI_RTT_INIT_RIPAS of a range.
    Ripas {
        /// First byte.
        base: u64,
        /// The byte after the last.
        top: u64,
    },
    /// RMI_REC_CREATE.
    Rec(Box<RecEvent>),
    /// Contents of memory: `UEFI_PLATFORM_FIRMWARE_BLOB2`.
    Image {
        /// What it is.
        description: String,
        /// Address of the first byte.
        base: u64,
        /// Length in bytes.
        len_bytes: u64,
    },
    /// `TCG_PCClientTaggedEvent` of somebody else.
    Tagged {
        /// Whose.
        tag: u32,
        /// The text in it.
        text: String,
    },
    /// A text.
    Text(String),
    /// Anything else.
    Opaque,
}

const NO_ACTION: u32 = 3;
const EVENT_TAG: u32 = 6;
const POST_CODE2: u32 = 0x13;
const FIRMWARE_BLOB2: u32 = 0x8000_000A;

/// Signatures of EV_NO_ACTION.
const VM_VERSION: &[u8; 16] = b"VM VERSION\0\0\0\0\0\0";
const DTB: &[u8; 16] = b"DTB\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Tags of index 0.
const REALM_CREATE: u32 = 1;
const INIT_RIPAS: u32 = 2;
const REC_CREATE: u32 = 3;

/// The name of an event's type, or its number.
#[must_use]
pub fn event_name(kind: u32) -> String {
    let name = match kind {
        0 => "EV_PREBOOT_CERT",
        1 => "EV_POST_CODE",
        2 => "EV_UNUSED",
        NO_ACTION => "EV_NO_ACTION",
        4 => "EV_SEPARATOR",
        5 => "EV_ACTION",
        EVENT_TAG => "EV_EVENT_TAG",
        7 => "EV_S_CRTM_CONTENTS",
        8 => "EV_S_CRTM_VERSION",
        9 => "EV_CPU_MICROCODE",
        10 => "EV_PLATFORM_CONFIG_FLAGS",
        11 => "EV_TABLE_OF_DEVICES",
        12 => "EV_COMPACT_HASH",
        13 => "EV_IPL",
        14 => "EV_IPL_PARTITION_DATA",
        15 => "EV_NONHOST_CODE",
        16 => "EV_NONHOST_CONFIG",
        17 => "EV_NONHOST_INFO",
        18 => "EV_OMIT_BOOT_DEVICE_EVENTS",
        POST_CODE2 => "EV_POST_CODE2",
        0x8000_0001 => "EV_EFI_VARIABLE_DRIVER_CONFIG",
        0x8000_0002 => "EV_EFI_VARIABLE_BOOT",
        0x8000_0003 => "EV_EFI_BOOT_SERVICES_APPLICATION",
        0x8000_0004 => "EV_EFI_BOOT_SERVICES_DRIVER",
        0x8000_0005 => "EV_EFI_RUNTIME_SERVICES_DRIVER",
        0x8000_0006 => "EV_EFI_GPT_EVENT",
        0x8000_0007 => "EV_EFI_ACTION",
        0x8000_0008 => "EV_EFI_PLATFORM_FIRMWARE_BLOB",
        0x8000_0009 => "EV_EFI_HANDOFF_TABLES",
        FIRMWARE_BLOB2 => "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        0x8000_000B => "EV_EFI_HANDOFF_TABLES2",
        0x8000_000C => "EV_EFI_VARIABLE_BOOT2",
        0x8000_000D => "EV_EFI_GPT_EVENT2",
        0x8000_0010 => "EV_EFI_HCRTM_EVENT",
        0x8000_00E0 => "EV_EFI_VARIABLE_AUTHORITY",
        0x8000_00E1 => "EV_EFI_SPDM_FIRMWARE_BLOB",
        0x8000_00E2 => "EV_EFI_SPDM_FIRMWARE_CONFIG",
        _ => return format!("type {kind:#x}"),
    };
    name.to_owned()
}

/// Bytes up to the first NUL as text; what is no printable ASCII is escaped, so that a log can not
/// speak to a terminal.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let mut text = String::new();
    for byte in &bytes[..end] {
        match byte {
            b' '..=b'~' if *byte != b'\\' => text.push(char::from(*byte)),
            _ => write!(text, "\\x{byte:02x}").expect("a text"),
        }
    }
    text
}

impl Payload {
    /// Reads the data of an event. The error says what is wrong with one of Realms.
    pub(super) fn read(index: u32, kind: u32, data: &[u8]) -> Result<Self, String> {
        match kind {
            NO_ACTION => Ok(match data.first_chunk::<16>() {
                Some(VM_VERSION) => vmm(&data[16..])?,
                Some(DTB) => Self::DeviceTree,
                _ => Self::plain(data),
            }),
            // Only in the VMM's register are the forms those of Realms. Kernels before 6.9 that
            // vendors patched write tags without number and length, for instance.
            EVENT_TAG if index != 0 => {
                Ok(tagged(index, data).unwrap_or_else(|_| Self::plain(data)))
            }
            POST_CODE2 | FIRMWARE_BLOB2 if index != 0 => {
                let image = blob(data).and_then(|image| image.checked().ok());
                Ok(image.unwrap_or_else(|| Self::plain(data)))
            }
            EVENT_TAG => tagged(index, data),
            POST_CODE2 | FIRMWARE_BLOB2 => Ok(match blob(data) {
                Some(image) => image.checked()?,
                None if kind == FIRMWARE_BLOB2 => {
                    let len = data.len();
                    return Err(format!("{len} bytes are no UEFI_PLATFORM_FIRMWARE_BLOB2"));
                }
                None => Self::plain(data),
            }),
            _ => Ok(Self::plain(data)),
        }
    }

    /// A text, if all of it can be read.
    fn plain(data: &[u8]) -> Self {
        let shown = data.strip_suffix(b"\0").unwrap_or(data);
        let readable = |byte: &u8| (b' '..=b'~').contains(byte);
        match shown {
            [] => Self::Opaque,
            shown if shown.iter().all(readable) => Self::Text(text(shown)),
            _ => Self::Opaque,
        }
    }

    fn checked(self) -> Result<Self, String> {
        if let Self::Image { base, len_bytes, .. } = &self {
            end(*base, *len_bytes)?;
        }
        Ok(self)
    }
}

/// The byte after the last of a range.
fn end(base: u64, len_bytes: u64) -> Result<u64, String> {
    base.checked_add(len_bytes)
        .ok_or_else(|| format!("{} and {len_bytes:#x} bytes pass 64 bits", Hex(base)))
}

fn word(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(data[at..at + 8].try_into().expect("eight bytes"))
}

fn half(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(data[at..at + 4].try_into().expect("four bytes"))
}

/// The forms in which the numbers after name and version are written: bytes in all, where RAM size
/// and vCPUs stand, and whether the log's place comes first. The second is that of a C structure.
const VM_FORMS: [(usize, usize, usize, bool); 4] =
    [(28, 16, 24, true), (24, 0, 8, false), (20, 0, 8, false), (12, 0, 8, false)];

fn vmm(data: &[u8]) -> Result<Payload, String> {
    const NAMES: usize = 32 + 40;
    let Some((names, numbers)) = data.split_at_checked(NAMES) else {
        let len = data.len();
        return Err(format!("VM VERSION with {len} bytes, where the names alone take {NAMES}"));
    };
    let form = VM_FORMS.into_iter().find(|form| form.0 == numbers.len());
    Ok(Payload::Vmm {
        name: text(&names[..32]),
        version: text(&names[32..]),
        machine: form.map(|(_, ram, cpus, _)| (word(numbers, ram), half(numbers, cpus))),
        log: form.filter(|form| form.3).map(|_| (word(numbers, 0), word(numbers, 8))),
    })
}

fn tagged(index: u32, data: &[u8]) -> Result<Payload, String> {
    let Some((head, rest)) = data.split_at_checked(8) else {
        return Err(format!("{} bytes, where tag and length take 8", data.len()));
    };
    let (tag, len) = (half(head, 0), u64::from(half(head, 4)));
    if len != rest.len() as u64 {
        let found = rest.len();
        return Err(format!("tag {tag:#x} with {len} bytes of data, and {found} are there"));
    }
    let of = |name: &str, fits: &[usize]| {
        let (found, wanted) = (rest.len(), fits[0]);
        if fits.contains(&found) {
            return Ok(());
        }
        Err(format!("{name} has {wanted} bytes of data, and {found} are there"))
    };
    if index != 0 {
        return Ok(Payload::Tagged { tag, text: text(rest) });
    }
    match tag {
        REALM_CREATE => {
            // A C structure of this form ends with two bytes that say nothing.
            of("REALM_CREATE", &[14, 16])?;
            let small = |at: usize| u64::from(rest[8 + at]);
            Ok(Payload::Realm(Box::new(RealmEvent {
                flags: word(rest, 0),
                s2sz: small(0),
                sve_vl: small(1),
                num_bps: small(2),
                num_wps: small(3),
                pmu_num_ctrs: small(4),
                hash_algo: rest[13],
            })))
        }
        INIT_RIPAS => {
            of("INIT_RIPAS", &[16])?;
            let base = word(rest, 0);
            Ok(Payload::Ripas { base, top: end(base, word(rest, 8))? })
        }
        REC_CREATE => {
            of("REC_CREATE", &[16 + 8 * REC_CREATE_GPRS])?;
            let gprs = std::array::from_fn(|i| word(rest, 16 + 8 * i));
            let (flags, pc) = (word(rest, 0), word(rest, 8));
            Ok(Payload::Rec(Box::new(RecEvent { flags, pc, gprs })))
        }
        _ => Ok(Payload::Tagged { tag, text: text(rest) }),
    }
}

/// `UEFI_PLATFORM_FIRMWARE_BLOB2`, if the data are one.
fn blob(data: &[u8]) -> Option<Payload> {
    let (len, rest) = data.split_first()?;
    let (description, numbers) = rest.split_at_checked(usize::from(*len))?;
    (numbers.len() == 16).then(|| Payload::Image {
        description: text(description),
        base: word(numbers, 0),
        len_bytes: word(numbers, 8),
    })
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vmm { name, version, machine, log } => {
                f.write_str("VM VERSION")?;
                let names = [name, version].into_iter().filter(|name| !name.is_empty());
                names.into_iter().try_for_each(|name| write!(f, " {name}"))?;
                if let Some((ram, cpus)) = machine {
                    write!(f, " ram={} cpus={cpus}", Hex(*ram))?;
                }
                let Some((base, len)) = log else { return Ok(()) };
                write!(f, " log={} bytes={}", Hex(*base), Hex(*len))
            }
            Self::DeviceTree => f.write_str("DTB"),
            Self::Realm(params) => {
                let RealmEvent { s2sz, sve_vl, num_bps, num_wps, pmu_num_ctrs, hash_algo, .. } =
                    **params;
                let flags = Hex(params.flags);
                write!(
                    f,
                    "REALM_CREATE flags={flags} s2sz={s2sz} sve_vl={sve_vl} num_bps={num_bps} \
                     num_wps={num_wps} pmu_num_ctrs={pmu_num_ctrs} hash_algo={hash_algo}"
                )
            }
            Self::Ripas { base, top } => {
                write!(f, "RTT_INIT_RIPAS {}..{}", Hex(*base), Hex(*top))
            }
            Self::Rec(params) => {
                write!(f, "REC_CREATE flags={} pc={}", Hex(params.flags), Hex(params.pc))?;
                let gprs = params.gprs.iter().enumerate().filter(|(_, value)| **value != 0);
                gprs.into_iter().try_for_each(|(i, value)| write!(f, " x{i}={}", Hex(*value)))
            }
            Self::Image { description, base, len_bytes } => {
                let end = base.saturating_add(*len_bytes);
                write!(f, "\"{description}\" {}..{}", Hex(*base), Hex(end))
            }
            Self::Tagged { tag, text } => write!(f, "tag {tag:#x} \"{text}\""),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Opaque => Ok(()),
        }
    }
}
