//! What boot loaders measure: shim, GRUB, systemd-boot; and what no stage makes.

use super::{BootError, Builder, Loader, Measured};
use crate::boot::chain::{Authority, Contents, Efi, Grub, GrubStep, Raw, Shim, SystemdBoot};
use crate::boot::efi::{utf16, variable};
use crate::boot::event::{BootEvent, Hashed, Rem, Varies, kind};
use crate::boot::hash::digest;
use crate::boot::profile;

/// What shim keeps where a database of keys is empty: an `EFI_SIGNATURE_LIST` of type
/// EFI_CERT_SHA256 with one entry, whose owner is shim and whose digest is zero.
fn empty_keys() -> Vec<u8> {
    let kind = uuid::uuid!("c1c41626-504c-4092-aca9-41f936934328").to_bytes_le();
    let entry_bytes = 16 + 32_u32;
    let mut list = kind.to_vec();
    for number in [16 + 12 + entry_bytes, 0, entry_bytes] {
        list.extend(number.to_le_bytes());
    }
    list.extend(variable::SHIM.0);
    list.extend([0; 32]);
    list
}

impl Builder<'_> {
    pub(super) fn authority(&mut self, authority: &Authority) -> Result<(), BootError> {
        let Authority { variable: name, data } = authority;
        let guid = variable::guid_of(name)
            .ok_or_else(|| self.wrong("authority", format!("`{name}` is no variable of keys")))?;
        let value = self.bytes("authority", data)?;
        let data = variable::data(guid, name, &value);
        // Whoever measures them leaves out what was measured before.
        let repeated = self
            .made
            .events
            .iter()
            .any(|event| event.kind == Some(kind::VARIABLE_AUTHORITY) && event.data == data);
        if !repeated {
            let what = format!("authority {name}, {} bytes", value.len());
            let kind = kind::VARIABLE_AUTHORITY;
            self.own(Rem::FIRMWARE, kind, data, what, Varies::Authority);
        }
        Ok(())
    }

    pub(super) fn shim(&mut self, shim: &Shim) -> Result<(), BootError> {
        self.image(&shim.image(), "shim")?;
        let is_default =
            |contents: &Option<Contents>| matches!(contents, None | Some(Contents::Absent));
        if shim.mok_list.is_none() && shim.mok_list_x.is_none() {
            let why = "no keys are enrolled and none are built in: shim's empty lists are measured";
            self.assume("mok_list, mok_list_x", "absent", why);
        }
        if shim.sbat_level.is_none() {
            let why = "shim keeps no SbatLevel; one that does measures it";
            self.assume("sbat_level", "absent", why);
        }
        for (name, contents, keys, authority, log) in [
            ("MokList", &shim.mok_list, true, false, true),
            ("MokListX", &shim.mok_list_x, true, false, true),
            ("MokSBState", &shim.mok_sb_state, false, true, true),
            ("SbatLevel", &shim.sbat_level, false, true, false),
            ("MokListTrusted", &shim.mok_list_trusted, false, false, true),
            ("MokPolicy", &shim.mok_policy, false, false, true),
        ] {
            let value = match contents {
                contents if is_default(contents) && keys => empty_keys(),
                Some(contents) => self.bytes(name, contents)?.to_vec(),
                None => Vec::new(),
            };
            if value.is_empty() {
                continue;
            }
            if authority {
                let data = variable::data(variable::SHIM, name, &value);
                let what = format!("shim's variable {name}, {} bytes", value.len());
                let kind = kind::VARIABLE_AUTHORITY;
                self.own(Rem::FIRMWARE, kind, data, what, Varies::Mok);
            }
            if log {
                self.mok(name, value);
            }
        }
        (self.loader, self.has_shim) = (Loader::Shim, true);
        self.load_options = None;
        Ok(())
    }

    fn mok(&mut self, name: &str, value: Vec<u8>) {
        let digest = digest(self.algo(), [&value[..]]);
        let data = [name.as_bytes(), &[0]].concat();
        let what = format!("shim's variable {name}, {} bytes", value.len());
        let (rem, kind, varies) = (Rem::LOADER, kind::IPL, Varies::Mok);
        let hashed = Hashed::Bytes(value);
        self.push(Measured { rem, kind, digest, hashed, data, what, varies });
    }

    pub(super) fn grub(&mut self, grub: &Grub) -> Result<(), BootError> {
        self.image(&grub.image(), "GRUB")?;
        let profile = match &grub.profile {
            Some(profile) => profile.0,
            None => {
                let why = "Fedora's and RHEL's: the kernel gets its command line without a NUL";
                self.assume("profile", "rhboot", why);
                profile::Grub::Rhboot
            }
        };
        let cc = grub.cc.unwrap_or_else(|| {
            let does = profile == profile::Grub::Upstream;
            let why = if does { "this GRUB measures through CC" } else { "it measures nothing" };
            self.assume("cc", does.to_string(), why);
            does
        });
        if cc && grub.steps.is_empty() {
            let why = "GRUB measures each command and each file that it reads; none is known";
            self.assume("steps", "[]", why);
        }
        if !cc && !grub.steps.is_empty() {
            self.made.remarks.push(format!("{}: steps are not measured: cc = false", self.stage));
        }
        for step in grub.steps.iter().filter(|_| cc) {
            self.step(step)?;
        }
        self.loader = match profile {
            profile::Grub::Upstream => Loader::GrubUpstream,
            profile::Grub::Rhboot => Loader::GrubRhboot,
        };
        self.load_options = None;
        Ok(())
    }

    fn step(&mut self, step: &GrubStep) -> Result<(), BootError> {
        let (rem, kind, varies) = (Rem::LOADER, kind::IPL, Varies::Grub);
        let (prefix, text) = match step {
            GrubStep::Command(text) => ("grub_cmd: ", text),
            GrubStep::KernelCmdline(text) => ("kernel_cmdline: ", text),
            GrubStep::ModuleCmdline(text) => ("module_cmdline: ", text),
            GrubStep::Read(file) => {
                let (digest, hashed) = self.hashed("steps", &file.file)?;
                let data = [file.name.as_bytes(), &[0]].concat();
                let what = format!("GRUB reads {}", file.name);
                self.push(Measured { rem, kind, digest, hashed, data, what, varies });
                return Ok(());
            }
        };
        let digest = digest(self.algo(), [text.as_bytes()]);
        let hashed = Hashed::Bytes(text.clone().into_bytes());
        let data = [prefix.as_bytes(), text.as_bytes(), &[0]].concat();
        let what = format!("{prefix}{text}");
        self.push(Measured { rem, kind, digest, hashed, data, what, varies });
        Ok(())
    }

    pub(super) fn systemd_boot(&mut self, boot: &SystemdBoot) -> Result<(), BootError> {
        self.image(&boot.image(), "systemd-boot")?;
        self.load_options = boot.options.as_ref().map(|text| utf16::utf16_nul(text));
        if let Some(text) = &boot.options {
            let data = utf16::utf16_nul(text);
            let what = format!("options of systemd-boot's entry \"{text}\"");
            self.own(Rem::LOADER, kind::IPL, data, what, Varies::CommandLine);
        }
        self.loader = Loader::SystemdBoot;
        Ok(())
    }

    pub(super) fn application(&mut self, efi: &Efi) -> Result<(), BootError> {
        self.image(&efi.image(), "application")?;
        if efi.returned {
            self.again();
        }
        Ok(())
    }

    /// A measurement that is given as it is.
    pub(super) fn raw(&mut self, raw: &Raw) -> Result<(), BootError> {
        let data = match &raw.data {
            Some(data) => self.bytes("data", data)?.to_vec(),
            None => Vec::new(),
        };
        let (made, hashed) = match &raw.measures {
            Some(contents) => self.hashed("measures", contents)?,
            None => (digest(self.algo(), [&data[..]]), Hashed::Data),
        };
        let what = raw.what.clone().unwrap_or_else(|| "given by the chain".into());
        self.made.events.push(BootEvent {
            rem: raw.rem.0,
            kind: raw.kind,
            digest: made,
            hashed,
            data,
            data_is_known: true,
            what,
            stage: self.stage.clone(),
            varies: Varies::Unknown,
            otherwise: Vec::new(),
        });
        Ok(())
    }
}
