//! What is measured while a Realm boots: one extension of a REM, with its entry in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hash::Digest;
use crate::event_log::event_name;

/// Types of events (TCG PC Client Platform Firmware Profile 1.06, 10.4.1).
pub(crate) mod kind {
    pub(crate) const SEPARATOR: u32 = 4;
    pub(crate) const EVENT_TAG: u32 = 6;
    pub(crate) const S_CRTM_VERSION: u32 = 8;
    pub(crate) const PLATFORM_CONFIG_FLAGS: u32 = 10;
    pub(crate) const IPL: u32 = 13;
    pub(crate) const NONHOST_CONFIG: u32 = 16;
    pub(crate) const VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;
    pub(crate) const VARIABLE_BOOT: u32 = 0x8000_0002;
    pub(crate) const BOOT_SERVICES_APPLICATION: u32 = 0x8000_0003;
    pub(crate) const BOOT_SERVICES_DRIVER: u32 = 0x8000_0004;
    pub(crate) const RUNTIME_SERVICES_DRIVER: u32 = 0x8000_0005;
    pub(crate) const GPT_EVENT: u32 = 0x8000_0006;
    pub(crate) const ACTION: u32 = 0x8000_0007;
    pub(crate) const VARIABLE_AUTHORITY: u32 = 0x8000_00E0;
}

/// The text that firmware measures before it starts a boot option.
pub(crate) const CALLING: &str = "Calling EFI Application from Boot Option";
/// The text that firmware measures when a boot option came back.
pub(crate) const RETURNING: &str = "Returning from EFI Application from Boot Option";
/// The text that firmware measures when ExitBootServices is called.
pub(crate) const EXIT_CALLED: &str = "Exit Boot Services Invocation";
/// The text that firmware measures when ExitBootServices did what it should.
pub(crate) const EXIT_DONE: &str = "Exit Boot Services Returned with Success";
/// The text that firmware measures when ExitBootServices was called with an old memory map.
pub(crate) const EXIT_FAILED: &str = "Exit Boot Services Returned with Failure";
/// What Linux's stub calls its LoadOptions.
pub(crate) const LOAD_OPTIONS: &str = "LOADED_IMAGE::LoadOptions";
/// The tag of LoadOptions.
pub(crate) const LOAD_OPTIONS_TAG: u32 = 0x8F3B_22ED;
/// What Linux's stub calls the initrd.
pub(crate) const INITRD: &str = "Linux initrd";
/// The tag of the initrd.
pub(crate) const INITRD_TAG: u32 = 0x8F3B_22EC;
/// What kvmtool's firmware says of the device tree.
pub(crate) const KVMTOOL_TREE: &str = "Kvmtool FDT.";

/// A REM: `REM[0]` of Arm's documents is `rem1`, RSI's index 1 and a log's register 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rem(u8);

impl Rem {
    /// What firmware calls the PCRs 1 and 7.
    pub const FIRMWARE: Self = Self(1);
    /// The PCRs 2 to 6.
    pub const BOOT: Self = Self(2);
    /// The PCRs 8 to 15.
    pub const LOADER: Self = Self(3);

    /// The REM of RSI's index, 1 to 4.
    #[must_use]
    pub const fn from_index(index: u32) -> Option<Self> {
        match index {
            1 => Some(Self(1)),
            2 => Some(Self(2)),
            3 => Some(Self(3)),
            4 => Some(Self(4)),
            _ => None,
        }
    }

    /// RSI's index: 1 to 4.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    /// Its place among four.
    #[must_use]
    pub(crate) const fn slot(self) -> usize {
        self.0 as usize - 1
    }
}

impl fmt::Display for Rem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rem{}", self.0)
    }
}

