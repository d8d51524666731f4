//! From a log to a chain: what no file says is taken from the log, and what a file says is left as
//! a hole, of which the digest is known.
//!
//! A chain that was learned measures what the log has, event for event: it is tried, and where the
//! stages do not fit, every measurement is written down as it is.

mod write;

use super::chain::Chain;
use super::compare::Seen;
use super::efi::variable::Variable;
use super::efi::{Front, device_path, utf16};
use super::event::{
    CALLING, EXIT_CALLED, EXIT_DONE, EXIT_FAILED, INITRD, INITRD_TAG, KVMTOOL_TREE, LOAD_OPTIONS,
    LOAD_OPTIONS_TAG, RETURNING, Rem, kind, tagged,
};
use super::hash::digest;
use super::pe::Pe;
use super::stages::{Predicted, Vm, is_image};
use super::words;
use crate::host::Files;
use crate::measure::image::{Image, ImageError};
use crate::measure::rim::HashAlgo;
use std::sync::Arc;
use write::Writer;

/// What was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The chain, as TOML.
    pub text: String,
    /// Where only a digest is known: the field, and what it is.
    pub holes: Vec<String>,
    /// Whether stages were found; else every measurement is written down as it is.
    pub has_stages: bool,
}

/// A file that may be what a digest in the log is of.
#[derive(Clone, Debug)]
pub struct Candidate<'f> {
    /// Its name in the chain.
    pub name: &'f str,
    /// Its bytes.
    pub bytes: &'f [u8],
}

/// Makes a chain of what a log has.
#[must_use]
pub fn learn(seen: &[Seen], algo: HashAlgo, files: &[Candidate<'_>]) -> Learned {
    let staged = Learner::new(seen, algo, files).stages();
    if let Some(learned) = staged.filter(|learned| measures(&learned.text, seen, algo, files)) {
        return learned;
    }
    Learner::new(seen, algo, files).verbatim()
}

/// Files that were given, by name.
struct Given<'f>(&'f [Candidate<'f>]);

impl Files for Given<'_> {
    fn open(&mut self, name: &str) -> Result<Arc<Image>, ImageError> {
        let found = self.0.iter().find(|file| file.name == name);
        let bytes = found.map_or_else(Vec::new, |file| file.bytes.to_vec());
        Ok(Arc::new(Image::from_bytes(name, bytes)))
    }
}

/// Whether a chain measures this, no more and no less.
fn measures(text: &str, seen: &[Seen], algo: HashAlgo, files: &[Candidate<'_>]) -> bool {
    let Ok(chain) = Chain::read(text) else { return false };
    let vm = Vm::of(algo);
    let Ok(made) = Predicted::of(&chain, vm, &mut Given(files)) else { return false };
    let same = made.events.iter().zip(seen).all(|(event, seen)| {
        event.rem == seen.rem && event.kind == Some(seen.kind) && event.digest == seen.digest
    });
    same && made.events.len() == seen.len()
}

struct Learner<'s> {
    seen: &'s [Seen],
    at: usize,
    algo: HashAlgo,
    files: &'s [Candidate<'s>],
    out: Writer,
}

impl<'s> Learner<'s> {
    fn new(seen: &'s [Seen], algo: HashAlgo, files: &'s [Candidate<'s>]) -> Self {
        Self { seen, at: 0, algo, files, out: Writer::new(algo) }
    }

    fn peek(&self) -> Option<&'s Seen> {
        self.seen.get(self.at)
    }

