//! A chain: what a Realm boots, from the VMM's command line to the kernel, as TOML.

mod values;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use values::{
    Algorithm, Contents, Count, FirmwareName, GrubName, Hex, InitrdBy, LinuxName, OneOrMore,
    PathText, RemIndex, StubName, Value,
};

use super::efi::variable;
use crate::encoding::toml_text;

/// Longest chain that is read, in bytes.
pub const MAX_CHAIN_BYTES: u64 = 1 << 20;
/// Most stages, and most variables.
const MAX_ITEMS: usize = 4096;

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// The Realm's hash algorithm, where no VMM says it.
    pub hash_algo: Option<Algorithm>,
    /// The VMM.
    pub measure: Option<Measure>,
    /// The firmware.
    pub firmware: Firmware,
    /// UEFI variables; those that are not named are absent.
    #[serde(default)]
    pub variables: BTreeMap<String, Value>,
    /// The disk that is booted from.
    pub disk: Option<Disk>,
    /// What runs, in order.
    #[serde(default)]
    pub boot: Vec<Stage>,
    /// How boot services end.
    #[serde(default)]
    pub exit: Exit,
}

/// Who builds the Realm: its RIM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What `rimsim measure` takes, as a shell reads it.
    pub vm: Option<String>,
    /// The RIM itself, where no command line makes it.
    pub rim: Option<Hex>,
}

/// The firmware and what it is given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firmware {
    /// Which.
    pub profile: FirmwareName,
    /// PcdFirmwareVersionString.
    pub version: Option<String>,
    /// The device tree, where no VMM makes it.
    pub device_tree: Option<Contents>,
    /// What QEMU offers as ACPI tables, in order.
    #[serde(default)]
    pub acpi: Vec<Contents>,
    /// The boot option that is started, by number.
    pub boot_option: Option<u16>,
    /// Boot options that were tried before it and could not be loaded.
    pub failed_attempts: Option<Count>,
    /// Whether the first attempt is followed by a separator.
    pub separator: Option<bool>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// An image of it, of which the partition table is measured; or the event's data.
    pub gpt: Contents,
}

/// How boot services end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// Calls with an old memory map.
    pub failed_exits: Option<Count>,
    /// Whether they end at all.
    #[serde(default = "yes")]
    pub reached: bool,
}

const fn yes() -> bool {
    true
}

impl Default for Exit {
    fn default() -> Self {
        Self { failed_exits: None, reached: true }
    }
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// Shim.
    Shim(Box<Shim>),
    /// GRUB.
    Grub(Box<Grub>),
    /// systemd-boot.
    SystemdBoot(Box<SystemdBoot>),
    /// A unified kernel image: systemd-stub with a kernel in it.
    Uki(Box<Uki>),
    /// Linux with its EFI stub, or as a blob of fw_cfg.
    Linux(Box<Linux>),
    /// Another EFI application.
    Efi(Box<Efi>),
    /// A measurement that no stage makes.
    Event(Box<Raw>),
}

/// An image that firmware loads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Loaded {
    /// The PE image.
    pub file: Option<Contents>,
    /// Its device path.
    pub path: Option<PathText>,
    /// Whether it is measured when it is loaded.
    pub measured: Option<bool>,
    /// What verified it, where Secure Boot is on.
    pub authority: Option<Authority>,
}

/// What verified an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The variable: `db`, `Shim`, `MokListRT`.
    pub variable: String,
    /// What of it: the `EFI_SIGNATURE_DATA`.
    pub data: Contents,
}