/// What a measurement varies with: what somebody looks at when it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Varies {
    /// The version string of the build.
    Version,
    /// The device tree.
    DeviceTree,
    /// ACPI tables that the VMM makes.
    Acpi,
    /// Variables of Secure Boot.
    SecureBoot,
    /// `BootOrder` and `Boot####`.
    BootOptions,
    /// Which driver of the firmware measures.
    Firmware,
    /// Attempts to boot.
    Attempts,
    /// The partition table.
    Disk,
    /// A file that is loaded and started.
    Image,
    /// Certificates that verify what is started.
    Authority,
    /// Shim's variables.
    Mok,
    /// What GRUB reads and does.
    Grub,
    /// The sections of a UKI.
    Section,
    /// What stands beside a UKI.
    Sidecar,
    /// The kernel's command line.
    CommandLine,
    /// The initrd.
    Initrd,
    /// How boot services end.
    Exit,
    /// Nothing that is known here.
    Unknown,
}

impl Varies {
    /// In words, to follow "it".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Version => "varies with the firmware's build: its FIRMWARE_VER",
            Self::DeviceTree => {
                "varies with the VMM's command line, version and host, as the RIM does: the same \
                 bytes are in it"
            }
            Self::Acpi => "varies with the VMM, its version and the VM's devices",
            Self::SecureBoot => "varies with the variable store and with what enrolled its keys",
            Self::BootOptions => "varies with the VM's PCI devices and the variable store",
            Self::Firmware => "varies with the firmware's revision",
            Self::Attempts => "varies with the boot options that were tried and failed first",
            Self::Disk => "varies with the disk's partition table and its GUIDs",
            Self::Image => "varies with the file itself, and with who loads it",
            Self::Authority => "varies with the certificate that verified the image",
            Self::Mok => "varies with shim's build and with the keys that were enrolled",
            Self::Grub => "varies with GRUB's configuration and modules, and with its build",
            Self::Section => "varies with the UKI: with the file of this section",
            Self::Sidecar => "varies with the files beside the UKI",
            Self::CommandLine => "varies with the boot loader's entry, or with the boot option",
            Self::Initrd => "varies with the initrd's files, and with who hands them over",
            Self::Exit => "varies with how often ExitBootServices was called with an old map",
            Self::Unknown => "varies with what nothing is known of here",
        }
    }
}

/// What a digest is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hashed {
    /// The event's data.
    Data,
    /// Other bytes, of which these are all.
    Bytes(Vec<u8>),
    /// Other bytes, which are many: only their digest is kept.
    Long,
    /// A PE image, as Authenticode takes it.
    Pe,
    /// Something of which a chain has only the digest.
    Given,
}

/// A digest that the event would have if something were otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otherwise {
    /// The digest.
    pub digest: Digest,
    /// What would be otherwise.
    pub why: String,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootEvent {
    /// What is extended.
    pub rem: Rem,
    /// The type in the log; `None` if there is no entry.
    pub kind: Option<u32>,
    /// What the REM is extended by.
    pub digest: Digest,
    /// What it is the digest of.
    pub hashed: Hashed,
    /// The data in the log.
    pub data: Vec<u8>,
    /// Whether the data follow from the inputs: addresses of images do not.
    pub data_is_known: bool,
    /// What it is, in words.
    pub what: String,
    /// The stage of the chain that measures it.
    pub stage: String,
    /// What it varies with.
    pub varies: Varies,
    /// What could be meant instead.
    pub otherwise: Vec<Otherwise>,
}

impl BootEvent {
    /// The name of its type.
    #[must_use]
    pub fn kind_name(&self) -> String {
        self.kind.map_or_else(|| "not logged".to_owned(), event_name)
    }
}

/// `TCG_PCClientTaggedEvent` with a text and its NUL.
pub(crate) fn tagged(tag: u32, text: &str) -> Vec<u8> {
    let mut bytes = tag.to_le_bytes().to_vec();
    bytes.extend((u32::try_from(text.len()).unwrap_or(0) + 1).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
    bytes
}

/// `UEFI_IMAGE_LOAD_EVENT`: address (not known: zero), length in memory, link address, path.
pub(crate) fn image_load(len_bytes: u64, path: &[u8]) -> Vec<u8> {
    let numbers = [0, len_bytes, 0, path.len() as u64];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    bytes.extend(path);
    bytes
}
