//! Flattened device trees (Devicetree Specification 5), read. A VMM writes them, and they are
//! measured, so what is read here may be anybody's bytes: depth and memory are bounded.

use std::collections::BTreeMap;

use thiserror::Error;

use super::text::hex_with_spaces;

/// The first bytes of every tree.
pub(crate) const MAGIC: [u8; 4] = 0xD00D_FEED_u32.to_be_bytes();
/// Largest tree that is read; QEMU's buffer has 1 MiB.
pub(crate) const MAX_BYTES: u32 = 4 << 20;
/// Deeper trees are no device trees.
const MAX_DEPTH: usize = 64;
/// Longest name of a node or a property; the specification has 31.
const MAX_NAME_BYTES: usize = 255;
/// Most bytes of all paths together: a name in the structure is repeated below it.
const MAX_PATH_BYTES: usize = 16 << 20;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Why bytes are no device tree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {what} (byte {at})")]
pub(crate) struct FdtError {
    /// The node.
    path: String,
    /// Where the reader is, in bytes from the beginning.
    at: usize,
    what: &'static str,
}

/// Nodes and properties by path, in the order of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Node and property, separated by a colon; a node alone has an empty value.
    values: BTreeMap<String, Vec<u8>>,
    order: Vec<String>,
}

impl Tree {
    /// Reads a tree; what stands behind its end does not count.
    ///
    /// # Bounds
    /// Time and memory grow with the length, memory by at most 100 bytes for each byte. A tree has
    /// at most 4 MiB, 64 levels, and names of 255 bytes.
    ///
    /// # Errors
    /// If the bytes are none: the node, the byte, and what is wrong there.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, FdtError> {
        Reader { bytes, at: 0, path: Vec::new(), tree: Self::default(), path_bytes: 0 }.read()
    }

    /// The paths in the order in which they stand.
    pub(crate) fn paths(&self) -> &[String] {
        &self.order
    }

    /// What stands under a path: of two of the same path the last.
    pub(crate) fn get(&self, path: &str) -> Option<&[u8]> {
        self.values.get(path).map(Vec::as_slice)
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    path: Vec<String>,
    tree: Tree,
    path_bytes: usize,
}

impl Reader<'_> {
    fn wrong(&self, what: &'static str) -> FdtError {
        FdtError { path: self.shown(), at: self.at, what }
    }

    /// `/cpus/cpu@0`; the root is `/`.
    fn shown(&self) -> String {
        match self.path.as_slice() {
            [] | [_] => "/".to_owned(),
            [_, rest @ ..] => rest.iter().map(|name| format!("/{name}")).collect(),
        }
    }

    fn word_at(&self, at: usize) -> Result<u32, FdtError> {
        let word = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        word.map(|word| u32::from_be_bytes(*word)).ok_or_else(|| self.wrong("the bytes end"))
    }

    fn word(&mut self) -> Result<usize, FdtError> {
        let word = self.word_at(self.at)?;
        self.at += 4;
        usize::try_from(word).map_err(|_| self.wrong("a number that does not fit"))
    }

    /// A name that ends with a NUL.
    fn name_at(&self, at: usize) -> Result<String, FdtError> {
        let bytes = self.bytes.get(at..).unwrap_or_default();
        let end = bytes.iter().take(MAX_NAME_BYTES + 1).position(|byte| *byte == 0);
        let end = end.ok_or_else(|| self.wrong("a name that does not end, or is too long"))?;
        Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    fn put(&mut self, path: String, value: &[u8]) -> Result<(), FdtError> {
        self.path_bytes += path.len();
        if self.path_bytes > MAX_PATH_BYTES {
            return Err(self.wrong("its paths are too long"));
        }
        self.tree.order.push(path.clone());
        self.tree.values.insert(path, value.to_vec());
        Ok(())
    }

    fn read(mut self) -> Result<Tree, FdtError> {
        if !self.bytes.starts_with(&MAGIC) {
            return Err(self.wrong("it does not begin as a device tree does"));
        }
        if self.word_at(4)? > MAX_BYTES {
            return Err(self.wrong("it says that it is larger than 4 MiB"));
        }
        self.at = 12;
        let strings = self.word()?;
        self.at = 8;
        self.at = self.word()?;
        loop {
            let token = self.word_at(self.at)?;
            self.at += 4;
            match token {
                BEGIN_NODE => {
                    let name = self.name_at(self.at)?;
                    let len = self.bytes[self.at..].iter().position(|byte| *byte == 0);
                    self.at = (self.at + len.unwrap_or_default() + 1).next_multiple_of(4);
                    self.path.push(name);
                    if self.path.len() > MAX_DEPTH {
                        return Err(self.wrong("nodes are nested more than 64 deep"));
                    }
                    self.put(self.shown(), &[])?;
                }
                PROPERTY => {
                    let (len, name) = (self.word()?, self.word()?);
                    let name = self.name_at(strings.saturating_add(name))?;
                    let end = self.at.saturating_add(len);
                    let value = self.bytes.get(self.at..end);
                    let value = value.ok_or_else(|| self.wrong("a value that is cut off"))?;
                    self.put(format!("{}:{name}", self.shown()), value)?;
                    self.at = end.next_multiple_of(4);
                }
                END_NODE => {
                    let ended = self.path.pop();
                    ended.ok_or_else(|| self.wrong("a node ends that did not begin"))?;
                }
                NOP => {}
                END => return Ok(self.tree),
                _ => return Err(self.wrong("a token that does not exist")),
            }
        }
    }
}

