//! What a command line of kvmtool says, by what it is about.

use super::options::About;
use super::parse::{Given, Value, parse};
use super::refuse;
use super::version::{VERSIONS, Version};
use super::vm::words;
use crate::host::vmm::version_by_name;
use crate::host::{Refusal, Setting};

/// What a command line says that can reach a Realm.
///
/// # Errors
/// If kvmtool does not take the options, or there is no such version.
pub fn settings(version: &str, argv: &[String]) -> Result<Vec<Setting>, Refusal> {
    let found = version_by_name(VERSIONS, version).map_err(|why| refuse("--vmm-version", &why))?;
    let version = Version::named(found.name).expect("a name of the table");
    let mut list = Vec::new();
    for given in parse(&words(argv)?, version)? {
        let about = match given.row {
            None => Some("what is no option"),
            Some(row) => row.about.subject(),
        };
        if let Some(about) = about {
            Setting::add(&mut list, about, said(&given));
        }
    }
    Ok(list)
}

/// The words of an option.
fn said(given: &Given<'_>) -> Vec<String> {
    let place = given.place.clone();
    match (given.value, given.row) {
        (Value::Text(text), None) => vec![text.to_owned()],
        (Value::Text(text), Some(_)) => vec![place, text.to_owned()],
        (Value::Number(number, _, rest), _) => vec![place, format!("{number}{rest}")],
        (Value::Flag(_) | Value::Nothing | Value::Unset, _) => vec![place],
    }
}

impl About {
    /// What an option is about, in people's words; `None` if it does not reach a Realm.
    const fn subject(self) -> Option<&'static str> {
        Some(match self {
            Self::Algo => "the hash algorithm",
            Self::Balloon => "a balloon",
            Self::Console => "the console",
            Self::Cpus => "vCPUs",
            Self::CounterFrequency => "the counter's frequency",
            Self::DisableSve | Self::SveMaxVl | Self::SveVl => "SVE",
            Self::Disk => "disks",
            Self::Dtb => "the device tree",
            Self::Firmware | Self::FirmwareAddress => "the firmware",
            Self::Flash => "flash memory",
            Self::ForcePci | Self::VirtioLegacy | Self::VirtioTransport => "virtio's transport",
            Self::Initrd => "the initrd",
            Self::Irqchip => "the interrupt controller",
            Self::KaslrSeed => "the seed for addresses",
            Self::Kernel => "the kernel",
            Self::Log => "the measurement log",
            Self::LogLevel | Self::Nothing(_) => return None,
            Self::Memory => "RAM",
            Self::Network | Self::NoDhcp => "network devices",
            Self::NineP => "shared folders",
            Self::NoDefaults => "kvmtool's defaults",
            Self::Params => "the kernel's command line",
            Self::Pmu | Self::PmuCounters => "the PMU",
            Self::Realm => "that it is a Realm",
            Self::RestrictedMemory => "guest_memfd",
            Self::Rng => "a random number device",
            Self::Rpv | Self::RpvHex => "the personalization value",
            Self::Vsock => "a vsock device",
            Self::Unknown(_) => "what is not modelled",
        })
    }
}
