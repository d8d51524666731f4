//! Structures that the Host writes for the RMM, made of fields by their names.

use thiserror::Error;

use super::addr::{GRANULE_LEN, GranuleBytes};
use super::edition::Edition;
use super::layout::{Field, Layout};

/// A structure while it is written: zeros, and the fields that were named. The first that does not
/// fit is remembered, and [`Structure::page`] says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    edition: Edition,
    layout: &'static Layout,
    page: Box<GranuleBytes>,
    set: Vec<&'static str>,
    error: Option<FieldError>,
}

/// Why a field can not be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The structure has no such field in this edition.
    #[error("{structure} of RMM {} has no field {field}", edition.name())]
    Unknown {
        /// The structure.
        structure: &'static str,
        /// The edition.
        edition: Edition,
        /// What was asked for.
        field: String,
    },
    /// The value has more bits than the field.
    #[error("{field} has {bits} bits, and {value:#x} has more")]
    Width {
        /// The field.
        field: &'static str,
        /// Its width in bits.
        bits: usize,
        /// What was to be written.
        value: u64,
    },
    /// The field has not so many elements.
    #[error("{field} has {count} elements; there is none with the index {index}")]
    Index {
        /// The field.
        field: &'static str,
        /// How many it has.
        count: usize,
        /// The index, from 0.
        index: usize,
    },
    /// More bytes than the field has; of a number, any.
    #[error("{field} has {most_bytes} bytes; these are {found_bytes}")]
    Length {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        most_bytes: usize,
        /// How many were to be written.
        found_bytes: usize,
    },
    /// The field takes bytes, not a number.
    #[error("{field} takes bytes, not a number")]
    Kind {
        /// The field.
        field: &'static str,
    },
    /// The field has no default and was not set.
    #[error("{field} has no default, and was not set")]
    Missing {
        /// The field.
        field: &'static str,
    },
}

impl Structure {
    /// A structure of an edition with nothing in it.
    #[must_use]
    pub fn new(layout: &'static Layout, edition: Edition) -> Self {
        let page = Box::new([0; GRANULE_LEN]);
        Self { edition, layout, page, set: Vec::new(), error: None }
    }

    /// The edition that it is written for.
    #[must_use]
    pub const fn edition(&self) -> Edition {
        self.edition
    }

    /// Whether the edition has a field.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.layout.field(name).is_some()
    }

    /// Whether a field was named.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.set.contains(&name)
    }

    /// Element `index` of a field as it is now; zero where there is none.
    #[must_use]
    pub fn number(&self, name: &str, index: usize) -> u64 {
        let field = self.layout.field(name).filter(|field| index < field.count);
        let bytes = field.filter(|field| field.width_bytes <= 8).map(|field| {
            let at = field.offset + index * field.width_bytes;
            &self.page[at..at + field.width_bytes]
        });
        bytes.unwrap_or_default().iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// Writes element `index` of a field, from 0; a field that is no array has one.
    pub fn set_number(&mut self, name: &str, index: usize, value: u64) {
        let written = self.field(name).and_then(|field| {
            let Field { name, offset, width_bytes, count } = *field;
            if width_bytes > 8 {
                return Err(FieldError::Kind { field: name });
            }
            if index >= count {
                return Err(FieldError::Index { field: name, count, index });
            }
            let bytes = value.to_le_bytes();
            let (low, high) = bytes.split_at(width_bytes);
            if high.iter().any(|byte| *byte != 0) {
                return Err(FieldError::Width { field: name, bits: 8 * width_bytes, value });
            }
            Ok((name, offset + index * width_bytes, low.to_vec()))
        });
        self.write(written);
    }

    /// Writes a field of bytes; those that are missing at its end are zero.
    pub fn set_bytes(&mut self, name: &str, bytes: &[u8]) {
        let written = self.field(name).and_then(|field| {
            let most_bytes = if field.width_bytes > 8 { field.width_bytes } else { 0 };
            if bytes.len() > most_bytes {
                let (field, found_bytes) = (field.name, bytes.len());
                return Err(FieldError::Length { field, most_bytes, found_bytes });
            }
            let mut all = bytes.to_vec();
            all.resize(most_bytes, 0);
            Ok((field.name, field.offset, all))
        });
        self.write(written);
    }

    /// Remembers that a field is missing.
    pub(crate) fn miss(&mut self, field: &'static str) {
        self.error.get_or_insert(FieldError::Missing { field });
    }

    /// The structure's granule.
    ///
    /// # Errors
    /// The first field that could not be written.
    pub fn page(&self) -> Result<GranuleBytes, FieldError> {
        self.error.clone().map_or_else(|| Ok(*self.page), Err)
    }

    /// What is not zero in it: offsets in bytes and elements of fields, in the order of the layout.
    ///
    /// # Errors
    /// As [`Structure::page`].
    pub(crate) fn pieces(&self) -> Result<Vec<(u16, Vec<u8>)>, FieldError> {
        let page = self.page()?;
        let elements = self.layout.fields.iter().flat_map(|field| {
            let at = move |index| field.offset + index * field.width_bytes;
            (0..field.count).map(move |index| at(index)..at(index) + field.width_bytes)
        });
        let filled = elements.filter(|range| page[range.clone()].iter().any(|byte| *byte != 0));
        let piece = |range: std::ops::Range<usize>| {
            let offset = u16::try_from(range.start).expect("inside a granule");
            (offset, page[range].to_vec())
        };
        Ok(filled.map(piece).collect())
    }

    fn field(&self, name: &str) -> Result<&'static Field, FieldError> {
        self.layout.field(name).ok_or_else(|| FieldError::Unknown {
            structure: self.layout.name,
            edition: self.edition,
            field: name.to_owned(),
        })
    }

    fn write(&mut self, written: Result<(&'static str, usize, Vec<u8>), FieldError>) {
        match written {
            Ok((name, at, bytes)) => {
                self.page[at..at + bytes.len()].copy_from_slice(&bytes);
                if !self.is_set(name) {
                    self.set.push(name);
                }
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }
}
