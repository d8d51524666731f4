//! What firmware measures: itself, variables, boot options, and how boot services end.

use super::{BootError, Builder, Bytes, Measured, kept};
use crate::boot::chain::{Contents, Stage, Value};
use crate::boot::efi::load_option::LoadOption;
use crate::boot::efi::{utf16, variable};
use crate::boot::event::{
    CALLING, EXIT_CALLED, EXIT_DONE, EXIT_FAILED, Hashed, RETURNING, Rem, Varies, kind,
};
use crate::boot::hash::{Digest, digest};
use crate::boot::profile::Firmware;

/// What firmware measures of Secure Boot, in its order.
const SECURE_BOOT: [&str; 5] = ["SecureBoot", "PK", "KEK", "db", "dbx"];

impl Builder<'_> {
    pub(super) fn firmware(&mut self, profile: &'static Firmware) -> Result<(), BootError> {
        let name = profile.name;
        self.made.remarks.push(format!(
            "firmware {name} ({}, {}): {}",
            profile.date,
            profile.certainty.name(),
            profile.about
        ));
        self.version();
        if let Some(text) = profile.tree {
            self.tree(text)?;
        }
        self.secure_boot()?;
        if profile.acpi {
            self.acpi()?;
        }
        if self.starts_fw_cfg() {
            let (image, what) = match self.chain.boot.first() {
                Some(Stage::Linux(linux)) => (Some(linux.image()), "kernel"),
                // Without the VMM's line it may be one of a disk.
                Some(Stage::Uki(uki)) if self.vm.gives_kernel.is_some() => {
                    (Some(uki.image()), "UKI")
                }
                _ => (None, ""),
            };
            if let Some(image) = image {
                let name = self.chain.boot[0].name();
                self.stage = format!("[[boot]] 1 ({name})");
                self.image(&image, what)?;
                self.loaded_early = true;
                self.stage = "firmware".into();
            }
        }
        self.boot_options()?;
        self.attempts(profile);
        Ok(())
    }

    fn version(&mut self) {
        let version = self.chain.firmware.version.clone().unwrap_or_else(|| {
            let why = "FIRMWARE_VER was not set when the firmware was built";
            self.assume("firmware.version", "\"\"", why);
            String::new()
        });
        let data = utf16::utf16_nul(&version);
        let what = format!("firmware version \"{version}\"");
        self.own(Rem::FIRMWARE, kind::S_CRTM_VERSION, data, what, Varies::Version);
    }

    fn tree(&mut self, text: &str) -> Result<(), BootError> {
        let given = self.chain.firmware.device_tree.as_ref();
        let bytes = match (given, self.vm.device_tree) {
            (Some(Contents::Digest(_)), _) => {
                let given = given.expect("it was just matched");
                let (digest, hashed) = self.hashed("device_tree", given)?;
                self.push_tree(text, digest, hashed);
                return Ok(());
            }
            (Some(given), _) => self.bytes("device_tree", given)?,
            (None, Some(tree)) => Bytes::Own(tree.to_vec()),
            (None, None) => {
                let why = "the VM's device tree is measured: say the VMM in [measure], or a file";
                return Err(self.wrong("device_tree", why));
            }
        };
        let total = bytes.get(..8).filter(|head| head.starts_with(&[0xD0, 0x0D, 0xFE, 0xED]));
        let total = total.map(|head| u32::from_be_bytes([head[4], head[5], head[6], head[7]]));
        let total = total.ok_or_else(|| self.wrong("device_tree", "no device tree: no magic"))?;
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        if total > crate::encoding::fdt::MAX_BYTES as usize {
            return Err(self.wrong("device_tree", format!("says that it has {total} bytes")));
        }
        // Zeros at its end may be missing: it was cut where nothing more stands.
        let mut whole = bytes[..bytes.len().min(total)].to_vec();
        whole.resize(total, 0);
        let digest = digest(self.algo(), [&whole[..]]);
        self.push_tree(text, digest, kept(&whole));
        if bytes.len() > total {
            self.otherwise(&bytes, "all bytes of the file, also those behind its totalsize");
        }
        Ok(())
    }

    fn push_tree(&mut self, text: &str, digest: Digest, hashed: Hashed) {
        let (rem, kind, data) = (Rem::FIRMWARE, kind::NONHOST_CONFIG, text.into());
        let (what, varies) = ("device tree".to_owned(), Varies::DeviceTree);
        self.push(Measured { rem, kind, digest, hashed, data, what, varies });
    }

    /// The bytes of a variable; `None` if it is absent.
    fn variable(&mut self, name: &str) -> Result<Option<Vec<u8>>, BootError> {
        let stage = std::mem::replace(&mut self.stage, "[variables]".into());
        let value = match self.chain.variables.get(name) {
            None | Some(Value::Contents(Contents::Absent)) => None,
            Some(Value::Contents(contents)) => Some(self.bytes(name, contents)?.to_vec()),
            Some(Value::Order(numbers)) => {
                Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
            }
            Some(Value::Option(option)) => option.bytes(),
        };
        self.stage = stage;
        Ok(value)
    }

    /// The variables of Secure Boot, whether they are there or not, and the separator of PCR 7.
    fn secure_boot(&mut self) -> Result<(), BootError> {
        if SECURE_BOOT.iter().all(|name| !self.chain.variables.contains_key(*name)) {
            let why = "no variable of Secure Boot is there, as in builds without it";
            self.assume("variables.SecureBoot, PK, KEK, db, dbx", "absent", why);
        }
        for name in SECURE_BOOT.into_iter().chain(["dbt"]) {
            let value = self.variable(name)?;
            if value.is_none() && name == "dbt" {
                continue;
            }
            let guid = variable::guid_of(name).unwrap_or(variable::GLOBAL);
            let data = variable::data(guid, name, value.as_deref().unwrap_or_default());
            let what = match value {
                None => format!("variable {name}, absent"),
                Some(value) => format!("variable {name}, {} bytes", value.len()),
            };
            let kind = kind::VARIABLE_DRIVER_CONFIG;
            self.own(Rem::FIRMWARE, kind, data, what, Varies::SecureBoot);
        }
        let what = "separator after the variables";
        self.own(Rem::FIRMWARE, kind::SEPARATOR, vec![0; 4], what, Varies::Firmware);
        Ok(())
    }

    fn acpi(&mut self) -> Result<(), BootError> {
        let tables = &self.chain.firmware.acpi;
        if tables.is_empty() {
            self.assume("firmware.acpi", "[]", "the VMM offers no ACPI tables");
        }
        for (i, table) in tables.iter().enumerate() {
            let (digest, hashed) = self.hashed("acpi", table)?;
            let kind = kind::PLATFORM_CONFIG_FLAGS;
            let (what, data) = (format!("ACPI data {}", i + 1), b"ACPI DATA".to_vec());
            let (rem, varies) = (Rem::FIRMWARE, Varies::Acpi);
            self.push(Measured { rem, kind, digest, hashed, data, what, varies });
        }
        Ok(())
    }

    /// BootOrder and its options: of these the digest is of the contents alone.
    fn boot_options(&mut self) -> Result<(), BootError> {
        let Some(order) = self.variable("BootOrder")? else {
            let why = "no boot variable is measured, as on a first boot without a variable store";
            self.assume("variables.BootOrder", "absent", why);
            return Ok(());
        };
        let numbers = variable::boot_order(&order)
            .ok_or_else(|| self.wrong("BootOrder", "has an odd number of bytes"))?;
        let names = numbers.iter().map(|number| variable::boot_name(*number));
        let what = format!("BootOrder {}", names.collect::<Vec<_>>().join(", "));
        self.boot_variable("BootOrder", &order, what);
        let mut present = Vec::new();
        for number in numbers {
            let name = variable::boot_name(number);
            let Some(value) = self.variable(&name)? else {
                let why = "it is in BootOrder and is skipped";
                self.assume(&format!("variables.{name}"), "absent", why);
                continue;
            };
            let shown = LoadOption::read(&value);
            let what = shown.as_ref().map_or_else(Clone::clone, ToString::to_string);
            self.boot_variable(&name, &value, format!("{name} {what}"));
            present.extend(shown.ok().map(|option| (number, option)));
        }
        let asked = self.chain.firmware.boot_option;
        let chosen = match asked {
            Some(number) => present.iter().find(|(found, _)| *found == number),
            None => present.first(),
        };
        if let (Some(number), None) = (asked, chosen) {
            let name = variable::boot_name(number);
            let why = format!("{name} is not in BootOrder, or no variable of that name is there");
            return Err(self.wrong("boot_option", why));
        }
        if let Some((number, option)) = chosen {
            self.path = option.path.clone();
            self.load_options = Some(option.optional.clone());
            if asked.is_none() && present.len() > 1 {
                let why = "the first option of BootOrder that is there is started";
                self.assume("firmware.boot_option", number.to_string(), why);
            }
        }
        Ok(())
    }

    fn boot_variable(&mut self, name: &str, value: &[u8], what: String) {
        let data = variable::data(variable::GLOBAL, name, value);
        let digest = digest(self.algo(), [value]);
        let (rem, kind, hashed) =
            (Rem::FIRMWARE, kind::VARIABLE_BOOT, Hashed::Bytes(value.to_vec()));
        let varies = Varies::BootOptions;
        self.push(Measured { rem, kind, digest, hashed, data: data.clone(), what, varies });
        self.otherwise(&data, "the whole UEFI_VARIABLE_DATA, as other firmware measures it");
    }

    fn attempts(&mut self, profile: &Firmware) {
        self.action(CALLING, Varies::Attempts);
        if self.chain.firmware.separator.unwrap_or(true) {
            let rem = Rem::from_index(profile.ready_separator).unwrap_or(Rem::BOOT);
            let what = "separator before the first boot option";
            self.own(rem, kind::SEPARATOR, vec![0; 4], what, Varies::Firmware);
        }
        let failed = self.chain.firmware.failed_attempts.map(|count| count.0);
        if failed.is_none() {
            self.assume("firmware.failed_attempts", "0", "no boot option failed before this one");
        }
        for _ in 0..failed.unwrap_or(0) {
            self.again();
        }
    }

    /// A boot option came back, and the next is tried.
    pub(super) fn again(&mut self) {
        self.action(RETURNING, Varies::Attempts);
        self.action(CALLING, Varies::Attempts);
    }

    pub(super) fn exit(&mut self) {
        let failed = self.chain.exit.failed_exits.map(|count| count.0);
        if failed.is_none() {
            let why = "ExitBootServices was called with the current memory map";
            self.assume("exit.failed_exits", "0", why);
        }
        for _ in 0..failed.unwrap_or(0) {
            self.action(EXIT_FAILED, Varies::Exit);
        }
        self.action(EXIT_CALLED, Varies::Exit);
        self.action(EXIT_DONE, Varies::Exit);
    }
}
