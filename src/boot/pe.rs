//! PE/COFF images: the Authenticode digest as edk2 makes it, and sections as a loader shows them.
//!
//! edk2's `MeasurePeCoff.c` hashes the headers without checksum and the entry of the certificate
//! table, then the sections by their place in the file, then what is left without the certificates.
//! It does not pad to eight bytes, as tools that sign do before they sign. Headers are read here in
//! just that way: a second reader of PE files could see other sections than the digest does.

use thiserror::Error;

use super::hash::{Digest, digest};
use crate::measure::rim::HashAlgo;

/// Bytes of the header of a section.
const SECTION_BYTES: usize = 40;
/// The entry of the certificate table among the data directories.
const SECURITY: u64 = 4;
/// How often the bytes of a file may be hashed, when its sections overlap.
const MAX_TIMES: u64 = 4;
/// Most zeros that a section has behind its bytes in the file.
pub(crate) const MAX_ZEROS: u64 = 64 << 20;

/// Why bytes are no image that firmware measures and loads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("byte {at:#x}: {why}")]
pub struct PeError {
    /// Where it is seen.
    pub at: u64,
    /// What is wrong.
    pub why: String,
}

/// A PE image, its headers read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pe<'b> {
    bytes: &'b [u8],
    /// Where the optional header begins.
    optional: u64,
    /// Where the entry of the certificate table begins; `None` if there are fewer entries.
    security: Option<u64>,
    size_of_headers: u64,
    certificates: u64,
    sections: Vec<Section>,
}

/// A section, as its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, up to eight bytes, without the zeros at its end.
    pub name: Vec<u8>,
    /// VirtualSize: its length in memory, in bytes.
    pub virtual_size: u64,
    /// PointerToRawData: where it begins in the file.
    pub start: u64,
    /// SizeOfRawData: its length in the file, in bytes.
    pub raw_size: u64,
}

/// What a section holds in memory: bytes of the file, and zeros behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded<'b> {
    /// Those of the file.
    pub bytes: &'b [u8],
    /// How many zeros follow.
    pub zeros: u64,
}

impl Loaded<'_> {
    /// All of it.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = self.bytes.to_vec();
        all.resize(all.len() + usize::try_from(self.zeros).unwrap_or(0), 0);
        all
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn bytes(&self, what: &str, at: u64, len: u64) -> Result<&'b [u8], PeError> {
        let start = usize::try_from(at).ok();
        let end = at.checked_add(len).and_then(|end| usize::try_from(end).ok());
        let found = start.zip(end).and_then(|(start, end)| self.0.get(start..end));
        let size = self.0.len();
        let why = || format!("{what} takes {len:#x} bytes, and the file has {size:#x}");
        found.ok_or_else(|| PeError { at, why: why() })
    }

    fn u16(&self, what: &str, at: u64) -> Result<u16, PeError> {
        Ok(u16::from_le_bytes(self.bytes(what, at, 2)?.try_into().expect("two")))
    }

    fn u32(&self, what: &str, at: u64) -> Result<u64, PeError> {
        Ok(u32::from_le_bytes(self.bytes(what, at, 4)?.try_into().expect("four")).into())
    }
}

impl<'b> Pe<'b> {
    /// Reads the headers.
    ///
    /// # Bounds
    /// Time and memory grow with the number of sections, which is below 65,536.
    ///
    /// # Errors
    /// If it is no PE image, or something in it lies behind the end of the file.
    pub fn read(bytes: &'b [u8]) -> Result<Self, PeError> {
        let file = Reader(bytes);
        let pe = if bytes.starts_with(b"MZ") { file.u32("e_lfanew", 0x3C)? } else { 0 };
        let wrong = |at: u64, why: String| PeError { at, why };
        if file.bytes("the signature", pe, 4)? != b"PE\0\0" {
            return Err(wrong(pe, "no PE image: the signature is not \"PE\"".into()));
        }
        let count = file.u16("NumberOfSections", pe + 6)?;
        let optional_size = u64::from(file.u16("SizeOfOptionalHeader", pe + 20)?);
        let optional = pe + 24;
        let directories = match file.u16("the magic number", optional)? {
            0x10B => optional + 96,
            0x20B => optional + 112,
            magic => {
                let why = format!("magic {magic:#x}; PE32 has 0x10b and PE32+ 0x20b");
                return Err(wrong(optional, why));
            }
        };
        let size_of_headers = file.u32("SizeOfHeaders", optional + 60)?;
        let has_security = file.u32("NumberOfRvaAndSizes", directories - 4)? > SECURITY;
        let security = has_security.then_some(directories + 8 * SECURITY);
        let certificates = match security {
            Some(at) => file.u32("the size of the certificates", at + 4)?,
            None => 0,
        };
        let hashed_from = security.map_or(optional + 68, |at| at + 8);
        if size_of_headers < hashed_from {
            let why = format!("SizeOfHeaders is {size_of_headers:#x}, before the headers' end");
            return Err(wrong(optional + 60, why));
        }
        file.bytes("SizeOfHeaders", 0, size_of_headers)?;
        let table = optional + optional_size;
        let mut sections = Vec::new();
        for i in 0..u64::from(count) {
            let at = table + i * SECTION_BYTES as u64;
            sections.push(Section::read(&file, at)?);
        }
        let hashed: u64 = sections.iter().map(|section| section.raw_size).sum();
        if hashed > MAX_TIMES * bytes.len() as u64 {
            let why = format!("the sections have {hashed:#x} bytes, and overlap too much");
            return Err(wrong(table, why));
        }
        Ok(Self { bytes, optional, security, size_of_headers, certificates, sections })
    }

