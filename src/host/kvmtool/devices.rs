//! virtio devices: how many there are, where they sit, and which interrupts they have.

use super::config::Config;
use super::refuse;
use super::version::Version;
use crate::host::Refusal;

/// The bus that a virtio device sits on. Legacy variants make the same device tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Pci,
    Mmio,
}

impl Transport {
    pub(super) fn named(place: &str, text: &str) -> Result<Self, Refusal> {
        match text {
            "pci" | "pci-legacy" => Ok(Self::Pci),
            "mmio" | "mmio-legacy" => Ok(Self::Mmio),
            _ => {
                let known = "pci, pci-legacy, mmio or mmio-legacy";
                Err(refuse(place, &format!("`{text}` is no transport; it is {known}")))
            }
        }
    }

    /// The transport of a network device; an unknown one is that of all devices.
    pub(super) fn of_network(text: &str) -> Option<Self> {
        match text {
            "pci" => Some(Self::Pci),
            "mmio" => Some(Self::Mmio),
            _ => None,
        }
    }
}

/// A network device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) user: bool,
    /// Its own transport, if it has one.
    pub(super) transport: Option<Transport>,
}

impl Network {
    pub(super) const fn tap() -> Self {
        Self { user: false, transport: None }
    }
}

/// What disks and directories make of the guest's root file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Root {
    /// A directory is the root file system.
    pub(super) directory: bool,
    /// It is kvmtool's own, with its own init.
    pub(super) custom: bool,
    /// 9p devices for it.
    pub(super) shares: u32,
    pub(super) block_disks: usize,
    pub(super) scsi_disks: usize,
}

/// The virtio devices' interrupts, by bus, in device order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Devices {
    pub(super) mmio_spis: Vec<u32>,
    pub(super) pci_spis: Vec<u32>,
}

/// The first interrupt after those of the four UARTs.
const FIRST_SPI: u32 = 4;
/// The last interrupt that kvmtool's eight bits hold.
const LAST_SPI: u32 = 255 - 32;
/// Interrupts of PCI devices where they follow from the slot.
const PCI_SPI: u32 = 64;
const PCI_SLOTS: usize = 32;
/// MMIO devices whose interrupts lie below those of PCI devices.
const MMIO_DEVICES: usize = (PCI_SPI - FIRST_SPI) as usize;

impl Devices {
    /// Registers all virtio devices.
    ///
    /// # Errors
    /// If there are more than slots or interrupts for them.
    pub(super) fn new(config: &Config, root: &Root) -> Result<Self, Refusal> {
        let shared = config.transport;
        let mut transports = Vec::new();
        let mut add = |count: usize| {
            // One more than there can be is enough to know that they are too many.
            let room = 1024_usize.saturating_sub(transports.len());
            transports.extend(std::iter::repeat_n(shared, count.min(room)));
        };
        add(config.shares as usize + root.shares as usize);
        add(usize::from(config.vsock));
        add(usize::from(config.balloon));
        add(usize::from(config.rng));
        let own = config.networks.iter().map(|network| network.transport.unwrap_or(shared));
        transports.extend(own);
        if config.networks.is_empty() && !config.no_network {
            transports.push(shared);
        }
        if Console::of(config) == Some(Console::Virtio) {
            transports.push(shared);
        }
        transports.extend(std::iter::repeat_n(shared, root.scsi_disks + root.block_disks));
        Self::number(&transports, config.version)
    }

    fn number(transports: &[Transport], version: Version) -> Result<Self, Refusal> {
        let mut devices = Self::default();
        let mut next = FIRST_SPI;
        for transport in transports {
            let by_slot = *transport == Transport::Pci && version.pci_spi_by_slot();
            let (spis, spi) = match transport {
                Transport::Pci if by_slot => {
                    let slot = u32::try_from(devices.pci_spis.len()).unwrap_or(LAST_SPI);
                    (&mut devices.pci_spis, PCI_SPI + slot)
                }
                Transport::Pci => (&mut devices.pci_spis, next),
                Transport::Mmio => (&mut devices.mmio_spis, next),
            };
            spis.push(spi);
            next += u32::from(!by_slot);
        }
        let (pci, count) = (devices.pci_spis.len(), transports.len());
        if pci > PCI_SLOTS {
            let why = format!("{pci} PCI devices are more than {PCI_SLOTS} slots");
            return Err(refuse("virtio devices", &why));
        }
        let mmio = devices.mmio_spis.len();
        if version.pci_spi_by_slot() && version.is_program() && mmio > MMIO_DEVICES {
            let why = format!(
                "{mmio} MMIO devices are more than the {MMIO_DEVICES} interrupts below those of \
                 PCI devices: kvmtool fails an assertion"
            );
            return Err(refuse("virtio devices", &why));
        }
        if next > LAST_SPI + 1 {
            let spis = format!("the interrupts {FIRST_SPI} to {LAST_SPI}");
            return Err(refuse("virtio devices", &format!("{count} devices are more than {spis}")));
        }
        Ok(devices)
    }
}

/// A console, chosen by the first letters of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Console {
    Serial,
    Virtio,
    /// That of pSeries; the guest is told of it, but there is no device.
    Hv,
}

impl Console {
    pub(super) fn of(config: &Config) -> Option<Self> {
        match config.console.as_deref().unwrap_or("serial") {
            console if console.starts_with("virtio") => Some(Self::Virtio),
            console if console.starts_with("serial") => Some(Self::Serial),
            console if console.starts_with("hv") => Some(Self::Hv),
            _ => None,
        }
    }

    /// What Linux calls it.
    pub(super) const fn tty(self) -> &'static str {
        match self {
            Self::Serial => "ttyS0",
            Self::Virtio | Self::Hv => "hvc0",
        }
    }
}