    /// The next event, if it is one of these.
    fn next_if(&mut self, rem: Rem, kind: u32, fits: impl Fn(&Seen) -> bool) -> Option<&'s Seen> {
        let found =
            self.peek().filter(|seen| seen.rem == rem && seen.kind == kind && fits(seen))?;
        self.at += 1;
        Some(found)
    }

    fn is_of(&self, seen: &Seen, bytes: &[u8]) -> bool {
        digest(self.algo, [bytes]) == seen.digest
    }

    fn own(&mut self, rem: Rem, kind: u32) -> Option<&'s Seen> {
        let algo = self.algo;
        self.next_if(rem, kind, |seen| digest(algo, [&seen.data[..]]) == seen.digest)
    }

    fn action(&mut self, text: &str) -> bool {
        self.next_if(Rem::BOOT, kind::ACTION, |seen| seen.data == text.as_bytes()).is_some()
    }

    /// All of it in stages; `None` if the firmware is none that is known.
    fn stages(mut self) -> Option<Learned> {
        self.firmware()?;
        let end = self.seen.len() - self.exit();
        while self.at < end {
            self.stage(end);
        }
        Some(self.out.finish(true))
    }

    fn firmware(&mut self) -> Option<()> {
        let version = self.own(Rem::FIRMWARE, kind::S_CRTM_VERSION)?;
        let version = utf16::text(version.data.strip_suffix(&[0, 0])?)?;
        let tree = self.next_if(Rem::FIRMWARE, kind::NONHOST_CONFIG, |seen| {
            seen.data == KVMTOOL_TREE.as_bytes()
        })?;
        let tree = self.contents(&tree.digest, "firmware.device_tree", "device tree");
        let mut variables = Vec::new();
        while let Some(seen) = self.own(Rem::FIRMWARE, kind::VARIABLE_DRIVER_CONFIG) {
            let found = Variable::read(&seen.data)?;
            if !found.value.is_empty() {
                variables.push((found.shown_name(), found.value.to_vec()));
            }
        }
        self.own(Rem::FIRMWARE, kind::SEPARATOR)?;
        if let Some(seen) = self.boot_variable() {
            let order = Variable::read(&seen.data)?;
            variables.push((order.shown_name(), order.value.to_vec()));
            while let Some(seen) = self.boot_variable() {
                let option = Variable::read(&seen.data)?;
                variables.push((option.shown_name(), option.value.to_vec()));
            }
        }
        let mut failed = 0;
        let separator = if self.action(CALLING) {
            let separator = self.own(Rem::BOOT, kind::SEPARATOR).is_some();
            while self.pair() {
                failed += 1;
            }
            separator
        } else {
            return None;
        };
        self.out.firmware(&version, &tree, failed, separator);
        self.out.variables(&variables);
        Some(())
    }

    fn boot_variable(&mut self) -> Option<&'s Seen> {
        let algo = self.algo;
        self.next_if(Rem::FIRMWARE, kind::VARIABLE_BOOT, |seen| {
            let found = Variable::read(&seen.data);
            found.is_some_and(|found| digest(algo, [found.value]) == seen.digest)
        })
    }

    /// A boot option that came back, and the next.
    fn pair(&mut self) -> bool {
        let texts = [RETURNING, CALLING].map(str::as_bytes);
        let next = self.seen.get(self.at..self.at + 2);
        let both = next.is_some_and(|both| {
            both.iter().zip(texts).all(|(seen, text)| {
                seen.kind == kind::ACTION && seen.rem == Rem::BOOT && seen.data == text
            })
        });
        if both {
            self.at += 2;
        }
        both
    }

    /// How many events at the end tell of the end of boot services.
    fn exit(&mut self) -> usize {
        let is = |seen: &Seen, text: &str| {
            seen.kind == kind::ACTION && seen.rem == Rem::BOOT && seen.data == text.as_bytes()
        };
        let reached = match &self.seen[self.at..] {
            [.., called, done] => is(called, EXIT_CALLED) && is(done, EXIT_DONE),
            _ => false,
        };
        let mut count = 0;
        if reached {
            count = 2;
            let before = &self.seen[self.at..self.seen.len() - 2];
            count += before.iter().rev().take_while(|seen| is(seen, EXIT_FAILED)).count();
        }
        self.out.exit(reached, count.saturating_sub(2));
        count
    }

    fn stage(&mut self, end: usize) {
        let table = self.seen[self.at..end].first().filter(|seen| {
            seen.kind == kind::GPT_EVENT && seen.rem == Rem::BOOT && self.is_of(seen, &seen.data)
        });
        let image = self.seen.get(self.at + usize::from(table.is_some()));
        let image = image.filter(|seen| is_image(seen.kind) && seen.rem == Rem::BOOT);
        let Some(image) = image else {
            let seen = &self.seen[self.at];
            self.at += 1;
            return self.out.raw(seen);
        };
        if let Some(table) = table {
            if self.out.has_disk() {
                self.at += 1;
                return self.out.raw(table);
            }
            self.out.disk(&table.data);
            self.at += 1;
        }
        self.at += 1;
        let path = path_of(&image.data);
        let is_section = self.peek().is_some_and(|seen| {
            seen.rem == Rem::LOADER
                && seen.kind == kind::IPL
                && section_name(seen)
                    .is_some_and(|name| self.is_of(seen, &[name.as_bytes(), &[0]].concat()))
        });
        let grub = self.peek().and_then(|seen| words::grub(&seen.data)).is_some();
        if is_section {
            self.uki(image, path.as_deref());
        } else if self.is_options() || self.is_initrd() {
            let number = self.out.stage("linux");
            let file = self.image(&image.digest, &format!("boot[{number}].file"), "kernel");
            self.out.image(&file, path.as_deref());
            self.out.text("stub", self.stub());
            self.options(number);
            if let Some(initrd) = self.initrd(number, "initrd") {
                self.out.text("initrd", &initrd);
                self.out.text("initrd_by", "loadfile2");
            }
        } else if grub {
            let number = self.out.stage("grub");
            let file = self.image(&image.digest, &format!("boot[{number}].file"), "GRUB");
            self.out.image(&file, path.as_deref());
            self.grub(number, end);
        } else {
            let number = self.out.stage("efi");
            let file = self.image(&image.digest, &format!("boot[{number}].file"), "application");
            self.out.image(&file, path.as_deref());
            if self.pair() {
                self.out.flag("returned", true);
            }
        }
    }

    fn is_options(&self) -> bool {
        let padded = tagged(LOAD_OPTIONS_TAG, LOAD_OPTIONS);
        let vendor = [LOAD_OPTIONS.as_bytes(), &[0]].concat();
        self.peek().is_some_and(|seen| {
            seen.rem == Rem::LOADER
                && seen.kind == kind::EVENT_TAG
                && (seen.data == padded || seen.data == vendor)
        })
    }

    fn is_initrd(&self) -> bool {
        self.peek().is_some_and(|seen| {
            seen.rem == Rem::LOADER
                && seen.kind == kind::EVENT_TAG
                && seen.data == tagged(INITRD_TAG, INITRD)
        })
    }

    fn stub(&self) -> &'static str {
        let vendor = self.is_options()
            && self.peek().is_some_and(|seen| seen.data.starts_with(LOAD_OPTIONS.as_bytes()));
        if vendor { "vendor" } else { "6.9" }
    }

    fn options(&mut self, number: usize) {
        if !self.is_options() {
            // Without the field a boot option's own would be taken.
            return self.out.text("load_options", "absent");
        }
        let seen = &self.seen[self.at];
        self.at += 1;
        // The boot option's own LoadOptions are not written a second time.
        let known = self.out.options_of_boot().iter().any(|bytes| self.is_of(seen, bytes));
        if number == 1 && known {
            return;
        }
        let field = format!("boot[{number}].load_options");
        let contents = self.contents(&seen.digest, &field, "LoadOptions");
        self.out.text("load_options", &contents);
    }

    fn initrd(&mut self, number: usize, field: &str) -> Option<String> {
        if !self.is_initrd() {
            return None;
        }
        let seen = &self.seen[self.at];
        self.at += 1;
        Some(self.contents(&seen.digest, &format!("boot[{number}].{field}"), "initrd"))
    }

    fn uki(&mut self, image: &Seen, path: Option<&[u8]>) {
        let number = self.out.stage("uki");
        let file = self.image(&image.digest, &format!("boot[{number}].file"), "UKI");
        self.out.image(&file, path);
        let mut sections = Vec::new();
        while let [name, contents, ..] = &self.seen[self.at..] {
            let both = [name, contents];
            let fits = both.iter().all(|seen| seen.rem == Rem::LOADER && seen.kind == kind::IPL);
            let Some(section) = section_name(name).filter(|_| fits && name.data == contents.data)
            else {
                break;
            };
            self.at += 2;
            let field = format!("boot[{number}].sections {section}");
            let contents = self.contents(&contents.digest, &field, "section");
            sections.push((section, contents));
        }
        self.out.sections(&sections);
        let kernel = self.next_if(Rem::BOOT, kind::BOOT_SERVICES_APPLICATION, |_| true);
        self.out.flag("kernel_measured", kernel.is_some());
        if let Some(kernel) = kernel {
            let field = format!("boot[{number}].kernel");
            let kernel = self.image(&kernel.digest, &field, "kernel of the UKI");
            self.out.text("kernel", &kernel);
        }
        self.out.text("kernel_stub", self.stub());
        // A UKI's kernel gets what the stub gives it.
        if self.is_options() {
            let seen = &self.seen[self.at];
            self.at += 1;
            let field = format!("boot[{number}].load_options");
            let contents = self.contents(&seen.digest, &field, "LoadOptions");
            self.out.text("load_options", &contents);
        } else {
            self.out.text("load_options", "absent");
        }
        let initrd = self.initrd(number, "whole_initrd");
        self.out.text("whole_initrd", initrd.as_deref().unwrap_or("absent"));
    }

    fn grub(&mut self, number: usize, end: usize) {
        self.out.text("profile", "upstream");
        self.out.flag("cc", true);
        let mut steps = Vec::new();
        while let Some(seen) = self.seen[self.at..end].first() {
            if seen.rem != Rem::LOADER || seen.kind != kind::IPL {
                break;
            }
            if let Some((prefix, text)) = words::grub(&seen.data)
                && self.is_of(seen, text.as_bytes())
            {
                let key = match prefix {
                    "grub_cmd: " => "command",
                    "kernel_cmdline: " => "kernel-cmdline",
                    _ => "module-cmdline",
                };
                steps.push((key, text.to_owned(), None));
            } else if let Some(name) = seen.data.strip_suffix(&[0])
                && let Ok(name) = std::str::from_utf8(name)
            {
                let field = format!("boot[{number}].steps, {name}");
                let contents = self.contents(&seen.digest, &field, "file");
                steps.push(("read", name.to_owned(), Some(contents)));
            } else {
                break;
            }
            self.at += 1;
        }
        self.out.steps(&steps);
    }

    /// What a digest is of: a file that was given, or a hole.
    fn contents(&mut self, wanted: &[u8], field: &str, what: &str) -> String {
        let known = self.files.iter().find(|file| digest(self.algo, [file.bytes]) == wanted);
        match known {
            Some(file) => format!("file:{}", file.name),
            None => self.out.hole(wanted, field, what),
        }
    }

    /// As [`Learner::contents`], by Authenticode.
    fn image(&mut self, wanted: &[u8], field: &str, what: &str) -> String {
        let known = self.files.iter().find(|file| {
            let made = Pe::read(file.bytes).and_then(|pe| pe.authenticode(self.algo));
            made.is_ok_and(|made| made == wanted)
        });
        match known {
            Some(file) => format!("file:{}", file.name),
            None => self.out.hole(wanted, field, what),
        }
    }

    /// Every measurement as it is.
    fn verbatim(mut self) -> Learned {
        self.out.no_firmware();
        for seen in self.seen {
            self.out.raw(seen);
        }
        self.out.finish(false)
    }
}

/// The device path in the data of an image's event.
fn path_of(data: &[u8]) -> Option<Vec<u8>> {
    let mut front = Front(data);
    front.take(24)?;
    let len = front.count()?;
    let path = front.take(len)?;
    (!path.is_empty() && path != device_path::END).then(|| path.to_vec())
}

/// The name of a section, if the data are one.
fn section_name(seen: &Seen) -> Option<String> {
    let name = utf16::text(seen.data.strip_suffix(&[0, 0])?)?;
    name.starts_with('.').then_some(name)
}