    /// The sections in the order of their headers.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What it is for: 10 for applications, 11 and 12 for drivers.
    #[must_use]
    pub fn subsystem(&self) -> u16 {
        Reader(self.bytes).u16("the subsystem", self.optional + 68).unwrap_or(0)
    }

    /// The digest that firmware measures.
    ///
    /// # Errors
    /// If the file is too short for its sections and certificates: edk2 then measures nothing and
    /// refuses the image.
    ///
    /// # Panics
    /// Never: what is taken was compared with the file's length when it was read.
    pub fn authenticode(&self, algo: HashAlgo) -> Result<Digest, PeError> {
        let piece = |from: u64, to: u64| {
            let place = |at: u64| usize::try_from(at).expect("inside the file");
            &self.bytes[place(from)..place(to)]
        };
        let checksum = self.optional + 64;
        let mut parts = vec![piece(0, checksum)];
        match self.security {
            Some(at) => {
                parts.push(piece(checksum + 4, at));
                parts.push(piece(at + 8, self.size_of_headers));
            }
            None => parts.push(piece(checksum + 4, self.size_of_headers)),
        }
        let mut hashed = self.size_of_headers;
        let mut sections: Vec<&Section> = self.sections.iter().collect();
        sections.sort_by_key(|section| section.start);
        for section in sections.into_iter().filter(|section| section.raw_size > 0) {
            parts.push(piece(section.start, section.start + section.raw_size));
            hashed += section.raw_size;
        }
        let size = self.bytes.len() as u64;
        if size > hashed {
            let end = size.checked_sub(self.certificates).filter(|end| *end >= hashed);
            let certificates = self.certificates;
            let end = end.ok_or_else(|| PeError {
                at: size,
                why: format!(
                    "the file ends before {hashed:#x} bytes of headers and sections and \
                     {certificates:#x} of certificates do"
                ),
            })?;
            parts.push(piece(hashed, end));
        }
        Ok(digest(algo, parts))
    }

    /// What a section holds in memory once the image is loaded: VirtualSize bytes.
    ///
    /// # Errors
    /// If that is more than 64 MiB longer than what the file has of it.
    pub fn loaded(&self, section: &Section) -> Result<Loaded<'b>, PeError> {
        let in_file = section.virtual_size.min(section.raw_size);
        let zeros = section.virtual_size - in_file;
        if zeros > MAX_ZEROS {
            let why = format!("VirtualSize is {:#x}", section.virtual_size);
            return Err(PeError { at: section.start, why });
        }
        let bytes = Reader(self.bytes).bytes("a section", section.start, in_file)?;
        Ok(Loaded { bytes, zeros })
    }
}

impl Section {
    fn read(file: &Reader<'_>, at: u64) -> Result<Self, PeError> {
        let name = file.bytes("a section's header", at, 8)?;
        let end = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let section = Self {
            name: name[..end].to_vec(),
            virtual_size: file.u32("VirtualSize", at + 8)?,
            raw_size: file.u32("SizeOfRawData", at + 16)?,
            start: file.u32("PointerToRawData", at + 20)?,
        };
        file.bytes("the rest of a section's header", at + 24, 16)?;
        if section.raw_size > 0 {
            file.bytes("a section", section.start, section.raw_size)?;
        }
        Ok(section)
    }
}