/// A value as it was probably meant: text, cells, or bytes; the first 48 bytes of the latter.
pub(crate) fn shown(value: &[u8]) -> String {
    const SHOWN: usize = 48;
    let printable = |text: &[u8]| {
        !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    };
    if let Some(text) = value.strip_suffix(b"\0")
        && text.split(|byte| *byte == 0).all(printable)
    {
        let strings = text.split(|byte| *byte == 0);
        let strings = strings.map(|text| format!("\"{}\"", String::from_utf8_lossy(text)));
        return strings.collect::<Vec<_>>().join(", ");
    }
    let cut = if value.len() > SHOWN { " …" } else { "" };
    let shown = &value[..value.len().min(SHOWN)];
    let (cells, rest) = shown.as_chunks::<4>();
    if value.is_empty() {
        "empty".to_owned()
    } else if rest.is_empty() {
        let cells = cells.iter().map(|cell| format!("{:#x}", u32::from_be_bytes(*cell)));
        format!("<{}{cut}>", cells.collect::<Vec<_>>().join(" "))
    } else {
        format!("[{}{cut}]", hex_with_spaces(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of this structure, whose strings are `reg` and `x`.
    fn tree(structure: &[&[u8]]) -> Vec<u8> {
        let structure = structure.concat();
        let strings = b"reg\0x\0";
        let end = 40 + structure.len();
        let head = [0xD00D_FEED, end + strings.len(), 40, end, 40, 17, 16, 0, 6, structure.len()];
        let head = head.map(|word| u32::try_from(word).unwrap().to_be_bytes());
        [head.as_flattened(), &structure, strings].concat()
    }

    const ROOT: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 0];
    const NODE: &[u8] = &[0, 0, 0, 1, b'c', b'@', b'0', 0];
    const REG: &[u8] = &[0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0];
    const LAST: &[u8] = &[0, 0, 0, 2];
    const END_OF_TREE: &[u8] = &[0, 0, 0, 9];

    #[test]
    fn paths_and_values() {
        let bytes = tree(&[ROOT, NODE, REG, &[0, 0, 0, 4], LAST, LAST, END_OF_TREE]);
        let read = Tree::read(&bytes).unwrap();
        assert_eq!(read.paths(), ["/", "/c@0", "/c@0:reg"]);
        assert_eq!(read.get("/c@0:reg"), Some(&[1, 2, 3, 4, 5][..]));
        for len in 0..bytes.len() - 6 {
            assert!(Tree::read(&bytes[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn what_is_no_tree_is_named() {
        let text = |bytes: &[u8]| Tree::read(bytes).unwrap_err().to_string();
        let begins = "/: it does not begin as a device tree does (byte 0)";
        assert_eq!(text(b"no tree at all"), begins);
        assert_eq!(text(&tree(&[LAST])), "/: a node ends that did not begin (byte 44)");
        assert_eq!(text(&tree(&[ROOT, &[0; 4]])), "/: a token that does not exist (byte 52)");
        let mut long = REG.to_vec();
        long[4] = 1;
        assert_eq!(text(&tree(&[ROOT, NODE, &long])), "/c@0: a value that is cut off (byte 68)");
        assert!(text(&tree(&[NODE; 65])).contains("nested more than 64 deep"));
    }

    /// Long names below one another, repeated by many properties, and a name beside each.
    #[test]
    fn memory_is_bounded() {
        let name = [&[0, 0, 0, 1][..], &[b'n'; 251], &[0]].concat();
        let mut structure = vec![ROOT];
        structure.extend([&name[..]; 60]);
        structure.extend(std::iter::repeat_n(REG, 100_000));
        assert!(Tree::read(&tree(&structure)).unwrap_err().what.contains("paths are too long"));
        let name = [&[0, 0, 0, 1][..], &[b'n'; 256], &[0; 4]].concat();
        assert!(Tree::read(&tree(&[ROOT, &name])).unwrap_err().what.contains("too long"));
    }

    #[test]
    fn values_as_they_were_meant() {
        for (value, text) in [
            (&b""[..], "empty"),
            (b"arm,armv8\0virt\0", "\"arm,armv8\", \"virt\""),
            (&[0, 0, 0, 1, 0x80, 0, 0, 0], "<0x1 0x80000000>"),
            (&[1, 2, 3], "[01 02 03]"),
        ] {
            assert_eq!(shown(value), text);
        }
        assert!(shown(&[1; 52]).ends_with("0x1010101 …>"));
    }
}
