//! Writing front to back.

use thiserror::Error;

use super::{
    BEGIN_NODE, END, END_NODE, Field, HEADER_BYTES, LAST_COMPATIBLE_VERSION, MAGIC, PROP,
    RESERVE_ENTRY_BYTES, RESERVE_MAP, STRUCTURE, VERSION, cells, filled_up, find_string, padded,
    string, wide_cells, word,
};

/// The tree does not fit in the space that the VMM has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the device tree has more than the {capacity_bytes} bytes that there are for it")]
pub struct NoSpace {
    /// The space in bytes.
    pub capacity_bytes: usize,
}

/// A tree that is written front to back into a buffer of fixed size.
///
/// Strings grow downwards from the buffer's end: each new one stands before all older ones, and a
/// name that is the tail of an older one is not written again.
#[derive(Clone, Debug)]
pub struct Sequential {
    capacity_bytes: usize,
    structure: Vec<u8>,
    /// The newest first.
    strings: Vec<u8>,
    /// Where names of properties stand in the structure. A name is counted from the end of the
    /// strings until the tree is finished.
    names: Vec<usize>,
    full: bool,
}

impl Sequential {
    /// An empty tree without memory reservations. `capacity_bytes` is the size of the buffer that
    /// it has to fit in; [`Sequential::finish`] says whether it did.
    #[must_use]
    pub const fn new(capacity_bytes: usize) -> Self {
        Self {
            capacity_bytes,
            structure: Vec::new(),
            strings: Vec::new(),
            names: Vec::new(),
            full: false,
        }
    }

    /// A node, with what `inside` writes into it. The root's name is empty.
    pub fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.append(BEGIN_NODE, &[], &string(name));
        inside(self);
        self.append(END_NODE, &[], &[]);
    }

    /// A property.
    pub fn property(&mut self, name: &str, value: &[u8]) {
        let from_end = self.string(name);
        let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.append(PROP, &[len, from_end], value);
    }

    /// A property without value.
    pub fn empty(&mut self, name: &str) {
        self.property(name, &[]);
    }

    /// A property of cells.
    pub fn cells(&mut self, name: &str, values: &[u32]) {
        self.property(name, &cells(values));
    }

    /// A property of values of two cells each.
    pub fn wide(&mut self, name: &str, values: &[u64]) {
        self.property(name, &wide_cells(values));
    }

    /// A property that is a string, or a list of strings with a NUL between them.
    pub fn text(&mut self, name: &str, value: &str) {
        self.property(name, &string(value));
    }

    /// The name's place, counted in bytes from the end of the strings.
    fn string(&mut self, name: &str) -> u32 {
        let at = find_string(&self.strings, name).unwrap_or_else(|| {
            if self.takes(name.len() + 1) {
                self.strings.splice(0..0, string(name));
            }
            0
        });
        u32::try_from(self.strings.len() - at).unwrap_or(u32::MAX)
    }

    fn append(&mut self, tag: u32, words: &[u32], bytes: &[u8]) {
        if !self.takes(4 + 4 * words.len() + padded(bytes.len())) {
            return;
        }
        self.structure.extend(tag.to_be_bytes());
        if tag == PROP {
            self.names.push(self.structure.len() + 4);
        }
        self.structure.extend(cells(words));
        self.structure.extend(bytes);
        self.structure.resize(padded(self.structure.len()), 0);
    }

    /// Whether so many bytes still fit. Once something did not, nothing does.
    fn takes(&mut self, bytes: usize) -> bool {
        let needed = STRUCTURE + self.structure.len() + self.strings.len() + bytes;
        self.full |= needed > self.capacity_bytes;
        !self.full
    }

    /// The finished tree (`fdt_finish`): header, an empty reservation map, structure, strings.
    ///
    /// # Errors
    /// If the tree does not fit in the buffer.
    pub fn finish(mut self) -> Result<Vec<u8>, NoSpace> {
        self.append(END, &[], &[]);
        if self.full {
            return Err(NoSpace { capacity_bytes: self.capacity_bytes });
        }
        for at in &self.names {
            let from_end = word(&self.structure, *at) as usize;
            let name = u32::try_from(self.strings.len() - from_end).unwrap_or(u32::MAX);
            self.structure[*at..at + 4].copy_from_slice(&name.to_be_bytes());
        }
        let mut blob = vec![0; STRUCTURE];
        blob.extend(&self.structure);
        blob.extend(&self.strings);
        let total = blob.len();
        Field::Magic.set(&mut blob, MAGIC as usize);
        Field::TotalSize.set(&mut blob, total);
        Field::OffStruct.set(&mut blob, STRUCTURE);
        Field::OffStrings.set(&mut blob, STRUCTURE + self.structure.len());
        Field::OffReserveMap.set(&mut blob, RESERVE_MAP);
        Field::Version.set(&mut blob, VERSION as usize);
        Field::LastCompatible.set(&mut blob, LAST_COMPATIBLE_VERSION as usize);
        Field::BootCpu.set(&mut blob, 0);
        Field::SizeStrings.set(&mut blob, self.strings.len());
        Field::SizeStruct.set(&mut blob, self.structure.len());
        Ok(blob)
    }
}

