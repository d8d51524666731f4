//! Insertions into a finished tree.

use thiserror::Error;

use super::{
    BEGIN_NODE, END, END_NODE, Field, NOP, NoSpace, PROP, STRUCTURE, Sequential, filled_up,
    find_string, padded, string, word,
};

/// Why an insertion is not possible.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Edit {
    /// The buffer is full.
    #[error(transparent)]
    NoSpace(#[from] NoSpace),
    /// There is no such node.
    #[error("the device tree has no node `{0}`")]
    NotFound(String),
    /// There is such a node.
    #[error("the device tree has a node `{0}` already")]
    Exists(String),
}

/// A tree in a buffer of fixed size that nodes and properties are inserted into.
///
/// A new node becomes its parent's first child and a new property its node's first property, so
/// both stand in reverse order of their calls. Strings are appended. What an insertion moves away
/// stays behind in the padding of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadWrite {
    /// All of the buffer: structure and strings are one run, what follows is zero.
    buffer: Vec<u8>,
}

/// One item of the structure.
#[derive(Clone, Copy)]
struct Item {
    tag: u32,
    at: usize,
    next: usize,
}

impl ReadWrite {
    /// A tree with nothing but its root, in a buffer of `size_bytes`: `fdt_create` to `fdt_finish`
    /// and `fdt_open_into`.
    ///
    /// # Errors
    /// If the buffer has no space for the root.
    pub fn new(size_bytes: usize) -> Result<Self, NoSpace> {
        let mut root = Sequential::new(size_bytes);
        root.node("", |_| ());
        let mut buffer = filled_up(&root.finish()?, size_bytes);
        Field::TotalSize.set(&mut buffer, size_bytes);
        Ok(Self { buffer })
    }

    /// The buffer as it stands in memory: `totalsize` is all of it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The buffer as it stands in memory: `totalsize` is all of it.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }

    /// Adds a node by its path (`fdt_add_subnode`): behind its parent's properties.
    ///
    /// # Errors
    /// If its parent does not exist, if it exists itself, or if the buffer is full.
    pub fn add_node(&mut self, path: &str) -> Result<(), Edit> {
        let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.node(parent_path)?;
        if self.child(parent, name, true).is_some() {
            return Err(Edit::Exists(path.into()));
        }
        let at = self.after_properties(parent);
        let name = string(name);
        let len = 4 + padded(name.len()) + 4;
        self.splice_structure(at, 0, len)?;
        self.buffer[at..at + len].fill(0);
        self.buffer[at..at + 4].copy_from_slice(&BEGIN_NODE.to_be_bytes());
        self.buffer[at + 4..at + 4 + name.len()].copy_from_slice(&name);
        self.buffer[at + len - 4..at + len].copy_from_slice(&END_NODE.to_be_bytes());
        Ok(())
    }

    /// Sets a property of a node (`fdt_setprop`): in place if the node has it, otherwise in front
    /// of its other properties.
    ///
    /// # Errors
    /// If the node does not exist, or if the buffer is full.
    pub fn set(&mut self, path: &str, name: &str, value: &[u8]) -> Result<(), Edit> {
        let node = self.node(path)?;
        let at = if let Some(old) = self.property(node, name) {
            let old_len = padded(word(&self.buffer, old.at + 4) as usize);
            self.splice_structure(old.at + 12, old_len, padded(value.len()))?;
            old.at
        } else {
            // The name comes first: it does not move with the structure that grows afterwards.
            let name = self.string(name)?;
            let at = self.item(node).next;
            self.splice_structure(at, 0, 12 + padded(value.len()))?;
            self.buffer[at..at + 4].copy_from_slice(&PROP.to_be_bytes());
            self.buffer[at + 8..at + 12].copy_from_slice(&name.to_be_bytes());
            at
        };
        let len = u32::try_from(value.len()).expect("it fits in the buffer");
        self.buffer[at + 4..at + 8].copy_from_slice(&len.to_be_bytes());
        // The padding keeps what stood there.
        self.buffer[at + 12..at + 12 + value.len()].copy_from_slice(value);
        Ok(())
    }

    /// Overwrites a node and all in it with no-operation tags (`fdt_nop_node`).
    ///
    /// # Errors
    /// If the node does not exist.
    pub fn nop_node(&mut self, path: &str) -> Result<(), Edit> {
        let start = self.node(path)?;
        let end = self.end_of_node(start);
        self.nop(start, end);
        Ok(())
    }

