//! The blobs of fw_cfg, which firmware extends without a log.

use super::{BootError, Builder, Bytes, Read, kept};
use crate::boot::chain::{Contents, Stage};
use crate::boot::event::{BootEvent, Hashed, Rem, Varies};
use crate::boot::hash::{Digest, digest};
use crate::host::gunzip;
use crate::measure::image::Image;

/// Most bytes of a kernel that QEMU unpacks.
const MAX_KERNEL_BYTES: u64 = 256 << 20;

impl Builder<'_> {
    /// The blobs of fw_cfg: no log, no separators.
    pub(super) fn blobs(&mut self) -> Result<(), BootError> {
        let profile = self.profile.expect("only a profile has blobs");
        let (name, certainty) = (profile.name, profile.certainty.name());
        let remark = format!("firmware {name} ({}, {certainty}): {}", profile.date, profile.about);
        self.made.remarks.push(remark);
        // A UKI is a kernel as any other: it finds nothing that it could measure by.
        let (file, initrds, cmdline) = match &self.chain.boot[..] {
            [Stage::Linux(linux)] => (&linux.file, &linux.initrd.0, &linux.cmdline),
            [Stage::Uki(uki)] => (&uki.file, &uki.initrd, &uki.cmdline),
            _ => {
                let why = "this firmware measures one kernel of fw_cfg: say one stage `linux` or \
                           `uki`";
                return Err(self.wrong("boot", why));
            }
        };
        self.stage = format!("[[boot]] 1 ({})", self.chain.boot[0].name());
        let file = file.as_ref().ok_or_else(|| self.wrong("file", "say which kernel"))?;
        if let Contents::Digest(_) = file {
            let (digest, hashed) = self.hashed("file", file)?;
            self.blob("kernel", digest, hashed, Varies::Image);
        } else {
            let raw = self.bytes("file", file)?;
            let kernel = if raw.starts_with(&[0x1F, 0x8B]) {
                let image = Image::from_bytes("kernel", raw.to_vec());
                let unpacked = gunzip(&image, MAX_KERNEL_BYTES);
                Bytes::Own(unpacked.map_err(|why| self.wrong("file", why))?)
            } else {
                raw
            };
            let made = digest(self.algo(), [&kernel[..]]);
            self.blob("kernel", made, kept(&kernel), Varies::Image);
        }
        match &initrds[..] {
            [] => {}
            [initrd] => {
                let is_empty = matches!(self.read("initrd", initrd)?, Read::Bytes(bytes)
                    if bytes.is_empty());
                if !is_empty {
                    self.made.inputs.pop_if(|input| input.needed_by.ends_with(" initrd"));
                    let (digest, hashed) = self.hashed("initrd", initrd)?;
                    self.blob("initrd", digest, hashed, Varies::Initrd);
                }
            }
            _ => return Err(self.wrong("initrd", "QEMU takes one file")),
        }
        // Without -append QEMU has an empty command line, whose NUL is a byte of fw_cfg.
        let mut cmdline = match cmdline {
            Some(text) => text.clone().into_bytes(),
            None => {
                self.assume("cmdline", "\"\"", "without -append one zero byte is measured");
                Vec::new()
            }
        };
        cmdline.push(0);
        let made = digest(self.algo(), [&cmdline[..]]);
        self.blob("cmdline", made, Hashed::Bytes(cmdline), Varies::CommandLine);
        Ok(())
    }

    /// An extension that is in no log.
    fn blob(&mut self, name: &str, digest: Digest, hashed: Hashed, varies: Varies) {
        self.made.events.push(BootEvent {
            rem: Rem::FIRMWARE,
            kind: None,
            digest,
            hashed,
            data: Vec::new(),
            data_is_known: true,
            what: format!("fw_cfg {name}"),
            stage: self.stage.clone(),
            varies,
            otherwise: Vec::new(),
        });
    }
}