/// What stands in a zeroed buffer of `size_bytes` after `fdt_open_into` and `fdt_pack` of a tree
/// that [`Sequential::finish`] made.
///
/// Packing moves the reservation map to the header's end, and all behind it eight bytes down. The
/// last eight bytes of the strings stay where they were too, now behind the tree's end.
///
/// # Panics
/// If the tree is larger than the buffer.
#[must_use]
pub fn packed_into(finished: &[u8], size_bytes: usize) -> Vec<u8> {
    assert!(finished.len() <= size_bytes, "a finished tree fits in its buffer");
    let mut buffer = filled_up(finished, size_bytes);
    let size_struct = Field::SizeStruct.get(&buffer);
    let size_strings = Field::SizeStrings.get(&buffer);
    let structure = HEADER_BYTES + RESERVE_ENTRY_BYTES;
    let strings = structure + size_struct;
    buffer.copy_within(RESERVE_MAP..STRUCTURE, HEADER_BYTES);
    buffer.copy_within(STRUCTURE..STRUCTURE + size_struct, structure);
    let old = Field::OffStrings.get(&buffer);
    buffer.copy_within(old..old + size_strings, strings);
    Field::OffReserveMap.set(&mut buffer, HEADER_BYTES);
    Field::OffStruct.set(&mut buffer, structure);
    Field::OffStrings.set(&mut buffer, strings);
    Field::TotalSize.set(&mut buffer, strings + size_strings);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Sequential {
        let mut tree = Sequential::new(4096);
        tree.node("", |tree| {
            tree.cells("interrupt-parent", &[1]);
            tree.text("enable-method", "psci");
            tree.text("method", "smc");
            tree.node("memory", |tree| tree.wide("reg", &[0x8000_0000, 0x1000]));
        });
        tree
    }

    #[test]
    fn strings_stand_newest_first_and_share_tails() {
        let blob = tree().finish().expect("it fits");
        let strings = &blob[Field::OffStrings.get(&blob)..];
        assert_eq!(strings, b"reg\0enable-method\0interrupt-parent\0");
        // `method` is the tail of `enable-method`.
        let property = [3_u32, 4, 11].map(u32::to_be_bytes).concat();
        assert!(blob.windows(16).any(|bytes| bytes == [&property[..], b"smc\0"].concat()));
    }

    #[test]
    fn packing_leaves_the_last_eight_bytes_behind_the_end() {
        let blob = tree().finish().expect("it fits");
        let packed = packed_into(&blob, 1024);
        let total = Field::TotalSize.get(&packed);
        assert_eq!(total, blob.len() - 8);
        assert_eq!(&packed[total..total + 8], b"-parent\0");
        assert!(packed[total + 8..].iter().all(|byte| *byte == 0));
        assert_eq!(packed[0x38..total], blob[0x40..]);
    }

    #[test]
    fn a_tree_fits_to_the_byte() {
        let len = tree().finish().expect("it fits").len();
        for (capacity_bytes, fits) in [(len, true), (len - 1, false), (0, false)] {
            let tree = Sequential { capacity_bytes, ..tree() };
            assert_eq!(tree.finish().is_ok(), fits, "{capacity_bytes}");
        }
        let mut small = Sequential::new(200);
        small.node("", |tree| tree.property("large", &[0; 400]));
        let error = small.finish().expect_err("no space");
        let text = "the device tree has more than the 200 bytes that there are for it";
        assert_eq!(error.to_string(), text);
    }
}