    /// Overwrites a property with no-operation tags (`fdt_nop_property`). Says whether there was
    /// one.
    ///
    /// # Errors
    /// If the node does not exist.
    pub fn nop_property(&mut self, path: &str, name: &str) -> Result<bool, Edit> {
        let node = self.node(path)?;
        let Some(property) = self.property(node, name) else { return Ok(false) };
        self.nop(property.at, property.next);
        Ok(true)
    }

    /// The value of a property.
    ///
    /// # Errors
    /// If the node does not exist.
    pub fn get(&self, path: &str, name: &str) -> Result<Option<&[u8]>, Edit> {
        let property = self.property(self.node(path)?, name);
        Ok(property.map(|property| {
            let len = word(&self.buffer, property.at + 4) as usize;
            &self.buffer[property.at + 12..property.at + 12 + len]
        }))
    }

    fn nop(&mut self, start: usize, end: usize) {
        for at in (start..end).step_by(4) {
            self.buffer[at..at + 4].copy_from_slice(&NOP.to_be_bytes());
        }
    }

    /// The node at a path, as the offset of its first tag. A part without unit address stands for
    /// the first node of that name with any.
    fn node(&self, path: &str) -> Result<usize, Edit> {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let root = Some(STRUCTURE);
        let found = parts.fold(root, |node, part| {
            node.and_then(|node| self.child(node, part, part.contains('@')))
        });
        found.ok_or_else(|| Edit::NotFound(path.into()))
    }

    fn child(&self, node: usize, name: &str, exact: bool) -> Option<usize> {
        let mut depth = 0;
        let mut at = self.after_properties(node);
        loop {
            let item = self.item(at);
            match item.tag {
                BEGIN_NODE => {
                    let found = self.name_at(at + 4);
                    let plain = found.split(|byte| *byte == b'@').next().unwrap_or(found);
                    let same = found == name.as_bytes() || (!exact && plain == name.as_bytes());
                    if depth == 0 && same {
                        return Some(at);
                    }
                    depth += 1;
                }
                END_NODE if depth == 0 => return None,
                END_NODE => depth -= 1,
                END => return None,
                _ => (),
            }
            at = item.next;
        }
    }

    fn property(&self, node: usize, name: &str) -> Option<Item> {
        let strings = Field::OffStrings.get(&self.buffer);
        let mut item = self.item(self.item(node).next);
        while [PROP, NOP].contains(&item.tag) {
            let named = || self.name_at(strings + word(&self.buffer, item.at + 8) as usize);
            if item.tag == PROP && named() == name.as_bytes() {
                return Some(item);
            }
            item = self.item(item.next);
        }
        None
    }

    fn after_properties(&self, node: usize) -> usize {
        let mut item = self.item(self.item(node).next);
        while [PROP, NOP].contains(&item.tag) {
            item = self.item(item.next);
        }
        item.at
    }

    fn end_of_node(&self, node: usize) -> usize {
        let (mut depth, mut at) = (0_usize, node);
        loop {
            let item = self.item(at);
            match item.tag {
                BEGIN_NODE => depth += 1,
                END_NODE => depth -= 1,
                _ => (),
            }
            at = item.next;
            if depth == 0 {
                return at;
            }
        }
    }

    fn item(&self, at: usize) -> Item {
        let tag = word(&self.buffer, at);
        let len = match tag {
            BEGIN_NODE => 4 + padded(self.name_at(at + 4).len() + 1),
            PROP => 12 + padded(word(&self.buffer, at + 4) as usize),
            _ => 4,
        };
        Item { tag, at, next: at + len }
    }

