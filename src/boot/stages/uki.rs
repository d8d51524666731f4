//! What systemd-stub measures: the sections of a UKI, what stands beside it, and what the kernel in
//! it measures then.

use super::{BootError, Builder, Measured, Read};
use crate::boot::chain::{Contents, Loaded, Sidecar, Uki};
use crate::boot::cpio::{Place, archive, pad4};
use crate::boot::efi::{device_path, utf16};
use crate::boot::event::{Hashed, Rem, Varies, image_load, kind};
use crate::boot::hash::{Digest, digest, digest_with_zeros};
use crate::boot::pe::{MAX_ZEROS, Pe, Section};
use crate::boot::profile::{LinuxStub, SystemdStub};

/// The sections that are measured, in the stub's order. `.pcrsig` never is.
const ORDER: [&str; 14] = [
    ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat",
    ".pcrpkey", ".profile", ".dtbauto", ".hwids", ".efifw",
];

/// A section that the stub takes.
struct Taken {
    name: String,
    contents: Option<Vec<u8>>,
    digest: Digest,
}

impl Builder<'_> {
    pub(super) fn uki(&mut self, uki: &Uki) -> Result<(), BootError> {
        self.image(&uki.image(), "UKI")?;
        let stub = match &uki.stub {
            Some(stub) => stub.0,
            None => {
                let why = "the systemd-stub of 2026: an archive with os-release, and the kernel is \
                           not measured as an image";
                self.assume("stub", "2026", why);
                SystemdStub::from_name("2026").map_err(|why| self.wrong("stub", why))?
            }
        };
        let sections = match &uki.sections {
            Some(_) => self.given_sections(uki)?,
            None => self.sections(uki)?,
        };
        for section in &sections {
            self.section(section);
        }
        let cmdline = self.cmdline(uki, &sections);
        let archives = self.sidecars(uki)?;
        if uki.kernel_measured.unwrap_or(stub.kernel_is_loaded) {
            self.inner_kernel(uki, &sections)?;
        }
        let linux = self.stub_of("kernel_stub", uki.kernel_stub.as_ref());
        match &uki.load_options {
            Some(given) => self.given_options(linux, given)?,
            None => {
                let bytes = cmdline.as_deref().map(utf16::utf16_nul).unwrap_or_default();
                self.options(linux, &bytes, cmdline.as_deref());
            }
        }
        if linux == LinuxStub::V6_9 {
            match &uki.whole_initrd {
                Some(given) => self.whole_initrd(given)?,
                None => self.pieces(uki, stub, &sections, archives)?,
            }
        }
        Ok(())
    }

    /// The sections of the file: those of the profile before those of all.
    fn sections(&mut self, uki: &Uki) -> Result<Vec<Taken>, BootError> {
        let file = uki.file.as_ref().ok_or_else(|| self.wrong("file", "say which file it is"))?;
        let bytes = self.bytes("file", file)?;
        self.made.inputs.pop_if(|input| input.needed_by.ends_with(" file"));
        let pe = Pe::read(&bytes).map_err(|error| self.wrong("file", error.to_string()))?;
        let all = pe.sections();
        let starts: Vec<usize> = (0..all.len()).filter(|i| all[*i].name == b".profile").collect();
        let common = &all[..starts.first().copied().unwrap_or(all.len())];
        let number = usize::from(uki.profile.unwrap_or(0));
        let own = match starts.get(number) {
            Some(start) => {
                let end = starts.get(number + 1).copied().unwrap_or(all.len());
                &all[*start..end]
            }
            None if number == 0 => &all[..0],
            None => {
                let count = starts.len();
                return Err(self.wrong("profile", format!("the UKI has {count} profiles")));
            }
        };
        let find = |name: &str| {
            let is_it =
                |section: &&Section| section.name == name.as_bytes() && section.virtual_size > 0;
            own.iter().find(is_it).or_else(|| common.iter().find(is_it))
        };
        let mut taken = Vec::new();
        let mut zeros = 0;
        for name in ORDER.into_iter().chain([".pcrsig"]) {
            let Some(section) = find(name) else { continue };
            let loaded =
                pe.loaded(section).map_err(|error| self.wrong("file", error.to_string()))?;
            // A header of forty bytes can ask for as much as it likes.
            zeros += loaded.zeros;
            if zeros > MAX_ZEROS {
                let why = format!("sections have {zeros:#x} zeros that are not in the file");
                return Err(self.wrong("file", why));
            }
            let digest = digest_with_zeros(self.algo(), loaded.bytes, loaded.zeros);
            taken.push(Taken { name: name.into(), contents: Some(loaded.to_vec()), digest });
        }
        if taken.iter().all(|section| section.name != ".linux") {
            return Err(self.wrong("file", "no UKI: it has no section .linux"));
        }
        Ok(taken)
    }

    fn given_sections(&mut self, uki: &Uki) -> Result<Vec<Taken>, BootError> {
        let mut taken = Vec::new();
        for section in uki.sections.iter().flatten() {
            let name = section.name.clone();
            let (contents, digest) =
                match self.read(&format!("sections {name}"), &section.contents)? {
                    Read::Digest(digest) => (None, digest),
                    Read::Bytes(bytes) => (Some(bytes.to_vec()), digest(self.algo(), [&bytes[..]])),
                };
            taken.push(Taken { name, contents, digest });
        }
        Ok(taken)
    }

    /// Its name, and then what is in it.
    fn section(&mut self, section: &Taken) {
        let Taken { name, contents, digest: made } = section;
        if name == ".pcrsig" {
            return;
        }
        let data = utf16::utf16_nul(name);
        let hashed_name = [name.as_bytes(), &[0]].concat();
        let (rem, kind, varies) = (Rem::LOADER, kind::IPL, Varies::Section);
        self.push(Measured {
            rem,
            kind,
            digest: digest(self.algo(), [&hashed_name[..]]),
            hashed: Hashed::Bytes(hashed_name),
            data: data.clone(),
            what: format!("name of section {name}"),
            varies,
        });
        let hashed = contents.as_deref().map_or(Hashed::Given, super::kept);
        let len =
            contents.as_ref().map_or(String::new(), |bytes| format!(", {} bytes", bytes.len()));
        let what = format!("section {name}{len}");
        self.push(Measured { rem, kind, digest: made.clone(), hashed, data, what, varies });
    }

    /// The command line that the kernel gets; what is given in place of the UKI's own is measured.
    fn cmdline(&mut self, uki: &Uki, sections: &[Taken]) -> Option<String> {
        let own = sections.iter().find(|section| section.name == ".cmdline");
        let own = own.and_then(|section| section.contents.as_ref());
        let own = own.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let end = |text: &str| text.trim_end_matches([' ', '\t', '\n', '\r', '\0']).to_owned();
        let mut cmdline = own.as_deref().map(end);
        if let Some(given) = &uki.cmdline {
            self.ipl(&utf16::utf16_nul(given), &utf16::utf16_nul(given), given);
            cmdline = Some(given.clone());
        }
        for addon in &uki.addons {
            self.ipl(&utf16::utf16_nul(addon), &utf16::utf16_nul(addon), addon);
            let before = cmdline.filter(|text| !text.is_empty());
            cmdline = Some(before.map_or_else(|| addon.clone(), |text| format!("{text} {addon}")));
        }
        cmdline.filter(|text| !text.is_empty())
    }

    fn ipl(&mut self, hashed: &[u8], data: &[u8], text: &str) {
        self.push(Measured {
            rem: Rem::LOADER,
            kind: kind::IPL,
            digest: digest(self.algo(), [hashed]),
            hashed: Hashed::Bytes(hashed.to_vec()),
            data: data.to_vec(),
            what: format!("command line given to the stub \"{text}\""),
            varies: Varies::CommandLine,
        });
    }

    /// The archives of what stands beside the UKI, each measured.
    fn sidecars(&mut self, uki: &Uki) -> Result<Vec<Vec<u8>>, BootError> {
        let mut archives = Vec::new();
        for (field, files, place, told) in [
            ("credentials", &uki.credentials, Place::CREDENTIALS, "Credentials initrd"),
            (
                "global_credentials",
                &uki.global_credentials,
                Place::GLOBAL_CREDENTIALS,
                "Global credentials initrd",
            ),
            ("sysext", &uki.sysext, Place::SYSEXT, "System extension initrd"),
            ("confext", &uki.confext, Place::CONFEXT, "Configuration extension initrd"),
        ] {
            let mut contents: Vec<(&str, Vec<u8>)> = Vec::new();
            for Sidecar { name, file } in files {
                contents.push((name, self.bytes(field, file)?.to_vec()));
            }
            // The stub sorts what it finds in a folder.
            contents.sort_by_key(|(name, _)| *name);
            let files: Vec<(&str, &[u8])> =
                contents.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
            let made = archive(place, &files);
            if made.is_empty() {
                continue;
            }
            self.push(Measured {
                rem: Rem::LOADER,
                kind: kind::IPL,
                digest: digest(self.algo(), [&made[..]]),
                hashed: Hashed::Long,
                data: utf16::utf16_nul(told),
                what: format!("{told}, {} files", files.len()),
                varies: Varies::Sidecar,
            });
            archives.push(made);
        }
        Ok(archives)
    }

    /// The kernel in it, where the stub lets firmware load it: from memory, without a path.
    fn inner_kernel(&mut self, uki: &Uki, sections: &[Taken]) -> Result<(), BootError> {
        if let Some(file) = &uki.kernel {
            let loaded = Loaded { file: Some(file.clone()), ..Loaded::default() };
            return self.image(&loaded, "kernel of the UKI");
        }
        let linux = sections.iter().find(|section| section.name == ".linux");
        let kernel = linux.and_then(|section| section.contents.as_deref());
        let kernel =
            kernel.ok_or_else(|| self.wrong("kernel", "the section .linux is not known"))?;
        let pe = Pe::read(kernel).and_then(|pe| pe.authenticode(self.algo()));
        let digest = pe.map_err(|error| self.wrong("file, section .linux", error.to_string()))?;
        self.push(Measured {
            rem: Rem::BOOT,
            kind: kind::BOOT_SERVICES_APPLICATION,
            digest,
            hashed: Hashed::Pe,
            data: image_load(kernel.len() as u64, &device_path::END),
            what: "kernel of the UKI, Authenticode".into(),
            varies: Varies::Image,
        });
        Ok(())
    }

    fn given_options(&mut self, stub: LinuxStub, given: &Contents) -> Result<(), BootError> {
        match self.read("load_options", given)? {
            Read::Bytes(bytes) => self.options(stub, &bytes, None),
            Read::Digest(digest) => {
                let what = "LoadOptions, of which only the digest is known".to_owned();
                self.tagged_options(stub, digest, Hashed::Given, what);
            }
        }
        Ok(())
    }

    /// What the kernel gets as its initrd: pieces in the stub's order.
    fn pieces(
        &mut self,
        uki: &Uki,
        stub: &SystemdStub,
        sections: &[Taken],
        archives: Vec<Vec<u8>>,
    ) -> Result<(), BootError> {
        let own = |name: &str| {
            let found = sections.iter().find(|section| section.name == name);
            found.and_then(|section| section.contents.clone())
        };
        let wrapped = |section: &str, file: &str| {
            own(section).map(|bytes| archive(Place::EXTRA, &[(file, &bytes)]))
        };
        let mut pieces: Vec<Vec<u8>> = own(".ucode").into_iter().collect();
        for given in &uki.initrd {
            pieces.push(self.bytes("initrd", given)?.to_vec());
        }
        pieces.extend(own(".initrd"));
        pieces.extend(archives);
        pieces.extend(wrapped(".pcrsig", "tpm2-pcr-signature.json"));
        pieces.extend(wrapped(".pcrpkey", "tpm2-pcr-public-key.pem"));
        pieces.extend(wrapped(".osrel", "os-release").filter(|_| stub.osrel_archive));
        pieces.extend(wrapped(".profile", "profile"));
        pieces.retain(|piece| !piece.is_empty());
        if let [_, _, ..] = &pieces[..] {
            pieces.iter_mut().for_each(pad4);
        }
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        self.initrd(&pieces);
        Ok(())
    }
}