macro_rules! stage {
    ($(#[$doc:meta])* $name:ident { $($(#[$inner:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// The PE image.
            pub file: Option<Contents>,
            /// Its device path.
            pub path: Option<PathText>,
            /// Whether it is measured when it is loaded.
            pub measured: Option<bool>,
            /// What verified it, where Secure Boot is on.
            pub authority: Option<Authority>,
            $($(#[$inner])* pub $field: $type,)*
        }

        impl $name {
            /// The image that it is.
            #[must_use]
            pub fn image(&self) -> Loaded {
                let Self { file, path, measured, authority, .. } = self.clone();
                Loaded { file, path, measured, authority }
            }
        }
    };
}

stage! {
    /// Shim and the variables that it measures; `absent` of key databases is their empty form.
    Shim {
        /// MokList.
        mok_list: Option<Contents>,
        /// MokListX.
        mok_list_x: Option<Contents>,
        /// MokSBState.
        mok_sb_state: Option<Contents>,
        /// SbatLevel.
        sbat_level: Option<Contents>,
        /// MokListTrusted.
        mok_list_trusted: Option<Contents>,
        /// MokPolicy.
        mok_policy: Option<Contents>,
    }
}

stage! {
    /// GRUB.
    Grub {
        /// Which.
        profile: Option<GrubName>,
        /// Whether it measures through CC; what the profile does unless it is said.
        cc: Option<bool>,
        /// What it does, in order.
        steps: Vec<GrubStep>,
    }
}

stage! {
    /// systemd-boot.
    SystemdBoot {
        /// The options of the entry that it starts, if it measures them.
        options: Option<String>,
    }
}

stage! {
    /// A UKI.
    Uki {
        /// The systemd-stub in it.
        stub: Option<StubName>,
        /// Which of its profiles is booted.
        profile: Option<u16>,
        /// A command line that it is given and takes in place of its own.
        cmdline: Option<String>,
        /// Command lines of add-ons.
        addons: Vec<String>,
        /// Credentials beside it.
        credentials: Vec<Sidecar>,
        /// Credentials of the partition.
        global_credentials: Vec<Sidecar>,
        /// System extensions.
        sysext: Vec<Sidecar>,
        /// Configuration extensions.
        confext: Vec<Sidecar>,
        /// Initrds that it is given.
        initrd: Vec<Contents>,
        /// All that the kernel gets as its initrd, where the pieces are not known.
        whole_initrd: Option<Contents>,
        /// What the kernel gets as LoadOptions, where the command line is not known.
        load_options: Option<Contents>,
        /// Its sections, where the file is not known.
        sections: Option<Vec<Section>>,
        /// Whether the kernel in it is measured as an image.
        kernel_measured: Option<bool>,
        /// That kernel, where the file is not known.
        kernel: Option<Contents>,
        /// What the kernel in it measures.
        kernel_stub: Option<LinuxName>,
    }
}

stage! {
    /// Linux.
    Linux {
        /// Its command line, as the boot loader hands it over.
        cmdline: Option<String>,
        /// Its LoadOptions byte for byte.
        load_options: Option<Contents>,
        /// Its initrd, or several in a row.
        initrd: OneOrMore,
        /// Who loads it: `loadfile2`, or `cmdline` (`initrd=`), which nobody measures.
        initrd_by: Option<InitrdBy>,
        /// What it measures.
        stub: Option<LinuxName>,
    }
}

stage! {
    /// Another EFI application.
    Efi {
        /// Whether it came back, so that the next boot option was tried.
        returned: bool,
    }
}

/// Something GRUB does that it measures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GrubStep {
    /// A command, as it is after variables were put in.
    Command(String),
    /// The kernel's command line.
    KernelCmdline(String),
    /// A module's.
    ModuleCmdline(String),
    /// A file that is read.
    Read(GrubFile),
}

/// A file that GRUB reads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrubFile {
    /// What GRUB calls it.
    pub name: String,
    /// What is in it.
    pub file: Contents,
}

/// A file beside a UKI.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// Its name without a folder.
    pub name: String,
    /// What is in it.
    pub file: Contents,
}

/// A section of a UKI.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub contents: Contents,
}

/// A measurement as a log has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// RSI's index of the REM.
    pub rem: RemIndex,
    /// Its type; without one it is not in the log.
    #[serde(rename = "type")]
    pub kind: Option<u32>,
    /// What is measured; the data unless it is said.
    pub measures: Option<Contents>,
    /// The data in the log.
    pub data: Option<Contents>,
    /// What it is, in words.
    pub what: Option<String>,
}

impl Chain {
    /// Reads a chain. Nothing is opened.
    ///
    /// # Bounds
    /// Time and memory grow with the length.
    ///
    /// # Errors
    /// If the text is no chain. The error begins with line and column.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() as u64 > MAX_CHAIN_BYTES {
            return Err(format!("1:1: it is longer than {MAX_CHAIN_BYTES} bytes"));
        }
        let chain: Self = toml_text::read(text)?;
        let items = chain.boot.len().max(chain.variables.len());
        if items > MAX_ITEMS {
            return Err(format!("1:1: {items} stages or variables; at most {MAX_ITEMS}"));
        }
        chain.check().map_err(|why| format!("1:1: {why}"))?;
        Ok(chain)
    }

    /// What can not be said together.
    fn check(&self) -> Result<(), String> {
        if let Some(Measure { vm, rim }) = &self.measure
            && vm.is_some() == rim.is_some()
        {
            return Err("[measure] has either `vm` or `rim`".into());
        }
        let is_measured = |name: &str| {
            let known = ["SecureBoot", "PK", "KEK", "db", "dbx", "dbt", "BootOrder"];
            known.contains(&name) || variable::boot_number(name).is_some()
        };
        if let Some(name) = self.variables.keys().find(|name| !is_measured(name)) {
            return Err(format!("[variables] {name}: firmware does not measure it"));
        }
        let has_measure = self.measure.is_some();
        if has_measure && self.hash_algo.is_some() {
            return Err("hash_algo: [measure] says it already".into());
        }
        if !has_measure && self.hash_algo.is_none() {
            return Err("say hash_algo, or the VMM in [measure]".into());
        }
        Ok(())
    }
}