    fn name_at(&self, at: usize) -> &[u8] {
        self.buffer[at..].split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The name's offset in the strings.
    fn string(&mut self, name: &str) -> Result<u32, Edit> {
        let start = Field::OffStrings.get(&self.buffer);
        let size = Field::SizeStrings.get(&self.buffer);
        let found = find_string(&self.buffer[start..start + size], name);
        if found.is_none() {
            let new = string(name);
            self.splice(start + size, 0, new.len())?;
            self.buffer[start + size..start + size + new.len()].copy_from_slice(&new);
            Field::SizeStrings.set(&mut self.buffer, size + new.len());
        }
        Ok(u32::try_from(found.unwrap_or(size)).expect("strings are smaller than 4 GiB"))
    }

    fn splice_structure(&mut self, at: usize, old: usize, new: usize) -> Result<(), Edit> {
        self.splice(at, old, new)?;
        for field in [Field::SizeStruct, Field::OffStrings] {
            let value = field.get(&self.buffer) + new - old;
            field.set(&mut self.buffer, value);
        }
        Ok(())
    }

    /// Moves all from `at + old` on to `at + new`. What stood in between stays.
    fn splice(&mut self, at: usize, old: usize, new: usize) -> Result<(), Edit> {
        let end = Field::OffStrings.get(&self.buffer) + Field::SizeStrings.get(&self.buffer);
        if new > self.buffer.len() || end + new - old > self.buffer.len() {
            return Err(NoSpace { capacity_bytes: self.buffer.len() }.into());
        }
        self.buffer.copy_within(at + old..end, at + new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> ReadWrite {
        ReadWrite::new(4096).expect("it fits")
    }

    #[test]
    fn the_empty_tree() {
        let tree = tree();
        assert_eq!(Field::SizeStruct.get(&tree.buffer), 0x10);
        assert_eq!(Field::OffStrings.get(&tree.buffer), 0x50);
        assert_eq!(Field::TotalSize.get(&tree.buffer), 4096);
        assert_eq!(tree.buffer.len(), 4096);
        assert!(ReadWrite::new(0x4f).is_err());
    }

    #[test]
    fn the_newest_stands_first_and_strings_are_appended() {
        let mut tree = tree();
        tree.set("/", "enable-method", b"psci").expect("space");
        tree.set("/", "method", b"smc\0").expect("space");
        tree.add_node("/one@1").expect("space");
        tree.add_node("/two").expect("space");
        let strings = Field::OffStrings.get(&tree.buffer);
        assert_eq!(&tree.buffer[strings..strings + 15], b"enable-method\0\0");
        let order: Vec<_> = [BEGIN_NODE, PROP, PROP, BEGIN_NODE, END_NODE, BEGIN_NODE, END_NODE]
            .iter()
            .scan(STRUCTURE, |at, _| {
                let item = tree.item(*at);
                *at = item.next;
                Some(item.tag)
            })
            .collect();
        assert_eq!(order, [BEGIN_NODE, PROP, PROP, BEGIN_NODE, END_NODE, BEGIN_NODE, END_NODE]);
        assert_eq!(tree.name_at(tree.node("/two").expect("it") + 4), b"two");
        assert!(tree.node("/one").expect("it") > tree.node("/two").expect("it"));
        assert_eq!(tree.get("/", "method"), Ok(Some(&b"smc\0"[..])));
        assert_eq!(tree.add_node("/two"), Err(Edit::Exists("/two".into())));
        assert_eq!(tree.add_node("/no/two"), Err(Edit::NotFound("/no".into())));
    }

    #[test]
    fn padding_keeps_what_stood_there() {
        let mut tree = tree();
        tree.set("/", "abc", &[0xff; 8]).expect("space");
        tree.set("/", "abc", &[0xee; 8]).expect("space");
        // Shorter in place: the pad bytes are old bytes.
        tree.set("/", "abc", &[0xdd; 5]).expect("space");
        let at = tree.property(STRUCTURE, "abc").expect("it").at;
        assert_eq!(&tree.buffer[at + 12..at + 20], b"\xdd\xdd\xdd\xdd\xdd\xee\xee\xee");
        // A new one in front: its padding is what the structure had there.
        let before = tree.buffer[at + 13..at + 16].to_vec();
        tree.set("/", "bc", b"x").expect("space");
        assert_eq!(tree.buffer[at + 13..at + 16], before);
    }

    #[test]
    fn no_operation_tags_and_full_buffers() {
        let mut tree = ReadWrite::new(0x80).expect("it fits");
        tree.add_node("/a").expect("space");
        tree.set("/a", "x", b"1234").expect("space");
        let full = Edit::NoSpace(NoSpace { capacity_bytes: 0x80 });
        assert_eq!(tree.set("/a", "y", b"12345678901234567890"), Err(full));
        assert_eq!(tree.nop_property("/a", "x"), Ok(true));
        assert_eq!(tree.nop_property("/a", "x"), Ok(false));
        assert_eq!(tree.nop_node("/a"), Ok(()));
        assert_eq!(tree.node("/a"), Err(Edit::NotFound("/a".into())));
    }
}
