//! What Linux's EFI stub measures: LoadOptions, and the initrd of LoadFile2.

use super::{BootError, Builder, Bytes, Loader, Measured, Read, kept};
use crate::boot::chain::{Contents, Linux, LinuxName};
use crate::boot::cpio::pad4;
use crate::boot::efi::load_option::shown_options;
use crate::boot::efi::utf16;
use crate::boot::event::{
    Hashed, INITRD, INITRD_TAG, LOAD_OPTIONS, LOAD_OPTIONS_TAG, Rem, Varies, kind, tagged,
};
use crate::boot::hash::{Digest, digest};
use crate::boot::profile::LinuxStub;

impl Builder<'_> {
    pub(super) fn linux(&mut self, linux: &Linux) -> Result<(), BootError> {
        let measured = linux.measured.unwrap_or_else(|| {
            let by_nobody = self.loader == Loader::GrubRhboot && !self.has_shim;
            if by_nobody {
                let why = "rhboot's GRUB starts kernels itself, and no shim verifies this one";
                self.assume("measured", "false", why);
            }
            !by_nobody
        });
        if measured {
            self.image(&linux.image(), "kernel")?;
        }
        let stub = self.stub_of("stub", linux.stub.as_ref());
        self.linux_options(linux, stub)?;
        let by_protocol = linux.initrd_by.as_ref().is_none_or(|by| by.0);
        if linux.initrd_by.is_none() && !linux.initrd.0.is_empty() {
            let why = "the loader hands it over, and the kernel measures it";
            self.assume("initrd_by", "loadfile2", why);
        }
        if by_protocol && stub == LinuxStub::V6_9 {
            self.linux_initrd(linux)?;
        }
        Ok(())
    }

    pub(super) fn stub_of(&mut self, field: &str, name: Option<&LinuxName>) -> LinuxStub {
        name.map_or_else(
            || {
                let why = "the kernel measures its LoadOptions and an initrd of LoadFile2";
                self.assume(field, "6.9", why);
                LinuxStub::V6_9
            },
            |name| name.0,
        )
    }

    fn linux_options(&mut self, linux: &Linux, stub: LinuxStub) -> Result<(), BootError> {
        let by_grub = self.loader == Loader::GrubRhboot;
        let (bytes, text) = match (&linux.load_options, &linux.cmdline) {
            (Some(Contents::Digest(_)), _) => {
                let given = linux.load_options.as_ref().expect("it was just matched");
                let (digest, hashed) = self.hashed("load_options", given)?;
                let what = "LoadOptions, of which only the digest is known".to_owned();
                self.tagged_options(stub, digest, hashed, what);
                return Ok(());
            }
            (Some(given), _) => (self.bytes("load_options", given)?.to_vec(), None),
            (None, Some(text)) => {
                let text = self.with_prefix(linux, text);
                let bytes = if by_grub { utf16::utf16(&text) } else { utf16::utf16_nul(&text) };
                (bytes, Some(text))
            }
            (None, None) => match self.load_options.clone() {
                Some(options) => (options, None),
                None => {
                    self.assume("cmdline", "absent", "the kernel gets no LoadOptions");
                    (Vec::new(), None)
                }
            },
        };
        self.options(stub, &bytes, text.as_deref());
        Ok(())
    }

    /// What QEMU's loader in the firmware puts before a command line.
    fn with_prefix(&self, linux: &Linux, text: &str) -> String {
        let by_firmware = self.loader == Loader::Firmware && self.starts_fw_cfg();
        let initrd = by_firmware && !linux.initrd.0.is_empty();
        if initrd { format!("initrd=initrd {text}") } else { text.to_owned() }
    }

    /// What the kernel measures of its LoadOptions.
    pub(super) fn options(&mut self, stub: LinuxStub, bytes: &[u8], text: Option<&str>) {
        if bytes.is_empty() {
            return;
        }
        let digest = digest(self.algo(), [bytes]);
        let what = format!("LoadOptions {}", shown_options(bytes));
        let before = self.made.events.len();
        self.tagged_options(stub, digest, Hashed::Bytes(bytes.to_vec()), what);
        if before == self.made.events.len() {
            return;
        }
        let own = utf16::text(bytes.strip_suffix(&[0, 0]).unwrap_or(bytes));
        let Some(text) = text.map(str::to_owned).or(own) else { return };
        for (other, why) in [
            (utf16::utf16_nul(&text), "with a NUL at the end"),
            (utf16::utf16(&text), "without a NUL at the end, as rhboot's GRUB hands it over"),
            (utf16::utf16_nul(&format!("{text} ")), "with a space behind it"),
            (
                utf16::utf16_nul(&format!("initrd=initrd {text}")),
                "with \"initrd=initrd \" before it",
            ),
            (text.clone().into_bytes(), "as bytes and not as UTF-16"),
        ] {
            self.otherwise(&other, &format!("the same command line {why}"));
        }
    }

    pub(super) fn tagged_options(
        &mut self,
        stub: LinuxStub,
        digest: Digest,
        hashed: Hashed,
        what: String,
    ) {
        let data = match stub {
            LinuxStub::V6_9 => tagged(LOAD_OPTIONS_TAG, LOAD_OPTIONS),
            LinuxStub::Vendor => [LOAD_OPTIONS.as_bytes(), &[0]].concat(),
            LinuxStub::Before => return,
        };
        let (rem, kind, varies) = (Rem::LOADER, kind::EVENT_TAG, Varies::CommandLine);
        self.push(Measured { rem, kind, digest, hashed, data, what, varies });
    }

    fn linux_initrd(&mut self, linux: &Linux) -> Result<(), BootError> {
        if let [one] = &linux.initrd.0[..] {
            match self.read("initrd", one)? {
                Read::Digest(digest) => self.initrd_event(digest, Hashed::Given, 0),
                Read::Bytes(bytes) => self.initrd(&[&bytes]),
            }
            return Ok(());
        }
        let by_grub = matches!(self.loader, Loader::GrubUpstream | Loader::GrubRhboot);
        let mut whole = Vec::new();
        for piece in &linux.initrd.0 {
            // GRUB pads before a file, others behind it.
            pad4(&mut whole);
            whole.extend(&self.bytes("initrd", piece)?[..]);
        }
        if !by_grub {
            pad4(&mut whole);
        }
        self.initrd(&[&whole]);
        Ok(())
    }

    /// What the kernel measures of an initrd that is served to it, in pieces of any lengths.
    pub(super) fn initrd(&mut self, pieces: &[&[u8]]) {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        if len == 0 {
            return;
        }
        let made = digest(self.algo(), pieces.iter().copied());
        let hashed = match pieces {
            [one] => kept(one),
            _ => Hashed::Long,
        };
        self.initrd_event(made, hashed, len);
        let padded = pieces.iter().copied().chain([&[0; 4][..len.next_multiple_of(4) - len]]);
        let other = digest(self.algo(), padded);
        if let Some(last) = self.made.events.last_mut().filter(|last| last.digest != other) {
            let why = "the same initrd, padded to a multiple of four bytes".to_owned();
            last.otherwise.push(crate::boot::event::Otherwise { digest: other, why });
        }
    }

    pub(super) fn initrd_event(&mut self, digest: Digest, hashed: Hashed, len: usize) {
        let what = if len == 0 { "initrd".into() } else { format!("initrd, {len} bytes") };
        let (rem, kind, varies) = (Rem::LOADER, kind::EVENT_TAG, Varies::Initrd);
        let data = tagged(INITRD_TAG, INITRD);
        self.push(Measured { rem, kind, digest, hashed, data, what, varies });
    }

    /// What of a UKI's kernel is served as its initrd, as one piece.
    pub(super) fn whole_initrd(&mut self, given: &Contents) -> Result<(), BootError> {
        match self.read("whole_initrd", given)? {
            Read::Digest(digest) => self.initrd_event(digest, Hashed::Given, 0),
            Read::Bytes(Bytes::Own(bytes)) => self.initrd(&[&bytes]),
            Read::Bytes(bytes) => self.initrd(&[&bytes]),
        }
        Ok(())
    }
}
